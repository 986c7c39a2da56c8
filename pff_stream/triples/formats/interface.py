"""What a triple format is: it recognises an input and turns it into lines (docs/how-to-add.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pff_stream.triples.formats.source import Given, LineBlocks, TripleSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pff_stream.triples._places import WantedPlaces
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.options import EncodeOptions

__all__ = ["Given", "LineBlocks", "TripleFormat", "TripleReader", "TripleSource"]


class TripleReader(Protocol):
    """Reads the inputs of one graph, one after the other. Not every one warns, or finds places."""

    mapping: str | None = None  # where options choose another than the format's
    prefixes: Mapping[str, str] | None = None  # that inputs of RDF declare

    def lines(self, source: TripleSource) -> LineBlocks:
        """The lines of one input. What is no triple goes to the `BadTriples` of the reader."""

    def find(self, wanted: WantedPlaces) -> bool:
        """Before any lines: has `wanted` told of each of its triples where it stands.

        False where lines are enough for that: a user's own, or such as know their numbers.
        """
        return False

    def warnings(self) -> list[str]:
        """What was read otherwise than it may have been meant, one sentence each."""
        return []


class TripleFormat(Protocol):
    """One way to write triples. Has no state; instances are pickled into other processes."""

    mapping: str
    """How names are made, in the graph's header: at most 16 ASCII characters, like `tsv-1`."""
    name: str = ""
    """A value of `--format`; empty: it is not asked for by name."""
    names_columns: bool = False
    """Whether inputs have columns with names, of which a user may name three."""
    other_names: tuple[str, ...] = ()  # further ones, which its reader tells apart
    has_graphs: bool = False  # whether its reader knows what to do with --graph-name

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """Whether it reads `given`; `first_bytes` of a path are decompressed, of an object none."""

    def held_at_most(self, path: str, n_bytes: int, options: EncodeOptions) -> int:
        """A bound on what reading a path of `n_bytes`, decompressed, holds beside blocks."""
        return 0

    def reader(self, options: EncodeOptions, bad: BadTriples) -> TripleReader:
        """A new reader for the inputs of one graph."""
