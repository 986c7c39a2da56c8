"""Where bytes enter: one way to read plain, gzip and zstd files, and standard input, in windows.

Covers: recognition by content rather than by name, blocks of bounded size whatever the compression
ratio, errors that name the file and the byte, a page cache that stays small. Does not cover: lines,
text encodings, anything about rules or triples.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import sys
import zlib
from collections.abc import Generator, Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import IO, Any

from pff_stream.errors import InputError

BLOCK_BYTES = 1 << 18
BLOCKS_AHEAD = 4
STANDARD_INPUT = "-"
_RAW_BYTES = 1 << 16
_DROP_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SNIFF_BYTES = 18  # the longest zstd frame header
# The largest window that zstd's own tool accepts without being told otherwise.
_ZSTD_WINDOW_LOG = 27


def open_blocks(path: str | os.PathLike[str], block_bytes: int = BLOCK_BYTES) -> Generator[bytes]:
    """Yields the decompressed bytes of `path` (`-`: standard input), 1 to `block_bytes` at a time.

    Raises `InputError` with the file and the byte offset (in the file as stored) where it cannot be
    read, is a directory, or holds damaged or truncated compressed data.
    """
    name = os.fspath(path)
    with _open(name) as file:
        source = _Source(file, name)
        first = source.start()
        if first.startswith(_GZIP_MAGIC):
            yield from _gzip_blocks(source, first, block_bytes)
        elif _is_zstd(first, name):
            yield from _zstd_blocks(source, first, block_bytes)
        elif not first and name.lower().endswith((".gz", ".zst")):
            raise InputError(f"{name}: byte 0: found an empty file, expected compressed data")
        else:
            yield from _plain_blocks(source, first, block_bytes)


def read_ahead(blocks: Generator[bytes]) -> Generator[bytes]:
    """The same blocks, read by a thread of its own while the caller is at those before.

    At most `BLOCKS_AHEAD` wait, one more is being read. Raises what `blocks` raises. For files: at
    the end the thread is waited for, which a source that can stall would never let come.
    """
    ready: SimpleQueue[bytes | BaseException | None] = SimpleQueue()
    room = Semaphore(BLOCKS_AHEAD)
    ended = False

    def read() -> None:
        try:
            with contextlib.closing(blocks):
                for block in blocks:
                    room.acquire()
                    if ended:
                        return
                    ready.put(block)
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    thread = Thread(target=read, name="read ahead", daemon=True)
    thread.start()
    try:
        while (block := ready.get()) is not None:
            if isinstance(block, BaseException):
                raise block
            room.release()
            yield block
    finally:
        ended = True
        room.release()
        thread.join()


def decoder_bytes(path: str | os.PathLike[str]) -> int:
    """Bytes that the decompressor of `path` needs beside the blocks (0 where nothing is packed).

    Read from the first frame; a file that cannot be read twice (standard input, a pipe) gives the
    largest that is accepted.
    """
    name = os.fspath(path)
    largest = (1 << _ZSTD_WINDOW_LOG) + (1 << 18)
    if name == STANDARD_INPUT:
        return largest
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            return largest
    except OSError as error:
        raise _unreadable(name, error) from None
    with _open(name) as file:
        first = _Source(file, name).start()
    if first.startswith(_GZIP_MAGIC):
        return 1 << 17
    return _zstd_window(first) + (1 << 18) if _is_zstd(first, name) else 0


class _Source:
    """Raw reads with the offset of the next byte; drops what was read from the page cache."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = "standard input" if name == STANDARD_INPUT else name
        self.offset = 0
        self._file = file
        self._dropped = 0
        self._advise = _adviser(file)
        if self._advise is not None:
            _quietly(self._advise, file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def start(self) -> bytes:
        """Enough of the beginning to recognise the format (less only where the file is shorter)."""
        first = b""
        while len(first) < _SNIFF_BYTES:
            more = self.read(_RAW_BYTES)
            if not more:
                break
            first += more
        return first

    def read(self, n: int) -> bytes:
        try:
            data = self._read1(n)
        except OSError as error:
            raise InputError(f"{self.name}: byte {self.offset}: {error.strerror}") from None
        self.offset += len(data)
        if self._advise is not None and (
            self.offset - self._dropped >= _DROP_BYTES or (not data and self.offset)
        ):
            _quietly(self._advise, self._file.fileno(), 0, self.offset, os.POSIX_FADV_DONTNEED)
            self._dropped = self.offset
        return data

    def _read1(self, n: int) -> bytes:
        read1 = getattr(self._file, "read1", None)  # a pipe hands over what it has
        data: bytes | None = self._file.read(n) if read1 is None else read1(n)
        if data is None:
            raise OSError(errno.EAGAIN, "not ready (the input is non-blocking)")
        return data


def _open(name: str) -> IO[bytes]:
    try:
        if name == STANDARD_INPUT:
            return _standard_input()
        return open(name, "rb", buffering=0)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None


def _standard_input() -> IO[bytes]:
    """Standard input that is not closed with the reader."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed")
    return io.BufferedReader(_Unclosed(sys.stdin.buffer), _RAW_BYTES)


class _Unclosed(io.RawIOBase):
    """Hands reads on to a stream that belongs to somebody else."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        read1 = getattr(self._stream, "read1", self._stream.read)
        data = read1(len(buffer))
        if data is None:
            return None
        buffer[: len(data)] = data
        return len(data)


def _unreadable(name: str, error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return InputError(f"{name}: cannot be read: {reason}")


def _adviser(file: IO[bytes]) -> Any:
    """`os.posix_fadvise` where it exists and `file` is a regular file, else None."""
    advise = getattr(os, "posix_fadvise", None)
    if advise is None:
        return None
    try:
        return advise if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except (OSError, ValueError):
        return None


def _quietly(advise: Any, *arguments: int) -> None:
    try:
        advise(*arguments)
    except OSError:  # advice only: some file systems refuse it
        pass


def _plain_blocks(source: _Source, first: bytes, block_bytes: int) -> Iterator[bytes]:
    for start in range(0, len(first), block_bytes):
        yield first[start : start + block_bytes]
    while data := source.read(block_bytes):
        yield data


def _gzip_blocks(source: _Source, data: bytes, block_bytes: int) -> Iterator[bytes]:
    """Member after member; zlib itself checks each member's checksum and length."""
    while data:
        decoder = zlib.decompressobj(wbits=31)
        while not decoder.eof:
            if not data:
                data = source.read(_RAW_BYTES)
                if not data:
                    raise _truncated(source, "gzip")
            at = source.offset - len(data)
            try:
                block = decoder.decompress(data, block_bytes)
            except zlib.error as error:
                raise _damaged(source, "gzip", at, error) from None
            data = decoder.unconsumed_tail
            if block:
                yield block
        data = _after_member(source, decoder.unused_data)
        while 0 < len(data) < 2:
            more = source.read(_RAW_BYTES)
            if not more:
                break
            data += more
        if data and not data.startswith(_GZIP_MAGIC):
            at = source.offset - len(data)
            raise InputError(
                f"{source.name}: byte {at}: found {data[:8]!r} after the gzip data, "
                "expected another gzip member or the end of the file"
            )


def _after_member(source: _Source, data: bytes) -> bytes:
    """What follows a gzip member, without the zeros that tapes and some tools pad with."""
    data = data.lstrip(b"\0")
    while not data:
        data = source.read(_RAW_BYTES)
        if not data:
            break
        data = data.lstrip(b"\0")
    return data


def _zstd() -> Any:
    """The zstd module, imported only when a zstd file is met."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise InputError(
            "reading zstd needs the package backports.zstd (Python 3.14 brings its own)"
        ) from None
    return zstd


def _is_zstd(first: bytes, name: str) -> bool:
    skippable = first[1:4] == b"\x2a\x4d\x18" and first[0] >> 4 == 5
    return first.startswith(_ZSTD_MAGIC) or (skippable and name.lower().endswith(".zst"))


def _zstd_window(first: bytes) -> int:
    """The window of the frame that `first` begins, in bytes (the largest where it is unclear)."""
    largest = 1 << _ZSTD_WINDOW_LOG
    if not first.startswith(_ZSTD_MAGIC) or len(first) < 6:
        return largest
    descriptor = first[4]
    if not descriptor & 0x20:
        exponent, mantissa = first[5] >> 3, first[5] & 7
        window = (1 << (10 + exponent)) + (mantissa << (7 + exponent))
        return min(window, largest)
    start = 5 + (0, 1, 2, 4)[descriptor & 3]  # a single segment: its window is its content
    width = (1, 2, 4, 8)[descriptor >> 6]
    size = int.from_bytes(first[start : start + width], "little") + (256 if width == 2 else 0)
    return min(size, largest)


def _zstd_blocks(source: _Source, data: bytes, block_bytes: int) -> Iterator[bytes]:
    """Frame after frame, each checked by its own checksum where it has one."""
    zstd = _zstd()
    options = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    while data:
        decoder = zstd.ZstdDecompressor(options=options)
        while not decoder.eof:
            if not data and decoder.needs_input:
                data = source.read(_RAW_BYTES)
                if not data:
                    raise _truncated(source, "zstd")
            at = source.offset - len(data)
            try:
                block = decoder.decompress(data, block_bytes)
            except zstd.ZstdError as error:
                raise _damaged(source, "zstd", at, error) from None
            data = b""
            if block:
                yield block
        data = decoder.unused_data or source.read(_RAW_BYTES)


def _truncated(source: _Source, kind: str) -> InputError:
    return InputError(
        f"{source.name}: byte {source.offset}: found the end of the file, expected more {kind} "
        "data: the file is truncated"
    )


def _damaged(source: _Source, kind: str, at: int, error: Exception) -> InputError:
    return InputError(f"{source.name}: at or after byte {at}: found damaged {kind} data ({error})")
