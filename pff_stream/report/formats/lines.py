"""Lines by rule: `rules.tsv` and `outcomes.tsv` of every folder, and the list of violations.

Three writers, one for each file. A merge gives them no objects: it drives their `formatter` in C
(`_lines`). Given objects, as any other writer is, rules and outcomes write the same bytes. A
violation is never an object: of one rule there may be more than a report would have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pff_stream.report.formats.interface import DrivenWriter, ResultWriter
from planner.formula import given
from planner.model import Term

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink
    from pff_stream.report._pass import Formatter
    from pff_stream.report.formats._lines import Lines
    from pff_stream.report.streams import OutputSizes, RuleMetric, RunHeader
    from pff_stream.report.summary import Summary

BUFFER_BYTES = 1 << 18


class LinesWriter(DrivenWriter):
    """What writers of lines by rule have in common."""

    buffer_bytes = BUFFER_BYTES
    _lines: Lines

    @property
    def formatter(self) -> Formatter:
        """Writes the lines in C."""
        return self._lines

    def terms(self, sizes: OutputSizes) -> list[Term]:
        """Its buffer."""
        return [_term(self, self.buffer_bytes)]

    def drain(self) -> None:
        """Gives away what is in the buffer."""
        self._lines.drain()

    def end(self, summary: Summary) -> None:
        """Gives away what is in the buffer."""
        self.drain()


class Violations(LinesWriter):
    """A JSON object a violation, in the order of the rules: `--violations`, and no report."""

    name: ClassVar[str] = "violations"
    suffix: ClassVar[str] = ".jsonl"
    wants: ClassVar[frozenset[str]] = frozenset()

    def terms(self, sizes: OutputSizes) -> list[Term]:
        """The buffer, and what is kept of a rule between its violations."""
        from pff_stream.report.formats._lines import kept_bytes

        return [_term(self, self.buffer_bytes + kept_bytes())]

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Takes the buffer."""
        from pff_stream.report.formats._lines import ViolationLines

        self._lines = ViolationLines(out, self.buffer_bytes)


class Rules(LinesWriter):
    """AnyBURL's own columns with exact counts, of the rules that were evaluated."""

    name: ClassVar[str] = "rules"
    suffix: ClassVar[str] = ".tsv"
    wants: ClassVar[frozenset[str]] = frozenset({"metric"})

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Takes the buffer."""
        from pff_stream.report.formats._lines import RuleLines

        self._lines = RuleLines(out, self.buffer_bytes)

    def metric(self, metric: RuleMetric) -> None:
        """A line, if it has counts."""
        if metric.outcome.evaluated:
            counts = f"{metric.counts.predictions}\t{metric.counts.support}"
            line = f"{counts}\t{metric.confidence or 0.0!r}\t{metric.text}\n"
            self._lines.put(line.encode("utf-8", "surrogateescape"))


class Outcomes(LinesWriter):
    """Line, outcome and reason of every rule."""

    name: ClassVar[str] = "outcomes"
    suffix: ClassVar[str] = ".tsv"
    wants: ClassVar[frozenset[str]] = frozenset({"metric"})

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Takes the buffer."""
        from pff_stream.report.formats._lines import OutcomeLines

        self._lines = OutcomeLines(out, self.buffer_bytes)

    def metric(self, metric: RuleMetric) -> None:
        """A line."""
        line = f"{metric.line}\t{metric.outcome.word}\t{metric.reason}\n"
        self._lines.put(line.encode("utf-8", "surrogateescape"))


def _term(writer: ResultWriter, n_bytes: int) -> Term:
    return Term.of(writer.name + writer.suffix, given("buffer", n_bytes), "constants of the code")
