"""What reports are planned to hold follows from what is known of a run, and is never less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.pipeline.reports import findings_of
from pff_stream.report.formats import FORMS
from pff_stream.report.formats.findings import NameSizes, as_json, line_bytes
from pff_stream.report.message import message_of
from pff_stream.report.outputs import report_outputs, report_terms
from pff_stream.report.streams import Finding, Found, OutputSizes
from tests.examples import examples
from tests.report.finding_cases import findings

KNOWN = OutputSizes(4000, findings=20, line_bytes=4000, text_bytes=100, source_bytes=100_000)


def _texts(value: object) -> int:
    """Bytes of all texts and numbers in a value, with the signs around them."""
    if isinstance(value, dict):
        return 2 + sum(len(key) + 4 + _texts(one) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return 2 + sum(1 + _texts(one) for one in value)
    text = value if isinstance(value, str) else str(value)
    return len(text.encode("utf-8", "surrogateescape")) + 2


@given(findings(), st.booleans())
@examples(100)
def test_lines_are_no_longer_than_told(finding: Finding, is_single: bool) -> None:
    """Of names, texts and places that are no longer than the longest."""

    def longest(*texts: str) -> int:
        return max((len(text.encode("utf-8", "surrogateescape")) for text in texts), default=0)

    reasons = [replace(one, where=one.where[: len(one.witness)]) for one in finding.reasons]
    objects, subjects = finding.found.objects, finding.found.subjects
    found = Found(objects, len(objects), subjects, len(subjects))
    said = message_of(
        finding.triple,
        found,
        reasons[0].witness,
        by_object=finding.by_object,
        is_single=is_single,
    )
    finding = replace(finding, reasons=tuple(reasons), found=found, message=said)
    facts = [fact for one in reasons for fact in one.witness]
    places = [finding.where, *(place for one in reasons for place in one.where)]
    stands = (*objects, *subjects)
    names = NameSizes(
        longest(*(name for fact in facts for name in (fact[0], fact[2])), *stands, *finding.triple),
        longest(finding.triple[1], *(fact[1] for fact in facts)),
        longest(*(one.text for one in reasons)),
        longest(*(one.file + (one.pointer or "") for one in places if one), finding.document),
    )
    most = line_bytes(names, len(reasons), max(len(one.witness) for one in reasons))
    assert _texts(as_json(finding)) <= most


@pytest.mark.parametrize("form", [form.name for form in FORMS])
def test_few_findings_take_less(form: str) -> None:
    """What is known makes every report smaller, and what is not known none."""
    pytest.importorskip("jinja2")
    pytest.importorskip("pyarrow")
    reports = report_outputs([f"{form}=report" + ".parquet" * form.startswith("parquet")])
    known, unknown = (
        sum(term.bytes for term in report_terms(reports, sizes))
        for sizes in (KNOWN, OutputSizes(4000))
    )
    assert known < unknown
    assert known <= sum(term.bytes for term in report_terms(reports, replace(KNOWN, findings=21)))


def test_a_page_of_a_small_graph_is_planned_small() -> None:
    """Beside its library there is hardly anything."""
    pytest.importorskip("jinja2")
    reports = report_outputs(["page.html"])
    assert sum(term.bytes for term in report_terms(reports, KNOWN)) < 16 << 20
    without = replace(KNOWN, source_bytes=0)
    assert sum(term.bytes for term in report_terms(reports, without)) < 10 << 20


@pytest.mark.parametrize("lines", [[], ["{}"], ["{}", "{" + "x" * 600_000 + "}", "{}"]])
def test_longest_line_of_a_folder(tmp_path: Path, lines: list[str]) -> None:
    """It is looked for block by block; a folder without findings says nothing."""
    assert findings_of(str(tmp_path)) == {}
    text = "".join(f"{line}\n" for line in lines)
    (tmp_path / "findings.jsonl").write_text(text, encoding="utf-8")
    longest = max((len(line) for line in lines), default=0) + 1
    assert findings_of(str(tmp_path)) == {"line_bytes": longest, "findings_bytes": len(text)}
