"""Findings as objects, in their order: names, reasons with witnesses, what stands in their place.

They are made one by one of the entries of `_joined`. Not done here: how many there are to be, and
where they stand in the input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Protocol

from pff_stream.report.message import key_of, message_of
from pff_stream.report.streams import ABSENT, CONFLICT, Finding, FindingReason, Found

if TYPE_CHECKING:
    from pff_stream.findings._joined import Joined
    from pff_stream.findings.order import RankedRule
    from pff_stream.report.records import Names

SHOWN = 3
"""Names of what stands in a triple's place."""
KEPT_RULES = 256
"""Rules that are held while their findings are made: the best are met again and again."""
_SUBJECT_SIDE, _OBJECT_SIDE = 1, 2


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

    def __init__(self, joined: Joined, chosen: Rules, described: Described) -> None:
        self._joined = joined
        self._described = described
        self._rule = lru_cache(KEPT_RULES)(partial(_told, chosen))

    def __iter__(self) -> Iterator[Finding]:
        return map(self.finding, self._joined)

    def finding(self, packed: bytes) -> Finding:
        """The finding of an entry."""
        described, joined = self._described, self._joined
        triple, ids, first, total, noisy_or, sides, kept = joined.unpacked(
            packed, described.by_score
        )
        subject, relation, object_ = ids
        objects, n_objects = joined.standing(relation, False, subject, SHOWN)
        subjects, n_subjects = joined.standing(relation, True, object_, SHOWN)
        found = Found(
            tuple(map(_text, objects)), n_objects, tuple(map(_text, subjects)), n_subjects
        )
        is_conflict = (sides & _SUBJECT_SIDE and n_objects) or (sides & _OBJECT_SIDE and n_subjects)
        by_object = kept[0][1]
        return Finding(
            triple=triple,
            reasons=tuple([self._reason(rank, witness) for rank, _, witness in kept]),
            document=described.document,
            key=key_of(described.document, triple),
            kind=CONFLICT if is_conflict else ABSENT,
            score=noisy_or if described.by_score else self._rule(first)[3],
            ranked_by=described.ranked_by,
            floor=described.floor,
            found=found,
            reasons_total=total,
            message=message_of(
                triple,
                found,
                kept[0][2],
                by_object=by_object,
                is_single=joined.most_values(relation, by_object) == 1,
            ),
            by_object=by_object,
        )

    def _reason(self, rank: int, witness: tuple[Names, ...]) -> FindingReason:
        line, text, confidence, _ = self._rule(rank)
        return FindingReason(line, text, witness, confidence)


def _told(chosen: Rules, rank: int) -> tuple[int, str, float, float]:
    """What is said of a rule: line, text, the confidence of this line, and that it is ranked by."""
    rule = chosen.rule(rank)
    return rule.line, _text(rule.text), rule.own_confidence, rule.confidence


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
