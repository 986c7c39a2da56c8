"""The texts that findings stand in, for reports that show them with marked lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pff_stream.report.streams import DocumentSummary, Finding

MOST_DOCUMENT_BYTES, MOST_LINES_BYTES = 2 << 20, 64 << 20
"""Texts that are longer are not read again: of a document, which is held, and of lines."""
LARGEST_WINDOW_BYTES = 8 << 20


def _nothing(path: str) -> Iterator[bytes]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a document, in one file or several; or why it is not shown."""

    why_not: str = ""
    """Empty where it is what it was when the findings were made."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path of each by its name in the places of findings."""
    read: Callable[[str], Iterator[bytes]] = _nothing
    """The text at a path, block by block."""


class Sources(Protocol):
    """Finds the text of a document again."""

    def of(self, document: DocumentSummary, marks: Sequence[Finding]) -> Source:
        """That of this document; `marks` are the findings that are marked in it."""
        return Source("it is not known where the text is")


class NoSources(Sources):
    """Where nobody knows where the texts are."""
