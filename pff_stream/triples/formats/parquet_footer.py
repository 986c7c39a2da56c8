"""What a Parquet file says of itself, as far as its memory depends on it: before it is read.

Covers: its columns, its row groups, the pages of some columns with their sizes. Does not cover:
what is in the pages, which pyarrow reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pff_stream.errors import InputError
from pff_stream.triples.formats.thrift_compact import (
    BINARY,
    LIST,
    STRUCT,
    CompactReader,
    DamagedError,
)
from planner.sizes import format_size

MAGIC = b"PAR1"
_ENCRYPTED = b"PARE"
_END_BYTES = 8
MOST_FOOTER_BYTES = 16 << 20
_HEADER_BYTES = 1 << 9
_MOST_HEADER_BYTES = 1 << 22
_REPEATED = 2


class Field(NamedTuple):
    """A column, or a group of columns, at the top of the schema."""

    name: str
    leaf: int | None
    """The place of its pages in each row group; None of what is not a single value in each row."""


class Chunk(NamedTuple):
    """The pages of one column in one row group."""

    start: int
    n_bytes: int


class RowGroup(NamedTuple):
    """A part of all rows, with the columns that were asked for."""

    n_rows: int
    chunks: list[Chunk]


class Page(NamedTuple):
    """One page, by its header."""

    packed_bytes: int
    plain_bytes: int
    n_values: int
    is_dictionary: bool


class ParquetFooter:
    """The footer of one file; `InputError` where the file is none, or says what cannot be."""

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        try:
            self._n_bytes = os.fstat(self._fd).st_size
            self._start, self._data = self._read_footer()
            self.n_parts = self.n_columns = 0
            """Structures and elements of lists; columns in the schema and in each row group: all of
            them behind the last row group."""
            self._n_in_schema = 0
            self.fields = self._read_fields()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ParquetFooter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def n_bytes(self) -> int:
        """Of the footer."""
        return len(self._data)

    def row_groups(self, leaves: Sequence[int]) -> Iterator[RowGroup]:
        """The row groups, with the columns at these places."""
        reader = CompactReader(self._data)
        self.n_columns = self._n_in_schema
        try:
            for number, kind in reader.fields():
                if number == 4 and kind == LIST:
                    for _ in reader.elements():
                        yield self._row_group(reader, leaves)
                else:
                    reader.skip(kind)
        except DamagedError as error:
            raise self._damaged(self._start + error.at, "no footer of Parquet") from None
        self.n_parts = reader.n_parts

    def pages(self, chunk: Chunk) -> Iterator[Page]:
        """The pages of one column in one row group."""
        at, stop = chunk.start, chunk.start + chunk.n_bytes
        while at < stop:
            header_bytes, page = self._page(at)
            yield page
            at += header_bytes + page.packed_bytes

    def _read_footer(self) -> tuple[int, bytes]:
        begins, ends = self._at(0, len(MAGIC)), b""
        if self._n_bytes >= _END_BYTES + len(MAGIC):
            ends = self._at(self._n_bytes - _END_BYTES, _END_BYTES)
        if _ENCRYPTED in (begins, ends[-4:]):
            raise InputError(f"{self._path}: found an encrypted Parquet file, expected a plain one")
        if (begins, ends[-4:]) != (MAGIC, MAGIC):
            found = f"{begins!r} at its beginning and {ends[-4:]!r} at its end"
            more = ": the file is truncated" if begins == MAGIC else ""
            raise InputError(
                f"{self._path}: found {found}, expected a Parquet file ({MAGIC!r} at both){more}"
            )
        n_bytes = int.from_bytes(ends[:4], "little")
        start = self._n_bytes - _END_BYTES - n_bytes
        if start < len(MAGIC):
            raise self._damaged(self._n_bytes - _END_BYTES, f"a footer of {format_size(n_bytes)}")
        if n_bytes > MOST_FOOTER_BYTES:
            raise InputError(
                f"{self._path}: found a footer of {format_size(n_bytes)}, expected at most "
                f"{format_size(MOST_FOOTER_BYTES)}"
            )
        return start, self._at(start, n_bytes)

    def _read_fields(self) -> list[Field]:
        reader = CompactReader(self._data)
        try:
            for number, kind in reader.fields():
                if number == 2 and kind == LIST:
                    return self._fields_of([self._element(reader) for _ in reader.elements()])
                reader.skip(kind)
        except DamagedError as error:
            raise self._damaged(self._start + error.at, "no footer of Parquet") from None
        raise self._damaged(self._start, "a footer without a schema")

    def _fields_of(self, elements: list[tuple[str, int, int]]) -> list[Field]:
        """The fields at the top; each element has a name, a repetition and a number of children."""
        if not elements:
            raise self._damaged(self._start, "a footer without a schema")
        fields: list[Field] = []
        self._n_in_schema = len(elements)
        leaves, place = 0, 1
        for _ in range(elements[0][2]):
            name, repetition, children = elements[place] if place < len(elements) else ("", 0, -1)
            if children < 0:
                raise self._damaged(self._start, "a schema that ends too early")
            is_leaf = children == 0
            fields.append(Field(name, leaves if is_leaf and repetition != _REPEATED else None))
            leaves += is_leaf
            place, left = place + 1, children
            while left and place < len(elements):
                left += elements[place][2] - 1
                leaves += elements[place][2] == 0
                place += 1
            if left:
                raise self._damaged(self._start, "a schema that ends too early")
        return fields

    def _element(self, reader: CompactReader) -> tuple[str, int, int]:
        name, repetition, children = b"", 0, 0
        for number, kind in reader.fields():
            if number == 4 and kind == BINARY:
                name = reader.binary()
            elif number in (3, 5):
                value = reader.integer()
                repetition, children = (
                    (value, children) if number == 3 else (repetition, max(0, value))
                )
            else:
                reader.skip(kind)
        return name.decode("utf-8", "replace"), repetition, children

    def _row_group(self, reader: CompactReader, leaves: Sequence[int]) -> RowGroup:
        n_rows = 0
        chunks: dict[int, Chunk] = {}
        for number, kind in reader.fields():
            if number == 1 and kind == LIST:
                for place, element in enumerate(reader.elements()):
                    self.n_columns += 1
                    if place in leaves and element == STRUCT:
                        chunks[place] = self._chunk(reader)
                    else:
                        reader.skip(element)
            elif number == 3:
                n_rows = reader.integer()
            else:
                reader.skip(kind)
        if n_rows < 0 or len(chunks) < len(leaves):
            found = f"a row group of {n_rows} rows and {len(chunks)} of {len(leaves)} columns"
            raise self._damaged(self._start + reader.at, found)
        return RowGroup(n_rows, [chunks[leaf] for leaf in leaves])

    def _chunk(self, reader: CompactReader) -> Chunk:
        starts: list[int] = []
        n_bytes = 0
        for number, kind in reader.fields():
            if number == 1:
                raise InputError(f"{self._path}: found columns in other files, expected them here")
            if number == 8:
                raise InputError(f"{self._path}: found encrypted columns, expected plain ones")
            if number != 3 or kind != STRUCT:
                reader.skip(kind)
                continue
            for inner, inner_kind in reader.fields():
                if inner in (7, 9, 11):
                    value = reader.integer()
                    if inner == 7:
                        n_bytes = value
                    elif value > 0:
                        starts.append(value)
                else:
                    reader.skip(inner_kind)
        start = min(starts, default=0)
        if not 0 <= n_bytes <= self._start - start:
            raise self._damaged(self._start + reader.at, f"a column at {start} of {n_bytes} bytes")
        return Chunk(start, n_bytes)

    def _page(self, at: int) -> tuple[int, Page]:
        """The page at a byte, and how long its header is."""
        n_bytes = _HEADER_BYTES
        while True:
            data = self._at(at, n_bytes)
            try:
                return self._page_of(data, at)
            except DamagedError:
                # The header may only be longer than what was read of it.
                if len(data) < n_bytes or n_bytes >= _MOST_HEADER_BYTES:
                    raise self._damaged(at, "no header of a page") from None
                n_bytes *= 8

    def _page_of(self, data: bytes, at: int) -> tuple[int, Page]:
        reader = CompactReader(data)
        kind_of_page = plain = packed = n_values = 0
        for number, kind in reader.fields():
            if number in (1, 2, 3):
                value = reader.integer()
                if number == 1:
                    kind_of_page = value
                elif number == 2:
                    plain = value
                else:
                    packed = value
            elif number in (5, 7, 8) and kind == STRUCT:
                for inner, inner_kind in reader.fields():
                    if inner == 1:
                        n_values = reader.integer()
                    else:
                        reader.skip(inner_kind)
            else:
                reader.skip(kind)
        if min(plain, packed, n_values) < 0 or packed > self._n_bytes - at - reader.at:
            found = f"a page of {packed} bytes, {plain} unpacked, with {n_values} values"
            raise self._damaged(at, found)
        return reader.at, Page(packed, plain, n_values, kind_of_page == 2)

    def _at(self, at: int, n_bytes: int) -> bytes:
        try:
            return os.pread(self._fd, n_bytes, at)
        except OSError as error:
            raise InputError(f"{self._path}: byte {at}: {error.strerror}") from None

    def _damaged(self, at: int, found: str) -> InputError:
        return InputError(f"{self._path}: byte {at}: found {found}: the file is damaged")
