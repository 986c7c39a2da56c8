"""One HTML file for people: verdict, documents, findings, rules, what was not checked, memory.

It loads nothing, and is read without its script, too. Names come from anywhere: Jinja2 escapes
every one of them (https://jinja.palletsprojects.com), and what does not print is shown as escapes.
"""

from __future__ import annotations

from collections import Counter
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pff_stream.report.best import ENTRY_BYTES
from pff_stream.report.density import Density
from pff_stream.report.formats.bounded import BoundedWriter
from pff_stream.report.formats.marked import MarkedDocuments
from pff_stream.report.page import PAGES, check_templates, safe, style, templates
from pff_stream.report.records import Outcome
from pff_stream.report.summary import summary_lines, visible
from pff_stream.words import counted
from planner.formula import given
from planner.model import Term
from planner.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pff_stream.files.writers import ByteSink
    from pff_stream.report.streams import (
        DocumentSummary,
        Finding,
        OutputSizes,
        RuleMetric,
        RunHeader,
    )
    from pff_stream.report.summary import Summary

_MOST_DOCUMENTS, _LONGEST_REASON = 500, 500
_MOST_RELATIONS, _SHOWN_RELATIONS = 10_000, 40
_COVERAGES = 10
_SOURCES_BYTES, _DOCUMENTS_BYTES = 1_000_000, 600_000
_ROW_BYTES = 300
"""Of a row of a document, beside its texts."""
_RELATION_BYTES = 512
"""A relation that is counted, with its name."""
_LIBRARY_BYTES = 9 << 19
"""Jinja2 with the compiled page."""
_DOCUMENT_COPIES, _SOURCE_COPIES = 4, 2
"""Of what a page shows of documents: texts of up to four bytes a character. Of their sources: as
bytes, and that which is written."""


class _Document(NamedTuple):
    """A row; the worst compare highest: those that failed, then by violations."""

    failed: bool
    violations: int
    before: int
    name: str
    outcome: str
    rules: int
    reason: str


