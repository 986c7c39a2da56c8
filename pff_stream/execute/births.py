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
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from pff_stream.execute import child
from pff_stream.execute._copies import close_all, spread

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


class Starting:
    """Processes, one for each birth, that are being started."""

    def __init__(
        self,
        births: Sequence[Birth],
        main: child.Main,
        arguments: tuple[Any, ...],
        own: Callable[[], Iterable[int]],
    ) -> None:
        """Starts the first; what is `own` to this process is closed in the new ones."""
        self._n = len(births)
        self._reports = -1
        self._found: dict[int, int] = {}
        ends: tuple[int, ...] = ()
        try:
            reader, writer = ends = os.pipe()
            pid = os.fork()
            if pid == 0:
                _spread(births, writer, lambda: (reader, *own()), main, arguments)
        except OSError as error:
            close_all(ends)
            self._found = dict.fromkeys(range(self._n), -(error.errno or errno.EAGAIN))
        else:
            os.close(writer)
            self._reports, self._found = reader, {0: pid}

    def pids(self) -> list[int]:
        """Waits until all are there; their ids, or minus an errno where one was not started."""
        if self._reports >= 0:
            self._found |= _reported(self._reports, self._n - 1)
            os.close(self._reports)
            self._reports = -1
        return [self._found.get(number, -errno.EAGAIN) for number in range(self._n)]


def _spread(
    births: Sequence[Birth],
    reports: int,
    own: Callable[[], Iterable[int]],
    main: child.Main,
    arguments: tuple[Any, ...],
) -> NoReturn:
    """In a new process: starts all of these but the first, and becomes that one."""
    try:
        close_all(own())  # before: a copy that is stopped while it starts holds no end of theirs
        number = spread(len(births), reports)
        close_all(end for birth in births[:number] for end in birth[:2])
        close_all(end for birth in births[number + 1 :] for end in birth[:2])
        os.close(reports)
        mine = births[number]
    except BaseException:
        os._exit(1)
    child.run(mine.channel, mine.lifeline, mine.places, main, arguments)


def _reported(reader: int, n_births: int) -> dict[int, int]:
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
