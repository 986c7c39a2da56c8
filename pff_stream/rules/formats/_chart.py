"""All ways to read one rule text in one table, so that exponentially many readings cost no list.

A node is a place where a body atom can start; an edge is one way to read the text from there to
the next place as one atom. `Chart.solve` keeps the edges that pass some of the narrowing steps
and computes, from the right, the most body atoms that lead to the end. Offsets are bytes.

Covers the grammar and its bounded work; which steps apply in which order is `text`'s business.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Span = tuple[int, int, int, int]
"""One atom: its start, its `(`, its `,` and its end (behind `)`)."""
Path = list[Span]
"""Head and body atoms in order."""

VARIABLE, NAMES, SAFE, NESTED = 1, 2, 4, 8
"""The narrowing steps (1) to (4) as bits of a filter."""

MAX_STEPS = 20_000
"""Atoms looked at for one text, all steps together: at most 50 ms; real texts need about 100."""

MAX_TEXT_MEMORY_BYTES = 6 * 1024 * 1024
"""What reading one text of 64 KiB can take at most (measured on texts made of separators)."""

_UNREACHABLE = -1


class TooManyWaysError(Exception):
    """One text needs more than `MAX_STEPS` steps."""


@dataclass(frozen=True, slots=True)
class Solution:
    """What passes a filter: heads (span, start of the body, variables to bind) and edges."""

    filters: int
    length: int
    heads: list[tuple[Span, int, int]]
    edges: dict[int, list[tuple[Span, int, int]]]
    """By start of an atom: (span, start of the next atom or `length`, variables of the span)."""
    best: dict[tuple[int, int], int]
    """By (start, variables still to bind): the most atoms up to the end, -1 if none lead there."""

    def has_several(self) -> bool:
        """Whether more than one reading passes (counted in the table, not listed)."""
        ways = {self.length: 1}
        for start in sorted(self.edges, reverse=True):
            if start != self.length:
                ways[start] = min(2, sum(ways[after] for _, after, _ in self.edges[start]))
        return sum(ways[start] for _, start, _ in self.heads) > 1

    def longest(self, limit: int) -> list[Path]:
        """The readings with the most body atoms, from left to right, at most `limit` of them."""
        most = max(self.best[start, need] for _, start, need in self.heads)
        found: list[Path] = []
        for span, start, need in self.heads:
            if self.best[start, need] == most:
                for path in self._paths(start, need, most):
                    found.append([span, *path])
                    if len(found) == limit:
                        return found
        return found

    def _paths(self, start: int, need: int, atoms: int) -> Iterator[Path]:
        path: Path = []
        stack = [self._steps(start, need, atoms)]
        if not atoms:
            yield path
            return
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
                if path:
                    path.pop()
                continue
            span, after, need = step
            path.append(span)
            if len(path) == atoms:
                yield list(path)
                path.pop()
            else:
                stack.append(self._steps(after, need, atoms - len(path)))

    def _steps(self, start: int, need: int, atoms: int) -> Iterator[tuple[Span, int, int]]:
        """The edges from here with which exactly `atoms` more atoms lead to the end."""
        for span, after, bound in self.edges.get(start, ()):
            if self.best.get((after, need & ~bound)) == atoms - 1:
                yield span, after, need & ~bound


class Chart:
    """The separators of one text and what is known of the spans between them."""

    def __init__(
        self,
        text: bytes,
        has_entity: Callable[[bytes], bool] | None,
        has_relation: Callable[[bytes], bool] | None,
    ) -> None:
        self.text = text
        self._has_entity = has_entity
        self._has_relation = has_relation
        self._steps_left = MAX_STEPS
        self._opens = _places(text, b"(")
        self._commas = _places(text, b",")
        # "(V," with V a variable: the first term of an atom that has one in front.
        self._leading = array(
            "i",
            (
                at
                for at in self._opens
                if text[at + 2 : at + 3] == b"," and _is_letter(text, at + 1)
            ),
        )
        self._arrows = _places(text, b") <= ", 1)
        self._ends = _places(text, b"), ", 1)
        if text.endswith(b")"):
            self._ends.append(len(text))
        self._spans: dict[tuple[int, int, int], list[Span]] = {}
        self._named: dict[tuple[int, int, bool], bool] = {}
        self._depths: tuple[array[int], array[int], array[int]] | None = None

    def solve(self, filters: int) -> Solution | None:
        """What passes the filter, or None where no reading does."""
        heads = [
            (span, arrow + 4, self._need(span, filters, arrow + 4))
            for arrow in self._arrows
            for span in self._atoms(0, arrow, filters)
        ]
        heads = [head for head in heads if head[2] >= 0]
        edges = self._edges([start for _, start, _ in heads], filters)
        needs = {part for _, _, need in heads for part in _parts(need)}
        best = self._best(edges, needs)
        heads = [head for head in heads if best[head[1], head[2]] != _UNREACHABLE]
        if not heads:
            return None
        return Solution(filters, len(self.text), heads, edges, best)

    def farthest(self, filters: int) -> int:
        """The last place at which a body atom should start; 0 where no head can be read."""
        starts = [arrow + 4 for arrow in self._arrows if self._atoms(0, arrow, filters)]
        edges = self._edges(starts, filters)
        return max((start for start in edges if start < len(self.text)), default=0)

    def _edges(self, starts: list[int], filters: int) -> dict[int, list[tuple[Span, int, int]]]:
        length = len(self.text)
        edges: dict[int, list[tuple[Span, int, int]]] = {length: []}
        waiting = sorted(set(starts))
        while waiting:
            start = waiting.pop()
            if start in edges:
                continue
            steps = edges[start] = []
            for end in self._ends[bisect_left(self._ends, start) :]:
                after = end if end == length else end + 2
                # A text that ends in ", " has no atom behind it: not the end of a rule.
                if end != length and after == length:
                    continue
                spans = self._atoms(start, end, filters)
                steps.extend((span, after, self._variables(span)) for span in spans)
                if spans and after not in edges:
                    waiting.append(after)
        return edges

    def _best(
        self, edges: dict[int, list[tuple[Span, int, int]]], needs: set[int]
    ) -> dict[tuple[int, int], int]:
        length = len(self.text)
        best = {(length, need): _UNREACHABLE if need else 0 for need in needs}
        for start in sorted(edges, reverse=True):
            if start == length:
                continue
            self._spend(len(edges[start]) * len(needs) // 4)
            for need in needs:
                most = max(
                    (best[after, need & ~bound] for _, after, bound in edges[start]),
                    default=_UNREACHABLE,
                )
                best[start, need] = most if most == _UNREACHABLE else most + 1
        return best

    def _need(self, span: Span, filters: int, start: int) -> int:
        """The variables that the body must bind (bits), -1 for a zero rule that has two."""
        if not filters & SAFE:
            return 0
        variables = self._variables(span)
        if start < len(self.text):
            return variables
        return 0 if variables & (variables - 1) == 0 else -1

    def _atoms(self, start: int, end: int, filters: int) -> list[Span]:
        """The ways to read text[start:end] as one atom that pass the filter, left to right."""
        key = (start, end, filters & VARIABLE)
        spans = self._spans.get(key)
        if spans is None:
            ways = self._variable_ways if filters & VARIABLE else self._all_ways
            spans = []
            for opened, comma in ways(start, end):
                self._spend(1)
                spans.append((start, opened, comma, end))
            self._spans[key] = spans
        self._spend(1)
        if filters & NESTED:
            spans = [span for span in spans if self._is_nested(span)]
        if filters & NAMES:
            spans = [span for span in spans if self._is_named(span)]
        return spans

    def _variable_ways(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Each `(` and `,` with which the atom has a variable as its first or its last term."""
        trailing = self.text[end - 3 : end - 2] == b"," and _is_letter(self.text, end - 2)
        places = self._opens if trailing else self._leading
        for opened in places[bisect_left(places, start + 1) : bisect_left(places, end - 4)]:
            if self.text[opened + 2 : opened + 3] == b"," and _is_letter(self.text, opened + 1):
                yield opened, opened + 2
            if trailing and opened + 2 < end - 3:
                yield opened, end - 3
            elif trailing and opened + 2 == end - 3 and not _is_letter(self.text, opened + 1):
                yield opened, end - 3

    def _all_ways(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        for opened in self._opens[bisect_left(self._opens, start + 1) :]:
            if opened >= end:
                return
            first = bisect_left(self._commas, opened + 2)
            for comma in self._commas[first : bisect_left(self._commas, end - 2)]:
                yield opened, comma

    def _variables(self, span: Span) -> int:
        _, opened, comma, end = span
        bits = 0
        if comma == opened + 2 and _is_letter(self.text, opened + 1):
            bits |= 1 << self.text[opened + 1] - 65
        if comma == end - 3 and _is_letter(self.text, end - 2):
            bits |= 1 << self.text[end - 2] - 65
        return bits

    def _is_named(self, span: Span) -> bool:
        start, opened, comma, end = span
        return (
            self._is_name(start, opened, True)
            and self._is_name(opened + 1, comma, False)
            and self._is_name(comma + 1, end - 1, False)
        )

    def _is_name(self, start: int, end: int, relation: bool) -> bool:
        if not relation and end - start == 1 and _is_letter(self.text, start):
            return True
        key = (start, end, relation)
        known = self._named.get(key)
        if known is None:
            self._spend(1 + (end - start) // 64)
            has = self._has_relation if relation else self._has_entity
            known = self._named[key] = has is not None and has(self.text[start:end])
        return known

    def _is_nested(self, span: Span) -> bool:
        start, opened, comma, end = span
        return (
            self._is_balanced(start, opened)
            and self._is_balanced(opened + 1, comma)
            and self._is_balanced(comma + 1, end - 1)
        )

    def _is_balanced(self, start: int, end: int) -> bool:
        """Whether text[start:end] is well nested in ( and )."""
        if self._depths is None:
            self._depths = _depths(self.text)
        places, closers, depths = self._depths
        first, last = bisect_left(places, start), bisect_left(places, end)
        if first == last:
            return True
        # The bracket that takes the depth below that at the start must lie behind the end.
        return depths[first] == depths[last] and closers[first] >= last

    def _spend(self, steps: int) -> None:
        self._steps_left -= steps
        if self._steps_left < 0:
            raise TooManyWaysError


def _places(text: bytes, mark: bytes, behind: int = 0) -> array[int]:
    """Where a mark occurs (overlapping occurrences included), moved on by some bytes."""
    places = array("i")
    at = text.find(mark)
    while at >= 0:
        places.append(at + behind)
        at = text.find(mark, at + 1)
    return places


def _is_letter(text: bytes, at: int) -> bool:
    return at < len(text) and 65 <= text[at] <= 90


def _parts(need: int) -> set[int]:
    """Every subset of at most two variables (bits)."""
    low = need & -need
    return {0, low, need & ~low, need}


def _depths(text: bytes) -> tuple[array[int], array[int], array[int]]:
    """Brackets by number: their places, the first one that falls below each, the depth before."""
    places = array("i", (at for at, mark in enumerate(text) if mark in b"()"))
    depths = array("i", [0])
    falls = array("i", [len(places)]) * (len(places) + 1)
    # Brackets that nothing has fallen below yet, the deepest last.
    waiting = array("i")
    for number, at in enumerate(places):
        depth = depths[-1]
        waiting.append(number)
        if text[at] == 40:
            depths.append(depth + 1)
            continue
        while waiting and depths[waiting[-1]] == depth:
            falls[waiting.pop()] = number
        depths.append(depth - 1)
    return places, falls, depths
