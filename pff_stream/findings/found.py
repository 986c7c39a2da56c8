"""Findings as objects, in their order: names, reasons with witnesses, what stands in their place.

They are made one by one of the entries of `_joined`, in `_made`. Not done here: how many there are
to be, and where they stand in the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, TypeAlias

from pff_stream.findings._made import FindingMaker

if TYPE_CHECKING:
    from pff_stream.findings._joined import Joined
    from pff_stream.findings.order import RankedRule
    from pff_stream.report.streams import Finding

KEPT_RULES = 256
"""Rules that are held while their findings are made: the best are met again and again."""
ToldRule: TypeAlias = tuple[int, str, float, float]
"""What is said of a rule: line, text, the confidence of this line, and that it is ranked by."""


@dataclass(frozen=True, slots=True)
class Described:
    """What is the same of all findings of one document."""

    ranked_by: str
    """Confidence, score and assumption."""
    floor: float | None
    by_score: bool
    """Whether they are ordered by noisy-or."""
    document: str = ""


class Rules(Protocol):
    """Rules by rank."""

    def rule(self, rank: int) -> RankedRule:
        """The rule of a rank, from 0."""


class FoundFindings:
    """All findings that were joined and ranked, best first; as often as they are asked for."""

    def __init__(
        self, joined: Joined | None, told: Callable[[int], ToldRule], described: Described
    ) -> None:
        """`told` says what is to be said of the rule of a rank.

        `joined` is None of entries that contain what they say of the graph.
        """
        self._joined = joined
        self._maker = FindingMaker(joined, lru_cache(KEPT_RULES)(told), described)

    def __iter__(self) -> Iterator[Finding]:
        assert self._joined is not None
        return map(self._maker.finding, self._joined)

    def of(self, entries: Iterable[bytes]) -> list[Finding]:
        """The findings of these entries."""
        return list(map(self._maker.finding, entries))


def told_by(chosen: Rules) -> Callable[[int], ToldRule]:
    """What is said of rules that are there by rank."""

    def told(rank: int) -> ToldRule:
        rule = chosen.rule(rank)
        text = rule.text.decode("utf-8", "surrogateescape")
        return rule.line, text, rule.own_confidence, rule.confidence

    return told
