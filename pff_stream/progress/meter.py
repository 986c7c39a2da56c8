"""Counts of the phase that runs, its rate and the time left.

Not done here: reading memory, which the engine tells, and showing anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields

Clock = Callable[[], float]
"""Seconds, monotonic."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is at one moment."""

    phase: str
    """`compile`, `encode`, `evaluate`, `merge`, `findings` or `report`; `check` of `check_many`."""
    done: int
    """Units of the phase that are done."""
    total: int | None
    """Units of the phase in all; None where that is not known."""
    unit: str
    """What is counted: `bytes`, `rules`, `documents` or `findings`."""
    rate: float | None
    """Units a second over the last half minute; None before there is anything to tell it from."""
    seconds_left: float | None
    """Seconds until the end of the phase at this rate; None where the rate or total is unknown."""
    memory_bytes: int | None
    """Held by all processes of the run; None before the run is planned."""
    planned_bytes: int | None
    """The planned peak."""
    budget_bytes: int | None

    @property
    def fraction(self) -> float | None:
        """The part of the phase that is done, 0 to 1; None where the total is not known."""
        if self.total is None:
            return None
        return min(1.0, self.done / self.total) if self.total else 1.0

    def as_fields(self) -> dict[str, object]:
        """The same for a JSON line; memory is left out where it is not known."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {k: v for k, v in told.items() if v is not None or not k.endswith("_bytes")}


class ProgressMeter:
    """Counts the phase that runs, and keeps its rate over the last half minute."""

    WINDOW_SECONDS = 30.0
    STEP_SECONDS = 0.5

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.memory: tuple[int, int, int] | None = None
        """Bytes now, planned and of the budget."""
        self.begin("", None, "")

    def begin(self, name: str, total: int | None, unit: str, done: int = 0) -> None:
        """Starts a phase, of which an earlier run did `done` already."""
        self.name, self.total, self.unit, self.done = name, total, unit, done
        self._samples = deque([(self._clock(), done)])

    def add(self, n: int) -> float:
        """Counts `n` and returns the time, in seconds of the clock."""
        now = self._clock()
        self.done += n
        if now - self._samples[-1][0] >= self.STEP_SECONDS:
            self._samples.append((now, self.done))
            # One sample older than the window stays: the rate is over the whole window.
            while len(self._samples) > 2 and now - self._samples[1][0] >= self.WINDOW_SECONDS:
                self._samples.popleft()
        return now

    def now(self) -> Progress:
        """How far the phase is."""
        rate = self._rate()
        left = None
        if rate is not None and self.total is not None:
            left = max(0, self.total - self.done) / rate
        memory = self.memory or (None, None, None)
        return Progress(self.name, self.done, self.total, self.unit, rate, left, *memory)

    def _rate(self) -> float | None:
        since, done = self._samples[0]
        seconds = self._clock() - since
        return (self.done - done) / seconds if seconds > 0 and self.done > done else None
