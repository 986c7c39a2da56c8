"""JSON text that a Python caller holds: read as the one file of this name would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pff_stream.triples.formats.interface import LineBlocks, TripleFormat, TripleSource
from pff_stream.triples.formats.json import DocumentReader
from pff_stream.triples.formats.mapping import MAPPING

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.options import EncodeOptions


class TextFormat(TripleFormat):
    """Bytes that were given with a name. Not among the formats of files and tuples."""

    mapping = MAPPING

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """Bytes."""
        return isinstance(given, bytes)

    def reader(self, options: EncodeOptions, bad: BadTriples) -> TextReader:
        """Needs the options for documents."""
        return TextReader(options.documents, bad)


class TextReader(DocumentReader):
    """Documents without an id are named by the name that the text was given with."""

    def lines(self, source: TripleSource) -> LineBlocks:
        """The lines of all documents of the text."""
        text = cast(bytes, source.given)
        names = source.name, source.name
        return LineBlocks(self.blocks_of(names, iter([text]), source.memory, lines=False))
