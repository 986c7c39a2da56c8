"""Progress in words: a sentence for a log, a line that fits a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from pff_stream.progress.meter import Progress
from pff_stream.words import columns_of

BAR_CELLS, MOST_BAR_CELLS = 10, 30
"""A bar takes the room that is left, within these."""


def sentence(progress: Progress) -> str:
    """All that there is to say, for a log."""
    head = _head(progress)
    if progress.total is not None:
        head += f" {_percent(progress)}"
    parts = [head, _counts(progress), _left(progress), _rate(progress), _memory(progress)]
    return ", ".join(part for part in parts if part)


def line(progress: Progress, cells: int) -> str:
    """As much of it as fits so many cells of a terminal, what matters least left out first."""
    for parts, has_bar in _layouts(progress):
        text = "  ".join(part for part in parts if part)
        room = cells - columns_of(text) - 3
        if has_bar and room >= BAR_CELLS:
            return text.replace("  ", f" {_bar(progress, min(room, MOST_BAR_CELLS))}  ", 1)
        if not has_bar and columns_of(text) <= cells:
            return text
    return _cut(_head(progress), cells)


def format_seconds(seconds: float) -> str:
    """Seconds as 0:07, 12:30 or 3:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _layouts(progress: Progress) -> Iterator[tuple[list[str], bool]]:
    """From the fullest line to the shortest, each with whether it has a bar behind the phase."""
    head, counts, rate, left = _head(progress), _counts(progress), _rate(progress), _left(progress)
    long, short = _memory(progress), _memory(progress, short=True)
    if progress.total is None:
        yield [head, counts, rate, long], False
        yield [head, counts, rate, short], False
        yield [head, counts, short], False
        yield [head, counts], False
        return
    percent = _percent(progress)
    yield [head, percent, counts, left, rate, long], True
    yield [head, percent, counts, left, rate, short], True
    yield [head, percent, left, rate, short], True
    yield [f"{head} {percent}", left, rate, short], False
    yield [f"{head} {percent}", left, short], False
    yield [f"{head} {percent}", left], False
    yield [f"{head} {percent}"], False


def _head(progress: Progress) -> str:
    return progress.phase


def _percent(progress: Progress) -> str:
    """Rounded down: 100 % is the end."""
    return f"{int(100 * (progress.fraction or 0.0)):3d} %".lstrip()


def _bar(progress: Progress, cells: int) -> str:
    full = int((progress.fraction or 0.0) * (cells - 2))
    return f"[{'#' * full}{'.' * (cells - 2 - full)}]"


def _counts(progress: Progress) -> str:
    if progress.total is None and not progress.done:
        return ""
    total = "" if progress.total is None else f"/{_amount(progress.total, progress.unit)}"
    unit = "" if progress.unit == "bytes" else f" {progress.unit}"
    if progress.total is None and progress.done == 1:
        unit = unit.removesuffix("s")
    return f"{_amount(progress.done, progress.unit)}{total}{unit}"


def _left(progress: Progress) -> str:
    left = progress.seconds_left
    return "" if left is None else f"{format_seconds(left)} left"


def _rate(progress: Progress) -> str:
    rate = progress.rate
    if rate is None:
        return ""
    if progress.unit == "bytes" or rate >= 10:
        return f"{_amount(round(rate), progress.unit)}/s"
    return f"{rate:.1f}/s"


def _memory(progress: Progress, *, short: bool = False) -> str:
    """What is held against what is planned."""
    held = progress.memory_bytes, progress.planned_bytes, progress.budget_bytes
    if held[0] is None or held[1] is None or held[2] is None:
        return ""
    now, planned, budget = (_size(n) for n in held if n is not None)
    if not short:
        return f"memory {now} of {planned} planned, budget {budget}"
    number, _, unit = now.partition(" ")
    return f"memory {number if planned.endswith(f' {unit}') else now}/{planned}"


def _amount(n: int, unit: str) -> str:
    return _size(n) if unit == "bytes" else f"{n:,}"


def _size(n: int) -> str:
    from planner.sizes import format_size

    return format_size(n)


def _cut(text: str, cells: int) -> str:
    while columns_of(text) > max(0, cells):
        text = text[:-1]
    return text
