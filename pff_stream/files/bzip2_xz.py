"""Decompresses bzip2 and xz, whose modules are imported only when such a file is met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pff_stream.errors import RefusedError
from pff_stream.files.decoders import (
    BZIP2_MAGIC,
    RAW_BYTES,
    XZ_MAGIC,
    DecoderMemory,
    RawSource,
    damaged,
    next_part,
    truncated,
)
from planner.sizes import format_size

BZIP2_BYTES = 1 << 19
XZ_BYTES = 1 << 20
"""What decoders take beside the blocks of bzip2 and the dictionary of xz: state, the module."""
_BLOCK_BYTES = 100_000
_LARGEST_DICTIONARY = 0xFFFFFFFF
_LZMA2 = 0x21
_XZ_HEADER_BYTES = 12


class _Decoder(Protocol):
    """What `bz2` and `lzma` have in common."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing to give before more is read."""

    @property
    def unused_data(self) -> bytes:
        """What stood behind the stream."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """At most so many bytes; of later ones the input is kept."""


def bzip2_bytes(first: bytes) -> int:
    """What decoding takes of a file that begins with `first`: 4 bytes for one of a block."""
    level = first[3] - ord("0") if len(first) > 3 and first[3:4].isdigit() else 9
    return _BLOCK_BYTES * (1 + 4 * level) + BZIP2_BYTES


def bzip2_blocks(
    source: RawSource, data: bytes, block_bytes: int, decoders: DecoderMemory
) -> Iterator[bytes]:
    """Stream after stream, each block checked by its own checksum."""
    import bz2

    while data:
        needed = bzip2_bytes(data)
        decoders.expect(source, source.offset - len(data), 0, needed)
        decoders.met(source, needed)
        stream = _Stream(source, "bzip2", bz2.BZ2Decompressor(), data)
        try:
            yield from stream.blocks(block_bytes)
        except OSError as error:
            raise damaged(source, "bzip2", stream.at, error) from None
        data = next_part(source, stream.rest, BZIP2_MAGIC, "bzip2 stream")


def xz_dictionary(first: bytes) -> int:
    """The dictionary of the first block of a file that begins with `first`, in bytes.

    None of a file without blocks, and none where it is unclear: the decoder refuses such a block.
    """
    at = _XZ_HEADER_BYTES
    if len(first) < at + 6 or not first[at]:
        return 0
    flags, at = first[at + 1], at + 2
    for is_there in (flags & 0x40, flags & 0x80):  # sizes, 7 bits a byte
        while is_there and at < len(first):
            at += 1
            is_there = first[at - 1] & 0x80
    for _ in range((flags & 3) + 1):
        if len(first) < at + 3:
            break
        name, n_properties = first[at], first[at + 1]
        if name == _LZMA2 and n_properties == 1:
            bits = first[at + 2] & 0x3F
            return (2 | bits & 1) << (bits // 2 + 11) if bits < 40 else _LARGEST_DICTIONARY
        at += 2 + n_properties
    return 0


def _xz_header_bytes(first: bytes) -> int:
    """How much of a file has to be at hand to know the dictionary of its first block."""
    at = _XZ_HEADER_BYTES
    return at + 4 * (first[at] + 1) if len(first) > at else 2 * at


def xz_blocks(
    source: RawSource, data: bytes, block_bytes: int, decoders: DecoderMemory
) -> Iterator[bytes]:
    """Stream after stream, each checked by its own checksum where it has one."""
    import lzma

    while data:
        while len(data) < _xz_header_bytes(data) and (more := source.read(RAW_BYTES)):
            data += more
        at, first, made = source.offset - len(data), xz_dictionary(data), 0
        decoders.expect(source, at, first, XZ_BYTES)
        # Later blocks may have another one, which is seen by nobody but the decoder.
        dictionary = max(first, decoders.later_window_bytes(XZ_BYTES))
        limited = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=dictionary + XZ_BYTES)
        stream = _Stream(source, "xz", limited, data)
        try:
            for block in stream.blocks(block_bytes):
                made += len(block)
                decoders.met(source, min(dictionary, made) + XZ_BYTES)
                yield block
        except lzma.LZMAError as error:
            if "limit" in str(error):
                raise RefusedError(
                    f"refused: {source.name}: at or after byte {stream.at}: found a block whose "
                    f"dictionary is larger than {format_size(dictionary)}, expected at most that "
                    "of the first block, or what --max-window SIZE and the budget allow"
                ) from None
            raise damaged(source, "xz", stream.at, error) from None
        data = next_part(source, stream.rest, XZ_MAGIC, "xz stream")


class _Stream:
    """One stream of a file that may hold several."""

    def __init__(self, source: RawSource, kind: str, decoder: _Decoder, data: bytes) -> None:
        self._source = source
        self._kind = kind
        self._decoder = decoder
        self._data = data
        self.at = source.offset - len(data)
        """Where what is decoded now begins, or before."""

    @property
    def rest(self) -> bytes:
        """What stood behind it."""
        return self._decoder.unused_data

    def blocks(self, block_bytes: int) -> Iterator[bytes]:
        """All of it; what the decoder raises."""
        source, decoder, data = self._source, self._decoder, self._data
        self._data = b""
        while not decoder.eof:
            if not data and decoder.needs_input:
                data = source.read(RAW_BYTES)
                if not data:
                    raise truncated(source, self._kind)
            if data:
                self.at = source.offset - len(data)
            block = decoder.decompress(data, block_bytes)
            data = b""
            if block:
                yield block
