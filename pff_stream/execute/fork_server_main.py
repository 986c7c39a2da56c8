"""The fork server: a small process that has imported what workers need, and forks on request.

It does one thing at a time, each asked for by the parent, and ends when the parent does.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from typing import NoReturn

from pff_stream.execute.births import Birth, Starting
from pff_stream.execute.child import await_exit, told_main
from pff_stream.files import _pages

REQUEST = struct.Struct("<Bq")
"""To the server: kind, and how many processes to start (FORK) or a process id (COLLECT).

FORK is followed by a `NUMBER` for each, and comes with the descriptor of the page and two for each.
"""
NUMBER = struct.Struct("<q")
MOST_FORKS = 100
"""At once: a message takes so many descriptors."""
RESPONSE = struct.Struct("<q")
"""From it, of each: the process id, or minus an errno; and the exit code as `subprocess` has it."""
FORK, COLLECT = range(2)


def serve_forks(control_fd: int, preload: Sequence[str]) -> NoReturn:
    """Imports `preload`, then forks and collects as it is asked to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    control = socket.socket(fileno=control_fd)
    for name in preload:
        try:
            __import__(name)
        except ImportError:
            pass  # the worker meets it again, and reports it
    gc.collect()
    gc.freeze()
    _pages.trim()
    _pages.fill_holes()
    children: set[int] = set()
    while True:
        request, descriptors, _, _ = socket.recv_fds(
            control, REQUEST.size + MOST_FORKS * NUMBER.size, 1 + 2 * MOST_FORKS
        )
        if len(request) < REQUEST.size:
            break
        kind, number = REQUEST.unpack_from(request)
        if kind == FORK:
            slots = [slot for (slot,) in NUMBER.iter_unpack(request[REQUEST.size :])]
            answers = _fork(control, descriptors, slots)
            children.update(pid for pid in answers if pid > 0)
        else:
            answers = [await_exit(number, 1.0)]
            children.discard(number)
        control.send(b"".join(map(RESPONSE.pack, answers)))
    control.close()
    for child in children:
        os.kill(child, signal.SIGKILL)
        await_exit(child, 1.0)
    sys.exit(0)


def _fork(control: socket.socket, descriptors: Sequence[int], slots: Sequence[int]) -> list[int]:
    """The new workers' process ids, or minus an errno."""
    page, *ends = descriptors
    births = [
        Birth(channel, lifeline, (page, slot))
        for channel, lifeline, slot in zip(ends[::2], ends[1::2], slots, strict=True)
    ]
    try:
        return Starting(births, told_main, (), lambda: (control.fileno(),)).pids()
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
