"""A plain line every ten seconds, for logs and pipes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from pff_stream.observer import Observer
from pff_stream.progress.meter import Clock, ProgressMeter
from pff_stream.progress.text import sentence

Say = Callable[[str, Mapping[str, object]], None]
"""Writes one line; the numbers in it are fields, too."""


class LogLines(Observer):
    """A line every ten seconds; short runs end without one."""

    INTERVAL_SECONDS = 10.0

    def __init__(self, say: Say | None = None, *, clock: Clock = time.monotonic) -> None:
        """`say`: by default a record of the logger `pff_stream.progress`."""
        self._say = say or _log
        self._meter = ProgressMeter(clock)
        self._clock = clock
        self._next = clock() + self.INTERVAL_SECONDS

    def phase(self, name: str, total: int | None, unit: str = "rules", done: int = 0) -> None:
        """Starts counting; short phases end without a line."""
        self._meter.begin(name, total, unit, done)

    def advance(self, n: int) -> None:
        """Counts, and says a line when its time has come."""
        now = self._meter.add(n)
        if now >= self._next:
            self._next = now + self.INTERVAL_SECONDS
            progress = self._meter.now()
            self._say(sentence(progress), progress.as_fields())

    def memory(self, now: int, planned: int, budget: int) -> None:
        """Keeps the figures for the next line."""
        self._meter.memory = (now, planned, budget)
        self.advance(0)

    def note(self, text: str) -> None:
        """Says `text` at once."""
        self._say(text, {})

    def close(self) -> None:
        """Nothing is left to do."""


def written_to(stream: TextIO) -> Say:
    """Writes lines to a stream, and goes on without where it is gone."""

    def say(text: str, fields: Mapping[str, object]) -> None:
        try:
            stream.write(f"pff-stream: {text}\n")
            stream.flush()
        except (OSError, ValueError):
            pass

    return say


def _log(text: str, fields: Mapping[str, object]) -> None:
    logging.getLogger("pff_stream.progress").info(text, extra=dict(fields))
