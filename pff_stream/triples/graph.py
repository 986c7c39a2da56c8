"""Attaches to an encoded graph by name, read-only, from any process.

A name is what `GraphStore.name` says or the path of a graph file. Covers: opening, the checks that
keep damaged files out, the lifetime of the mapping. Does not cover: making a graph (`encode`), who
owns its memory (`store`). Workers import this module: it imports nothing heavy.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from typing import NamedTuple

from pff_stream.closing import Closing
from pff_stream.errors import InputError
from pff_stream.files import _pages
from pff_stream.triples._graph import FORMAT_VERSION, MAGIC, GraphView

HEADER_BYTES = 256
_WINDOW_BYTES = 1 << 20
_AGAIN = "encode the triples again"


class Graph(Closing):
    """One attached graph: its `view` and the mapping below it, until `close`."""

    __slots__ = ("_mapping", "_view", "name")

    def __init__(self, name: str, mapping: mmap.mmap, view: GraphView) -> None:
        self.name = name
        self._mapping: mmap.mmap | None = mapping
        self._view: GraphView | None = view

    @property
    def view(self) -> GraphView:
        """The checked view that the kernel reads; raises `ValueError` after `close`."""
        if self._view is None:
            raise ValueError("the graph is closed")
        return self._view

    def read_alone(self) -> None:
        """Has the kernel read of the mapping what is touched, and nothing around it."""
        if self._mapping is not None and hasattr(mmap, "MADV_RANDOM"):
            try:
                self._mapping.madvise(mmap.MADV_RANDOM)
            except OSError:
                pass

    def close(self) -> None:
        """Unmaps the graph, or leaves that to the last holder of its view where there is one."""
        mapping, self._mapping, self._view = self._mapping, None, None
        if mapping is not None:
            try:
                mapping.close()
            except BufferError:  # a view is still in use: unmapping now would be a crash later
                pass


def attach(name: str, shown: str | None = None) -> Graph:
    """Maps the graph `name` read-only; its pages are shared by all who attach.

    Errors call it `shown`, where that is another name. Raises `InputError` where it is no graph of
    this version or where a section lies outside it; the checksum is left to `verify`.
    """
    fd, shown = _open(name), shown or name
    try:
        length = os.fstat(fd).st_size
        check_start(shown, os.pread(fd, 24, 0), length)
        mapping = mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ)
    except OSError as error:
        raise InputError(f"{shown}: cannot be mapped: {error.strerror}") from None
    finally:
        os.close(fd)
    if hasattr(mmap, "MADV_DONTDUMP"):
        try:
            mapping.madvise(mmap.MADV_DONTDUMP)  # a worker's core file need not hold the graph
        except OSError:
            pass
    try:
        view = GraphView(mapping)
    except InputError as error:
        mapping.close()
        raise _damaged(shown, str(error)) from None
    return Graph(name, mapping, view)


def verify(name: str, shown: str | None = None, *, drops: bool = False) -> None:
    """Reads the whole graph `name` in windows and checks its checksums, then every id and index.

    For files that were kept or came from somebody else. Raises `InputError` saying what to do;
    it calls the graph `shown`, where that is another name. With `drops` the pages that it has read
    leave the page cache, for whoever goes on with parts of them.
    """
    fd, shown = _open(name), shown or name
    try:
        length = _verify_checksums(fd, shown, drops=drops)
        with attach(name, shown) as graph:
            try:
                graph.view.check_contents()
            except InputError as error:
                raise _damaged(shown, str(error)) from None
        if drops:
            _pages.drop(fd, 0, length)
    finally:
        os.close(fd)


def _verify_checksums(fd: int, shown: str, *, drops: bool) -> int:
    """Checks header and contents against their checksums; returns the length in bytes."""
    try:
        length = os.fstat(fd).st_size
        header = _checked_header(shown, fd, length)
        checksum, at = 0, HEADER_BYTES
        while at < length:
            window = os.pread(fd, _WINDOW_BYTES, at)
            if not window:
                raise _damaged(shown, f"found the end at byte {at}, expected {length} bytes")
            checksum = zlib.crc32(window, checksum)
            if drops:
                _pages.drop(fd, at, len(window))
            at += len(window)
        if checksum != int.from_bytes(header[56:60], "little"):
            raise _damaged(shown, f"the checksum of bytes {HEADER_BYTES} to {length - 1} is wrong")
    except OSError as error:
        raise InputError(f"{shown}: cannot be read: {error.strerror}") from None
    return length


class GraphHeader(NamedTuple):
    """What the header of a graph says; see docs/files.md."""

    total_bytes: int
    n_entities: int
    n_relations: int
    n_triples: int
    input_hash: bytes
    crc32: int
    """Of the header, which has the checksum of all that follows."""
    mapping: str
    """How triples were made of the inputs, as `json-2`."""


def read_header(name: str) -> GraphHeader:
    """The header of the graph `name`, checked by its own checksum, for who reads nothing else."""
    fd = _open(name)
    try:
        header = _checked_header(name, fd, os.fstat(fd).st_size)
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from None
    finally:
        os.close(fd)
    total_bytes, n_entities, n_relations, n_triples = struct.unpack_from("<4Q", header, 16)
    crc32 = zlib.crc32(header)
    mapping = header[168:184].rstrip(b"\0").decode("ascii", "replace")
    return GraphHeader(
        total_bytes, n_entities, n_relations, n_triples, header[152:168], crc32, mapping
    )


def _checked_header(shown: str, fd: int, length: int) -> bytes:
    header = os.pread(fd, HEADER_BYTES, 0)
    check_start(shown, header, length)
    if zlib.crc32(header[:-4]) != int.from_bytes(header[-4:], "little"):
        raise _damaged(shown, "the checksum of the header (bytes 0 to 251) is wrong")
    return header


def check_start(name: str, start: bytes, length: int) -> None:
    """Raises `InputError` where `start` (24 bytes) begins no graph of `length` bytes."""
    if not start.startswith(MAGIC):
        raise InputError(
            f"{name}: byte 0: found {start[:8]!r}, expected {MAGIC!r}: this is no encoded "
            "graph; `pff-stream encode TRIPLES -o graph.pffg` makes one"
        )
    version = int.from_bytes(start[8:12], "little")
    if version != FORMAT_VERSION:
        raise InputError(
            f"{name}: byte 8: found graph format version {version}, expected {FORMAT_VERSION}: "
            f"{_AGAIN}"
        )
    total_bytes = int.from_bytes(start[16:24], "little")
    if len(start) < 24 or length < HEADER_BYTES or total_bytes != length:
        raise _damaged(name, f"found {length} bytes, expected {total_bytes} as said at byte 16")


def _open(name: str) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{name}: cannot be opened as a graph: {reason}") from None


def _damaged(name: str, reason: str) -> InputError:
    return InputError(f"{name}: {reason.removeprefix('damaged graph: ')}: damaged graph, {_AGAIN}")
