"""Parquet: three columns by their names, row group by row group, some thousand rows at a time.

Files are read by pyarrow, which is imported with the first of them. What reading takes is bounded
by what the file says of its pages, before any of them is read (`parquet_footer`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pff_stream.errors import InputError
from pff_stream.files.decoders import unpacked_name
from pff_stream.files.known import PARQUET_MARK
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.named_columns import columns_in, wanted_names
from pff_stream.triples.formats.tsv import MAPPING

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.formats.arrow_rows import BatchLines
    from pff_stream.triples.formats.parquet_footer import ParquetFooter, RowGroup
    from pff_stream.triples.options import EncodeOptions

SUFFIXES = (".parquet", ".parq", ".pq")
COLUMN_BYTES, PART_BYTES, FOOTER_FACTOR = 1200, 64, 4
"""What pyarrow makes of a footer: of a column in the schema or in a row group (1,050 and 710 bytes
measured), of any other structure or element of a list; and how often its bytes are held."""
STREAM_BYTES = 1 << 16
"""Of a column, read ahead."""
FIXED_BYTES = 4 << 20
DICTIONARY_VALUE_BYTES = 16
BATCH_ROWS, BATCH_BYTES, BATCH_FACTOR = 4096, 1 << 20, 8
"""Rows at a time at most, and their bytes; how often these are held on the way to lines."""


class ParquetFormat(TripleFormat):
    """By its suffix, or by how it begins."""

    mapping = MAPPING
    name = "parquet"
    names_columns = True

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """Also what is packed, which its reader refuses."""
        if not isinstance(given, str):
            return False
        is_named = unpacked_name(given).lower().endswith(SUFFIXES)
        return is_named or first_bytes.startswith(PARQUET_MARK)

    def held_at_most(self, path: str, n_bytes: int, options: EncodeOptions) -> int:
        """By the pages of the largest row group; nothing where it will not be read."""
        from pff_stream.files.arrow_library import room_bytes
        from pff_stream.triples.formats.parquet_footer import ParquetFooter

        if not os.path.isfile(path):
            return 0
        try:
            with ParquetFooter(path) as footer:
                leaves = _leaves(footer, wanted_names(options.column_names), path)
                return room_bytes() + _most_bytes(footer, leaves)
        except InputError:
            return 0

    def reader(self, options: EncodeOptions, bad: BadTriples) -> ParquetReader:
        """Needs the names of the columns."""
        return ParquetReader(options, bad)


class ParquetReader(TripleReader):
    """Reads files only: what stands in one is found from its end."""

    def __init__(self, options: EncodeOptions, bad: BadTriples) -> None:
        self._wanted = wanted_names(options.column_names)
        self._bad = bad

    def lines(self, source: TripleSource) -> LineBlocks:
        """The rows as lines; `InputError` for what is no file, or packed."""
        from pff_stream.files.arrow_library import check_arrow
        from pff_stream.triples.formats.arrow_rows import BatchLines

        path = str(source.given)
        if not os.path.isfile(path):
            found = "standard input" if path == "-" else "a pipe"
            raise InputError(f"{source.name}: found {found}, expected Parquet in a file")
        if source.first_bytes.startswith(PARQUET_MARK) and _first(path) != PARQUET_MARK:
            raise InputError(
                f"{source.name}: found a packed Parquet file, expected it unpacked: its pages are "
                "packed already"
            )
        check_arrow(source.name)
        made = BatchLines(source.name, self._bad)
        return LineBlocks(self._blocks(source, made), numbers=made.numbers)

    def _blocks(self, source: TripleSource, made: BatchLines) -> Iterator[bytes]:
        from pff_stream.files.arrow_library import held_bytes, import_arrow, room_bytes
        from pff_stream.triples.formats.arrow_rows import find_in_schema
        from pff_stream.triples.formats.parquet_footer import ParquetFooter

        path, memory = str(source.given), source.memory
        with ParquetFooter(path) as footer:
            leaves = _leaves(footer, self._wanted, source.name)
            n_bytes = _most_bytes(footer, leaves)
            memory.expect(
                room_bytes() + n_bytes, f"{source.name}: pyarrow with its largest row group"
            )
            pa = import_arrow(source.name)
            own = held_bytes() + _footer_bytes(footer)
            memory.hold(own)
            with _opened(pa, path, source.name) as file:
                names = find_in_schema(file.schema_arrow, self._wanted, source.name)
                for place, group in enumerate(footer.row_groups(leaves)):
                    sizes = _sizes(footer, group)
                    memory.hold(own + sizes.n_bytes)
                    for batch in _batches(pa, file, place, sizes.rows, names, source.name):
                        yield from made.blocks([batch.column(name) for name in names])
                memory.hold(held_bytes())


class _Sizes(NamedTuple):
    """How many rows of a row group are read at a time, and what that takes."""

    rows: int
    n_bytes: int


def _leaves(footer: ParquetFooter, wanted: Sequence[Sequence[str]], name: str) -> list[int]:
    """The places of the three columns in each row group; `InputError` where there are none."""
    places = columns_in([field.name for field in footer.fields], wanted, name)
    leaves = []
    for place in places:
        field = footer.fields[place]
        if field.leaf is None:
            raise InputError(
                f"{name}: column {field.name!r}: found lists or records, expected one name a row"
            )
        leaves.append(field.leaf)
    return leaves


def _footer_bytes(footer: ParquetFooter) -> int:
    """What the footer takes, here and in pyarrow; behind its last row group."""
    parts = COLUMN_BYTES * footer.n_columns + PART_BYTES * footer.n_parts
    return parts + FOOTER_FACTOR * footer.n_bytes


def _most_bytes(footer: ParquetFooter, leaves: Sequence[int]) -> int:
    """What reading takes beside pyarrow itself, at most."""
    groups = footer.row_groups(leaves)
    most = max((_sizes(footer, group).n_bytes for group in groups), default=0)
    return _footer_bytes(footer) + most


def _sizes(footer: ParquetFooter, group: RowGroup) -> _Sizes:
    n_bytes = FIXED_BYTES
    row_bytes = 1
    for chunk in group.chunks:
        packed = plain = dense = 0
        for page in footer.pages(chunk):
            packed = max(packed, page.packed_bytes)
            dense = max(dense, page.plain_bytes // max(1, page.n_values))
            if page.is_dictionary:
                # As it is unpacked, as it is copied, and a pointer to each of its values.
                n_bytes += 2 * page.plain_bytes + DICTIONARY_VALUE_BYTES * page.n_values
            else:
                plain = max(plain, page.plain_bytes)
        n_bytes += packed + 2 * plain + STREAM_BYTES
        row_bytes += dense
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES // row_bytes))
    return _Sizes(rows, n_bytes + BATCH_FACTOR * rows * row_bytes)


def _first(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(len(PARQUET_MARK))


def _opened(pa: Any, path: str, name: str) -> Any:
    """The file by pyarrow; `InputError` where it finds something wrong."""
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, buffer_size=STREAM_BYTES, pre_buffer=False)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise InputError(f"{name}: found damaged Parquet data: {_said(error)}") from None


def _batches(
    pa: Any, file: Any, place: int, rows: int, names: list[str], name: str
) -> Iterator[Any]:
    """The batches of one row group; `InputError` where one cannot be read."""
    try:
        yield from file.iter_batches(rows, row_groups=[place], columns=names, use_threads=False)
    except MemoryError:
        raise
    except pa.ArrowNotImplementedError as error:
        raise InputError(
            f"{name}: row group {place + 1}: found what pyarrow does not read: {_said(error)}"
        ) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{name}: row group {place + 1}: found damaged Parquet data: {_said(error)}"
        ) from None


def _said(error: Exception) -> str:
    """The first line of what pyarrow says."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
