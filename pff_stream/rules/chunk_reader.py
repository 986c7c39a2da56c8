"""Reads chunks of a rule file by their places, checked, without its index.

All that a worker needs of a rule file: the parent has checked the index and tells the places, so
that nothing in a worker grows with the number of chunks. What comes from the disk is dropped from
the page cache again; what was cached already stays. All errors are `InputError` and name file and
byte offset.
"""

from __future__ import annotations

import os
import stat
import zlib
from typing import Any, NamedTuple, NoReturn

import msgpack
import numpy as np
from numpy.typing import NDArray

from pff_stream.closing import Closing
from pff_stream.errors import InputError
from pff_stream.files import _pages
from pff_stream.rules._format import CHUNK_COLUMNS
from pff_stream.rules.chunk import RuleChunk, chunk_of


class Place(NamedTuple):
    """Where a chunk lies and what it must be, as the index says."""

    offset: int
    length: int
    crc32: int
    rules: int
    bodies: int


class ChunkReader(Closing):
    """An open rule file of `rules` rules; `read` takes a place of its index."""

    path: str
    """What errors call the file."""
    rules: int
    """Rule lines of the source, rejected ones included."""
    total_bytes: int

    max_body_atoms: int
    """Of the longest body, as the index says."""

    def __init__(
        self,
        file: str | os.PathLike[str] | int,
        rules: int,
        max_body_atoms: int,
        shown: str | None = None,
    ) -> None:
        """Opens a path, or reads from a descriptor that stays the caller's.

        Errors call it `shown`, where that is another name.
        """
        self.rules = rules
        self.max_body_atoms = max_body_atoms
        self._owned = not isinstance(file, int)
        name = f"descriptor {file}" if isinstance(file, int) else os.fspath(file)
        self.path = shown or name
        try:
            self._fd = file if isinstance(file, int) else os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be opened: {error.strerror}") from error
        status = os.fstat(self._fd)
        self.total_bytes = status.st_size
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise InputError(
                f"{self.path}: found no regular file, expected a compiled rule file: it is read "
                "more than once"
            )
        _pages.read_alone(self._fd)

    def close(self) -> None:
        """Closes the file if it was opened here."""
        if self._owned and self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def fileno(self) -> int:
        """The descriptor that chunks are read from."""
        return self._fd

    def read(self, place: Place, buffer: memoryview | bytearray | None = None) -> RuleChunk:
        """One evaluation chunk, every column checked; see `RuleFile.read_chunk`."""
        columns = self._columns(place, "rules", buffer)
        try:
            rule_format = columns.get("rule_format")
            if not isinstance(rule_format, str):
                raise ValueError(f"rule_format {rule_format!r}, which is no name,")
            unknown = set(columns) - {"kind", "rule_format", *CHUNK_COLUMNS}
            if unknown:
                raise ValueError(f"column {min(unknown)!r}, which this version does not know,")
            origin = f"{self.path}: byte {place.offset}"
            chunk = chunk_of(columns, place.rules, place.bodies, rule_format, origin)
            if chunk.n_rules and int(chunk.sources.max()) >= self.rules:
                raise ValueError("column sources names a rule outside of the source")
            longest = int(np.diff(chunk.body_ends, prepend=np.uint32(0)).max(initial=0))
            if longest > self.max_body_atoms:
                raise ValueError(f"a body of {longest} atoms, over {self.max_body_atoms},")
        except ValueError as error:
            self._refuse(place.offset, str(error), "columns of a chunk")
        return chunk

    def read_sources(
        self, place: Place, buffer: memoryview | bytearray | None = None
    ) -> NDArray[np.uint64]:
        """The ordinals of a chunk's rules alone, for whoever wants to know whether to `read` it.

        Empty where they are not what they must be: `read` says how.
        """
        column = self._columns(place, "rules", buffer).get("sources")
        if not isinstance(column, bytes) or len(column) != 8 * place.rules:
            return np.zeros(0, np.uint64)
        sources = np.frombuffer(column, np.uint64)
        return sources if int(sources.max(initial=0)) < self.rules else sources[:0]

    def _columns(
        self,
        place: Place,
        kind: str,
        buffer: memoryview | bytearray | None,
        *,
        is_checked: bool = False,
    ) -> dict[str, Any]:
        offset = place.offset
        view = self._read(offset, place.length, buffer)
        if not is_checked and (found := zlib.crc32(view)) != place.crc32:
            self._refuse(offset, f"checksum {found:08x}", f"{place.crc32:08x}")
        columns = self._unpack(view, offset)
        if columns.get("kind") != kind:
            self._refuse(offset, f"kind {columns.get('kind')!r}", repr(kind))
        return columns

    def _read(
        self, offset: int, length: int, buffer: memoryview | bytearray | None = None
    ) -> memoryview:
        """Bytes of the file, in the buffer given or a new one."""
        if offset + length > self.total_bytes:
            self._refuse(offset, f"{self.total_bytes} bytes in all", f"{length} from here")
        view = memoryview(bytearray(length) if buffer is None else buffer)[:length]
        if len(view) < length:
            raise ValueError(f"a buffer of {len(view)} bytes for a chunk of {length}")
        done = cached = self._read_cached(view, offset)
        while done < length:
            try:
                part = os.preadv(self._fd, [view[done:]], offset + done)
            except OSError as error:
                self._refuse(offset + done, error.strerror or str(error), "a file to read")
            if not part:
                self._refuse(offset + done, "the end of the file", f"{length - done} bytes")
            done += part
        if done > cached:
            self._behind(offset + cached, done - cached)
        return view

    def _behind(self, offset: int, length: int) -> None:
        """What was not in the page cache before leaves it again."""
        _pages.drop(self._fd, offset, length)

    def _read_cached(self, view: memoryview, offset: int) -> int:
        """Takes what is in the page cache already, which stays there for others; bytes read."""
        try:
            return os.preadv(self._fd, [view], offset, os.RWF_NOWAIT)
        except (OSError, AttributeError):  # none of it; or a system that cannot tell
            return 0

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
