"""Starts many processes at once: each that is there starts half of those that it was told of.

A process is a copy of one that is there, and whoever is a copy can be copied. So 64 of them take
the time of seven, one after another. All are children of whoever started the first, as if it had
started them itself. Does not cover: what they do then (`child`), who has the other ends (`launch`).
"""

from __future__ import annotations

import errno
import os
import select
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from pff_stream.execute import child
from pff_stream.execute._sibling import fork_sibling

REPORT = struct.Struct("<qq")
"""Of a process: its number among the births, and its id, or minus the errno it did not start of."""
REPORT_SECONDS = 60.0
"""How long all of them may take until they are there."""


class Birth(NamedTuple):
    """The ends that a process has of its own."""

    channel: int
    lifeline: int
    places: tuple[int, ...]
    """See `child.Main`."""


def start_all(
    births: Sequence[Birth],
    main: child.Main,
    arguments: tuple[Any, ...],
    shut: Callable[[], None],
) -> list[int]:
    """Starts a process for each; their ids, or minus an errno where one was not started.

    `shut` is called in the new processes: it closes what is this process's alone.
    """
    ends: tuple[int, ...] = ()
    try:
        reader, writer = ends = os.pipe()
        first = os.fork()
        if first == 0:
            try:
                os.close(reader)
                shut()
            finally:
                _spread(list(enumerate(births)), writer, main, arguments)
        os.close(writer)
        ends = (reader,)
        found = _reports(reader, len(births)) | {0: first}
    except OSError as error:
        return [-(error.errno or errno.EAGAIN)] * len(births)
    finally:
        for end in ends:
            os.close(end)
    return [found.get(number, -errno.EAGAIN) for number in range(len(births))]


def _spread(
    births: list[tuple[int, Birth]], reports: int, main: child.Main, arguments: tuple[Any, ...]
) -> NoReturn:
    """In a new process: starts all of these but the first, and becomes that one."""
    try:
        while len(births) > 1:
            half = len(births) // 2
            births, others = births[:half], births[half:]
            try:
                pid = fork_sibling()
            except OSError as error:
                for number, _ in others:
                    os.write(reports, REPORT.pack(number, -(error.errno or errno.EAGAIN)))
            else:
                if pid == 0:
                    births, others = others, births
                    os.write(reports, REPORT.pack(births[0][0], os.getpid()))
                else:
                    # By both: whoever is killed meanwhile, somebody has told of it.
                    os.write(reports, REPORT.pack(others[0][0], pid))
            for _, birth in others:
                os.close(birth.channel)
                os.close(birth.lifeline)
        os.close(reports)
    except BaseException:
        os._exit(1)
    own = births[0][1]
    child.run(own.channel, own.lifeline, own.places, main, arguments)


def _reports(reader: int, n_births: int) -> dict[int, int]:
    """What is told of each, until all is told or nobody is left who could tell."""
    found: dict[int, int] = {}
    deadline = time.monotonic() + REPORT_SECONDS
    waiting = select.poll()
    waiting.register(reader, select.POLLIN)
    while len(found) < n_births:
        left = deadline - time.monotonic()
        if left <= 0 or not waiting.poll(1000 * left):
            break
        told = os.read(reader, 256 * REPORT.size)  # each is written at once, and whole
        if not told:
            break
        found.update(REPORT.iter_unpack(told))
    return found
