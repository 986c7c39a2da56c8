"""What a triple format is: it recognises an input and turns it into lines (docs/how-to-add.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.held import HeldMemory
    from pff_stream.triples.options import EncodeOptions


@dataclass(frozen=True, slots=True)
class TripleSource:
    """One input: a path, or what a Python caller gave."""

    given: object  # the path as a `str` (`-`: standard input), or the caller's object
    name: str  # in messages
    blocks: Iterator[bytes]  # of a path, decompressed, of a bounded size; none of an object
    memory: HeldMemory  # for readers that hold more than a block


@dataclass(frozen=True, slots=True)
class LineBlocks:
    """Lines of three names separated by tabs, UTF-8."""

    blocks: Iterator[bytes]  # may end inside a line
    columns: tuple[int, int, int] = (0, 1, 2)  # places of subject, relation and object
    is_raw: bool = False
    """A user's own bytes: a byte order mark and a CR before a newline are taken off."""


class TripleReader(Protocol):
    """Reads the inputs of one graph, one after the other. Not every one warns."""

    def lines(self, source: TripleSource) -> LineBlocks:
        """The lines of one input. What is no triple goes to the `BadTriples` of the reader."""

    def warnings(self) -> list[str]:
        """What was read otherwise than it may have been meant, one sentence each."""
        return []


class TripleFormat(Protocol):
    """One way to write triples. Has no state; instances are pickled into other processes."""

    mapping: str
    """How names are made, in the graph's header: at most 16 ASCII characters, like `tsv-1`."""

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """Whether it reads `given`; `first_bytes` of a path are decompressed, of an object none."""

    def held_at_most(self, n_bytes: int, options: EncodeOptions) -> int:
        """A bound on what its reader holds beside blocks, for `n_bytes` of input, decompressed."""
        return 0

    def reader(self, options: EncodeOptions, bad: BadTriples) -> TripleReader:
        """A new reader for the inputs of one graph."""
