"""Opens a compiled rule file and reads its chunks, refusing everything that was cut or altered.

A worker imports this module: numpy, msgpack, zlib and os only. Nothing here grows with the file
except its index (32 bytes per chunk). All errors are `InputError` and name file and byte offset.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pff_stream.rules._format import (
    FOOTER,
    FORMAT,
    FORMAT_VERSION,
    MAGIC,
    SEMANTICS,
    left_out_bytes,
    unpacked_namespaces,
)
from pff_stream.rules.chunk import RuleChunk
from pff_stream.rules.chunk_reader import ChunkReader, Place
from pff_stream.rules.columns import MinerColumn, unpacked
from pff_stream.rules.source_chunk import SourceChunk, source_chunk_of
from pff_stream.words import counted

__all__ = ["FORMAT", "FORMAT_VERSION", "RECORD", "SEMANTICS", "RuleFile", "SourceChunk"]

RECORD = np.dtype(
    [
        ("offset", "<u8"),
        ("length", "<u4"),
        ("crc32", "<u4"),
        ("rules", "<u4"),
        ("bodies", "<u4"),
        ("weight", "<u8"),
    ]
)
Records = npt.NDArray[np.void]

COUNTS = (
    "rules",
    "rejected",
    "unsettled",
    "ambiguous",
    "bodies",
    "filters",
    "max_body_atoms",
)
"""Named counts that every index has; it may have more."""
SIZES = ("max_chunk_bytes", "max_chunk_rules", "max_source_chunk_bytes")


class RuleFile(ChunkReader):
    """A compiled rule file, header, index and footer checked; chunks are checked when read.

    The counts and sizes of the index (see the names at the top) are attributes; `chunks` and
    `source_chunks` are arrays of `RECORD`.
    """

    semantics: str
    rule_format: str
    source: str
    source_hash: bytes
    columns: tuple[MinerColumn, ...]
    """What the miner says of its rules, with how many rules have each column."""
    namespaces: Mapping[str, str]
    """By the prefix that names of the texts have, where they are shortened by them."""
    counts: Mapping[str, int]
    """All named counts, those too that have no attribute."""
    rejected: int
    unsettled: int
    ambiguous: int
    blanks: int
    """Rules that were read without blanks around names, as a graph may have them."""
    bodies: int
    filters: int
    """Inequalities of the bodies."""
    max_chunk_bytes: int
    max_chunk_rules: int
    max_source_chunk_bytes: int
    """Of the largest source chunk, with the columns that it leaves out."""
    work: Mapping[str, int]
    chunks: Records
    source_chunks: Records

    def __init__(self, file: str | os.PathLike[str] | int) -> None:
        """Opens a path, or reads from a descriptor that stays the caller's."""
        super().__init__(file, 0, 0)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def place(self, index: int) -> Place:
        """Where an evaluation chunk lies, for whoever reads it by `ChunkReader`."""
        return Place(*(int(self.chunks[index][name]) for name in Place._fields))

    def read_chunk(self, index: int, buffer: memoryview | bytearray | None = None) -> RuleChunk:
        """One evaluation chunk, every column checked.

        `buffer`, of `max_chunk_bytes` or more, takes the encoded bytes and is free afterwards.
        """
        return self.read(self.place(index), buffer)

    @property
    def max_text_bytes(self) -> int:
        """Of the longest text of a rule; where the index does not say, what fits into a chunk."""
        return self.counts.get("max_text_bytes", self.max_source_chunk_bytes)

    def read_source_chunk(
        self,
        index: int,
        buffer: memoryview | bytearray | None = None,
        *,
        is_checked: bool = False,
    ) -> SourceChunk:
        """One source chunk, every column checked; `is_checked`: its contents were, a moment ago."""
        record = self.source_chunks[index]
        place = Place(*(int(record[name]) for name in Place._fields))
        columns = self._columns(place, "source", buffer, is_checked=is_checked)
        try:
            first = int(self.source_chunks["rules"][:index].sum(dtype=np.uint64))
            whole = place.length + left_out_bytes(columns, place.rules)
            if whole > self.max_source_chunk_bytes:
                raise ValueError(f"{whole} bytes, over {self.max_source_chunk_bytes},")
            told = columns, place.rules, first, self.columns
            return source_chunk_of(*told, is_checked=is_checked)
        except ValueError as error:
            self._refuse(place.offset, str(error), "columns of a source chunk")

    def all_source_chunks(self) -> Iterator[SourceChunk]:
        """The source chunks in order, in one buffer: each is void when the next is asked for."""
        buffer = bytearray(self.max_source_chunk_bytes)
        for index in range(len(self.source_chunks)):
            yield self.read_source_chunk(index, buffer)

    def _open(self) -> None:
        if self.total_bytes < FOOTER.size:
            self._refuse(0, f"{self.total_bytes} bytes", "a compiled rule file")
        at = self.total_bytes - FOOTER.size
        offset, length, crc32, magic = FOOTER.unpack(self._read(at, FOOTER.size))
        if magic != MAGIC:
            self._refuse(at + 16, f"{magic!r}", f"{MAGIC!r}: the file is cut or another")
        if offset + length != at:
            self._refuse(at, f"an index at {offset} of {length} bytes", f"one that ends at {at}")
        view = self._read(offset, length)
        found = zlib.crc32(view)
        if found != crc32:
            self._refuse(offset, f"checksum {found:08x} of the index", f"{crc32:08x}")
        index = self._unpack(view, offset)
        if index.get("kind") != "index":
            self._refuse(offset, f"kind {index.get('kind')!r}", "'index'")
        # First: a file of another version has another index.
        self._read_header(index, offset)
        self._read_index(index, offset)

    def _read_index(self, index: Mapping[str, Any], offset: int) -> None:
        self.counts = self._counts(index, "counts", offset)
        self.work = self._counts(index, "work", offset)
        for name in COUNTS:
            setattr(self, name, self._count(self.counts.get(name), name, offset))
        for name in SIZES:
            setattr(self, name, self._count(index.get(name), name, offset))
        self.blanks = self.counts.get("blanks", 0)
        if self.ambiguous or self.blanks:
            # Only here: few files have texts that a worker needs the format for.
            from pff_stream.rules.formats import named

            if named(self.rule_format) is None:
                self._refuse(0, f"rule_format {self.rule_format!r}", "one that settles its texts")
        for column in self.columns:
            if column.rules > self.rules:
                self._refuse(
                    offset, f"{counted(column.rules, 'rule')} with {column.name}", f"{self.rules}"
                )
        at = int(index["header_bytes"])
        for name, largest in (
            ("chunks", self.max_chunk_bytes),
            ("source_chunks", self.max_source_chunk_bytes),
        ):
            packed = index.get(name)
            if not isinstance(packed, bytes) or len(packed) % RECORD.itemsize:
                self._refuse(offset, f"{name} of the wrong length", "records of 32 bytes")
            records = np.frombuffer(packed, RECORD)
            at = self._check_records(records, name, largest, at, offset)
            setattr(self, name, records)
        if at != offset:
            self._refuse(at, f"{offset - at} bytes that no chunk covers", f"the index at {at}")
        for name, held in (("rules", self.max_chunk_rules), ("bodies", self.bodies)):
            if len(self.chunks) and int(self.chunks[name].max()) > held:
                self._refuse(offset, f"a chunk of {self.chunks[name].max()} {name}", f"{held}")
        in_source = int(self.source_chunks["rules"].sum(dtype=np.uint64))
        evaluated = int(self.chunks["rules"].sum(dtype=np.uint64))
        if in_source != self.rules or evaluated != self.rules - self.rejected:
            found = f"{in_source} rules in source chunks and {evaluated} in evaluation chunks"
            self._refuse(offset, found, f"{self.rules} and {self.rules - self.rejected}")

    def _check_records(
        self, records: Records, name: str, largest: int, at: int, index_at: int
    ) -> int:
        """Chunks follow each other without gaps; answers the end of the last one."""
        lengths = records["length"].astype(np.uint64)
        # Not `cumsum`, for which numpy makes a name at each call, kept by the interpreter's cache.
        ends = np.uint64(at) + np.add.accumulate(lengths, dtype=np.uint64)
        starts = ends - lengths
        wrong = np.flatnonzero(records["offset"] != starts)
        if len(wrong):
            found = f"{name}[{wrong[0]}] at {records['offset'][wrong[0]]}"
            self._refuse(index_at, found, f"{starts[wrong[0]]}")
        if len(records) and (int(lengths.max()) > largest or int(ends[-1]) > index_at):
            self._refuse(index_at, f"{name} past the index or over {largest} bytes", "less")
        return int(ends[-1]) if len(records) else at

    def _read_header(self, index: Mapping[str, Any], offset: int) -> None:
        length = self._count(index.get("header_bytes"), "header_bytes", offset)
        if length > 65536:
            self._refuse(0, f"a header of {length} bytes", "at most 65536")
        view = self._read(0, length)
        found = zlib.crc32(view)
        if found != index.get("header_crc32"):
            self._refuse(0, f"checksum {found:08x} of the header", f"{index.get('header_crc32')}")
        header = self._unpack(view, 0)
        if header.get("format") != FORMAT:
            self._refuse(0, f"format {header.get('format')!r}", repr(FORMAT))
        version = header.get("format_version")
        if version != FORMAT_VERSION:
            remedy = "it was compiled by another version: compile the rules again"
            if isinstance(version, int) and version < FORMAT_VERSION:
                remedy = "it was compiled by an older version: compile it again"
            self._refuse(0, f"format version {version!r}", f"{FORMAT_VERSION}: {remedy}")
        fields: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
            ("semantics", lambda v: v in SEMANTICS, " or ".join(SEMANTICS)),
            ("rule_format", lambda v: isinstance(v, str), "a name"),
            ("source", lambda v: isinstance(v, str), "a name"),
            ("source_hash", lambda v: isinstance(v, bytes) and len(v) == 16, "16 bytes"),
        )
        for name, is_right, expected in fields:
            if not is_right(header.get(name)):
                self._refuse(0, f"{name} {header.get(name)!r}", expected)
            setattr(self, name, header[name])
        packed = header.get("namespaces", "")
        if not isinstance(packed, str):
            self._refuse(0, f"namespaces {packed!r}", "lines of text")
        self.namespaces = unpacked_namespaces(packed)
        try:
            self.columns = unpacked(header.get("columns"))
        except ValueError as error:
            self._refuse(0, str(error), "columns of the miner")

    def _counts(self, index: Mapping[str, Any], name: str, offset: int) -> dict[str, int]:
        counts = index.get(name)
        if not isinstance(counts, dict):
            self._refuse(offset, f"{name} {counts!r}", "a map of counts")
        return {str(k): self._count(v, str(k), offset) for k, v in counts.items()}

    def _count(self, value: object, name: str, offset: int) -> int:
        if not isinstance(value, int) or not 0 <= value < 1 << 63:
            self._refuse(offset, f"{name} {value!r}", "a count")
        return value
