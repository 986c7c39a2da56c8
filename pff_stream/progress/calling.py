"""Tells a function of the caller how far the run is, from a thread of its own.

A slow function is called less often, and the run does not wait for it until its end. What it
raises ends the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import copy_context
from threading import Condition, Thread
from typing import TypeAlias

from pff_stream.observer import Observer
from pff_stream.progress.meter import Clock, Progress, ProgressMeter

Told: TypeAlias = Callable[[Progress], object]


class Calls(Observer):
    """Calls a function at most ten times a second, and at the end of every phase."""

    INTERVAL_SECONDS = 0.1

    def __init__(self, told: Told, *, clock: Clock = time.monotonic) -> None:
        """The thread ends by `close`, which waits for the calls that are left: one a phase."""
        self._told = told
        self._meter = ProgressMeter(clock)
        self._next = 0.0
        self._waiting: list[Progress] = []
        """The last of each phase that was not told yet."""
        self._changed = Condition()
        self._is_over = False
        self._error: BaseException | None = None
        self._context = copy_context()
        self._thread = Thread(target=self._tell, name="pff-stream progress", daemon=True)
        self._thread.start()

    def phase(self, name: str, total: int | None, unit: str = "rules", done: int = 0) -> None:
        """Tells the end of the phase before, and the beginning of this one."""
        if self._meter.name:
            self._put()
        self._meter.begin(name, total, unit, done)
        self._next = self._put()

    def advance(self, n: int) -> None:
        """Counts; raises what the function raised."""
        if self._meter.add(n) >= self._next:
            self._next = self._put()

    def memory(self, now: int, planned: int, budget: int) -> None:
        """Keeps the figures for the next call."""
        self._meter.memory = (now, planned, budget)
        self.advance(0)

    def note(self, text: str) -> None:
        """Says nothing: notes are in the result."""

    def close(self) -> None:
        """Tells the end, and waits until it is told; raises what the function raised."""
        with self._changed:
            if self._error is None and not self._is_over and self._meter.name:
                self._keep(self._meter.now())
            self._is_over = True
            self._changed.notify()
        self._thread.join()
        self._raise()

    def give_up(self) -> None:
        """Ends the thread behind the call that it is in, and does not wait for that."""
        with self._changed:
            self._waiting.clear()
            self._is_over = True
            self._changed.notify()

    def _put(self) -> float:
        """Hands the state on, and returns when the next one is due."""
        self._raise()
        with self._changed:
            self._keep(self._meter.now())
            self._changed.notify()
        return time.monotonic() + self.INTERVAL_SECONDS

    def _keep(self, progress: Progress) -> None:
        """In place of one that was not told yet, so that never more than one a phase waits."""
        if self._waiting and self._waiting[-1].phase == progress.phase:
            self._waiting.pop()
        self._waiting.append(progress)

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            self._is_over = True
            raise error

    def _tell(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_over)
                if not self._waiting:
                    return
                progress = self._waiting.pop(0)
            try:
                self._context.run(self._told, progress)
            except BaseException as error:
                self._error = error
                return
