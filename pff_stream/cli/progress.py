"""Shows how far a run is: the engine tells an observer, and only the observer knows terminals.

An observer never measures: it is told counts and memory, and says them at most so often. Not done
here: counting, reading memory, and anything on standard output.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TextIO

from pff_stream.cli.printable import printable
from pff_stream.observer import Silent

Clock = Callable[[], float]
"""Seconds, monotonic."""


class ProgressMeter:
    """Counts of the phase that runs, and its rate over the last half minute."""

    WINDOW_SECONDS = 30.0
    STEP_SECONDS = 0.5

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.memory: tuple[int, int, int] | None = None
        self.begin("", None, "")

    def begin(self, name: str, total: int | None, unit: str) -> None:
        """Starts a phase at zero."""
        self.name, self.total, self.unit, self.done = name, total, unit, 0
        self._samples = deque([(self._clock(), 0)])

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

    def rate(self) -> float | None:
        """Units a second, None before there is anything to tell it from."""
        since, done = self._samples[0]
        seconds = self._clock() - since
        return (self.done - done) / seconds if seconds > 0 and self.done > done else None

    def seconds_left(self) -> float | None:
        """Seconds until the total at the present rate, None where that is unknown."""
        rate = self.rate()
        if rate is None or self.total is None:
            return None
        return max(0, self.total - self.done) / rate

    def parts(self, *, short: bool = False) -> list[str]:
        """What there is to say, the most important first; `short` fits 80 columns."""
        total = f"/{self._amount(self.total)}" if self.total is not None else ""
        unit = "" if self.unit == "bytes" else f" {self.unit}"
        done = f"{self._amount(self.done)}{total}{unit}"
        parts = [done if short and self.total is not None else f"{self.name} {done}"]
        if (left := self.seconds_left()) is not None:
            parts.append(f"{format_seconds(left)} left")
        if self.memory is not None:
            form = "memory {}/{}/{}" if short else "memory {} of {} planned, budget {}"
            parts.append(form.format(*(_size(n) for n in self.memory)))
        if (rate := self.rate()) is not None:
            amount = self._amount(round(rate)) if rate >= 10 else f"{rate:.1f}"
            parts.append(f"{amount}/s")
        return parts

    def fields(self) -> dict[str, object]:
        """The same as numbers, for JSON lines."""
        fields: dict[str, object] = {
            "phase": self.name,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "rate": self.rate(),
            "seconds_left": self.seconds_left(),
        }
        if self.memory is not None:
            names = ("memory_bytes", "planned_bytes", "budget_bytes")
            fields.update(zip(names, self.memory, strict=True))
        return fields

    def _amount(self, n: int) -> str:
        return _size(n) if self.unit == "bytes" else f"{n:,}"


class TerminalLine:
    """One line on a terminal, rewritten at most ten times a second and cleared at the end."""

    INTERVAL_SECONDS = 0.1

    def __init__(
        self, stream: TextIO, *, colour: bool = False, clock: Clock = time.monotonic
    ) -> None:
        """`colour`: memory over nine tenths of the budget is shown in yellow."""
        self._stream = stream
        self._colour = colour
        self._meter = ProgressMeter(clock)
        self._next = 0.0
        self._shown = 0
        self._clock = clock

    def phase(self, name: str, total: int | None, unit: str = "rules") -> None:
        """Shows the new phase at once."""
        self._meter.begin(name, total, unit)
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
        self._write(printable(text) + "\n")
        self._next = 0.0

    def clear(self) -> None:
        """Takes the line off the screen; the next report brings it back."""
        if self._shown:
            self._write("\r" + " " * self._shown + "\r")
            self._shown = 0

    def close(self) -> None:
        """Takes the line off the screen."""
        self.clear()

    def _draw(self, now: float) -> None:
        self._next = now + self.INTERVAL_SECONDS
        text = self._text(_columns(self._stream) - 1)
        rest = " " * max(0, self._shown - len(text))
        self._shown = len(text)
        self._write("\r" + self._paint(text) + rest + ("\b" * len(rest)))

    def _text(self, width: int) -> str:
        whole = "  ".join(self._meter.parts())
        return whole if len(whole) <= width else _fit(self._meter.parts(short=True), width)

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
            self._shown = 0


class LogLines:
    """A plain line every few seconds through logging, for logs and pipes."""

    INTERVAL_SECONDS = 5.0

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._meter = ProgressMeter(clock)
        self._clock = clock
        self._next = clock() + self.INTERVAL_SECONDS
        self._logger = logging.getLogger("pff_stream.progress")

    def phase(self, name: str, total: int | None, unit: str = "rules") -> None:
        """Starts counting; short phases end without a line."""
        self._meter.begin(name, total, unit)

    def advance(self, n: int) -> None:
        """Counts, and logs a line when its time has come."""
        now = self._meter.add(n)
        if now >= self._next:
            self._next = now + self.INTERVAL_SECONDS
            self._logger.info(", ".join(self._meter.parts()), extra=self._meter.fields())

    def memory(self, now: int, planned: int, budget: int) -> None:
        """Keeps the figures for the next line."""
        self._meter.memory = (now, planned, budget)
        self.advance(0)

    def note(self, text: str) -> None:
        """Logs `text` at once."""
        self._logger.info(text)

    def close(self) -> None:
        """Nothing is left to do."""


def choose_observer(
    stream: TextIO | None,
    quiet: bool,
    log_json: bool,
    environ: Mapping[str, str] | None = None,
) -> Silent | TerminalLine | LogLines:
    """The observer for `stream`: none if quiet, a line on a terminal, else log lines.

    A stream that is closed is told nothing. A terminal that cannot move back on its line
    (TERM=dumb) is treated as a log.
    """
    environ = os.environ if environ is None else environ
    if quiet or stream is None:
        return Silent()
    if log_json or environ.get("TERM") == "dumb" or not stream.isatty():
        return LogLines()
    return TerminalLine(stream, colour=not environ.get("NO_COLOR"))


def format_seconds(seconds: float) -> str:
    """Seconds as 0:07, 12:30 or 3:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _fit(parts: list[str], width: int) -> str:
    """As many of the parts, from the first, as the width holds; a first part too long is cut."""
    text = parts[0][: max(0, width)]
    for part in parts[1:]:
        if len(text) + 2 + len(part) > width:
            break
        text += "  " + part
    return text


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _size(n: int) -> str:
    from planner.sizes import format_size

    return format_size(n)
