"""Writes the compiled rule file from front to back, so that its destination needs no seeking.

Columns come as views on the compiler's buffers and go out without being copied together. Source
chunks, which stand behind the evaluation chunks but are ready first, wait in an unnamed
temporary file.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgpack

from pff_stream.files import _pages
from pff_stream.files.durable import naming
from pff_stream.rules._format import (
    CHUNK_COLUMNS,
    FOOTER,
    FORMAT,
    FORMAT_VERSION,
    MAGIC,
    RECORD,
    left_out_bytes,
    packed_namespaces,
)

COMPILED_RULES = "compiled rules"
"""What a failure to write is told of: the file, its temporary parts included."""
COPY_BYTES = 256 * 1024
DROP_BYTES = 1 << 20
"""A window of the temporary file in the page cache."""

Piece = bytes | memoryview


class Destination(Protocol):
    """What the file is written to."""

    def write(self, data: Any, /) -> object:
        """Takes bytes and answers how many (all of them if no number), or raises OSError.

        A `flush`, if there is one, is called at the end.
        """


class Temporary(Destination, Protocol):
    """An unnamed file for chunks and runs that have to wait."""

    def fileno(self) -> int:
        """Its descriptor."""

    def seek(self, offset: int, /) -> object:
        """Moves to a byte."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Fills a buffer; answers the bytes, 0 at the end."""

    def close(self) -> None:
        """Frees its space."""


@dataclass(slots=True)
class Section:
    """One kind of chunk: its records so far and its largest chunk."""

    records: bytearray = field(default_factory=bytearray)
    chunks: int = 0
    max_bytes: int = 0
    max_rules: int = 0
    weight: int = 0

    def add(self, offset: int, length: int, crc32: int, counts: tuple[int, int, int]) -> None:
        """Records a chunk; counts are its rules, bodies and weight."""
        self.records += RECORD.pack(offset, length, crc32, *counts)
        self.chunks += 1
        self.max_bytes = max(self.max_bytes, length)
        self.max_rules = max(self.max_rules, counts[0])
        self.weight += counts[2]


def place_of(open_temporary: Callable[[], Temporary]) -> str:
    """What a failure of its temporary files is told of: their folder, where it says one."""
    return str(getattr(open_temporary, "name", COMPILED_RULES))


