"""JUnit XML, which build servers show as tests: a document or head relation a suite.

A finding is a failure. The form is that of junit-10.xsd (https://github.com/jenkinsci/xunit-plugin).
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pff_stream.report.best import ENTRY_BYTES
from pff_stream.report.formats.bounded import BoundedWriter
from pff_stream.words import counted
from planner.formula import given
from planner.model import Term

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink
    from pff_stream.report.streams import DocumentSummary, Finding, OutputSizes, RunHeader
    from pff_stream.report.summary import Summary

_MOST_FAILED = 1000
_LONGEST_TEXT = 500
_MAYBE_HIDDEN = re.compile(r"[^\n -~]")


class _Case(NamedTuple):
    """A test case that failed, and the suite that it is in."""

    suite: str
    text: bytes


class JUnit(BoundedWriter[_Case]):
    """Suites in the order of their best finding; one that passed where there is no finding."""

    name: ClassVar[str] = "junit"
    suffix: ClassVar[str] = ".xml"
    wants: ClassVar[frozenset[str]] = frozenset({"finding", "document"})
    most: ClassVar[int] = 5000
    most_bytes: ClassVar[int] = 8 << 20

    def terms(self, sizes: OutputSizes) -> list[Term]:
        """What is kept, and the documents that failed."""
        failed = given("documents", min(_MOST_FAILED, sizes.documents)) * given("each", ENTRY_BYTES)
        return [
            *super().terms(sizes),
            Term.of("failed documents", failed, "constants of the code", at_most=True),
        ]

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Nothing is written yet."""
        super().begin(header, out)
        self._n_checked = self._n_failed = 0
        self._failed: list[tuple[str, str]] = []

    def kept(self, finding: Finding) -> tuple[_Case, int]:
        """Its test case."""
        suite = finding.document or finding.triple[1]
        name, reason = " ".join(finding.triple), finding.reasons[0]
        where = finding.where
        lines = [finding.message, f"score {finding.score:.3f}, {finding.kind}"]
        if where is not None:
            pointer = "" if where.pointer is None else f" {where.pointer}"
            lines.append(f"{where.file}:{where.line}{pointer}")
        lines += [f"rule {reason.line}: {reason.text}"]
        lines += [f"  {' '.join(fact)}" for fact in reason.witness]
        text = (
            f'    <testcase name="{_text(name)}" classname="{_text(suite)}">\n'
            f'      <failure type="{finding.kind}" message="{_text(finding.message)}">'
            f"{_text(chr(10).join(lines), whole=True)}</failure>\n    </testcase>\n"
        ).encode()
        return _Case(suite, text), len(text)

    def document(self, document: DocumentSummary) -> None:
        """Counts it, or keeps why it failed."""
        if document.outcome == "failed":
            self._n_failed += 1
            if len(self._failed) < _MOST_FAILED:
                self._failed.append((document.name, _text(document.reason)))
        else:
            self._n_checked += 1

    def end(self, summary: Summary) -> None:
        """Suites by document or relation, then those that failed, then what was checked."""
        suites: dict[str, list[bytes]] = {}
        for case in self._best:
            suites.setdefault(case.suite, []).append(case.text)
        left = self._best.left_out
        tests = len(self._best) + len(self._failed) + 1 + bool(left)
        write = self._text.write
        write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="pff-stream" '
            f'tests="{tests}" failures="{len(self._best)}" errors="{len(self._failed)}">\n'
        )
        for suite, cases in suites.items():
            write(_suite(suite, len(cases), failures=len(cases)))
            for text in cases:
                write(text.decode())
            write("  </testsuite>\n")
        if self._failed:
            write(_suite("documents that failed", len(self._failed), errors=len(self._failed)))
            for name, reason in self._failed:
                test = f'<testcase name="{_text(name)}" classname="documents that failed">'
                write(f'    {test}\n      <error message="{reason}"/>\n    </testcase>\n')
            write("  </testsuite>\n")
        write(_suite("pff-stream", 1 + bool(left), skipped=int(bool(left))))
        rules = counted(summary.totals.rules.rules, "rule")
        said = f"{rules}, {counted(self._n_checked, 'document')} checked"
        write(f'    <testcase name="{said}" classname="pff-stream"/>\n')
        if left:
            said = f"{counted(left, 'more finding')}, not written here"
            test = f'<testcase name="{said}" classname="pff-stream">'
            write(f"    {test}\n      <skipped/>\n    </testcase>\n")
        write("  </testsuite>\n</testsuites>\n")
        self._text.flush()


def _suite(name: str, tests: int, *, failures: int = 0, errors: int = 0, skipped: int = 0) -> str:
    return (
        f'  <testsuite name="{_text(name)}" tests="{tests}" failures="{failures}" '
        f'errors="{errors}" skipped="{skipped}">\n'
    )


def _text(text: str, *, whole: bool = False) -> str:
    """For an attribute, cut where it is very long; `whole`: for an element."""
    if not whole and len(text) > _LONGEST_TEXT:
        text = text[: _LONGEST_TEXT - 1] + "…"
    text = escape(_MAYBE_HIDDEN.sub(_shown, text))
    return text if whole else text.replace("\n", "&#10;")


def _shown(found: re.Match[str]) -> str:
    """A character that prints, else its escape: many cannot stand in XML at all."""
    return found[0] if found[0].isprintable() else ascii(found[0])[1:-1]
