"""Keeps a run from harming the machine when others take the memory that it was planned with.

The plan leaves a reserve of the machine's available memory alone. Where less than that is left, the
run stops feeding its workers and waits; then ends workers, one after the other; then stops itself
with exit code 3, and names the largest other processes. The same where the run itself holds more
than its budget, which no plan should let happen. What the kernel enforces is in `fence`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from pff_stream.errors import RefusedError
from planner import procfs
from planner.sizes import format_size
from planner.watch import TreeWatch

PAUSE_SECONDS = 10.0
"""So long nothing new is handed out, in the hope that it passes."""
SHED_SECONDS = 2.0
"""After each worker that is ended, so long for its memory to be seen as free."""
STOP_SECONDS = 5.0
"""So long with the last worker, before the run stops."""
CRITICAL_PART = 4
"""With less than this part of the reserve left there is no time: the run stops at once."""
TOLERANCE_BYTES = 4 << 20
"""Over its budget a run is by more than this: shares of pages are not read at one instant."""
NAMED = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Other:
    """A process outside the run."""

    name: str
    pid: int
    resident_bytes: int


class MachineReader(Protocol):
    """What the guard asks of the machine."""

    def available_bytes(self) -> int | None:
        """Memory that is available to all, without swap; None where nothing tells."""

    def largest(self, count: int, besides: Collection[int]) -> list[Other]:
        """The largest processes by resident memory, `besides` left out."""


class Feed(Protocol):
    """The pool, as far as the guard can slow it."""

    paused: bool

    def retire(self) -> bool:
        """Ends one worker for good; False where only one is left."""


class ProcReader:
    """Reads /proc; knows nothing where there is none."""

    def available_bytes(self) -> int | None:
        """MemAvailable."""
        return procfs.field_bytes(procfs.read_bytes(f"{procfs.PROC}/meminfo"), b"MemAvailable")

    def largest(self, count: int, besides: Collection[int]) -> list[Other]:
        """By VmRSS, of the processes that may be looked into."""
        found = []
        try:
            names = os.listdir(procfs.PROC)
        except OSError:
            return []
        for name in names:
            if not name.isdigit() or int(name) in besides:
                continue
            resident = procfs.field_bytes(
                procfs.read_bytes(f"{procfs.PROC}/{name}/status"), b"VmRSS"
            )
            if resident:
                title = procfs.read_text(f"{procfs.PROC}/{name}/comm") or "?"
                found.append(Other(title, int(name), resident))
        return sorted(found, key=lambda other: -other.resident_bytes)[:count]


class Guard:
    """Looks whenever the tree's memory was measured, and acts on the pool that it minds."""

    def __init__(
        self,
        reserve_bytes: int,
        budget_bytes: int,
        watch: TreeWatch,
        *,
        reader: MachineReader | None = None,
        clock: Callable[[], float] = time.monotonic,
        note: Callable[[str], None] = _log.warning,
    ) -> None:
        """`watch` tells which processes are the run's own."""
        self._reserve_bytes = reserve_bytes
        self._budget_bytes = budget_bytes
        self._watch = watch
        self.reader: MachineReader = ProcReader() if reader is None else reader
        """Tells of the machine."""
        self._clock = clock
        self._note = note
        self._feed: Feed | None = None
        self._next = 0.0
        self._is_last = False
        self.pauses = 0
        """How often feeding was paused."""
        self.shed = 0
        """How many workers were ended."""

    @contextmanager
    def minding(self, feed: Feed) -> Iterator[None]:
        """Acts on this pool for as long as the block lasts."""
        self._feed = feed
        try:
            yield
        finally:
            self._feed = None

    def look(self, held_bytes: int) -> None:
        """Compares what is left with what must be; raises `RefusedError` where the run must stop.

        `held_bytes` is what the run's own processes hold.
        """
        feed = self._feed
        if feed is None:
            return
        available = self.reader.available_bytes()
        short = self._shortage(held_bytes, available)
        if short is None:
            if feed.paused:
                feed.paused = False
                self._note("there is memory again: going on")
            return
        if available is not None and available < self._reserve_bytes // CRITICAL_PART:
            raise self._stop(short)
        now = self._clock()
        if not feed.paused:
            feed.paused = True
            self.pauses += 1
            self._is_last = False
            self._next = now + PAUSE_SECONDS
            self._note(f"{short}: waiting up to {PAUSE_SECONDS:g} s for it to pass")
        elif now >= self._next:
            if self._is_last:
                raise self._stop(short)
            if feed.retire():
                self.shed += 1
                self._next = now + SHED_SECONDS
                self._note(f"{short}: ended a worker")
            else:
                self._is_last = True
                self._next = now + STOP_SECONDS

    def _shortage(self, held_bytes: int, available: int | None) -> str | None:
        """What is wrong, in words."""
        if available is not None and available < self._reserve_bytes:
            return (
                f"the machine has {format_size(available)} of memory left, less than the reserve "
                f"of {format_size(self._reserve_bytes)}"
            )
        if held_bytes > self._budget_bytes + TOLERANCE_BYTES:
            return (
                f"the run holds {format_size(held_bytes)}, more than its budget of "
                f"{format_size(self._budget_bytes)}"
            )
        return None

    def _stop(self, short: str) -> RefusedError:
        own = set(self._watch.descendants())
        others = self.reader.largest(NAMED, own | {os.getpid()})
        named = ", ".join(
            f"{_printable(other.name)} ({other.pid}) {format_size(other.resident_bytes)}"
            for other in others
        )
        held = format_size(self._watch.now_bytes)
        text = f"stopped: {short}; this run holds {held}"
        return RefusedError(f"{text}; the largest other processes: {named}" if named else text)


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)
