"""What the findings of a run come to: how many there are, and the first of them for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from pff_stream.report.streams import KINDS, Finding

if TYPE_CHECKING:
    from pff_stream.report.records import Json

SHOWN_FINDINGS = 20
SHOWN_FACTS = 5
"""Triples of a witness that are shown."""


@dataclass(slots=True)
class Gone:
    """Findings of a baseline that are not found any more, above the floor of both."""

    fixed: int = 0
    """Their triple is in the graph now."""
    no_longer_predicted: int = 0


@dataclass(slots=True)
class FoundTotals:
    """What is said of all findings; exact, whatever was written."""

    ranked_by: str
    """Confidence, score and assumption, as `miner/max/closed`."""
    floor: float | None = None
    """As it was asked for."""
    written: int = 0
    total: int = 0
    """Triples that rules in force predict and the graph does not have."""
    rules_in_force: int = 0
    confidence: float | None = None
    """Of the last rule in force; None: there is none."""
    is_all: bool = True
    """Whether all violated rules that have a confidence (of the floor or more) are in force."""
    without_value: int = 0
    """Violated rules that have no confidence of this kind: not in force."""
    not_looked_at: int = 0
    """Rules that are too-large, rejected or failed."""
    n_new: int = 0
    """Of those that were written, the baseline has not."""
    gone: Gone | None = None
    """What became of the other findings of the baseline; None: there is no baseline."""
    cut_by_max_disk: bool = False
    disk_bytes: int = 0
    """Temporary files that they were made in, at most."""
    kinds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    """Of those that were written."""
    note: str = ""
    """Why rules are ranked by what they are, for people; empty where it was asked for."""
    first: list[Finding] = field(default_factory=list)
    """The best, for people."""
    bases: dict[int, int] = field(default_factory=dict)
    """Predictions that the miner's confidence is of, by the line of a rule that is shown."""
    best: float | None = None
    """The highest score of all documents; None for a graph, where the first has it."""

    def rules_shown(self) -> list[int]:
        """Lines of the rules that are shown by themselves: the best of each, of documents."""
        if all(one.where is None or one.where.pointer is None for one in self.first):
            return []
        return [one.reasons[0].line for one in self.first]

    def take(self, finding: Finding) -> None:
        """Counts one that is written."""
        self.written += 1
        self.kinds[finding.kind] += 1
        self.n_new += bool(finding.new)
        if len(self.first) < SHOWN_FINDINGS:
            self.first.append(as_shown(finding))

    def compare(self, gone: Gone) -> None:
        """Takes what became of the baseline, when all findings are through."""
        self.gone = gone

    @property
    def new(self) -> int | None:
        """Findings that the baseline has not; None: there is no baseline."""
        return None if self.gone is None else self.n_new

    def show(self, findings: Sequence[Finding]) -> None:
        """Keeps the best of all documents for people; this one's come behind equal ones."""
        found = sorted([*self.first, *findings], key=lambda one: -one.score)
        self.first[:] = found[:SHOWN_FINDINGS]

    @property
    def best_score(self) -> float | None:
        """Of the best finding; None: there is none."""
        return self.first[0].score if self.best is None and self.first else self.best

    def to_json(self) -> dict[str, Json]:
        """For `summary.json`."""
        return {
            "ranked_by": self.ranked_by,
            "floor": self.floor,
            "written": self.written,
            "total": self.total,
            "rules_in_force": self.rules_in_force,
            "confidence": self.confidence,
            "all_rules": self.is_all,
            "without_confidence": self.without_value,
            "not_looked_at": self.not_looked_at,
            "cut_by_max_disk": self.cut_by_max_disk,
            **self.kinds,
            **({} if self.gone is None else {"new": self.n_new, **asdict(self.gone)}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote, without the findings themselves.

        Raises KeyError, TypeError or ValueError where it is no such document.
        """
        floor, confidence = document["floor"], document["confidence"]
        return cls(
            ranked_by=str(document["ranked_by"]),
            floor=None if floor is None else float(floor),
            written=int(document["written"]),
            total=int(document["total"]),
            rules_in_force=int(document["rules_in_force"]),
            confidence=None if confidence is None else float(confidence),
            is_all=bool(document["all_rules"]),
            without_value=int(document["without_confidence"]),
            not_looked_at=int(document["not_looked_at"]),
            cut_by_max_disk=bool(document["cut_by_max_disk"]),
            kinds={kind: int(document[kind]) for kind in KINDS},
            n_new=int(document.get("new", 0)),
            gone=_gone(document) if "new" in document else None,
        )


def _gone(document: Mapping[str, Any]) -> Gone:
    return Gone(*(int(document[one.name]) for one in fields(Gone)))


def as_shown(finding: Finding, n: int = SHOWN_FACTS + 1) -> Finding:
    """The best of its reasons, with the first `n` triples of its witness: all that is shown.

    One more than a terminal shows tells it that there are more.
    """
    best = finding.reasons[0]
    shown = replace(best, witness=best.witness[:n], where=best.where[:n])
    return replace(finding, reasons=(shown,))
