"""What decoders take is met frame by frame, and bounded before a byte of a frame is decoded."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pff_stream.errors import InputError, RefusedError
from pff_stream.files.decoders import GZIP_BYTES, RAW_BYTES, ZSTD_BYTES, DecoderMemory
from pff_stream.files.sources import decoder_bytes, open_blocks

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1 << 20
DATA = b"".join(b"%d\n" % i for i in range(300_000))


def frame(data: bytes, window_log: int) -> bytes:
    """As a stream whose size nobody knew."""
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
    return compressor.compress(data) + compressor.flush()


def read(path: Path, decoders: DecoderMemory) -> bytes:
    """All of it."""
    return b"".join(open_blocks(path, decoders=decoders))


def test_of_files_in_turn_the_most(tmp_path: Path) -> None:
    """A window counts as far as it was filled; the largest of several frames and files."""
    path = tmp_path / "a"
    decoders = DecoderMemory(window_bytes=128 * MIB)
    for data, most in (
        (DATA, 0),
        (gzip.compress(DATA), GZIP_BYTES),
        (frame(b"x" * 100, 27), ZSTD_BYTES + 100),
        (frame(DATA, 20), ZSTD_BYTES + MIB),
        (frame(DATA, 17) + frame(DATA, 18), ZSTD_BYTES + MIB),
        (frame(DATA, 10) + frame(DATA, 27), ZSTD_BYTES + len(DATA)),
    ):
        path.write_bytes(data)
        assert read(path, decoders).startswith(DATA[:10] if len(data) > 200 else b"x")
        assert decoders.most_bytes == most


def test_of_pipes_the_sum(tmp_path: Path) -> None:
    """They are open side by side."""
    decoders = DecoderMemory()
    for name in ("a", "b"):
        path = tmp_path / name
        os.mkfifo(path)
        writer = threading.Thread(target=path.write_bytes, args=(frame(DATA, 20),))
        writer.start()
        assert read(path, decoders) == DATA
        writer.join()
    assert decoders.most_bytes == 2 * (ZSTD_BYTES + MIB)


def test_a_frame_over_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """With its place and a budget; what comes before it was given out."""
    path = tmp_path / "a"
    first = frame(DATA, 17)
    path.write_bytes(first + frame(DATA, 27))
    given: list[bytes] = []
    message = r"a: byte \d+: decompressing it takes 129.0 MiB; 2.0 MiB .* --budget \d+MiB would do"
    with pytest.raises(RefusedError, match=message):
        given.extend(open_blocks(path, decoders=DecoderMemory(2 * MIB)))
    assert b"".join(given) == DATA


@pytest.mark.parametrize("suffix", ["bz2", pytest.param("xz", marks=pytest.mark.thorough)])
def test_bzip2_and_xz(tmp_path: Path, suffix: str) -> None:
    """Stream after stream, padded or not, to the same bytes; what they take is counted."""
    pack: Callable[[bytes], bytes] = bz2.compress if suffix == "bz2" else lzma.compress
    path = tmp_path / f"a.{suffix}"
    for data, expected in (
        (pack(DATA), DATA),
        (pack(DATA) + pack(b"more"), DATA + b"more"),
        (pack(b"") + bytes(8) + pack(b"x") + bytes(4), b"x"),
    ):
        path.write_bytes(data)
        decoders = DecoderMemory()
        assert read(path, decoders) == expected
        assert 0 < decoders.most_bytes <= decoder_bytes(path) + 1  # of an empty stream none


@pytest.mark.parametrize(("suffix", "level", "most"), [("bz2", 1, 1 << 20), ("xz", 1, 2 << 20)])
def test_what_bzip2_and_xz_take_is_read_from_the_header(
    tmp_path: Path, suffix: str, level: int, most: int
) -> None:
    """The size of a block or of the dictionary, before anything is decoded."""
    path = tmp_path / f"a.{suffix}"
    data = bz2.compress(DATA, level) if suffix == "bz2" else lzma.compress(DATA, preset=level)
    path.write_bytes(data)
    assert most / 2 < decoder_bytes(path) <= most * 1.05
    with pytest.raises(RefusedError, match=r"byte \d+: decompressing it takes .*--budget \d+MiB"):
        read(path, DecoderMemory(1 << 18))


@pytest.mark.thorough
@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_damaged_bzip2_and_xz(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Cut, altered and continued by something else: each says the file and the byte."""
    path = tmp_path / "a"
    whole = pack(DATA)
    at = len(whole) // 2
    altered = whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]
    for data, message in (
        (whole[:at], rf"a: byte {at}: found the end of the file, expected more \w+ data"),
        (altered, r"a: at or after byte \d+: found"),
        (whole + b"text", rf"a: byte {len(whole)}: found b'text' after the \w+ data"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=message):
            read(path, DecoderMemory())


def test_a_text_that_begins_like_bzip2(tmp_path: Path) -> None:
    """Three letters are not enough."""
    path = tmp_path / "a"
    path.write_bytes(b"BZh9\tr\tb\n")
    assert read(path, DecoderMemory()) == b"BZh9\tr\tb\n" and decoder_bytes(path) == 0


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("n_bytes", range(1, 6))
def test_a_stream_that_begins_at_the_end_of_a_read(
    tmp_path: Path, pack: Callable[[bytes], bytes], n_bytes: int
) -> None:
    """No byte of the next stream is lost where only a part of its mark was read already."""
    first = pack(b"a\tr\tb\n")
    padded = first + bytes(RAW_BYTES - n_bytes - len(first))
    path = tmp_path / "packed"
    path.write_bytes(padded + pack(b"c\tr\td\n"))
    assert read(path, DecoderMemory()) == b"a\tr\tb\nc\tr\td\n"
