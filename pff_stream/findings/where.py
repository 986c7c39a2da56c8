"""Findings with the places of what stands there and of what the reasons say, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence

from pff_stream.findings._made import with_places
from pff_stream.findings.places import ANY, PlaceSources, Wanted, find_places
from pff_stream.notes import Notes
from pff_stream.report.records import Names
from pff_stream.report.streams import Finding, Place


class Places:
    """Looks places up in the texts that the graph was made of; None where there are none."""

    def __init__(self, sources: PlaceSources | None) -> None:
        self._sources = sources
        self.notes = Notes()

    def of(self, findings: Sequence[Finding]) -> list[Finding]:
        """The same with their places, found in one pass."""
        if self._sources is None or not findings:
            return list(findings)
        notes = Notes()
        found = find_places(self._sources, wanted_by(findings), notes=notes)
        if not self.notes:
            self.notes = notes
        return placed(findings, found)


def wanted_by(findings: Sequence[Finding]) -> list[Wanted]:
    """What is looked for: of each finding what stands there, then the triples of its reasons."""
    wanted: list[Wanted] = []
    for one in findings:
        wanted.append(_instead(one))
        wanted += [_bytes(fact) for reason in one.reasons for fact in reason.witness]
    return wanted


def placed(findings: Sequence[Finding], places: Sequence[Place | None]) -> list[Finding]:
    """The same findings, told the places of what `wanted_by` them, in its order."""
    return with_places(list(findings), list(places))


def _instead(finding: Finding) -> Wanted:
    """What stands in the finding's place: the first of it in the input, else what it belongs to."""
    subject, relation, object_ = _bytes(finding.triple)
    if is_absent(finding):
        return subject, relation, None
    return (ANY, relation, object_) if finding.by_object else (subject, relation, ANY)


def is_absent(finding: Finding) -> bool:
    """Whether nothing stands in the finding's place: it is told of the object it belongs to."""
    found = finding.found
    return not (found.subjects_total if finding.by_object else found.objects_total)


def _bytes(triple: Names) -> tuple[bytes, bytes, bytes]:
    subject, relation, object_ = triple
    return (
        subject.encode("utf-8", "surrogateescape"),
        relation.encode("utf-8", "surrogateescape"),
        object_.encode("utf-8", "surrogateescape"),
    )
