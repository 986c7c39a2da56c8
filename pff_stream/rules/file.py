"""Opens a compiled rule file and reads its chunks, refusing everything that was cut or altered.

A worker imports this module: numpy, msgpack, zlib and os only. Nothing here grows with the file
except its index (32 bytes per chunk). All errors are `InputError` and name file and byte offset.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self

import msgpack
import numpy as np
import numpy.typing as npt

from pff_stream.errors import InputError
from pff_stream.rules._format import (
    FOOTER,
    FORMAT,
    FORMAT_VERSION,
    MAGIC,
    SEMANTICS,
)
from pff_stream.rules.chunk import RuleChunk, chunk_of
from pff_stream.rules.source import SourceChunk, source_chunk_of

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
    "max_body_atoms",
    "max_variables",
    "max_chunk_bytes",
    "max_chunk_rules",
    "max_source_chunk_bytes",
    "max_text_bytes",
)


class RuleFile:
    """A compiled rule file, header, index and footer checked; chunks are checked when read.

    All keys of the index are attributes (`rules`, `bodies`, `max_chunk_bytes`, ...; see the
    counts at the top); `chunks` and `source_chunks` are arrays of `RECORD`.
    """

    path: str
    semantics: str
    rule_format: str
    source: str
    source_hash: bytes
    rules: int
    rejected: int
    unsettled: int
    ambiguous: int
    bodies: int
    max_body_atoms: int
    max_variables: int
    max_chunk_bytes: int
    max_chunk_rules: int
    max_source_chunk_bytes: int
    max_text_bytes: int
    work: Mapping[str, int]
    chunks: Records
    source_chunks: Records
    total_bytes: int

    def __init__(self, file: str | os.PathLike[str] | int) -> None:
        """Opens a path, or reads from a descriptor that stays the caller's."""
        self._owned = not isinstance(file, int)
        self.path = f"descriptor {file}" if isinstance(file, int) else os.fspath(file)
        try:
            self._fd = file if isinstance(file, int) else os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be opened: {error.strerror}") from error
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file if it was opened here."""
        if self._owned and self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def fileno(self) -> int:
        """The descriptor that chunks are read from."""
        return self._fd

    def read_chunk(self, index: int, buffer: memoryview | bytearray | None = None) -> RuleChunk:
        """One evaluation chunk, every column checked.

        `buffer`, of `max_chunk_bytes` or more, takes the encoded bytes and is free afterwards.
        """
        record = self.chunks[index]
        columns = self._columns(record, "rules", buffer)
        try:
            chunk = chunk_of(columns, int(record["rules"]), int(record["bodies"]))
            if chunk.n_rules and int(chunk.sources.max()) >= self.rules:
                raise ValueError("column sources names a rule outside of the source")
            sizes = np.diff(chunk.body_ends, prepend=np.uint32(0))
            if chunk.n_bodies and int(sizes.max()) > self.max_body_atoms:
                raise ValueError(f"a body of {sizes.max()} atoms, over {self.max_body_atoms},")
        except ValueError as error:
            self._refuse(int(record["offset"]), str(error), "columns of a chunk")
        return chunk

    def read_source_chunk(
        self, index: int, buffer: memoryview | bytearray | None = None
    ) -> SourceChunk:
        """One source chunk, every column checked."""
        record = self.source_chunks[index]
        columns = self._columns(record, "source", buffer)
        try:
            first = int(self.source_chunks["rules"][:index].sum(dtype=np.uint64))
            return source_chunk_of(columns, int(record["rules"]), first)
        except ValueError as error:
            self._refuse(int(record["offset"]), str(error), "columns of a source chunk")

    def _columns(
        self, record: np.void, kind: str, buffer: memoryview | bytearray | None
    ) -> dict[str, Any]:
        offset, length = int(record["offset"]), int(record["length"])
        view = self._read(offset, length, buffer)
        found = zlib.crc32(view)
        if found != int(record["crc32"]):
            self._refuse(offset, f"checksum {found:08x}", f"{int(record['crc32']):08x}")
        columns = self._unpack(view, offset)
        if columns.get("kind") != kind:
            self._refuse(offset, f"kind {columns.get('kind')!r}", repr(kind))
        return columns

    def _open(self) -> None:
        self.total_bytes = os.fstat(self._fd).st_size
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
        self._read_index(index, offset)
        self._read_header(index)

    def _read_index(self, index: Mapping[str, Any], offset: int) -> None:
        if index.get("kind") != "index":
            self._refuse(offset, f"kind {index.get('kind')!r}", "'index'")
        for name in COUNTS:
            setattr(self, name, self._count(index.get(name), name, offset))
        work = index.get("work")
        if not isinstance(work, dict):
            self._refuse(offset, f"work {work!r}", "a map of counts")
        self.work = {str(k): self._count(v, str(k), offset) for k, v in work.items()}
        at = self._count(index.get("header_bytes"), "header_bytes", offset)
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
        counted = int(self.source_chunks["rules"].sum(dtype=np.uint64))
        evaluated = int(self.chunks["rules"].sum(dtype=np.uint64))
        if counted != self.rules or evaluated != self.rules - self.rejected:
            found = f"{counted} rules in source chunks and {evaluated} in evaluation chunks"
            self._refuse(offset, found, f"{self.rules} and {self.rules - self.rejected}")

    def _check_records(
        self, records: Records, name: str, largest: int, at: int, index_at: int
    ) -> int:
        """Chunks follow each other without gaps; answers the end of the last one."""
        lengths = records["length"].astype(np.uint64)
        ends = np.uint64(at) + np.cumsum(lengths, dtype=np.uint64)
        starts = ends - lengths
        wrong = np.flatnonzero(records["offset"] != starts)
        if len(wrong):
            found = f"{name}[{wrong[0]}] at {records['offset'][wrong[0]]}"
            self._refuse(index_at, found, f"{starts[wrong[0]]}")
        if len(records) and (int(lengths.max()) > largest or int(ends[-1]) > index_at):
            self._refuse(index_at, f"{name} past the index or over {largest} bytes", "less")
        return int(ends[-1]) if len(records) else at

    def _read_header(self, index: Mapping[str, Any]) -> None:
        length = int(index["header_bytes"])
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
            found_version = f"format version {version!r}"
            self._refuse(0, found_version, f"{FORMAT_VERSION}; compile the rules again")
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

    def _count(self, value: object, name: str, offset: int) -> int:
        if not isinstance(value, int) or not 0 <= value < 1 << 63:
            self._refuse(offset, f"{name} {value!r}", "a count")
        return value

    def _read(
        self, offset: int, length: int, buffer: memoryview | bytearray | None = None
    ) -> memoryview:
        """Bytes of the file, in the buffer given or a new one."""
        if offset + length > self.total_bytes:
            self._refuse(offset, f"{self.total_bytes} bytes in all", f"{length} from here")
        view = memoryview(bytearray(length) if buffer is None else buffer)[:length]
        if len(view) < length:
            raise ValueError(f"a buffer of {len(view)} bytes for a chunk of {length}")
        done = 0
        while done < length:
            try:
                part = os.preadv(self._fd, [view[done:]], offset + done)
            except OSError as error:
                self._refuse(offset + done, error.strerror or str(error), "a file to read")
            if not part:
                self._refuse(offset + done, "the end of the file", f"{length - done} bytes")
            done += part
        return view

    def _unpack(self, view: memoryview, offset: int) -> dict[str, Any]:
        try:
            value = msgpack.unpackb(
                view,
                raw=False,
                max_bin_len=len(view),
                max_str_len=min(len(view), 65536),
                max_map_len=64,
                max_array_len=0,
                max_ext_len=0,
            )
        except (ValueError, msgpack.exceptions.UnpackException) as error:
            self._refuse(offset, f"no msgpack ({error or type(error).__name__})", "one map")
        if not isinstance(value, dict):
            self._refuse(offset, type(value).__name__, "a map")
        return value

    def _refuse(self, offset: int, found: str, expected: str) -> NoReturn:
        raise InputError(f"{self.path}: byte {offset}: found {found}, expected {expected}")
