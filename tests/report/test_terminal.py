"""Findings on a terminal: at every width, in colour or not, and nothing cut without a sign."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.cli import output
from pff_stream.report.found import FoundTotals
from pff_stream.report.message import message_of
from pff_stream.report.streams import Finding, FindingReason, Found, Place
from pff_stream.report.terminal import CUT, Span, finding_lines
from pff_stream.words import columns_of
from tests.examples import examples
from tests.report.finding_cases import RANKED_BY, by_hand, findings, totals_of

LONG = "a name of very many words that does not fit anywhere "


def lines_of(
    written: Sequence[Finding], width: int, labels: dict[str, str] | None = None
) -> list[str]:
    """The lines of these findings, without what follows them."""
    lines = finding_lines(totals_of(written), width, labels or {})
    texts = ["".join(span.text for span in line) for line in lines]
    return texts[:-2]


def in_document(**changes: Any) -> Finding:
    """A finding with places in a JSON document."""
    witness = (("a", "code", "FIBRA200"),)
    reason = FindingReason(
        8, "speed(X,200) <= code(X,FIBRA200)", witness, 0.985, (Place("c.json", 23, "/plan/code"),)
    )
    found = Finding(
        triple=("a", "speed", "200"),
        reasons=(reason,),
        score=0.985,
        ranked_by=RANKED_BY,
        found=Found(("50",), 1),
        where=Place("c.json", 25, "/plan/speed"),
        reasons_total=1,
        message="expected 200, found 50, because code is FIBRA200",
    )
    return replace(found, **changes)


@examples(60)
@given(st.lists(findings(), min_size=1, max_size=4), st.integers(80, 200))
def test_no_line_is_wider_than_the_terminal(written: list[Finding], width: int) -> None:
    """Whatever is in the names."""
    for line in lines_of(written, width):
        assert columns_of(line) <= width


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("long", [LONG * 9, "\u6f22\u5b57" * 150])
def test_what_is_cut_has_a_sign(long: str, width: int) -> None:
    """In every place where a name can be, of tables and of blocks; wide characters count twice."""
    triple = (long, long, long)
    reason = FindingReason(3, long, (triple,) * 7, 0.5, (Place(long, 9, long),) * 7)
    stands = Found((long,), 1)
    one = in_document(triple=triple, reasons=(reason,), found=stands, document=long)
    for where in (Place(long, 3, None), Place(long, 3, long)):
        for line in lines_of([replace(one, where=where, new=True)], width):
            assert columns_of(line) <= width
            is_title = line.lstrip().startswith("#")
            assert not line or is_title or CUT in line


def test_a_block() -> None:
    """As the documentation shows it."""
    found = totals_of([in_document(new=True)])
    assert found.rules_shown() == [8]
    found.bases = {8: 1324}
    texts = ["".join(span.text for span in line) for line in finding_lines(found, 80)]
    assert (
        texts[3]
        == "  rule 8  speed(X,200) <= code(X,FIBRA200)" + " " * 15 + "98.5 % of 1,324 (miner)"
    )
    assert lines_of([in_document(new=True)], 80) == [
        "c.json:25  /plan/speed" + " " * 55 + "NEW",
        "  expected 200, found 50",
        "  because  /plan/code = FIBRA200" + " " * 39 + "(line 23)",
        "  rule 8  speed(X,200) <= code(X,FIBRA200)" + " " * 24 + "98.5 % (miner)",
        "",
    ]


@pytest.mark.parametrize("total", [0, 1, 4])
@pytest.mark.parametrize("by_object", [True, False])
@pytest.mark.parametrize("is_single", [True, False])
def test_labels_stand_beside_ids(total: int, by_object: bool, is_single: bool) -> None:
    """In the sentence, too, whatever its form."""
    names = ("Q5", "Q6", "Q7")[:total]
    stands = Found(names, total, names, total)
    triple = ("Q1", "P1", "Q2")
    told = message_of(triple, stands, (), by_object=by_object, is_single=is_single)
    one = in_document(triple=triple, found=stands, by_object=by_object, message=told)
    assert lines_of([one], 200)[1] == f"  {told}"
    labels = {"Q1": "Ana", "Q2": "Bo", "Q5": "Cy", "FIBRA200": "fibre"}
    with_labels = lines_of([one], 200, labels)
    for name in (("Q1",) if by_object else ("Q2",)) + names[:1]:
        assert f"{name} ({labels[name]})" in with_labels[1]
    assert "FIBRA200 (fibre)" in with_labels[2]


def test_long_witnesses_have_a_sign() -> None:
    """The first triples, and that there are more."""
    reason = replace(in_document().reasons[0], witness=(("a", "b", "c"),) * 7, where=())
    lines = lines_of([in_document(reasons=(reason,))], 80)
    assert sum(line.endswith("a b = c") for line in lines) == 5
    assert f"           {CUT}" in lines


def test_tables_tell_documents_and_what_is_new() -> None:
    """Where there are any, in words: not by colour alone."""
    rows = lines_of(by_hand(0.9, 0.8), 80)
    assert rows[0] == "#  missing triple  rules   best  has instead"
    assert rows[1] == "1  a  r  b0            2  0.900  c"
    one, other = by_hand(0.9, 0.8, document="d1")
    rows = lines_of([replace(one, new=True), replace(other, new=False)], 80)
    assert rows[0] == "#  document  missing triple  rules   best  has instead"
    assert rows[1] == "1  d1        a  r  b0            2  0.900  c            NEW"
    assert rows[2] == "2  d1        a  r  b1            2  0.800  c"


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.mark.parametrize(
    ("environment", "is_terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour(
    environment: dict[str, str],
    is_terminal: bool,
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a terminal that allows it, and where it is asked for; the text is the same."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    output.say_spans(finding_lines(totals_of([in_document(new=True)]), 80))
    text = stream.getvalue()
    assert ("\x1b[1;31m" in text) is coloured
    assert "expected 200, found 50" in text


def test_nothing_found_is_said() -> None:
    """Only where there is something to say."""
    assert list(finding_lines(FoundTotals(RANKED_BY), 80)) == []
    without = FoundTotals("miner-pca/max/closed", without_value=2)
    (line,) = finding_lines(without, 80)
    assert line[0].text.endswith("2 violated rules without a confidence from 0 to 1 (miner-pca)")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_lines_are_folded_on_a_terminal(is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a comma, a colon or a semicolon, never within a path, and nothing is lost."""
    stream = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "24")
    text = (
        "results: /a long path/of names\n  2 rules: 1 satisfied, 日本語日本語日本 violated\nshort"
    )
    output.say(text, folds=True)
    output.say_spans([[Span("1 finding; 1,000 absent, 0 in conflict.")]])
    assert stream.getvalue().splitlines() == (
        [
            "results:",
            "  /a long path/of names",
            "  2 rules: 1 satisfied,",
            "    日本語日本語日本 violated",
            "short",
            "1 finding; 1,000 absent,",
            "  0 in conflict.",
        ]
        if is_terminal
        else [*text.splitlines(), "1 finding; 1,000 absent, 0 in conflict."]
    )
