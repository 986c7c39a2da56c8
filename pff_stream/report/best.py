"""The best findings, in a number and a size that are known before: what a bounded report holds.

A graph's findings come best first; those of a manifest document by document. Those that the
baseline has not come before those that it has, then the higher score, then what came earlier.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar

from planner.formula import given
from planner.model import Term

if TYPE_CHECKING:
    from pff_stream.report.streams import Finding, OutputSizes

Kept = TypeVar("Kept")
Rank: TypeAlias = "tuple[bool, float]"

ENTRY_BYTES = 1 << 10
"""Of a finding beside its text: the entry, and small objects that are kept with it."""
_ESCAPED = 6
"""How much longer a text may become in a report."""


class _Entry(NamedTuple, Generic[Kept]):
    """Compared from the left: no two have the same place."""

    rank: Rank
    before: int
    """Minus the number of findings before it."""
    n_bytes: int
    kept: Kept


class BestFindings(Generic[Kept]):
    """Keeps something of each of the best findings; what is worse than all of them is let go."""

    def __init__(self, most: int, most_bytes: int) -> None:
        """`most` findings, whose texts take `most_bytes`."""
        self._most = most
        self._most_bytes = most_bytes
        self._heap: list[_Entry[Kept]] = []
        self._bytes = 0
        self._given = 0
        self._is_full = False

    @staticmethod
    def term(most: int, most_bytes: int, sizes: OutputSizes) -> Term:
        """What it holds, of so many findings as there can be."""
        n = sizes.findings_of(most)
        n_bytes = sizes.texts_of(n, _ESCAPED, most_bytes)
        held = given("size", n_bytes) + given("findings", n) * given("entry", ENTRY_BYTES)
        return Term.of("findings kept", held, "constants of the code", at_most=True)

    @property
    def left_out(self) -> int:
        """Findings that are not kept."""
        return self._given - len(self._heap)

    def wants(self, finding: Finding) -> bool:
        """Whether it would be kept, as far as is known before its text is made."""
        if not self._is_full:
            return True
        return bool(self._heap) and _rank(finding) > self._heap[0].rank

    def take(self, finding: Finding, kept: Kept, n_bytes: int) -> None:
        """Keeps it, and lets go of the worst where that makes too many or too much."""
        heappush(self._heap, _Entry(_rank(finding), -self._given, n_bytes, kept))
        self._given += 1
        self._bytes += n_bytes
        while len(self._heap) > self._most or self._bytes > self._most_bytes:
            self._is_full = True
            self._bytes -= heappop(self._heap).n_bytes

    def pass_over(self) -> None:
        """Counts one that is not wanted."""
        self._given += 1

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Kept]:
        return (entry.kept for entry in sorted(self._heap, reverse=True))


def _rank(finding: Finding) -> Rank:
    return finding.new is not False, finding.score
