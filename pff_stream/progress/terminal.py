"""One line on a terminal that says how far the run is; only this module knows terminals."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TextIO

from pff_stream.observer import Observer
from pff_stream.progress.meter import Clock, ProgressMeter
from pff_stream.progress.text import line
from pff_stream.words import columns_of

Shown = Callable[[str], str]
"""A text so that no terminal obeys it."""


class TerminalLine(Observer):
    """One line on a terminal, rewritten at most ten times a second and cleared at the end."""

    INTERVAL_SECONDS = 0.1

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool = False,
        clock: Clock = time.monotonic,
        shown: Shown = str,
    ) -> None:
        """`colour`: memory over nine tenths of the budget is shown in yellow."""
        self._stream = stream
        self._colour = colour
        self._meter = ProgressMeter(clock)
        self._next = 0.0
        self._cells = 0
        self._clock = clock
        self._shown = shown

    def phase(self, name: str, total: int | None, unit: str = "rules", done: int = 0) -> None:
        """Shows the new phase at once."""
        self._meter.begin(name, total, unit, done)
        self._draw(self._clock())

    def advance(self, n: int) -> None:
        """Counts, and rewrites the line when its time has come."""
        now = self._meter.add(n)
        if now >= self._next:
            self._draw(now)

    def memory(self, now: int, planned: int, budget: int) -> None:
        """Keeps the figures for the next time that the line is written."""
        self._meter.memory = (now, planned, budget)
        self.advance(0)

    def note(self, text: str) -> None:
        """Writes `text` on a line of its own above the progress."""
        self.clear()
        self._write(self._shown(text) + "\n")
        self._next = 0.0

    def clear(self) -> None:
        """Takes the line off the screen; the next report brings it back."""
        if self._cells:
            self._write("\r" + " " * self._cells + "\r")
            self._cells = 0

    def close(self) -> None:
        """Takes the line off the screen."""
        self.clear()

    def _draw(self, now: float) -> None:
        self._next = now + self.INTERVAL_SECONDS
        text = line(self._meter.now(), _columns(self._stream) - 1)
        cells = columns_of(text)
        rest = max(0, self._cells - cells)
        self._cells = cells
        self._write("\r" + self._paint(text) + " " * rest + "\b" * rest)

    def _paint(self, text: str) -> str:
        memory = self._meter.memory
        near = memory is not None and memory[0] * 10 > memory[2] * 9
        return f"\x1b[33m{text}\x1b[0m" if self._colour and near else text

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # The terminal is gone; the work goes on.
            self._cells = 0


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
