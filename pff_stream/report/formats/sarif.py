"""SARIF 2.1.0, which code hosts show beside the code: a result a finding, a rule a descriptor.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. A code host takes a file of
so many results and bytes and no more (GitHub: 25,000 results and rules, 10 MB packed; it shows
5,000): the best are written, and a notification says how many are not.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias
from urllib.parse import quote

from pff_stream.files.sources import STANDARD_INPUT, shown
from pff_stream.report.formats.bounded import BoundedWriter
from pff_stream.report.streams import Place
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.report.streams import Finding, FindingReason
    from pff_stream.report.summary import Summary

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LONGEST_RULE = 4096
"""Characters of a rule's text that are written."""
_MOST_PLACES = 10
"""Triples of a finding's witness that are written with their places."""

_NO_FILE = "triples"
"""Where a finding is whose place no input tells: GitHub takes no result without a location."""
_ALERT = "primaryLocationLineHash"
"""The one fingerprint by which GitHub knows a result again: two of a rule in a line are two."""

KeptResult: TypeAlias = "tuple[bytes, int, bytes]"
"""The result, and the line and the text of its rule, as JSON."""


class Sarif(BoundedWriter[KeptResult]):
    """The results first, as they are kept; then the tool with the rules that they name."""

    name: ClassVar[str] = "sarif"
    suffix: ClassVar[str] = ".sarif"
    most: ClassVar[int] = 5000
    most_bytes: ClassVar[int] = 8 << 20

    def kept(self, finding: Finding) -> tuple[KeptResult, int]:
        """Its result as JSON."""
        rule = finding.reasons[0]
        text = _JSON.encode(_result(finding)).encode("utf-8", "replace")
        described = _JSON.encode(rule.text[:_LONGEST_RULE]).encode("utf-8", "replace")
        return (text, rule.line, described), len(text) + len(described)

    def end(self, summary: Summary) -> None:
        """Everything."""
        write, rules = self._text.write, dict[int, bytes]()
        write(f'{{"$schema":{_JSON.encode(_SCHEMA)},"version":"2.1.0","runs":[{{"results":[')
        for number, (text, line, rule) in enumerate(self._best):
            write("," * bool(number) + "\n" + text.decode())
            rules[line] = rule
        driver = {
            "name": "pff-stream",
            "rules": [_descriptor(line, text) for line, text in sorted(rules.items())],
        }
        said = []
        if self._best.left_out:
            most = f"{counted(len(self._best), 'finding')} of {summary_total(summary):,}"
            said.append({"level": "note", "message": {"text": f"the best {most} are written here"}})
        run = {
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": said}],
        }
        write("\n]," + _JSON.encode(run)[1:] + "]}\n")
        self._text.flush()


def summary_total(summary: Summary) -> int:
    """Findings that the run has written."""
    found = summary.totals.findings
    return 0 if found is None else found.written


def _result(finding: Finding) -> dict[str, Any]:
    places = [
        (place, fact)
        for place, fact in zip(finding.reasons[0].where, finding.reasons[0].witness, strict=False)
        if place is not None
    ]
    key = f"{finding.document}/{finding.key}".lstrip("/")
    value: dict[str, Any] = {
        "ruleId": _rule_id(finding.reasons[0].line),
        "level": "warning",
        "message": {"text": _message(finding)},
        "locations": [_location(finding.where or Place(finding.document or _NO_FILE, 1, None))],
        "partialFingerprints": {"finding/v1": key, _ALERT: key},
        "rank": min(100.0, max(0.0, 100 * finding.score)),
        "relatedLocations": [
            {**_location(place), "id": number, "message": {"text": " ".join(fact)}}
            for number, (place, fact) in enumerate(places[:_MOST_PLACES])
        ],
        "properties": {
            "document": finding.document,
            "triple": finding.triple,
            "kind": finding.kind,
            "score": finding.score,
            "rankedBy": finding.ranked_by,
            "reasons": [_reason(one) for one in finding.reasons],
            "reasonsTotal": finding.reasons_total,
        },
    }
    if finding.new is not None:
        value["baselineState"] = "new" if finding.new else "unchanged"
    return value


def _message(finding: Finding) -> str:
    return f"{' '.join(finding.triple)}: {finding.message}"


def _reason(reason: FindingReason) -> dict[str, Any]:
    return {"ruleId": _rule_id(reason.line), "confidence": reason.confidence}


def _rule_id(line: int) -> str:
    return f"rule-{line}"


def _descriptor(line: int, text: bytes) -> dict[str, Any]:
    return {
        "id": _rule_id(line),
        "shortDescription": {"text": json.loads(text)},
        "defaultConfiguration": {"level": "warning"},
    }


def _location(place: Place) -> dict[str, Any]:
    value: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(place.file)},
            "region": {"startLine": place.line},
        }
    }
    if place.pointer is not None:
        value["logicalLocations"] = [{"fullyQualifiedName": place.pointer, "kind": "value"}]
    return value


def _uri(path: str) -> str:
    """Relative to where the run was made, as the path is; else of the file."""
    if path in (STANDARD_INPUT, shown(STANDARD_INPUT)):
        return "stdin"
    uri = quote(os.fsencode(path))
    return f"file://{uri}" if os.path.isabs(path) else uri
