"""What changed between two finished runs: rules by their text, findings by their keys.

Both sides go through an external sort, so that memory does not grow with what they have. Does not
cover: reading the folders, and what is printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from pff_stream.findings._sorted import Sorter
from pff_stream.report.message import key_of
from pff_stream.report.records import Names
from pff_stream.report.streams import Finding, RuleMetric

OLD, NEW = b"\0", b"\1"
SHOWN = 20
"""So many changes of each kind are listed; all are counted."""
_END = b"\0"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule whose outcome or counts differ; None: that run has no such rule."""

    rule_text: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A finding that one run has, or that has another score in each."""

    key: str
    document: str
    triple: Names
    old_score: float | None
    new_score: float | None


@dataclass(slots=True)
class Changes:
    """The first changes of a kind, and how many there are."""

    total: int = 0
    first: list[Any] = field(default_factory=list)

    def add(self, change: RuleChange | FindingChange) -> None:
        """Counts one."""
        self.total += 1
        if len(self.first) < SHOWN:
            self.first.append(change)

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"total": self.total, "first": [asdict(one) for one in self.first]}


@dataclass(slots=True)
class Comparison:
    """What changed, kind by kind."""

    rules: Changes = field(default_factory=Changes)
    """Of another outcome or other counts, or in one run only."""
    new: Changes = field(default_factory=Changes)
    """Findings of the new run alone."""
    gone: Changes = field(default_factory=Changes)
    """Findings of the old run alone: fixed, or no longer predicted."""
    rescored: Changes = field(default_factory=Changes)
    """Findings of both, of another score."""
    floor: float | None = None
    """The higher one of both: findings below it are not compared."""
    above: float | None = None
    """The last score of a list of a graph that was cut: the others are compared; None: none was."""
    cut_documents: int = 0
    """Documents whose lists were cut: only what is above the last score of each is compared."""
    without: str = ""
    """The folder of a run that looked for no findings: they are not compared; else empty."""

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "floor": self.floor,
            "above": self.above,
            "cut_documents": self.cut_documents,
            "findings_compared": not self.without,
            "rules": self.rules.to_json(),
            "new": self.new.to_json(),
            "gone": self.gone.to_json(),
            "rescored": self.rescored.to_json(),
        }


def compare_rules(old: Iterable[RuleMetric], new: Iterable[RuleMetric], changes: Changes) -> None:
    """Matches rules by text, equal ones in the order of their lines."""
    sorter = Sorter()
    for side, metrics in ((OLD, old), (NEW, new)):
        for metric in metrics:
            values = {"outcome": metric.outcome.word, **metric.counts._asdict()}
            front = metric.text.encode("utf-8", "surrogateescape") + _END
            sorter.put(front + side + metric.line.to_bytes(8, "big") + _packed(values))
    for text, before, now in _pairs(sorter, 8):
        shown = text.decode("utf-8", "surrogateescape")
        for place in range(max(len(before), len(now))):
            pair = [json.loads(one[place]) if place < len(one) else None for one in (before, now)]
            if pair[0] != pair[1]:
                changes.add(RuleChange(shown, *pair))
    sorter.close()


def compare_findings(
    old: Iterable[Finding],
    new: Iterable[Finding],
    found: Comparison,
    cuts: Mapping[str, float],
    *,
    by_document: bool = True,
) -> None:
    """Matches findings by key; those below the floor of `found` are left out.

    So are those at the last score of a document's list that was cut, in `cuts`, and below.
    Not `by_document`: both are of one graph without a name, whatever its file was called.
    """
    sorter = Sorter()
    floor = 0.0 if found.floor is None else found.floor
    for side, findings in ((OLD, old), (NEW, new)):
        for finding in findings:
            name = finding.document if by_document else ""
            if finding.score >= floor and finding.score > cuts.get(name, -1.0):
                key = finding.key if by_document else key_of(name, finding.triple)
                values = [finding.score, finding.key, finding.document, *finding.triple]
                sorter.put(key.encode() + _END + side + _packed(values))
    for _, before, now in _pairs(sorter, 0):
        old_score, *told = json.loads(before[0]) if before else [None]
        new_score, *told = json.loads(now[0]) if now else [None, *told]
        key, document, *names = told
        triple = (names[0], names[1], names[2])
        change = FindingChange(key, document, triple, old_score, new_score)
        if new_score is None:
            found.gone.add(change)
        elif old_score is None:
            found.new.add(change)
        elif old_score != new_score:
            found.rescored.add(change)
    sorter.close()


def _packed(values: object) -> bytes:
    return json.dumps(values, ensure_ascii=True).encode()


def _pairs(sorter: Sorter, skipped: int) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    """What both sides have under each name, without `skipped` bytes in front."""
    for name, entries in groupby(sorter, lambda entry: entry.partition(_END)[0]):
        sides: dict[bytes, list[bytes]] = {OLD: [], NEW: []}
        for entry in entries:
            at = len(name) + 1
            sides[entry[at : at + 1]].append(entry[at + 1 + skipped :])
        yield name, sides[OLD], sides[NEW]
