"""Decompresses gzip and zstd in blocks of bounded size, and keeps account of what that takes.

Does not cover: bzip2 and xz (`bzip2_xz`), opening and reading files (`sources`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from pff_stream.errors import InputError, RefusedError
from planner.sizes import format_size

GZIP_BYTES = 1 << 17
ZSTD_BYTES = 1 << 20
"""What decoders take, of zstd beside the window: state, blocks, the module."""
BESIDE_MIB = 64
"""What is held beside a decoder, generously."""
RAW_BYTES = 1 << 16
SNIFF_BYTES = 64
"""Of the beginning, enough for the longest header of a zstd frame or an xz block that counts."""
GZIP_MAGIC = b"\x1f\x8b"
BZIP2_MAGIC = b"BZh"
BZIP2_DIGITS = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
"""Of a block, and of the end of a file without one; behind the magic and a digit."""
XZ_MAGIC = b"\xfd7zXZ\0"
_GZIP_NO_MEMORY = "Error -4 "
PACKED_SUFFIXES = (".gz", ".zst", ".bz2", ".xz")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
WINDOW_BYTES = 8 << 20
"""The largest window where nothing says how much memory there is."""
_LEAST_WINDOW_LOG, _LARGEST_WINDOW_LOG = 10, 31
LARGEST_WINDOW_BYTES = 1 << _LARGEST_WINDOW_LOG
"""What the decoder of zstd can do at most."""


class RawSource(Protocol):
    """Raw reads of a file, in order."""

    name: str
    offset: int
    """Of the next byte."""
    is_file: bool
    """Whether it is a regular file."""

    def read(self, n: int) -> bytes:
        """At most `n` bytes; none at the end."""


class DecoderMemory:
    """What decompressing may take and takes: of several files in turn the most, of pipes together.

    A window is held against `window_bytes` and against the room before a byte is decoded.
    """

    def __init__(
        self,
        limit_bytes: int | None = None,
        window_bytes: int | None = None,
        held_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        """A decoder that would take more than `limit_bytes`, beside `held_bytes()`, is refused.

        None: no limit; then windows are at most `WINDOW_BYTES`, unless `window_bytes` says
        otherwise.
        """
        self._limit_bytes = limit_bytes
        self._window_bytes = window_bytes
        self._held_bytes = held_bytes
        self._of_files = 0
        self._of_pipes: dict[str, int] = {}
        self.expected_bytes = 0
        """What one of them could take at most, whether it touched it or not."""

    @property
    def most_bytes(self) -> int:
        """What was touched at once, at most."""
        return self._of_files + sum(self._of_pipes.values())

    def later_window_bytes(self, beside_bytes: int) -> int:
        """The window that a part may have which cannot be looked at before.

        What was asked for, as far as there is room for it and `beside_bytes`.
        """
        most, limit = self._window_bytes or 0, self._limit_bytes
        if limit is not None:
            most = min(most, limit - self._held_bytes() - beside_bytes)
        return max(0, most)

    def expect(self, source: RawSource, at: int, found_bytes: int, beside_bytes: int) -> None:
        """A decoder of `source`, from byte `at` on, has this window; `RefusedError` over a limit.

        `beside_bytes` is what it takes besides.
        """
        found = f"refused: {source.name}: byte {at}: found a window of {format_size(found_bytes)}"
        n_bytes, limit = found_bytes + beside_bytes, self._limit_bytes
        self.expected_bytes = max(self.expected_bytes, n_bytes)
        most = self._window_bytes
        if most is None and limit is None:
            most = WINDOW_BYTES
        if found_bytes > LARGEST_WINDOW_BYTES:
            largest = format_size(LARGEST_WINDOW_BYTES)
            raise RefusedError(f"{found}, expected at most {largest}, the largest that is decoded")
        if most is not None and found_bytes > most:
            raise RefusedError(
                f"{found} to decompress with, expected at most {format_size(most)} "
                f"(--max-window): --max-window {-(-found_bytes >> 20)}MiB would do"
            )
        held = self._held_bytes()
        if limit is not None and n_bytes + held > limit:
            beside = f", {format_size(held)} are held beside it" if held else ""
            raise RefusedError(
                f"refused: {source.name}: byte {at}: decompressing it takes "
                f"{format_size(n_bytes)}{beside}; {format_size(max(0, limit))} may be used: "
                f"--budget {-(-(n_bytes + held) >> 20) + BESIDE_MIB}MiB would do"
            )

    def met(self, source: RawSource, n_bytes: int) -> None:
        """A decoder of `source` touched so much."""
        if source.is_file:
            self._of_files = max(self._of_files, n_bytes)
        else:
            self._of_pipes[source.name] = max(self._of_pipes.get(source.name, 0), n_bytes)


def gzip_blocks(source: RawSource, data: bytes, block_bytes: int) -> Iterator[bytes]:
    """Member after member; zlib itself checks each member's checksum and length."""
    while data:
        decoder = zlib.decompressobj(wbits=31)
        while not decoder.eof:
            if not data:
                data = source.read(RAW_BYTES)
                if not data:
                    raise truncated(source, "gzip")
            at = source.offset - len(data)
            try:
                block = decoder.decompress(data, block_bytes)
            except zlib.error as error:
                if str(error).startswith(_GZIP_NO_MEMORY):
                    raise MemoryError from None
                raise damaged(source, "gzip", at, error) from None
            data = decoder.unconsumed_tail
            if block:
                yield block
        data = next_part(source, decoder.unused_data, GZIP_MAGIC, "gzip member")


