"""Measures what a run holds from its first moment to its last, phase by phase.

Samples the tree of processes at the moments that the run gives it, as often as a small part of the
time allows. What came and went between two samples of one process is told by the kernel's own high
water mark (`planner.watch.PhasePeak`). Does not act on what it finds: that is the guard's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from pff_stream.limits.guard import Feed, Guard
from pff_stream.observer import Observer
from planner.plan import Plan
from planner.watch import PhasePeak, Reading, TreeWatch

Item = TypeVar("Item")

SAMPLE_SECONDS = 0.25
"""Between two samples while workers are at work, whose memory hardly moves."""
QUICK_SECONDS = 0.02
"""The same while one process prepares or merges, whose memory does."""
SHARE = 50
"""So many times as long as a sample took the next one waits, then."""


class MemoryMeter:
    """Samples the memory of the process tree, and tells the observer and the guard."""

    def __init__(self, observer: Observer, clock: Callable[[], float] = time.monotonic) -> None:
        self.watch = TreeWatch()
        self.guard: Guard | None = None
        """Looks at each sample, from when the plan is accepted."""
        self.phases: dict[str, PhasePeak] = {}
        """What was held at most in each phase that was begun."""
        self._observer = observer
        self._clock = clock
        self._plan: Plan | None = None
        self._phase: PhasePeak | None = None
        self._is_quick = False
        self._due = float("-inf")

    @property
    def peak_bytes(self) -> int:
        """The most that was held in any phase."""
        return max((phase.bytes for phase in self.phases.values()), default=0)

    @property
    def at_peak(self) -> tuple[Reading, ...]:
        """What each process held when a sample was highest, in the phase that held most."""
        highest = max(self.phases.values(), key=lambda phase: phase.bytes, default=None)
        return () if highest is None else highest.readings

    def begin(self, phase: str, *, quick: bool = False, alone: bool = False) -> None:
        """Samples the end of the phase before, and the beginning of this one.

        `quick`: its memory moves. `alone`: it maps no large files, so that high water marks are of
        memory that cannot be reclaimed.
        """
        self.tick(now=True)
        self._is_quick = quick
        self._phase = self.phases.setdefault(phase, PhasePeak(with_marks=alone))
        self._phase.start(self.watch)
        self._phase.take(self.watch)

    def drop_marks(self) -> None:
        """The phase has mapped large files after all: its high water marks count those as well."""
        if self._phase is not None:
            self._phase.drop_marks()

    def promise(self, plan: Plan, reserve_bytes: int) -> None:
        """From now on the observer is told of the plan, and a guard holds the run to it."""
        self._plan = plan
        self.guard = Guard(reserve_bytes, plan.budget_bytes, self.watch, note=self._observer.note)

    def minding(self, feed: Feed) -> AbstractContextManager[None]:
        """Has the guard act on this pool for as long as the block lasts."""
        return nullcontext() if self.guard is None else self.guard.minding(feed)

    def tick(self, done: int = 0, *, now: bool = False) -> None:
        """Samples if the last sample is old enough, or `now`; tells the observer what is done."""
        if done:
            self._observer.advance(done)
        if not now and self._clock() < self._due:
            return
        held_bytes = self.watch.sample()
        if self._phase is not None:
            self._phase.take(self.watch)
        pause = SAMPLE_SECONDS
        if self._is_quick:
            pause = max(QUICK_SECONDS, SHARE * self.watch.sample_seconds)
        self._due = self._clock() + pause
        if self._plan is not None:
            self._observer.memory(held_bytes, self._plan.peak_bytes, self._plan.budget_bytes)
        if self.guard is not None:
            self.guard.look(held_bytes)

    def over(
        self, items: Iterable[Item], size: Callable[[Item], int] = lambda item: 0
    ) -> Iterator[Item]:
        """The items, with a tick before each, and one at the end while whoever draws holds all.

        `size`: units of the phase that are done with an item.
        """
        done = 0
        for item in items:
            self.tick(done)
            yield item
            done = size(item)
        self.tick(done, now=True)
