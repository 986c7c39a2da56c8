"""What decoders take is met frame by frame, and bounded before a byte of a frame is decoded."""

from __future__ import annotations

import gzip
import os
import sys
import threading
from pathlib import Path

import pytest

from pff_stream.errors import RefusedError
from pff_stream.files.decoders import GZIP_BYTES, ZSTD_BYTES, DecoderMemory
from pff_stream.files.sources import open_blocks

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
    decoders = DecoderMemory()
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
    message = r"a: byte \d+: decompressing it takes 129.0 MiB, 2.0 MiB .* --budget \d+MiB would do"
    with pytest.raises(RefusedError, match=message):
        given.extend(open_blocks(path, decoders=DecoderMemory(2 * MIB)))
    assert b"".join(given) == DATA
