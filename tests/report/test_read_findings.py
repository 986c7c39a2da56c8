"""`findings.jsonl`: what is written of a finding is read of it again, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import InputError
from pff_stream.report.formats.findings import as_json
from pff_stream.report.found import FoundTotals
from pff_stream.report.read_findings import (
    NOT_OURS,
    FindingLines,
    finding_of,
    kept_finding,
    read_finding,
    read_kept_finding,
)
from pff_stream.report.result_lines import ResultLines
from pff_stream.report.streams import Finding
from tests.examples import examples
from tests.report.finding_cases import by_hand, findings, totals_of


@examples(150)
@given(finding=findings())
def test_inverse_of_writing(finding: Finding) -> None:
    """Every field comes back, and writes the same text again."""
    text = json.dumps(as_json(finding), ensure_ascii=False)
    again = finding_of(json.loads(text))
    assert again == finding
    assert json.dumps(as_json(again), ensure_ascii=False) == text


@examples(50)
@given(finding=findings(), by_object=st.booleans())
def test_kept_findings_come_back(finding: Finding, by_object: bool) -> None:
    """A run that is resumed shows what it had found, and how."""
    kept = json.dumps(kept_finding(replace(finding, by_object=by_object)))
    again = read_kept_finding(json.loads(kept))
    assert (again, again.by_object) == (finding, by_object)


def test_totals_come_back() -> None:
    """What a summary says of findings, without the findings themselves."""
    totals = FoundTotals(
        "exact/noisy-or/partial",
        floor=0.5,
        written=3,
        total=9,
        rules_in_force=4,
        confidence=0.75,
        is_all=False,
        without_value=2,
        not_looked_at=1,
        cut_by_max_disk=True,
        kinds={"conflict": 1, "absent": 2},
    )
    assert FoundTotals.from_json(totals.to_json()) == totals


def put(value: object, *path: str | int) -> Callable[[dict[str, Any]], None]:
    """Something else at a place."""

    def change(document: dict[str, Any]) -> None:
        at: Any = document
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return change


def gone(name: str) -> Callable[[dict[str, Any]], None]:
    """A field is missing."""
    return lambda document: document.pop(name)


@pytest.mark.parametrize(
    "change",
    [
        *map(gone, ("key", "document", "triple", "kind", "score", "ranked_by", "floor", "found")),
        *map(gone, ("where", "reasons_total", "reasons", "message")),
        put("0" * 15, "key"),
        put("G" * 16, "key"),
        put("0" * 16 + "\n", "key"),
        put(["a", "r"], "triple"),
        put(["a", "r", 1], "triple"),
        put("abc", "triple"),
        put("other", "kind"),
        put(True, "score"),
        put(float("nan"), "score"),
        put(1.5, "score"),
        put(-0.5, "floor"),
        put([], "found"),
        put(["a", "b"], "found", "objects"),
        put(-1, "found", "subjects_total"),
        put(True, "found", "objects_total"),
        put({"line": 3, "pointer": None}, "where"),
        put({"file": "x", "line": 0, "pointer": None}, "where"),
        put({"file": "x", "line": 1, "pointer": 5}, "where"),
        put("g.tsv:7", "where"),
        put([], "reasons"),
        put(0, "reasons_total"),
        put("2", "reasons_total"),
        put([], "reasons", 0),
        put(2.0, "reasons", 0, "rule"),
        put(None, "reasons", 0, "rule_text"),
        put(10**400, "reasons", 0, "rank_confidence"),
        put({}, "reasons", 0, "witness"),
        put([["a", "q"]], "reasons", 0, "witness"),
        put([None, None], "reasons", 0, "where"),
        put(1, "new"),
        put(None, "message"),
    ],
)
def test_what_no_run_wrote(change: Callable[[dict[str, Any]], None]) -> None:
    """A field that is missing, of another type, or cannot be meant."""
    document = json.loads(json.dumps(as_json(by_hand(0.5)[0])))
    finding_of(document)
    change(document)
    with pytest.raises(NOT_OURS):
        finding_of(document)


def lines_of(path: Path, written: list[Finding]) -> ResultLines:
    """A file with these findings."""
    path.write_text("".join(f"{json.dumps(as_json(finding))}\n" for finding in written))
    return ResultLines(str(path))


def test_by_document(tmp_path: Path) -> None:
    """The findings of several documents in one file, asked for one after another."""
    first, third = by_hand(0.5, 0.25, document="a"), by_hand(0.75, document="c")
    written = [*first, *third]
    lines = lines_of(tmp_path / "f", written)
    found = FindingLines(lines, totals_of(written))
    assert [list(found.of(name)) for name in "abc"] == [first, [], third]
    found.check()


@pytest.mark.parametrize(
    ("documents", "message"),
    [("ab", "f:3: found document 'c', expected a finding of a document of the run"),
     ("c", "f:1: found document 'a'")],
)  # fmt: skip
def test_documents_that_were_not_asked_for(documents: str, message: str, tmp_path: Path) -> None:
    """A file with findings of other documents, or in another order, is not of this run."""
    written = [*by_hand(0.5, 0.25, document="a"), *by_hand(0.75, document="c")]
    found = FindingLines(lines_of(tmp_path / "f", written), totals_of(written))
    for name in documents:
        list(found.of(name))
    with pytest.raises(InputError, match=message):
        found.check()


def test_order_and_counts(tmp_path: Path) -> None:
    """Findings come best first, ranked as the summary says, as many as it says."""
    path = tmp_path / "f"
    written = by_hand(0.25, 0.5)
    with pytest.raises(InputError, match="f:2: found score 0.5, expected 0.25 or less"):
        list(FindingLines(lines_of(path, written), totals_of(written)).of(""))
    other = totals_of(written)
    other.ranked_by = "exact/max/closed"
    with pytest.raises(InputError, match="f:1: found a finding ranked by 'miner/max/closed', exp"):
        list(FindingLines(lines_of(path, written), other).of(""))
    written = by_hand(0.5, 0.25)
    for expected, message in (
        (totals_of(written[:1]), "f:2: found 1 conflict and 1 absent, expected 1 conflict and 0 a"),
        (totals_of(by_hand(1, 1, 1)), "f:2: .* expected 2 conflict and 1 absent by summary.json"),
    ):
        found = FindingLines(lines_of(path, written), expected)
        assert list(found.of("")) == written
        with pytest.raises(InputError, match=message):
            found.check()
    with pytest.raises(InputError, match="ranked by 'miner/max/closed', expected None"):
        list(FindingLines(lines_of(path, written), None).of(""))


def test_lines_that_are_none(tmp_path: Path) -> None:
    """Whatever stands in a line that is no finding, the error names it."""
    path = tmp_path / "f"
    for text in ("", "5", "[]", "{}", "[" * 100_000, '{"key":NaN}', '{"a":"\\ud800"}', "\udcff"):
        path.write_bytes(text.encode("utf-8", "surrogateescape") + b"\n")
        lines = ResultLines(str(path))
        with pytest.raises(InputError, match=":1: found .* expected a finding as a run writes it"):
            read_finding(lines, next(lines))
