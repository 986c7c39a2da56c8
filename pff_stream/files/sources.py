"""Where bytes enter: one way to read files, plain or packed, and standard input, in windows.

Covers: recognition by content rather than by name, blocks of bounded size whatever the compression
ratio, errors that name the file and the byte, a page cache that stays small. Does not cover: lines,
text encodings, anything about rules or triples.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import stat
import sys
from collections.abc import Generator, Iterable, Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import IO, Any, Protocol

from pff_stream.errors import InputError
from pff_stream.files.decoders import (
    BZIP2_DIGITS,
    BZIP2_MAGIC,
    GZIP_BYTES,
    GZIP_MAGIC,
    PACKED_SUFFIXES,
    RAW_BYTES,
    SNIFF_BYTES,
    WINDOW_BYTES,
    XZ_MAGIC,
    ZSTD_BYTES,
    DecoderMemory,
    gzip_blocks,
    is_zstd,
    zstd_blocks,
    zstd_window,
)

BLOCK_BYTES = 1 << 18
BLOCKS_AHEAD = 4
STANDARD_INPUT = "-"
_DROP_BYTES = 1 << 20
USUAL_DECODER_BYTES = WINDOW_BYTES + ZSTD_BYTES
"""Kept free for a decoder where it is not known before what it takes."""
_NO_LIMIT = 1 << 63


class Opener(Protocol):
    """Opens an input: `open_blocks` does."""

    def __call__(
        self, path: str, block_bytes: int = ..., decoders: DecoderMemory | None = ...
    ) -> Generator[bytes]:
        """Its decompressed bytes, a block at a time."""


def shown(path: str) -> str:
    """An input as messages call it."""
    return "standard input" if path == STANDARD_INPUT else path


def open_blocks(
    path: str | os.PathLike[str],
    block_bytes: int = BLOCK_BYTES,
    decoders: DecoderMemory | None = None,
) -> Generator[bytes]:
    """Yields the decompressed bytes of `path` (`-`: standard input), 1 to `block_bytes` at a time.

    `decoders` is told what decompressing takes, and may refuse it. Raises `InputError` with the
    file and the byte offset (in the file as stored) where it cannot be read, is a directory, or
    holds damaged or truncated compressed data.
    """
    decoders = decoders or DecoderMemory()
    name = os.fspath(path)
    with _open(name) as file:
        source = _Source(file, name)
        first = source.start()
        if first.startswith(GZIP_MAGIC):
            decoders.met(source, GZIP_BYTES)
            yield from gzip_blocks(source, first, block_bytes)
        elif is_zstd(first):
            yield from zstd_blocks(source, first, block_bytes, decoders)
        elif _is_bzip2(first):
            from pff_stream.files.bzip2_xz import bzip2_blocks

            yield from bzip2_blocks(source, first, block_bytes, decoders)
        elif first.startswith(XZ_MAGIC):
            from pff_stream.files.bzip2_xz import xz_blocks

            yield from xz_blocks(source, first, block_bytes, decoders)
        elif not first and name.lower().endswith(PACKED_SUFFIXES):
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


def may_be_packed(path: str) -> bool:
    """Whether a decompressor may be needed, by the name: what comes through a pipe has none."""
    return path.lower().endswith(PACKED_SUFFIXES) or not os.path.isfile(path)


def known_bytes(paths: Iterable[object]) -> int | None:
    """Bytes of all inputs as `open_blocks` yields them; None where nobody knows before.

    That is so of packed files, pipes, objects, and Parquet, whose reader jumps about in it.
    """
    total = 0
    for path in paths:
        if not isinstance(path, (str, os.PathLike)):
            return None
        name = os.fspath(path)
        if may_be_packed(name) or name.lower().endswith(".parquet"):
            return None
        try:
            total += os.stat(path).st_size
        except OSError:  # it is said when it is read
            return None
    return total


def decoder_bytes(path: str | os.PathLike[str], window_bytes: int | None = None) -> int:
    """Bytes that the decompressor of `path` needs beside the blocks (0 where nothing is packed).

    Read from the first frame; `RefusedError` where its window is over `window_bytes`. 0 of what
    cannot be read twice (standard input, a pipe): its window is looked at when it is there.
    """
    name = os.fspath(path)
    if name == STANDARD_INPUT:
        return 0
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            return 0
    except OSError as error:
        raise _unreadable(name, error) from None
    with _open(name) as file:
        source = _Source(file, name)
        first = source.start()
    window, beside = _decoder(first)
    DecoderMemory(_NO_LIMIT, window_bytes).expect(source, 0, window, beside)
    return window + beside


def _decoder(first: bytes) -> tuple[int, int]:
    """What the decompressor of a file takes that begins so: its window, and all else."""
    if first.startswith(GZIP_MAGIC):
        return 0, GZIP_BYTES
    if is_zstd(first):
        return zstd_window(first), ZSTD_BYTES
    if not (_is_bzip2(first) or first.startswith(XZ_MAGIC)):
        return 0, 0
    from pff_stream.files.bzip2_xz import XZ_BYTES, bzip2_bytes, xz_dictionary

    return (0, bzip2_bytes(first)) if _is_bzip2(first) else (xz_dictionary(first), XZ_BYTES)


def _is_bzip2(first: bytes) -> bool:
    """A text may begin with the letters; the digits of pi or of its root follow them in bzip2."""
    return first.startswith(BZIP2_MAGIC) and first[4:10] in BZIP2_DIGITS


class _Source:
    """Raw reads with the offset of the next byte; drops what was read from the page cache."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = shown(name)
        self.offset = 0
        self._file = file
        self._dropped = 0
        self.is_file = _is_regular(file)
        self._advise = getattr(os, "posix_fadvise", None) if self.is_file else None
        if self._advise is not None:
            _quietly(self._advise, file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def start(self) -> bytes:
        """Enough of the beginning to recognise the format (less only where the file is shorter)."""
        first = b""
        while len(first) < SNIFF_BYTES:
            more = self.read(RAW_BYTES)
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
    return io.BufferedReader(_Unclosed(sys.stdin.buffer), RAW_BYTES)


class _Unclosed(io.RawIOBase):
    """Hands reads on to a stream that belongs to somebody else, and waits until it is ready."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        raw = getattr(stream, "raw", None)
        self._ready: select.poll | None = None
        if isinstance(raw, io.FileIO) and not os.get_blocking(raw.fileno()):
            # Only the raw stream tells "nothing yet" from the end.
            self._stream = raw
            self._ready = select.poll()
            self._ready.register(raw.fileno(), select.POLLIN)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        read1 = getattr(self._stream, "read1", self._stream.read)
        while (data := read1(len(buffer))) is None and self._ready is not None:
            self._ready.poll()
        if data is None:
            return None
        buffer[: len(data)] = data
        return len(data)


def _unreadable(name: str, error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return InputError(f"{name}: cannot be read: {reason}")


def _is_regular(file: IO[bytes]) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except (OSError, ValueError):
        return False


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