class Html(BoundedWriter[bytes]):
    """A page of at most 5 MB."""

    name: ClassVar[str] = "html"
    suffix: ClassVar[str] = ".html"
    wants: ClassVar[frozenset[str]] = frozenset({"finding", "metric", "document"})
    most: ClassVar[int] = 2000
    most_bytes: ClassVar[int] = 2_400_000

    def __init__(self) -> None:
        """`UsageError` without Jinja2."""
        check_templates()

    def terms(self, sizes: OutputSizes) -> list[Term]:
        """What is kept, and the library that makes the page."""
        kept = given("documents", min(_MOST_DOCUMENTS, sizes.documents))
        # No more relations than findings.
        n_relations = given("relations", sizes.findings_of(_MOST_RELATIONS))
        held = kept * given("each", ENTRY_BYTES) + n_relations * given("relation", _RELATION_BYTES)
        page = _DOCUMENT_COPIES * given("documents", _DOCUMENTS_BYTES * (sizes.documents > 1))
        page += _SOURCE_COPIES * given("sources", _SOURCES_BYTES * (sizes.source_bytes != 0))
        source = "constants of the code"
        return [
            *super().terms(sizes),
            Term.of("documents and relations", held, source, at_most=True),
            *MarkedDocuments.terms(sizes),
            Term.of("page", given("library", _LIBRARY_BYTES) + page, source, at_most=True),
        ]

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Nothing is written yet."""
        super().begin(header, out)
        self._templates = templates()
        self._row = self._templates.get_template("row.html")
        self._sources = header.sources
        self._marked = MarkedDocuments()
        self._documents: list[_Document] = []
        self._n_documents = 0
        self._relations: Counter[str] = Counter()
        self._relations_left = 0
        self._density = Density()
        self._coverage = [0] * _COVERAGES

    def kept(self, finding: Finding) -> tuple[bytes, int]:
        """Its row: bytes, for one letter may make a text four times as large."""
        row = self._row.render(one=finding).encode()
        return row, len(row)

    def finding(self, finding: Finding) -> None:
        """Keeps it, as long as it is among the best, and counts its relation."""
        super().finding(finding)
        self._marked.finding(finding)
        relation = finding.triple[1]
        if relation in self._relations or len(self._relations) < _MOST_RELATIONS:
            self._relations[relation] += 1
        else:
            self._relations_left += 1

    def metric(self, metric: RuleMetric) -> None:
        """Counts its confidences and its head coverage."""
        if metric.confidence is not None and metric.miner.confidence is not None:
            self._density.add(metric.miner.confidence, metric.confidence)
        if metric.head_coverage is not None:
            place = int(metric.head_coverage * _COVERAGES)
            self._coverage[min(max(0, place), _COVERAGES - 1)] += 1

    def document(self, document: DocumentSummary) -> None:
        """Keeps it, as long as it is among the worst."""
        self._marked.document(document)
        if not document.name:
            return
        row = _Document(
            document.outcome == "failed",
            document.violations,
            -self._n_documents,
            document.name,
            document.outcome,
            document.violated_rules,
            document.reason[:_LONGEST_REASON],
        )
        self._n_documents += 1
        full = len(self._documents) >= _MOST_DOCUMENTS
        (heappushpop if full else heappush)(self._documents, row)

    def end(self, summary: Summary) -> None:
        """Everything."""
        page = self._templates.get_template("page.html")
        found, documents = summary.totals.findings, _worst(self._documents)
        reason = str(summary.run.get("reason") or "")
        told = {
            "verdict": f"Failed: {reason}" if reason else "Passed",
            "failed": bool(reason),
            "lines": _lines(summary),
            "documents": documents,
            "documents_left": self._n_documents - len(documents),
            **self._shown_sources(),
            "has_rows": len(self._best) > 0,
            "rows": (safe(row.decode()) for row in self._best),
            "left_out": self._best.left_out,
            "has_baseline": found is not None and found.gone is not None,
            "no_findings": "Nobody looked for findings." if found is None else "None.",
            "density": self._density,
            "coverage": self._coverages(),
            "outcomes": _bars(
                (outcome.word, summary.totals.rules.count(outcome)) for outcome in Outcome
            ),
            "relations": _bars(self._relations.most_common(_SHOWN_RELATIONS)),
            "relations_left": max(0, len(self._relations) - _SHOWN_RELATIONS),
            "unchecked": _unchecked(summary),
            "notes": [str(note) for note in summary.notes],
            **_memory(summary),
            "facts": _facts(summary),
            "style": style(),
            "script": safe((PAGES / "page.js").read_text(encoding="utf-8")),
        }
        for piece in page.generate(told):
            self._text.write(piece)
        self._text.flush()

    def _shown_sources(self) -> dict[str, Any]:
        """Documents with their source, worst first, as long as there is room."""
        template, pieces = self._templates.get_template("source.html"), list[bytes]()
        left, room, anchors = self._marked.left_out, _SOURCES_BYTES, dict[str, str]()
        for one in self._marked.shown(self._sources):
            piece = template.render(one=one, first=not pieces).encode()
            room -= len(piece)
            if room < 0:
                left += 1
            else:
                pieces.append(piece)
                anchors.setdefault(one["name"], one["anchor"])
        shown = (safe(piece.decode()) for piece in pieces)
        return {
            "has_sources": bool(pieces),
            "sources": shown,
            "sources_left": left,
            "anchors": anchors,
        }

    def _coverages(self) -> list[dict[str, Any]]:
        if not any(self._coverage):
            return []
        return _bars(
            (f"{place / _COVERAGES:.1f} to {(place + 1) / _COVERAGES:.1f}", count)
            for place, count in enumerate(self._coverage)
        )


def _worst(documents: list[_Document]) -> list[_Document]:
    """The worst first, as many as there is room for."""
    from markupsafe import escape

    worst, room = list[_Document](), _DOCUMENTS_BYTES
    for one in sorted(documents, reverse=True):
        shown = escape(visible(one.name) + visible(one.reason) + one.outcome)
        room -= len(shown.encode()) + _ROW_BYTES
        if room < 0:
            break
        worst.append(one)
    return worst


def _lines(summary: Summary) -> list[str]:
    totals, found = summary.totals, summary.totals.findings
    is_list = "manifest" in summary.inputs
    lines = list(
        summary_lines(totals, summary.semantics, lists_documents=is_list, partial=summary.partial)
    )
    if found is not None:
        if found.gone is not None:
            lines.insert(0, f"{counted(found.n_new, 'new finding')} since the baseline")
        lines.append(f"{counted(found.written, 'finding')}, ranked by {found.ranked_by}")
    return lines


def _bars(given: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Names with counts, and how long their bars are, of 100."""
    counts = [(name, count) for name, count in given if count]
    most = max((count for _, count in counts), default=1)
    return [
        {"name": name, "text": f"{count:,}", "share": f"{100 * count / most:.1f}"}
        for name, count in counts
    ]


