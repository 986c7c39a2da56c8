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

from pff_stream.execute.child import await_exit, run_as_told
from pff_stream.files import _pages

REQUEST = struct.Struct("<Bq")
"""To the server: kind, and slot (FORK, with three descriptors) or process id (COLLECT)."""
RESPONSE = struct.Struct("<q")
"""From it: the process id, or minus an errno; and the exit code as `subprocess` counts it."""
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
        request, descriptors, _, _ = socket.recv_fds(control, REQUEST.size, 3)
        if len(request) < REQUEST.size:
            break
        kind, number = REQUEST.unpack(request)
        if kind == FORK:
            answer = _fork_one(control, descriptors, number)
            if answer > 0:
                children.add(answer)
        else:
            answer = await_exit(number, 1.0)
            children.discard(number)
        control.send(RESPONSE.pack(answer))
    control.close()
    for child in children:
        os.kill(child, signal.SIGKILL)
        await_exit(child, 1.0)
    sys.exit(0)


def _fork_one(control: socket.socket, descriptors: Sequence[int], slot: int) -> int:
    """The new worker's process id, or minus the errno."""
    try:
        child = os.fork()
    except OSError as error:
        child = -(error.errno or 1)
    if child == 0:
        try:
            control.close()
        finally:
            channel, lifeline, page = descriptors
            run_as_told(channel, lifeline, page, slot)
    for descriptor in descriptors:
        os.close(descriptor)
    return child
