"""The seam of result writers: a new one is a file beside this one, and its entry in `FORMS`.

A writer has one output. It is given the streams that it wants, in the order of `report.streams`,
and writes bytes as they come. Whoever gave it `out` keeps or abandons what was written.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink
    from pff_stream.report import streams
    from pff_stream.report._pass import Formatter
    from pff_stream.report.summary import Summary
    from planner.model import Term


class ResultWriter(Protocol):
    """Writes one output. It is made without arguments; a subclass overrides what it wants."""

    name: ClassVar[str]
    """The stem of its file in a folder of results; how `--report NAME=FILE` names it."""
    suffix: ClassVar[str]
    """How the names of its files end: `.md`; empty where only its name chooses it."""
    wants: ClassVar[frozenset[str]]
    """Of `finding`, `metric` and `document`: no other of them is called."""

    @abstractmethod
    def terms(self, sizes: streams.OutputSizes) -> list[Term]:
        """The memory that it holds from `begin` to `end`; asked before it is begun."""

    @abstractmethod
    def begin(self, header: streams.RunHeader, out: ByteSink) -> None:
        """Comes first."""

    def finding(self, finding: streams.Finding) -> None:
        """Takes the next finding."""
        return

    def metric(self, metric: streams.RuleMetric) -> None:
        """Takes the counts of the next rule."""
        return

    def document(self, document: streams.DocumentSummary) -> None:
        """Takes the next document, behind its metrics and findings."""
        return

    def end(self, summary: Summary) -> None:
        """Comes last; when it returns, `out` has all bytes."""
        return


class DrivenWriter(ResultWriter, Protocol):
    """A writer that a merge drives in C: it makes no objects for `metric` and `finding`."""

    @property
    def formatter(self) -> Formatter:
        """What the pass over the rules drives, from `begin` to `end`."""
