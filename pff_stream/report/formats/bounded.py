"""What reports of a bounded size have in common: they keep the best findings, and say what is left.

Their bytes are written at the end: the best findings of a manifest are not known before.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from pff_stream.report.best import BestFindings
from pff_stream.report.formats.interface import ResultWriter
from pff_stream.report.text_out import TextOut

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink
    from pff_stream.report.streams import Finding, OutputSizes, RunHeader
    from planner.model import Term

Kept = TypeVar("Kept")


class BoundedWriter(ResultWriter, Protocol[Kept]):
    """A writer of at most `most` findings, whose texts take at most `most_bytes`."""

    wants: ClassVar[frozenset[str]] = frozenset({"finding"})
    most: ClassVar[int]
    most_bytes: ClassVar[int]

    _text: TextOut
    _best: BestFindings[Kept]

    @abstractmethod
    def kept(self, finding: Finding) -> tuple[Kept, int]:
        """What is kept of a finding, and how many bytes that takes."""

    def terms(self, sizes: OutputSizes) -> list[Term]:
        """A buffer of text, and what is kept."""
        return [TextOut.term(), BestFindings.term(self.most, self.most_bytes, sizes)]

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Nothing is written yet."""
        self._text = TextOut(out)
        self._best = BestFindings(self.most, self.most_bytes)

    def finding(self, finding: Finding) -> None:
        """Keeps it, as long as it is among the best."""
        if self._best.wants(finding):
            self._best.take(finding, *self.kept(finding))
        else:
            self._best.pass_over()
