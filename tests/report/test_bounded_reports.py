"""Reports of a bounded size: whatever the findings, the form is what its readers expect."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.report.best import BestFindings
from pff_stream.report.formats import FORMS
from pff_stream.report.formats.github import GitHub
from pff_stream.report.formats.gitlab import GitLab
from pff_stream.report.formats.interface import ResultWriter
from pff_stream.report.formats.junit import JUnit
from pff_stream.report.formats.markdown import Markdown
from pff_stream.report.formats.sarif import Sarif
from pff_stream.report.records import Json
from pff_stream.report.streams import DocumentSummary, Finding, OutputSizes, Place, RunHeader
from pff_stream.report.summary import Summary
from pff_stream.report.totals import RunTotals
from tests.examples import examples
from tests.report.finding_cases import by_hand, findings, totals_of

HOSTILE = "a\x1b[31m\n\r\0::error::x,y:z%|<script>&\"'`]]>\u202e\udcff\ufffe"
JUNIT = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped"},
    "testcase": {"name", "classname"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": set(),
}
"""The elements and attributes of junit-10.xsd that are used."""
lists = st.lists(findings(), max_size=8)


class Sink:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: Any) -> None:
        """Takes it."""
        self.taken += data


def report(
    writer: ResultWriter, given: Sequence[Finding], failed: Sequence[str] = (), reason: str = ""
) -> str:
    """What the writer makes of a run with these findings and documents that failed."""
    sink, totals = Sink(), RunTotals()
    totals.findings = totals_of(given)
    writer.begin(RunHeader("object-identity", {}, {}), sink)
    for finding in given:
        writer.finding(finding)
    if "document" in writer.wants:
        for name in failed:
            writer.document(DocumentSummary(name, "failed", f"{name}: is no JSON"))
        writer.document(DocumentSummary("fine", "satisfied"))
    run: dict[str, Json] = {"exit_code": int(bool(reason)), "reason": reason}
    writer.end(Summary(totals, "object-identity", {}, {"triples": "00"}, run))
    return sink.taken.decode()


def hostile() -> Finding:
    """A finding whose every text does what it can."""
    (one,) = by_hand(0.5)
    reason = replace(one.reasons[0], text=HOSTILE, witness=((HOSTILE,) * 3,))
    where = Place(f"a b/{HOSTILE[:8]}#?.json", 7, "/a~1b")
    return replace(
        one,
        triple=(HOSTILE,) * 3,
        message=HOSTILE,
        document=HOSTILE,
        reasons=(reason,),
        where=where,
    )


@examples(60)
@given(given_findings=lists)
def test_sarif(given_findings: list[Finding]) -> None:
    """A result a finding, best first, each with a rule that is described."""
    value = json.loads(report(Sarif(), given_findings))
    (run,) = value["runs"]
    assert value["version"] == "2.1.0"
    assert len(run["results"]) == len(given_findings)
    described = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} == described
    ranks = [
        (result.get("baselineState") != "unchanged", result["rank"]) for result in run["results"]
    ]
    assert ranks == sorted(ranks, reverse=True)
    for result in run["results"]:
        assert result["message"]["text"] and result["partialFingerprints"]["finding/v1"]
        for location in (*result["locations"], *result["relatedLocations"]):
            physical = location["physicalLocation"]
            assert physical["region"]["startLine"] >= 1
            assert re.fullmatch(r"[\w/.~%-]+", physical["artifactLocation"]["uri"])


@examples(60)
@given(given_findings=lists, failed=st.lists(st.sampled_from(["a", HOSTILE]), max_size=2))
def test_junit(given_findings: list[Finding], failed: list[str]) -> None:
    """The counts of every suite are true, and nothing stands there that the form has not."""
    root = ET.fromstring(report(JUnit(), given_findings, failed))
    for element in root.iter():
        assert element.attrib.keys() <= JUNIT[element.tag]
    assert root.attrib["failures"] == str(len(given_findings))
    assert root.attrib["errors"] == str(len(failed))
    assert root.attrib["tests"] == str(len(root.findall("testsuite/testcase")))
    for suite in root:
        assert suite.attrib["tests"] == str(len(suite)) != "0"
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.attrib[count] == str(len(suite.findall(f"testcase/{tag}")))


@examples(60)
@given(given_findings=lists)
def test_gitlab(given_findings: list[Finding]) -> None:
    """Entries with all that is asked for."""
    entries = json.loads(report(GitLab(), given_findings))
    assert len(entries) == len(given_findings)
    for entry in entries:
        assert entry["description"] and entry["fingerprint"] and entry["check_name"]
        assert entry["severity"] in ("major", "minor")
        assert entry["location"]["path"] and entry["location"]["lines"]["begin"] >= 1


@examples(60)
@given(given_findings=lists)
def test_github(given_findings: list[Finding]) -> None:
    """A command a line, whatever stands in names and messages."""
    lines = report(GitHub(), given_findings).split("\n")
    assert lines.pop() == "" and len(lines) == len(given_findings)
    for line in lines:
        assert line.isprintable()
        assert re.match(r"::(error|warning|notice) (file=[^:,]+,line=\d+,)?title=[^:,]*::", line)


@pytest.mark.parametrize("form", [Sarif, JUnit, Markdown, GitHub, GitLab])
def test_hostile_names_do_nothing(form: type[ResultWriter]) -> None:
    """No control character, no markup and no second command."""
    text = report(form(), [hostile()], [HOSTILE])
    if form not in (Sarif, GitLab):  # JSON, whose readers show what it holds as they will
        assert not [c for c in text if not c.isprintable() and c != "\n"]
    if form in (JUnit, Markdown):
        assert "<script" not in text
    if form is Markdown:
        assert "&lt;script&gt;" in text and text.count("\n|") == 3
    if form is GitHub:
        assert text.count("\n") == 1


def test_what_does_not_fit_is_counted() -> None:
    """Of each form: the best are there, the others are counted."""
    many = by_hand(*(n / 100 for n in range(40)))
    text = report(GitHub(), many)
    assert text.count("::error ") == text.count("::warning ") == 10
    assert text.endswith("::notice title=pff-stream::20 more findings\n")
    assert "b39" in text and "b20," in text and "b19," not in text

    class FewResults(Sarif):
        most = 3

    (run,) = json.loads(report(FewResults(), many))["runs"]
    assert [result["properties"]["score"] for result in run["results"]] == [0.39, 0.38, 0.37]
    (said,) = run["invocations"][0]["toolExecutionNotifications"]
    assert said["message"]["text"] == "the best 3 findings of 40 are written here"

    class FewBytes(GitLab):
        most_bytes = 500

    entries = json.loads(report(FewBytes(), many))
    assert len(entries) == 3
    assert entries[-1]["description"] == "38 more findings, not written here"

    class FewRows(Markdown):
        most = 1

    text = report(FewRows(), many, ["gone"], reason="2 violations")
    assert text.startswith("# Failed: 2 violations\n")
    assert "39 more findings, not written here." in text and "gone\\: is no JSON" in text

    class FewTests(JUnit):
        most = 2

    root = ET.fromstring(report(FewTests(), many))
    assert [case.get("name") for case in root.findall("testsuite/testcase")][-1] == (
        "38 more findings, not written here"
    )


@examples(100)
@given(
    given_findings=st.lists(findings(), max_size=12),
    sizes=st.lists(st.integers(1, 40), min_size=12, max_size=12),
    most=st.integers(1, 6),
    most_bytes=st.integers(1, 100),
)
def test_best(given_findings: list[Finding], sizes: list[int], most: int, most_bytes: int) -> None:
    """Never more than was planned; best first; who is let go is not better than who is kept."""
    best = BestFindings[int](most, most_bytes)
    for number, finding in enumerate(given_findings):
        if best.wants(finding):
            best.take(finding, number, sizes[number])
        else:
            best.pass_over()
        assert len(best) <= most and sum(sizes[kept] for kept in best) <= most_bytes
    ranks = [(given_findings[n].new is not False, given_findings[n].score, -n) for n in best]
    assert ranks == sorted(ranks, reverse=True)
    assert best.left_out == len(given_findings) - len(best)
    if sum(sizes[: len(given_findings)]) <= most_bytes:
        everything = sorted(
            ((one.new is not False, one.score, -n) for n, one in enumerate(given_findings)),
            reverse=True,
        )
        assert ranks == everything[:most]


def test_memory_is_planned() -> None:
    """By every form."""
    for form in FORMS:
        assert sum(term.bytes for term in form.writer()().terms(OutputSizes(10, 3))) > 0
