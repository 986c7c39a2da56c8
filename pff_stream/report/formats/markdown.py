"""Markdown for the summary of a step of a build: verdict, counts, the best findings.

A summary may have 1 MiB (GitHub); what does not fit is counted.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, ClassVar

from pff_stream.report.formats.bounded import BoundedWriter
from pff_stream.report.summary import summary_lines, visible
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink
    from pff_stream.report.streams import DocumentSummary, Finding, RunHeader
    from pff_stream.report.summary import Summary

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$@:-])")
_MOST_DOCUMENTS = 20


class Markdown(BoundedWriter[str]):
    """A page with a table of findings."""

    name: ClassVar[str] = "markdown"
    suffix: ClassVar[str] = ".md"
    wants: ClassVar[frozenset[str]] = frozenset({"finding", "document"})
    most: ClassVar[int] = 500
    most_bytes: ClassVar[int] = 3 << 18

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Nothing is written yet."""
        super().begin(header, out)
        self._failed: list[str] = []

    def kept(self, finding: Finding) -> tuple[str, int]:
        """Its row."""
        where = finding.where
        place = "" if where is None else f"{where.file}:{where.line} {where.pointer or ''}"
        new = {None: "", True: "new", False: ""}[finding.new]
        reason = finding.reasons[0]
        cells = (
            finding.document,
            " ".join(finding.triple),
            finding.message,
            f"{finding.score:.3f} {new}",
            place,
            f"{reason.line}: {reason.text}",
        )
        row = f"| {' | '.join(markdown_text(cell.strip()) for cell in cells)} |\n"
        return row, len(row.encode("utf-8", "replace"))

    def document(self, document: DocumentSummary) -> None:
        """Keeps those that failed, the first of them."""
        if document.outcome == "failed" and len(self._failed) < _MOST_DOCUMENTS:
            self._failed.append(
                f"- {markdown_text(document.name)}: {markdown_text(document.reason)}\n"
            )

    def end(self, summary: Summary) -> None:
        """Everything."""
        write, totals = self._text.write, summary.totals
        reason = str(summary.run.get("reason") or "")
        write(f"# {'Failed: ' + markdown_text(reason) if reason else 'Passed'}\n\n")
        lists_documents = "manifest" in summary.inputs
        for line in summary_lines(
            totals, summary.semantics, lists_documents=lists_documents, partial=summary.partial
        ):
            write(f"- {markdown_text(line)}\n")
        if self._failed:
            write(f"\n## {counted(totals.failed, 'document')} could not be checked\n\n")
            for line in self._failed:
                write(line)
        if len(self._best):
            write("\n## Findings\n\n| document | missing triple | why | score | place | rule |\n")
            write("|---|---|---|--:|---|---|\n")
            for row in self._best:
                write(row.encode("utf-8", "replace").decode())
        if self._best.left_out:
            write(f"\n{counted(self._best.left_out, 'more finding')}, not written here.\n")
        self._text.flush()


def markdown_text(text: str) -> str:
    """On one line, with nothing in it that Markdown or HTML would take for more."""
    return _SPECIAL.sub(r"\\\1", escape(visible(text), quote=False))
