"""Annotations of a GitHub workflow: a command a line, which its log shows beside the code.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands. Of each kind a
step may have ten; what is left is a line of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pff_stream.files.sources import STANDARD_INPUT, shown
from pff_stream.report.best import BestFindings
from pff_stream.report.formats.interface import ResultWriter
from pff_stream.report.streams import CONFLICT
from pff_stream.report.summary import visible
from pff_stream.report.text_out import TextOut
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink
    from pff_stream.report.streams import Finding, OutputSizes, RunHeader
    from pff_stream.report.summary import Summary
    from planner.model import Term

_MOST = {"error": 10, "warning": 10, "notice": 9}
"""Kinds of annotations, and how many of each: the line of what is left is a notice, too."""
_MOST_BYTES = 1 << 18


class GitHub(ResultWriter):
    """Conflicts are errors, what is absent warnings, and what the baseline has notices."""

    name: ClassVar[str] = "github"
    suffix: ClassVar[str] = ""
    wants: ClassVar[frozenset[str]] = frozenset({"finding"})

    def terms(self, sizes: OutputSizes) -> list[Term]:
        """A buffer of text, and the best of each kind."""
        most, most_bytes = sum(_MOST.values()), len(_MOST) * _MOST_BYTES
        return [TextOut.term(), BestFindings.term(most, most_bytes, sizes)]

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Nothing is written yet."""
        self._text = TextOut(out)
        self._best = {kind: BestFindings[str](most, _MOST_BYTES) for kind, most in _MOST.items()}

    def finding(self, finding: Finding) -> None:
        """Keeps it, as long as it is among the best of its kind."""
        kind = _kind(finding)
        best = self._best[kind]
        if best.wants(finding):
            line = _command(kind, finding)
            best.take(finding, line, 4 * len(line))
        else:
            best.pass_over()

    def end(self, summary: Summary) -> None:
        """The commands, kind by kind."""
        for best in self._best.values():
            for line in best:
                self._text.write(line)
        left = sum(best.left_out for best in self._best.values())
        if left:
            self._text.write(f"::notice title=pff-stream::{counted(left, 'more finding')}\n")
        self._text.flush()


def _kind(finding: Finding) -> str:
    if finding.new is False:
        return "notice"
    return "error" if finding.kind == CONFLICT else "warning"


def _command(kind: str, finding: Finding) -> str:
    subject, relation, _ = map(visible, finding.triple)
    properties = {"title": f"{subject} {relation}"}
    where = finding.where
    if where is not None and where.file not in (STANDARD_INPUT, shown(STANDARD_INPUT)):
        properties = {"file": visible(where.file), "line": str(where.line), **properties}
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    document = f"{visible(finding.document)}: " * bool(finding.document)
    return f"::{kind} {said}::{_data(document + visible(finding.message))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
