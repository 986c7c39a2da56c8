"""Documents with their source: the lines of findings and of their reasons, marked, worst first.

Of each document the best findings are kept until it is through, and of the worst documents until
the page is written; a text is read when it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Any, NamedTuple

from pff_stream.files.sources import BLOCK_BYTES
from pff_stream.report.best import ENTRY_BYTES, BestFindings
from pff_stream.report.found import SHOWN_FACTS, as_shown
from pff_stream.report.message import some_of
from pff_stream.report.source import LARGEST_WINDOW_BYTES, MOST_DOCUMENT_BYTES
from planner.formula import given, least
from planner.model import Term

if TYPE_CHECKING:
    from pff_stream.report.source import Sources
    from pff_stream.report.streams import DocumentSummary, Finding, OutputSizes

MOST_DOCUMENTS = 10
_MOST_FINDINGS, _MOST_BYTES = 50, 256 << 10
"""Marked in a document, and the texts that are kept of them."""
_WHOLE_LINES = 200
"""A text of so many lines is shown whole; of a longer one the marked lines with what is around."""
_AROUND = 2
_LONGEST_LINE = 400
_MOST_NOTES = 5
_TEXT_COPIES = 4
"""How often the texts of a finding that is kept are counted."""
_BLOCK_COPIES = 4
"""Of a block that lines are read from."""
_MARKED_BYTES = 2 << 20
"""Lines that are marked, those around them, and the places that are looked up again."""
_COPIES = 5
"""Of a document that is read again: its blocks, its text, and what is known of its keys."""


class Note(NamedTuple):
    """What is said of a line."""

    finding: Finding | None
    """That which is expected there; None: the line is a reason."""
    said: str = ""
    """What is found in its place; of a reason what it says."""
    links: Sequence[tuple[str, str]] = ()
    """Facts of the reason, or what is expected because of this one; and where that stands."""


class Line(NamedTuple):
    """A line of a text, or a gap where `number` is 0."""

    number: int
    anchor: str = ""
    text: str = ""
    notes: Sequence[Note] = ()
    more: int = 0
    """Notes that are not shown."""


class _Document(NamedTuple):
    """The worst compare highest: by violations, then what came earlier."""

    violations: int
    before: int
    summary: DocumentSummary
    findings: list[Finding]


class MarkedDocuments:
    """Keeps the worst documents with their best findings."""

    def __init__(self) -> None:
        self._documents: list[_Document] = []
        self._n = 0
        self._restart()

    @staticmethod
    def terms(sizes: OutputSizes) -> list[Term]:
        """What is kept, and what reading a text again takes; nothing where there is no text."""
        if sizes.source_bytes == 0:
            return []
        n = sizes.findings_of(_MOST_FINDINGS)
        each = given("texts", sizes.texts_of(n, _TEXT_COPIES, _MOST_BYTES)) + given(
            "findings", n
        ) * given("entry", ENTRY_BYTES)
        kept = (given("documents", min(MOST_DOCUMENTS, sizes.documents)) + 1) * each
        return [
            Term.of("documents shown", kept, "constants of the code", at_most=True),
            _source_term(sizes),
        ]

    def finding(self, finding: Finding) -> None:
        """Takes a finding of the document at hand."""
        if finding.where is None and not any(finding.reasons[0].where):
            return
        if self._best.wants(finding):
            kept = as_shown(finding, SHOWN_FACTS)
            self._best.take(finding, kept, _text_bytes(kept))
        else:
            self._best.pass_over()

    def document(self, document: DocumentSummary) -> None:
        """Its findings are through."""
        found = list(self._best)
        self._restart()
        if found:
            one = _Document(document.violations, -self._n, document, found)
            full = len(self._documents) >= MOST_DOCUMENTS
            (heappushpop if full else heappush)(self._documents, one)
            self._n += 1

    def _restart(self) -> None:
        self._best: BestFindings[Finding] = BestFindings(_MOST_FINDINGS, _MOST_BYTES)

    @property
    def left_out(self) -> int:
        """Documents with findings that are not kept."""
        return self._n - len(self._documents)

    def shown(self, sources: Sources) -> Iterator[dict[str, Any]]:
        """The documents, worst first, each as its template takes it; a text is read in turn."""
        for number, one in enumerate(sorted(self._documents, reverse=True), 1):
            source = sources.of(one.summary, one.findings)
            files = []
            if not source.why_not:
                notes = _notes(one.findings, f"source-{number}", list(source.files))
                files = [
                    {"name": name, "lines": _lines(source.read(path), notes[name])}
                    for name, path in source.files.items()
                ]
            yield {
                "anchor": f"source-{number}",
                "name": one.summary.name or next(iter(source.files), "triples"),
                "findings": len(one.findings),
                "why_not": source.why_not,
                "files": files,
            }


class _Notes:
    """What is said of the lines of one file, and their anchors."""

    def __init__(self, start: str) -> None:
        self._start = start
        self.of: dict[int, list[Note]] = {}

    def anchor(self, line: int) -> str:
        """Of a marked line."""
        return f"{self._start}-{line}"

    def add(self, line: int, note: Note) -> None:
        """Says more of a line."""
        self.of.setdefault(line, []).append(note)


def _notes(findings: Sequence[Finding], start: str, files: Sequence[str]) -> dict[str, _Notes]:
    notes = {name: _Notes(f"{start}-{number}") for number, name in enumerate(files, 1)}
    for one in findings:
        reason, facts = one.reasons[0], []
        here = "" if one.where is None else notes[one.where.file].anchor(one.where.line)
        for names, place in zip(reason.witness, reason.where, strict=False):
            text = " ".join(names)
            anchor = "" if place is None else notes[place.file].anchor(place.line)
            facts.append((text, anchor))
            if place is not None:
                because = Note(None, text, [(" ".join(one.triple), here)])
                notes[place.file].add(place.line, because)
        if one.where is not None:
            notes[one.where.file].add(one.where.line, Note(one, _found(one), facts))
    return notes


def _found(finding: Finding) -> str:
    """What stands in its place, as its message has it."""
    stands, subject = finding.found, f"subject {finding.triple[0]}"
    if finding.message.startswith((f"missing {subject}", f"expected {subject}")):
        values, total = stands.subjects, stands.subjects_total
    else:
        values, total = stands.objects, stands.objects_total
    return some_of(values, total) if total else "nothing"


def _lines(blocks: Iterator[bytes], notes: _Notes) -> list[Line]:
    """The text, whole where it is short, else around what is marked."""
    marked = notes.of
    near = {line + n for line in marked for n in range(-_AROUND, _AROUND + 1)}
    kept: dict[int, str] = {}
    number = 0
    for number, line in enumerate(_split(blocks), 1):
        if number <= _WHOLE_LINES or number in near:
            kept[number] = line[: 4 * _LONGEST_LINE].decode("utf-8", "surrogateescape")
    shown = sorted(kept if number <= _WHOLE_LINES else near & kept.keys())
    lines, before = list[Line](), 0
    for at in shown:
        if at != before + 1:
            lines.append(Line(0))
        said = marked.get(at, [])
        said.sort(key=lambda note: note.finding is None)
        anchor = notes.anchor(at) if said else ""
        text = kept[at]
        text = text if len(text) <= _LONGEST_LINE else text[: _LONGEST_LINE - 1] + "…"
        more = max(0, len(said) - _MOST_NOTES)
        lines.append(Line(at, anchor, text, said[:_MOST_NOTES], more))
        before = at
    if before < number:
        lines.append(Line(0))
    return lines


def _split(blocks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
    if rest:
        yield rest


def _text_bytes(finding: Finding) -> int:
    reason = finding.reasons[0]
    texts = [finding.message, *finding.triple, *finding.found.objects, *finding.found.subjects]
    texts += [reason.text, *(name for fact in reason.witness for name in fact)]
    return 4 * sum(map(len, texts))


def source_bytes(text_bytes: int) -> int:
    """What reading a text of so many bytes again takes, where it is not packed."""
    return _COPIES * min(text_bytes, MOST_DOCUMENT_BYTES) + _BLOCK_COPIES * BLOCK_BYTES


def _source_term(sizes: OutputSizes) -> Term:
    """What reading a source again takes."""
    held = _COPIES * given("document", MOST_DOCUMENT_BYTES) + given("window", LARGEST_WINDOW_BYTES)
    if sizes.source_bytes is not None:
        held = least(held, given("source", sizes.source_bytes))
    held += given("marked", _MARKED_BYTES)
    return Term.of("source read again", held, "constants of the code", at_most=True)