def next_part(source: RawSource, data: bytes, magic: bytes, part: str) -> bytes:
    """What follows a member or stream: nothing, or the beginning of another one.

    Skips the zeros that tapes and some tools pad with; `InputError` for anything else. `data` was
    read behind the end already.
    """
    data = data.lstrip(b"\0")
    while len(data) < len(magic) and (more := source.read(RAW_BYTES)):
        data = (data + more).lstrip(b"\0")
    if data and not data.startswith(magic):
        at = source.offset - len(data)
        raise InputError(
            f"{source.name}: byte {at}: found {data[:8]!r} after the {part.split()[0]} data, "
            f"expected another {part} or the end of the file"
        )
    return data


def import_for(paths: Iterable[str]) -> None:
    """Imports what these files are decompressed by, as far as their names tell."""
    suffixes = {path[path.rfind(".") :].lower() for path in paths}
    with contextlib.suppress(InputError, ImportError):  # it is said where the file is read
        if ".zst" in suffixes:
            _zstd()
        if ".bz2" in suffixes:
            import bz2  # noqa: F401
        if ".xz" in suffixes:
            import lzma  # noqa: F401


def unpacked_name(path: str) -> str:
    """The path without the suffix that says how it is packed."""
    lower = path.lower()
    return path[: lower.rindex(".")] if lower.endswith(PACKED_SUFFIXES) else path


def stem_of(path: str) -> str:
    """File name without its suffix; the suffix of a compressed file does not count as one."""
    name = os.path.basename(path.rstrip("/"))
    root, suffix = os.path.splitext(name)
    return os.path.splitext(root)[0] if suffix.lower() in PACKED_SUFFIXES else root


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


def is_zstd(first: bytes) -> bool:
    """Whether a file that begins with `first` is zstd; no text has such a control byte."""
    return first.startswith(_ZSTD_MAGIC) or _is_skippable(first)


def _is_skippable(first: bytes) -> bool:
    """Whether it begins with a frame that has no data."""
    return first[1:4] == b"\x2a\x4d\x18" and first[0] >> 4 == 5


def zstd_window(first: bytes) -> int:
    """The window of the frame that `first` begins, in bytes; 0 of one that has no data."""
    if not first.startswith(_ZSTD_MAGIC) or len(first) < 6:
        return 0  # skipped, or too short to be decoded
    descriptor = first[4]
    if not descriptor & 0x20:
        exponent, mantissa = first[5] >> 3, first[5] & 7
        return (1 << (10 + exponent)) + (mantissa << (7 + exponent))
    start = 5 + (0, 1, 2, 4)[descriptor & 3]  # a single segment: its window is its content
    width = (1, 2, 4, 8)[descriptor >> 6]
    return int.from_bytes(first[start : start + width], "little") + (256 if width == 2 else 0)


def zstd_blocks(
    source: RawSource, data: bytes, block_bytes: int, decoders: DecoderMemory
) -> Iterator[bytes]:
    """Frame after frame, each checked by its own checksum where it has one."""
    zstd = _zstd()
    while data:
        while len(data) < SNIFF_BYTES and (more := source.read(RAW_BYTES)):
            data += more
        at = source.offset - len(data)
        if not is_zstd(data):
            raise InputError(
                f"{source.name}: byte {at}: found {data[:8]!r} after the zstd data, expected "
                "another zstd frame or the end of the file"
            )
        window, made = zstd_window(data), 0
        decoders.expect(source, at, window, ZSTD_BYTES)
        # The decoder is held to what was looked at, and to nothing more.
        log = max(_LEAST_WINDOW_LOG, (window - 1).bit_length())
        options = {zstd.DecompressionParameter.window_log_max: log}
        try:
            decoder = zstd.ZstdDecompressor(options=options)
            while not decoder.eof:
                if not data and decoder.needs_input:
                    data = source.read(RAW_BYTES)
                    if not data:
                        raise truncated(source, "zstd")
                at = source.offset - len(data)
                block = decoder.decompress(data, block_bytes)
                data = b""
                if block:
                    made += len(block)
                    decoders.met(source, min(window, made) + ZSTD_BYTES)
                    yield block
        except zstd.ZstdError as error:
            if "not enough memory" in str(error):
                raise MemoryError from None
            raise damaged(source, "zstd", at, error) from None
        data = decoder.unused_data or source.read(RAW_BYTES)


def truncated(source: RawSource, kind: str) -> InputError:
    """For a file that ends too early."""
    return InputError(
        f"{source.name}: byte {source.offset}: found the end of the file, expected more {kind} "
        "data: the file is truncated"
    )


def damaged(source: RawSource, kind: str, at: int, error: Exception) -> InputError:
    """For data that a decoder refuses."""
    return InputError(f"{source.name}: at or after byte {at}: found damaged {kind} data ({error})")
