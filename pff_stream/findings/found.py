"""Findings as objects, in their order: names, reasons with witnesses, what stands in their place.

They are made one by one of the entries of `_joined`. Not done here: how many there are to be, and
where they stand in the input.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pff_stream.report.message import key_of, message_of
from pff_stream.report.records import Names
from pff_stream.report.streams import ABSENT, CONFLICT, Finding, FindingReason, Found

if TYPE_CHECKING:
    from pff_stream.findings._joined import Joined
    from pff_stream.findings.order import RankedRule

SHOWN = 3
"""Names of what stands in a triple's place."""
KEPT_RULES = 256
"""Rules that are held while their findings are made: the best are met again and again."""
_SCORE_BYTES, _RANK_BYTES = 8, 4
TAIL = struct.Struct("<5IdB")
"""Subject, relation, object, reasons in all, reasons kept, noisy-or, functional variables."""
REASON = struct.Struct("<IIB")
"""Rank, atoms of the witness, whether the functional variable is the object."""
_ATOM = struct.Struct("<3i")
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


class _Entry(NamedTuple):
    """A finding as it was packed."""

    names: tuple[bytes, bytes, bytes]
    ids: tuple[int, int, int]
    first: int
    """Rank of its first rule."""
    total: int
    noisy_or: float
    sides: int
    reasons: tuple[tuple[int, bool, bytes], ...]
    """Rank, whether the functional variable is the object, witness."""

    @classmethod
    def unpacked(cls, entry: bytes, *, by_score: bool) -> _Entry:
        begin = (_SCORE_BYTES if by_score else 0) + _RANK_BYTES
        first = int.from_bytes(entry[begin - _RANK_BYTES : begin], "big")
        subject, relation, object_, _ = entry[begin:].split(b"\0", 3)
        at = begin + len(subject) + len(relation) + len(object_) + 3
        *ids, total, kept, noisy_or, sides = TAIL.unpack_from(entry, at)
        at += TAIL.size
        reasons = []
        for _ in range(kept):
            rank, n_atoms, by_object = REASON.unpack_from(entry, at)
            at += REASON.size
            reasons.append((rank, bool(by_object), entry[at : at + _ATOM.size * n_atoms]))
            at += _ATOM.size * n_atoms
        return cls(
            (subject, relation, object_),
            (ids[0], ids[1], ids[2]),
            first,
            total,
            noisy_or,
            sides,
            tuple(reasons),
        )


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
        return self._finding(_Entry.unpacked(packed, by_score=self._described.by_score))

    def _finding(self, entry: _Entry) -> Finding:
        subject, relation, object_ = entry.ids
        described, joined = self._described, self._joined
        objects, n_objects = joined.standing(relation, False, subject, SHOWN)
        subjects, n_subjects = joined.standing(relation, True, object_, SHOWN)
        found = Found(
            tuple(map(_text, objects)), n_objects, tuple(map(_text, subjects)), n_subjects
        )
        is_conflict = (entry.sides & _SUBJECT_SIDE and n_objects) or (
            entry.sides & _OBJECT_SIDE and n_subjects
        )
        triple = _names(*entry.names)
        reasons = tuple(self._reason(*one) for one in entry.reasons)
        by_object = entry.reasons[0][1]
        score = entry.noisy_or if described.by_score else self._rule(entry.first)[3]
        return Finding(
            triple=triple,
            reasons=reasons,
            document=described.document,
            key=key_of(described.document, triple),
            kind=CONFLICT if is_conflict else ABSENT,
            score=score,
            ranked_by=described.ranked_by,
            floor=described.floor,
            found=found,
            reasons_total=entry.total,
            message=message_of(
                triple,
                found,
                reasons[0].witness,
                by_object=by_object,
                is_single=joined.most_values(relation, by_object) == 1,
            ),
            by_object=by_object,
        )

    def _reason(self, rank: int, by_object: bool, witness: bytes) -> FindingReason:
        line, text, confidence, _ = self._rule(rank)
        return FindingReason(line, text, self._joined.facts(witness), confidence)


def _told(chosen: Rules, rank: int) -> tuple[int, str, float, float]:
    """What is said of a rule: line, text, the confidence of this line, and that it is ranked by."""
    rule = chosen.rule(rank)
    return rule.line, _text(rule.text), rule.own_confidence, rule.confidence


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _names(subject: bytes, relation: bytes, object_: bytes) -> Names:
    return _text(subject), _text(relation), _text(object_)
