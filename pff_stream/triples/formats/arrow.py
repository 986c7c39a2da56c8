"""Triples from a Python caller as a table: whatever gives a stream of Arrow.

Data frames of pandas and polars, tables and readers of pyarrow, relations of DuckDB. Its columns
are chosen by their names, its batches are read one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pff_stream.files.arrow_library import batches_of, is_table, open_stream
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.named_columns import wanted_names
from pff_stream.triples.formats.tsv import MAPPING

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.formats.arrow_rows import BatchLines
    from pff_stream.triples.options import EncodeOptions


class ArrowFormat(TripleFormat):
    """Objects only: it is asked before that of tuples, which are any iterables."""

    mapping = MAPPING

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """What gives a stream of columns with names."""
        return is_table(given)

    def reader(self, options: EncodeOptions, bad: BadTriples) -> ArrowReader:
        """Needs the names of the columns."""
        return ArrowReader(options, bad)


class ArrowReader(TripleReader):
    """Reads each table once."""

    def __init__(self, options: EncodeOptions, bad: BadTriples) -> None:
        self._wanted = wanted_names(options.column_names)
        self._bad = bad

    def lines(self, source: TripleSource) -> LineBlocks:
        """The rows as lines."""
        from pff_stream.triples.formats.arrow_rows import BatchLines

        made = BatchLines(source.name, self._bad)
        return LineBlocks(self._blocks(source, made), numbers=made.numbers)

    def _blocks(self, source: TripleSource, made: BatchLines) -> Iterator[bytes]:
        from pff_stream.triples.formats.arrow_rows import find_in_schema

        with open_stream(source.given, source.name) as reader:
            names = find_in_schema(reader.schema, self._wanted, source.name)
            for batch in batches_of(reader, source.name):
                yield from made.blocks([batch.column(name) for name in names])
