"""Windows and dictionaries are held against a limit frame by frame, before a byte is decoded."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import sys
import zlib
from pathlib import Path

import pytest

from pff_stream.errors import InputError, RefusedError
from pff_stream.files.decoders import XZ_MAGIC, ZSTD_BYTES, DecoderMemory
from pff_stream.files.sources import decoder_bytes, open_blocks

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KIB, MIB = 1 << 10, 1 << 20
DATA = b"".join(b"%d\n" % i for i in range(100_000))
SKIPPED = b"\x5a\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
"""A frame of zstd without data."""


def frame(data: bytes, window_log: int) -> bytes:
    """As a stream whose size nobody knew."""
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
    return compressor.compress(data) + compressor.flush()


def segment(n_bytes: int) -> bytes:
    """The beginning of a frame that is a single segment of so many bytes."""
    return b"\x28\xb5\x2f\xfd\xe0" + n_bytes.to_bytes(8, "little") + bytes(40)


def stream(data: bytes, dictionary: int) -> bytes:
    """An xz stream of one block."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": dictionary}]
    return lzma.compress(data, filters=filters)


def in_one_stream(*streams: bytes) -> bytes:
    """The blocks of xz streams of one block each, in a stream of many."""
    blocks, records = b"", b""
    for one in streams:
        size = 4 * (struct.unpack("<I", one[-8:-4])[0] + 1)
        index = one[-12 - size : -12]
        end = 2
        for _ in range(2):  # sizes, 7 bits a byte
            while index[end] & 0x80:
                end += 1
            end += 1
        blocks += one[12 : -12 - size]
        records += index[2:end]
    index = b"\0" + bytes([len(streams)]) + records
    index += bytes(-len(index) % 4)
    index += struct.pack("<I", zlib.crc32(index))
    tail = struct.pack("<I", len(index) // 4 - 1) + streams[0][6:8]
    footer = struct.pack("<I", zlib.crc32(tail)) + tail + b"YZ"
    return streams[0][:12] + blocks + index + footer


def read(path: Path, decoders: DecoderMemory) -> bytes:
    """All of it."""
    return b"".join(open_blocks(path, decoders=decoders))


@pytest.mark.parametrize(
    "packed",
    [
        frame(DATA, 24),
        frame(DATA, 17) + frame(DATA, 24),
        SKIPPED + frame(DATA, 24),
        frame(DATA, 17) + SKIPPED * 3 + frame(DATA, 24),
        segment(16 * MIB),
        frame(DATA, 17) + segment(1 << 40),
        stream(DATA, 16 * MIB),
        stream(DATA, 64 * KIB) + stream(DATA, 16 * MIB),
        stream(DATA, 64 * KIB) + bytes(4) + stream(DATA, 16 * MIB),
        in_one_stream(stream(DATA, 64 * KIB), stream(DATA, 16 * MIB)),
    ],
)
def test_without_a_plan_8_mib(tmp_path: Path, packed: bytes) -> None:
    """Larger ones are refused where nothing says how much memory there is; the place is named."""
    path = tmp_path / "a.zst"
    path.write_bytes(packed)
    with pytest.raises(RefusedError, match=r"a.zst: .*byte \d+: found a (window|block)"):
        read(path, DecoderMemory())


@pytest.mark.parametrize("window_log", [10, 23])
def test_up_to_8_mib(tmp_path: Path, window_log: int) -> None:
    """Usual ones are read, and frames without data between them."""
    path = tmp_path / "a.zst"
    path.write_bytes(SKIPPED + frame(DATA, window_log) + SKIPPED + frame(b"", 10) + frame(DATA, 10))
    assert read(path, DecoderMemory()) == 2 * DATA


def test_what_would_do_does(tmp_path: Path) -> None:
    """The option that a refusal names, and not less."""
    path = tmp_path / "a"
    path.write_bytes(frame(DATA, 24))
    with pytest.raises(RefusedError, match="--max-window 16MiB would do"):
        read(path, DecoderMemory())
    with pytest.raises(RefusedError, match="--max-window 16MiB would do"):
        read(path, DecoderMemory(1 << 30, 16 * MIB - 1))
    assert read(path, DecoderMemory(None, 16 * MIB)) == DATA
    assert read(path, DecoderMemory(1 << 30)) == DATA
    assert read(path, DecoderMemory(1 << 30, 16 * MIB)) == DATA


def test_the_room_counts_what_is_held(tmp_path: Path) -> None:
    """By others at that moment."""
    path = tmp_path / "a"
    path.write_bytes(frame(DATA, 20))
    held = 0
    decoders = DecoderMemory(3 * MIB, held_bytes=lambda: held)
    assert read(path, decoders) == DATA
    held = 2 * MIB
    with pytest.raises(RefusedError, match=r"2.0 MiB are held beside it; 3.0 MiB may be used"):
        read(path, decoders)


@pytest.mark.thorough
def test_later_blocks_of_xz(tmp_path: Path) -> None:
    """As large as the first one, or as was asked for; what they may take is counted."""
    path = tmp_path / "a"
    path.write_bytes(in_one_stream(stream(DATA, 64 * KIB), stream(DATA, 64 * KIB)))
    assert read(path, DecoderMemory()) == 2 * DATA
    path.write_bytes(in_one_stream(stream(DATA, 64 * KIB), stream(DATA, 4 * MIB)))
    with pytest.raises(RefusedError, match=r"larger than 64.0 KiB.*--max-window"):
        read(path, DecoderMemory(1 << 30))
    decoders = DecoderMemory(1 << 30, 4 * MIB)
    assert read(path, decoders) == 2 * DATA
    assert 2 * len(DATA) <= decoders.most_bytes <= 5 * MIB
    with pytest.raises(RefusedError, match=r"larger than 2.0 MiB.*budget"):
        read(path, DecoderMemory(3 * MIB, 64 * MIB))


@pytest.mark.thorough
def test_before_anything_is_read(tmp_path: Path) -> None:
    """The first frame's window is known from its header, and held against what was asked for."""
    path = tmp_path / "a.xz"
    for packed, window in (
        (segment(1 << 40), 1 << 40),
        (frame(DATA, 27), 128 * MIB),
        (stream(DATA, 96 * MIB), 96 * MIB),
        (stream(b"", 96 * MIB), 0),
    ):
        path.write_bytes(packed)
        if window > 1 << 31:
            with pytest.raises(RefusedError, match="the largest that is decoded"):
                decoder_bytes(path)
            continue
        assert window < decoder_bytes(path) <= window + 2 * MIB
        if window:
            with pytest.raises(RefusedError, match="--max-window"):
                decoder_bytes(path, MIB)
    path.write_bytes(SKIPPED + frame(DATA, 27))
    assert decoder_bytes(path) == ZSTD_BYTES


@pytest.mark.parametrize("name", ["a.zst", "a.xz", "a.gz", "a.bz2"])
def test_truncated_headers(tmp_path: Path, name: str) -> None:
    """Every beginning of a file is an error that names the file."""
    packs = {"zst": lambda data: frame(data, 24), "xz": lzma.compress}
    packs |= {"gz": gzip.compress, "bz2": bz2.compress}
    path = tmp_path / name
    whole = packs[name[2:]](b"x" * 100)
    least = len(XZ_MAGIC) if name == "a.xz" else 10
    for n_bytes in range(least, min(40, len(whole) - 1)):
        path.write_bytes(whole[:n_bytes])
        with pytest.raises((InputError, RefusedError), match=name):
            read(path, DecoderMemory(1 << 16))


def test_what_is_no_frame(tmp_path: Path) -> None:
    """Behind a frame is another one or nothing."""
    path = tmp_path / "a"
    path.write_bytes(frame(DATA, 10) + b"text")
    with pytest.raises(InputError, match=rf"byte {path.stat().st_size - 4}: found b'text' after"):
        read(path, DecoderMemory())
