"""The page of a report: well-formed, bounded, without anything that a name could bring to life."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import UsageError
from pff_stream.report.density import Density
from pff_stream.report.formats.html import Html
from pff_stream.report.outputs import report_outputs
from pff_stream.report.records import Counts, Outcome
from pff_stream.report.streams import Finding, MinerValues, RuleMetric, RunHeader
from tests.examples import examples
from tests.report.finding_cases import by_hand, findings
from tests.report.pages import Page
from tests.report.test_bounded_reports import Sink, hostile, report

pytest.importorskip("jinja2", reason="the extra `report` is not installed")


@examples(40)
@given(given_findings=st.lists(findings(), max_size=6))
def test_any_findings(given_findings: list[Finding]) -> None:
    """A row each, best first, with the score that it is sorted by."""
    page = Page(report(Html(), given_findings))
    rows = [row for tag, row in page.tags if tag == "tr" and "data-kind" in row]
    new = [row.get("class") == "new" for row in rows]
    assert len(rows) == len(given_findings)
    assert sum(new) == sum(one.new is True for one in given_findings)
    known = [one for one in given_findings if one.new is False]
    assert not any(new[len(rows) - len(known) :])


def test_hostile_names_do_nothing() -> None:
    """No script but the page's own, no handler, no link out, nothing that does not print."""
    page = Page(report(Html(), [hostile()], ["<img src=x onerror=alert(1)>"]))
    assert (page.count("script"), page.count("style"), page.count("img")) == (1, 1, 0)
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert attributes.get("href", "#")[:1] == "#" and "src" not in attributes  # type: ignore[index]
    assert "<script>" in page.text and "<img src=x" in page.text
    assert not [c for c in page.text if not c.isprintable() and c != "\n"]


@pytest.mark.thorough
def test_the_page_is_bounded() -> None:
    """However many and long the findings are; what is left out is said."""
    long = by_hand(*(n / 5000 for n in range(2500)))
    text = report(Html(), [*long, hostile()])
    assert len(text.encode()) < 5_000_000
    assert "501 more findings are not written here." in Page(text).text


@pytest.mark.thorough
@pytest.mark.parametrize("character", ["'", "\U000e0001"])
def test_the_page_is_bounded_whatever_names_are(character: str) -> None:
    """Names of 64 KiB, of what HTML escapes, and of what does not print."""
    long = character * (1 << 16)
    names = (long, long, long)
    found = []
    for one in by_hand(*(n / 100 for n in range(60))):
        reason = replace(one.reasons[0], text=long, witness=(names,) * 3)
        found.append(replace(one, triple=names, message=long, document=long, reasons=(reason,) * 3))
    relations = [replace(one, triple=(long, f"{n}{long}", long)) for n, one in enumerate(found)]
    text = report(Html(), [*found, *relations], [f"{n}{long}" for n in range(600)])
    assert len(text.encode()) < 5_000_000
    assert re.search(r"[0-9]+ more are not written here", Page(text).text)


def test_rules_are_drawn() -> None:
    """By outcome, by confidence and by head coverage."""
    writer, sink = Html(), Sink()
    writer.begin(RunHeader("object-identity", {}, {}), sink)
    for exact, mined in ((0.5, 0.5), (0.25, 0.75), (1.0, 0.999)):
        writer.metric(
            RuleMetric(
                line=1,
                outcome=Outcome.VIOLATED,
                reason="",
                counts=Counts(4, 2),
                confidence=exact,
                head_coverage=exact,
                miner=MinerValues(confidence=mined),
            )
        )
    density = writer._density
    assert (density.rules, density.below, density.above) == (3, 1, 1)
    assert "M50 49h1v1h-1z" in "".join(density.levels)
    assert "M99 0h1v1h-1z" in "".join(density.levels)
    assert sum(writer._coverage) == 3 and writer._coverage[9] == 1


def test_levels_of_density() -> None:
    """The darkest level has the fullest bin."""
    density = Density()
    for _ in range(1000):
        density.add(0.1, 0.1)
    density.add(0.9, 0.9)
    density.add(2.0, float("nan"))
    assert density.levels[-1] == "M10 89h1v1h-1z" and density.levels[0] == "M90 9h1v1h-1z"
    assert density.rules == 1001


def test_without_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line says what to install, before anything is read."""
    monkeypatch.delitem(sys.modules, "jinja2", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(UsageError, match=r"found no jinja2.*pip install 'pff-stream\[report\]'"):
        report_outputs(["page.html"])
