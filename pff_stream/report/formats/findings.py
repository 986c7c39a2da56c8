"""`findings.jsonl`: a JSON object a finding, best first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pff_stream.report.formats.interface import ResultWriter
from pff_stream.report.text_out import TextOut

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink
    from pff_stream.report.streams import Finding, FindingReason, OutputSizes, Place, RunHeader
    from pff_stream.report.summary import Summary
    from planner.model import Term

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

_LINE_BYTES, _REASON_BYTES, _FACT_BYTES = 1000, 200, 80
"""Of a line, a reason and a triple of its witness, beside names: keys, numbers, signs."""
_NAMES = 30
"""In a line, its reasons not counted: the document, the triple, what is found, and the message."""


@dataclass(frozen=True, slots=True)
class NameSizes:
    """The longest of what may stand in a finding, in bytes."""

    entity_bytes: int
    relation_bytes: int
    text_bytes: int
    """Of a rule."""
    place_bytes: int
    """Of the name of an input, and of a pointer into it; 0: nobody tells where triples stand."""


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


def line_bytes(names: NameSizes, n_reasons: int, body_atoms: int) -> int:
    """What a line takes at most, escapes not counted: each name in it may be the longest."""
    # A head may have a name that the graph has not.
    longest = max(names.entity_bytes, names.relation_bytes, names.text_bytes)
    fact = 2 * names.entity_bytes + names.relation_bytes + _FACT_BYTES + names.place_bytes
    reason = _REASON_BYTES + names.text_bytes + body_atoms * fact
    return _LINE_BYTES + _NAMES * longest + 2 * names.place_bytes + n_reasons * reason


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
