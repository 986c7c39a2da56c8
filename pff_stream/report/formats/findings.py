"""`findings.jsonl`: a JSON object a finding, best first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from pff_stream.report.formats.interface import ResultWriter
from pff_stream.report.text_out import TextOut

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink
    from pff_stream.report.streams import Finding, FindingReason, OutputSizes, Place, RunHeader
    from pff_stream.report.summary import Summary
    from planner.model import Term

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Findings(ResultWriter):
    """A line a finding; the keys are those of docs/findings.md."""

    name: ClassVar[str] = "findings"
    suffix: ClassVar[str] = ".jsonl"
    wants: ClassVar[frozenset[str]] = frozenset({"finding"})

    def terms(self, sizes: OutputSizes) -> list[Term]:
        """A buffer of text."""
        return [TextOut.term()]

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Takes the buffer."""
        self._out = TextOut(out)

    def finding(self, finding: Finding) -> None:
        """Writes its line."""
        self._out.write(_JSON.encode(as_json(finding)) + "\n")

    def end(self, summary: Summary) -> None:
        """Gives away what is in the buffer."""
        self.drain()

    def drain(self) -> None:
        """The same, before there is a summary."""
        self._out.flush()


def as_json(finding: Finding) -> dict[str, Any]:
    """The finding as JSON has it; `new` only where there is a baseline."""
    found = finding.found
    value: dict[str, Any] = {
        "key": finding.key,
        "document": finding.document,
        "triple": finding.triple,
        "kind": finding.kind,
        "score": finding.score,
        "ranked_by": finding.ranked_by,
        "floor": finding.floor,
        "found": {
            "objects": found.objects,
            "objects_total": found.objects_total,
            "subjects": found.subjects,
            "subjects_total": found.subjects_total,
        },
        "where": _place(finding.where),
    }
    if finding.new is not None:
        value["new"] = finding.new
    value["reasons_total"] = finding.reasons_total
    file = None if finding.where is None else finding.where.file
    value["reasons"] = [_reason(one, file) for one in finding.reasons]
    value["message"] = finding.message
    return value


def _reason(reason: FindingReason, file: str | None) -> dict[str, Any]:
    return {
        "rule": reason.line,
        "rule_text": reason.text,
        "rank_confidence": reason.confidence,
        "witness": reason.witness,
        "where": [_place(one, file) for one in reason.where],
    }


def _place(place: Place | None, known: str | None = None) -> dict[str, Any] | None:
    """File, line and pointer; without the file where it is known."""
    if place is None:
        return None
    at: dict[str, Any] = {"line": place.line, "pointer": place.pointer}
    return at if place.file == known else {"file": place.file, **at}
