"""Reads `findings.jsonl` back: the record of every finding, in order, each field checked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pff_stream.report.formats.findings import as_json
from pff_stream.report.found import FoundTotals
from pff_stream.report.records import Names
from pff_stream.report.result_lines import ResultLines, shown
from pff_stream.report.streams import KINDS, Finding, FindingReason, Found, Place

NOT_OURS = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What reading JSON ends with that no run wrote."""
_KEY = re.compile("[0-9a-f]{16}", re.ASCII)


class FindingLines:
    """The findings of all documents of a run, one by one, in the order of the documents."""

    def __init__(self, lines: ResultLines, expected: FoundTotals | None) -> None:
        """`expected` is what the summary says; None: no findings were looked for."""
        self._lines = lines
        self._expected = expected
        self._read = self._findings()
        self._next: Finding | None = None
        self._is_begun = False
        self._kinds = dict.fromkeys(KINDS, 0)

    def of(self, document: str) -> Iterator[Finding]:
        """Those of a document, the best first; all documents before it have been asked for.

        Of one graph, which has no name: all, whatever its file was called.
        """
        if not self._is_begun:
            self._is_begun = True
            self._next = next(self._read, None)
        if not document and self._next is not None:
            document = self._next.document
        score = math.inf
        while (finding := self._next) is not None and finding.document == document:
            if finding.score > score:
                raise self._lines.error(f"score {finding.score!r}", f"{score!r} or less")
            score = finding.score
            yield finding
            self._next = next(self._read, None)

    def check(self) -> None:
        """`InputError` unless all were read, and they are those that the summary counts."""
        if not self._is_begun:
            return
        if self._next is not None:
            expected = "a finding of a document of the run, behind those of the document before"
            raise self._lines.error(f"document {shown(self._next.document)}", expected)
        expected_kinds = dict.fromkeys(KINDS, 0)
        if self._expected is not None:
            expected_kinds = self._expected.kinds
        if self._kinds != expected_kinds:
            counts = " and ".join(f"{n} {kind}" for kind, n in self._kinds.items())
            by_summary = " and ".join(f"{n} {kind}" for kind, n in expected_kinds.items())
            raise self._lines.error(counts, f"{by_summary} by summary.json")

    def _findings(self) -> Iterator[Finding]:
        for text in self._lines:
            finding = read_finding(self._lines, text)
            ranked_by = None if self._expected is None else self._expected.ranked_by
            if finding.ranked_by != ranked_by:
                raise self._lines.error(
                    f"a finding ranked by {shown(finding.ranked_by)}",
                    f"{ranked_by} by summary.json",
                )
            self._kinds[finding.kind] += 1
            yield finding


def read_finding(lines: ResultLines, text: str) -> Finding:
    """The finding of the present line; `InputError` where no run wrote it."""
    try:
        return finding_of(decoded(text))
    except NOT_OURS:
        raise lines.error(shown(text), "a finding as a run writes it") from None


def finding_of(value: dict[str, Any]) -> Finding:
    """The finding that `formats.findings.as_json` made this of.

    Raises KeyError, TypeError or ValueError for anything else. `by_object` is not told.
    """
    found, place = checked(value["found"], dict), value["where"]
    where = None if place is None else _place(place)
    file = None if where is None else where.file
    reasons = tuple(_reason(one, file) for one in checked(value["reasons"], list))
    finding = Finding(
        triple=names(value["triple"]),
        reasons=reasons,
        document=checked(value["document"], str),
        key=checked(value["key"], str),
        kind=checked(value["kind"], str),
        score=_share(value["score"]),
        ranked_by=checked(value["ranked_by"], str),
        floor=None if value["floor"] is None else _share(value["floor"]),
        found=Found(
            objects=_texts(found["objects"]),
            objects_total=_count(found["objects_total"]),
            subjects=_texts(found["subjects"]),
            subjects_total=_count(found["subjects_total"]),
        ),
        where=where,
        reasons_total=_count(value["reasons_total"]),
        message=checked(value["message"], str),
        new=None if "new" not in value else checked(value["new"], bool),
    )
    if finding.kind not in KINDS or _KEY.fullmatch(finding.key) is None:
        raise ValueError
    if not 1 <= len(reasons) <= finding.reasons_total:
        raise ValueError
    stands = finding.found
    if len(stands.objects) > stands.objects_total or len(stands.subjects) > stands.subjects_total:
        raise ValueError
    return finding


def kept_finding(finding: Finding) -> dict[str, Any]:
    """All of a finding as JSON has it, what no file of results tells, too."""
    return {"finding": as_json(finding), "by_object": finding.by_object}


def read_kept_finding(value: Any) -> Finding:
    """What `kept_finding` gave; KeyError, TypeError or ValueError where it did not."""
    by_object = checked(checked(value, dict)["by_object"], bool)
    return replace(finding_of(value["finding"]), by_object=by_object)


def _reason(value: Any, file: str | None) -> FindingReason:
    """`file` is where its places are that name no other one."""
    reason = checked(value, dict)
    witness = tuple(names(triple) for triple in checked(reason["witness"], list))
    places = checked(reason["where"], list)
    if places and len(places) != len(witness):
        raise ValueError
    return FindingReason(
        line=_count(reason["rule"]),
        text=checked(reason["rule_text"], str),
        witness=witness,
        confidence=_share(reason["rank_confidence"]),
        where=tuple(None if one is None else _place(one, file) for one in places),
    )


def _place(value: Any, file: str | None = None) -> Place:
    place = checked(value, dict)
    line, pointer = _count(place["line"]), checked(place["pointer"], str, type(None))
    if line < 1:
        raise ValueError
    return Place(checked(place.get("file", file), str), line, pointer)


# --- of JSON -----------------------------------------------------------------------------------


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def decoded(text: str) -> dict[str, Any]:
    """The object of a line; one of `NOT_OURS` where it is none."""
    found: dict[str, Any] = checked(_DECODER.decode(text), dict)
    return found


def checked(value: Any, *kinds: type) -> Any:
    """The value, of exactly one of these types; TypeError for any other."""
    if type(value) not in kinds:  # exactly: a bool is no number here
        raise TypeError
    return value


def names(value: Any) -> Names:
    """Three texts; TypeError or ValueError for anything else."""
    subject, relation, object_ = _texts(value)
    return subject, relation, object_


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(checked(one, str) for one in checked(value, list))


def _count(value: Any) -> int:
    found: int = checked(value, int)
    if found < 0:
        raise ValueError
    return found


def _share(value: Any) -> float:
    """A number from 0 to 1."""
    found = float(checked(value, float, int))
    if not 0 <= found <= 1:
        raise ValueError
    return found
