"""Finds settings whose plan fits a budget: the best of a list, or the nearest to a wish.

Knows nothing of what the settings mean: `build` turns settings into phases, and must give the
same phases for the same settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from planner.model import Phase, Setting, Settings, peak_bytes

Build = Callable[[Settings], Sequence[Phase]]
"""Computes the phases of one configuration."""

NEAREST_COUNT = 3
_MOST_JOINT = 20_000  # combinations that are tried; a build is arithmetic of some 20 us


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings with the phases that they lead to."""

    settings: Settings
    phases: tuple[Phase, ...]

    @property
    def peak_bytes(self) -> int:
        """The bytes of the largest phase."""
        return peak_bytes(self.phases)


@dataclass(frozen=True, slots=True)
class Nearest:
    """What would fit instead of a wish."""

    fitting: tuple[Candidate, ...]
    """At most three, nearest first; empty when nothing along the axes fits."""
    least: Candidate
    """Of everything that was tried, what needs least: its peak is the least budget that does."""


def choose(build: Build, candidates: Iterable[Settings], budget_bytes: int) -> Candidate | None:
    """The first of the candidates, given best first, that fits; None if none does.

    A larger budget never leads to a later candidate. Candidates after the chosen one are not
    built.
    """
    for settings in candidates:
        candidate = Candidate(dict(settings), tuple(build(settings)))
        if candidate.peak_bytes <= budget_bytes:
            return candidate
    return None


def _ladders(wish: Settings, axes: Mapping[str, Sequence[Setting]]) -> dict[str, list[Setting]]:
    """Per axis what may stand instead of the wish, nearest first; axes without any are left out."""
    ladders: dict[str, list[Setting]] = {}
    for name, values in axes.items():
        # By type as well: False == 0 and 1.0 == 1 are different settings.
        known = [(type(value), value) for value in values]
        own = (type(wish.get(name)), wish.get(name))
        steps = list(values)[known.index(own) + 1 :] if own in known else list(values)
        if steps:
            ladders[name] = steps
    return ladders


def _thinned(steps: Sequence[Setting], count: int) -> list[int]:
    """At most `count` positions of a ladder, evenly spaced, the last one always among them."""
    total = len(steps)
    if total <= count:
        return list(range(total))
    return sorted({total - 1 - i * total // count for i in range(count)})


def _joint(ladders: Mapping[str, Sequence[Setting]]) -> Iterator[tuple[int, ...]]:
    """Positions on all ladders (-1: as wished) that lower two axes or more, nearest first.

    The distance is the sum over the axes of how much of the ladder is given up, so that a ladder
    of two steps counts like one of sixteen.
    """
    lengths = [len(steps) for steps in ladders.values()]
    count = max(1, int(_MOST_JOINT ** (1 / max(1, len(lengths)))) - 1)
    positions = [[-1, *_thinned(steps, count)] for steps in ladders.values()]
    vectors = [v for v in product(*positions) if sum(position >= 0 for position in v) >= 2]

    def distance(vector: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        shares = ((p + 1) / length for p, length in zip(vector, lengths, strict=True))
        return sum(shares), vector

    yield from sorted(vectors, key=distance)


def _no_further(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether `one` gives up no more than `other` on every axis."""
    return all(a <= b for a, b in zip(one, other, strict=True))


def nearest(
    build: Build, wish: Settings, axes: Mapping[str, Sequence[Setting]], budget_bytes: int
) -> Nearest:
    """What fits when `wish` does not, at most three: first by lowering one axis, then several.

    `axes` gives per setting the values to try, nearest to the wish first and cheapest last; the
    wished value and what stands before it are skipped, so one list serves every wish. Of one axis
    the first value that fits is taken; of several, nothing that gives up more than an answer
    already found. A larger budget never makes an axis alone give up more.
    """
    ladders = _ladders(wish, axes)
    names = list(ladders)
    least = Candidate(dict(wish), tuple(build(wish)))
    fitting: list[Candidate] = []
    found: list[tuple[int, ...]] = []

    def attempt(vector: tuple[int, ...]) -> bool:
        nonlocal least
        lowered = {
            name: ladders[name][position]
            for name, position in zip(names, vector, strict=True)
            if position >= 0
        }
        settings = {**wish, **lowered}
        candidate = Candidate(settings, tuple(build(settings)))
        if candidate.peak_bytes < least.peak_bytes:
            least = candidate
        if candidate.peak_bytes > budget_bytes:
            return False
        fitting.append(candidate)
        found.append(vector)
        return True

    for axis, name in enumerate(names):
        for position in range(len(ladders[name])):
            alone = tuple(position if i == axis else -1 for i in range(len(names)))
            if attempt(alone):
                break
    for vector in _joint(ladders) if len(fitting) < NEAREST_COUNT else ():
        if not any(_no_further(earlier, vector) for earlier in found):
            attempt(vector)
            if len(fitting) >= NEAREST_COUNT:
                break
    return Nearest(tuple(fitting[:NEAREST_COUNT]), least)


def _option_value(value: Setting) -> str:
    """A value as an option takes it, in quotes where a shell would take it apart."""
    text = str(value)
    if text and all(c.isalnum() or c in "-_./:=,+%@" for c in text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def as_options(settings: Settings, wish: Settings | None = None) -> str:
    """The settings as options to paste: `--workers 3 --chunk 512`; with a wish only what differs.

    True is written without a value; False and None are left out.
    """
    words: list[str] = []
    for name, value in settings.items():
        if wish is not None and name in wish and wish[name] == value:
            continue
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(_option_value(value))
    return " ".join(words)