class RuleFileWriter:
    """One rule file in the making; without a destination it only counts."""

    def __init__(
        self,
        destination: Destination | None,
        open_temporary: Callable[[], Temporary],
        rule_format: str,
    ) -> None:
        self._rule_format = rule_format
        self.evaluation = Section()
        self.source = Section()
        self.column_bytes = [0] * len(CHUNK_COLUMNS)
        """The largest column of each kind, of all chunks."""
        self.work = {"weight": 0, "max_chunk_names": 0, "max_chunk_atoms": 0, "max_chunk_bodies": 0}
        self._destination = destination
        self._open_temporary = open_temporary
        self._place = place_of(open_temporary)
        self._waiting: Temporary | None = None
        self._waiting_bytes = 0
        self._started = self._dropped = 0
        self._offset = 0
        self._header = (0, 0)

    def close(self) -> None:
        """Frees the temporary file."""
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None

    def add_source_chunk(self, first: int, n_rules: int, columns: Mapping[str, Piece]) -> None:
        """Keeps one source chunk of the columns that say something."""
        pieces = _pieces({"kind": "source", "first": first}, columns, tuple(columns.values()))
        if self._destination is not None and self._waiting is None:
            self._waiting = self._open_temporary()
        length, crc32 = _write(self._waiting, pieces, self._place)
        # The offset is that within the temporary file until `finish` moves it.
        self.source.add(self._waiting_bytes, length, crc32, (n_rules, 0, 0))
        left_out = left_out_bytes(columns, n_rules)
        self.source.max_bytes = max(self.source.max_bytes, length + left_out)
        self._waiting_bytes += length
        if self._waiting is not None and self._waiting_bytes - self._started >= DROP_BYTES:
            # What is new begins to go to the disk; what began the last time is there by now.
            descriptor, started, dropped = self._waiting.fileno(), self._started, self._dropped
            with naming(self._place):
                _pages.start_writing(descriptor, started, self._waiting_bytes - started)
                _pages.drop(descriptor, dropped, started - dropped)
            self._started, self._dropped = self._waiting_bytes, started

    def start(
        self,
        semantics: str,
        source: str,
        source_hash: bytes,
        columns: Mapping[str, Any],
        namespaces: Mapping[str, str] | None = None,
    ) -> None:
        """Writes the header, before the first evaluation chunk."""
        header: bytes = msgpack.packb(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "rule_format": self._rule_format,
                "semantics": semantics,
                "source": source,
                "source_hash": source_hash,
                "columns": columns,
                **({"namespaces": packed_namespaces(namespaces)} if namespaces else {}),
            }
        )
        self._header = _write(self._destination, [header])
        self._offset = len(header)

    def add_chunk(self, n_rules: int, n_bodies: int, weight: int, columns: Sequence[Piece]) -> None:
        """Writes one evaluation chunk; `columns` in the order of CHUNK_COLUMNS."""
        fields = {"kind": "rules", "rule_format": self._rule_format}
        pieces = _pieces(fields, CHUNK_COLUMNS, columns)
        length, crc32 = _write(self._destination, pieces)
        self.evaluation.add(self._offset, length, crc32, (n_rules, n_bodies, weight))
        self._offset += length
        lengths = [len(column) for column in columns]
        self.column_bytes = list(map(max, self.column_bytes, lengths))
        sizes = dict(zip(CHUNK_COLUMNS, lengths, strict=True))
        largest = {
            "max_chunk_names": sizes["name_ends"] // 4,
            "max_chunk_atoms": sizes["atoms"] // 12,
            "max_chunk_bodies": n_bodies,
        }
        self.work = {name: max(self.work[name], largest.get(name, 0)) for name in self.work}

    def finish(self, counts: Mapping[str, int]) -> int:
        """Writes source chunks, index and footer; answers the length of the file in bytes."""
        moved = bytearray()
        for offset, *rest in RECORD.iter_unpack(self.source.records):
            moved += RECORD.pack(offset + self._offset, *rest)
        self._copy_waiting()
        index: bytes = msgpack.packb(
            {
                "kind": "index",
                "counts": counts,
                "max_chunk_bytes": self.evaluation.max_bytes,
                "max_chunk_rules": self.evaluation.max_rules,
                "max_source_chunk_bytes": self.source.max_bytes,
                "chunks": bytes(self.evaluation.records),
                "source_chunks": bytes(moved),
                "header_bytes": self._header[0],
                "header_crc32": self._header[1],
                "work": {**self.work, "weight": self.evaluation.weight},
            }
        )
        footer = FOOTER.pack(self._offset, len(index), zlib.crc32(index), MAGIC)
        _write(self._destination, [index, footer])
        flush = getattr(self._destination, "flush", None)
        if flush is not None:
            with naming(COMPILED_RULES):
                flush()
        return self._offset + len(index) + len(footer)

    def _copy_waiting(self) -> None:
        if self._waiting is not None:
            buffer = memoryview(bytearray(COPY_BYTES))
            copied = 0
            with naming(self._place):
                self._waiting.seek(0)
                _pages.read_alone(self._waiting.fileno())
                while part := self._waiting.readinto(buffer):
                    _write_all(self._destination, buffer[:part])
                    _pages.drop(self._waiting.fileno(), copied, part)
                    copied += part
        self._offset += self._waiting_bytes


def _pieces(
    fields: Mapping[str, object], names: Iterable[str], columns: Sequence[Piece]
) -> Iterator[Piece]:
    """The map of a chunk as msgpack, its columns as they are behind their heads."""
    head = msgpack.packb(fields)
    # Maps of up to 15 entries have a head of one byte, which is written anew for all entries.
    yield b"\xde" + (len(fields) + len(columns)).to_bytes(2, "big") + head[1:]
    for name, column in zip(names, columns, strict=True):
        yield msgpack.packb(name) + b"\xc6" + len(column).to_bytes(4, "big")
        yield column


def _write(
    destination: Destination | None, pieces: Iterable[Piece], name: str = COMPILED_RULES
) -> tuple[int, int]:
    """Writes all pieces; answers their length in bytes and their crc32."""
    length = crc32 = 0
    with naming(name):
        for piece in pieces:
            length += len(piece)
            crc32 = zlib.crc32(piece, crc32)
            _write_all(destination, piece)
    return length, crc32


def _write_all(destination: Destination | None, piece: Piece) -> None:
    """Writes a piece as a whole: an unbuffered file may take less than it is given."""
    while destination is not None and len(piece):
        written = destination.write(piece)
        piece = memoryview(piece)[written:] if isinstance(written, int) else b""