def _unchecked(summary: Summary) -> list[tuple[str, int]]:
    """Rules that no verdict is about, by outcome and by reason, and documents that failed."""
    totals = summary.totals.rules
    said = [
        (f"rules {outcome.word}", totals.count(outcome))
        for outcome in Outcome
        if outcome not in (Outcome.SATISFIED, Outcome.VIOLATED)
    ]
    reasons = summary.to_json()["reasons"]
    assert isinstance(reasons, dict)
    said += [(f"rules: {name}", int(str(count))) for name, count in reasons.items()]
    said += [
        ("documents that failed", summary.totals.failed),
        ("documents on which no rule made a prediction", summary.totals.unchecked),
    ]
    return [(name, count) for name, count in said if count]


def _memory(summary: Summary) -> dict[str, Any]:
    planned, measured = (_sizes(summary, f"{word}_phases") for word in ("planned", "measured"))
    most = max([*planned.values(), *measured.values()], default=1) or 1
    terms = _sizes(summary, "planned_terms")
    largest = max(terms.values(), default=1) or 1
    budget = summary.run.get("budget_bytes")
    return {
        "phases": [
            {
                "name": name,
                "planned": format_size(size),
                "measured": format_size(measured[name]) if name in measured else "not measured",
                "planned_share": f"{100 * size / most:.1f}",
                "measured_share": f"{100 * measured.get(name, 0) / most:.1f}",
            }
            for name, size in planned.items()
        ],
        "terms": [
            {"name": name, "text": format_size(size), "share": f"{100 * size / largest:.1f}"}
            for name, size in sorted(terms.items(), key=lambda term: -term[1])
            if size
        ],
        "budget": f"{format_size(budget) if isinstance(budget, int) else 'unknown'} "
        f"({summary.run.get('budget_source', 'unknown')})",
    }


def _sizes(summary: Summary, key: str) -> dict[str, int]:
    found = summary.run.get(key)
    if not isinstance(found, dict):
        return {}
    return {name: size for name, size in found.items() if isinstance(size, int)}


def _facts(summary: Summary) -> list[tuple[str, str]]:
    versions = summary.run.get("versions")
    return [
        ("version of pff-stream, which made this page", _own_version()),
        *((f"input {name}", str(value)) for name, value in summary.inputs.items()),
        *((f"label {name}", str(value)) for name, value in summary.labels.items()),
        ("semantics", summary.semantics),
        *((f"setting {name}", _told(value)) for name, value in summary.settings.items()),
        *(
            (f"version of {name}", str(value))
            for name, value in (versions.items() if isinstance(versions, dict) else ())
        ),
    ]


def _own_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pff-stream")
    except PackageNotFoundError:
        return "not installed"


def _told(value: object) -> str:
    """A setting in words."""
    if value is None or value == []:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
