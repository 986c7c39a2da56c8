"""Documents with their source: which lines are shown and marked, and how much of it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.report.formats.html import Html
from pff_stream.report.formats.marked import MOST_DOCUMENTS, MarkedDocuments
from pff_stream.report.source import NoSources, Source, Sources
from pff_stream.report.streams import DocumentSummary, Finding, RunHeader
from pff_stream.report.summary import Summary
from pff_stream.report.totals import RunTotals
from tests.examples import examples
from tests.report.finding_cases import by_hand, findings
from tests.report.pages import Page
from tests.report.test_bounded_reports import HOSTILE, Sink, hostile

pytest.importorskip("jinja2", reason="the extra `report` is not installed")


class Texts(Sources):
    """Gives every file the same text."""

    def __init__(self, text: bytes, block: int = 7) -> None:
        self._blocks = [text[at : at + block] for at in range(0, len(text), block)]

    def of(self, document: DocumentSummary, marks: Sequence[Finding]) -> Source:
        """The text under each name that is marked."""
        places = [place for one in marks for place in (one.where, *one.reasons[0].where)]
        files = {one.file: one.file for one in places if one is not None}
        return Source("", files, self._read)

    def _read(self, path: str) -> Iterator[bytes]:
        return iter(self._blocks)


def numbered(n: int) -> bytes:
    """A text of so many lines."""
    return b"".join(b"line %d\n" % line for line in range(1, n + 1))


def lines_of(given_findings: Sequence[Finding], text: bytes) -> list[tuple[int, str, int]]:
    """Number, text and notes of the lines that are shown of the first file."""
    marked = MarkedDocuments()
    for finding in given_findings:
        marked.finding(finding)
    marked.document(DocumentSummary("", "violated"))
    (shown,) = marked.shown(Texts(text))
    return [(one.number, one.text, len(one.notes) + one.more) for one in shown["files"][0]["lines"]]


def test_a_short_text_is_shown_whole() -> None:
    """The finding stands in line 7, its reason in line 3."""
    lines = lines_of(by_hand(0.9, 0.8), numbered(9).replace(b"\n", b"\r\n"))
    assert [one[:2] for one in lines] == [(n, f"line {n}") for n in range(1, 10)]
    assert [number for number, _, notes in lines if notes == 2] == [3, 7]


def test_a_long_text_is_shown_around_its_marks() -> None:
    """Two lines before and behind; gaps are told, at the end, too."""
    lines = lines_of(by_hand(0.9), numbered(1000))
    assert [number for number, *_ in lines] == [*range(1, 10), 0]
    one = by_hand(0.9)[0]
    assert one.where is not None
    lines = lines_of([replace(one, where=one.where._replace(line=999))], numbered(1000))
    assert [number for number, *_ in lines] == [1, 2, 3, 4, 5, 0, 997, 998, 999, 1000]
    ((_, text, _),) = lines_of([replace(one, where=None)], b"x" * 5000)
    assert len(text) == 400 and text.endswith("…")


@examples(30)
@given(given_findings=st.lists(findings(), max_size=6), n=st.integers(0, 300))
def test_any_findings_in_any_text(given_findings: list[Finding], n: int) -> None:
    """A page is made, wherever places are; links lead to lines that are there or to none."""
    marked = MarkedDocuments()
    for finding in given_findings:
        marked.finding(finding)
    marked.document(DocumentSummary("", "violated"))
    for document in marked.shown(Texts(numbered(n))):
        for file in document["files"]:
            numbers = [line.number for line in file["lines"] if line.number]
            assert numbers == sorted(set(numbers)) and set(numbers) <= set(range(1, n + 1))


def test_the_worst_documents() -> None:
    """As many as are shown; the others are counted."""
    marked = MarkedDocuments()
    for number in range(MOST_DOCUMENTS + 3):
        marked.finding(by_hand(0.5, document=f"d{number}")[0])
        marked.document(DocumentSummary(f"d{number}", "violated", violations=number % 7))
    marked.document(DocumentSummary("without findings", "violated", violations=99))
    shown = list(marked.shown(NoSources()))
    assert [one["name"] for one in shown[:4]] == ["d6", "d5", "d12", "d4"]
    assert len(shown) == MOST_DOCUMENTS and marked.left_out == 3
    assert shown[0]["why_not"] == "it is not known where the text is"


def page(text: bytes, given_findings: Sequence[Finding]) -> Page:
    """What an HTML report makes of it."""
    writer, sink = Html(), Sink()
    writer.begin(RunHeader("object-identity", {}, {}, sources=Texts(text, 1 << 16)), sink)
    for finding in given_findings:
        writer.finding(finding)
    writer.document(DocumentSummary("", "violated", violations=1))
    writer.end(Summary(RunTotals(), "object-identity", {}, {}, {}))
    assert len(sink.taken) < 5_000_000
    return Page(sink.taken.decode())


def test_hostile_texts_do_nothing() -> None:
    """A text is data like any name."""
    line = HOSTILE.replace("\n", "").encode("utf-8", "surrogateescape") + b"\n"
    found = page(line * 9, [hostile(), *by_hand(0.9)])
    assert (found.count("script"), found.count("style")) == (1, 1)
    assert not [c for c in found.text if not c.isprintable() and c != "\n"]
    anchors = {attributes["id"] for _, attributes in found.tags if "id" in attributes}
    links = [str(attributes["href"]) for tag, attributes in found.tags if tag == "a"]
    assert len(links) >= 3 and {link[1:] for link in links} <= anchors
