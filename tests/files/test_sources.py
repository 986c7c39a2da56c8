"""Bytes come in whole, in bounded blocks, or not at all with the place named."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from pff_stream.errors import InputError
from pff_stream.files.decoders import ZSTD_BYTES
from pff_stream.files.sources import BLOCKS_AHEAD, decoder_bytes, open_blocks, read_ahead

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DATA = b"".join(b"subject %d\trelation\tobject %d\n" % (i, i * i) for i in range(30_000))


@pytest.mark.thorough
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".tsv"])
@pytest.mark.parametrize("block_bytes", [999, 1 << 18])
def test_formats_are_known_by_content(tmp_path: Path, suffix: str, block_bytes: int) -> None:
    """Plain, gzip and zstd are read under any name, several members and frames in a row too."""
    half = len(DATA) // 2
    stored = {
        "plain": DATA,
        "gzip": gzip.compress(DATA[:half]) + gzip.compress(b"") + gzip.compress(DATA[half:]),
        "padded": gzip.compress(DATA) + bytes(1000),
        "zstd": zstd.compress(DATA[:half]) + zstd.compress(DATA[half:]),
    }
    for kind, data in stored.items():
        path = tmp_path / f"{kind}{suffix}"
        path.write_bytes(data)
        blocks = list(open_blocks(path, block_bytes))
        assert b"".join(blocks) == DATA
        assert 0 < min(map(len, blocks)) and max(map(len, blocks)) <= block_bytes


@pytest.mark.thorough
def test_a_bomb_comes_in_small_blocks(tmp_path: Path) -> None:
    """64 MiB packed a thousandfold are never held at once."""
    for name, data in (
        ("b.gz", gzip.compress(bytes(1 << 26))),
        ("b.zst", zstd.compress(bytes(1 << 26))),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        sizes = [len(block) for block in open_blocks(path, 1 << 16)]
        assert sum(sizes) == 1 << 26 and max(sizes) <= 1 << 16


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_truncated_files(tmp_path: Path, kind: str) -> None:
    """A packed file cut anywhere behind its first bytes is refused with the place of the cut."""
    data = gzip.compress(DATA) if kind == "gzip" else zstd.compress(DATA)
    for cut in (4, 5, 11, 100, len(data) // 2, len(data) - 5, len(data) - 1):
        path = tmp_path / f"cut.{kind}"
        path.write_bytes(data[:cut])
        with pytest.raises(InputError) as caught:
            list(open_blocks(path))
        assert str(caught.value).startswith(f"{path}: byte {cut}: found the end of the file")


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_damaged_files(tmp_path: Path, kind: str) -> None:
    """A flipped byte is found by the format's own checksum and never handed on in silence."""
    data = bytearray(gzip.compress(DATA))
    if kind == "zstd":
        options: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}
        data = bytearray(zstd.compress(DATA, options=options))
    path = tmp_path / "damaged"
    for at in range(20, len(data), len(data) // 20):
        data[at] ^= 0x55
        path.write_bytes(data)
        data[at] ^= 0x55
        with pytest.raises(InputError, match=f"{path}: .*byte [0-9]+: found"):
            list(open_blocks(path))


def test_rubbish_behind_gzip(tmp_path: Path) -> None:
    """What follows the packed data and is no member is refused with its place."""
    packed = gzip.compress(DATA)
    path = tmp_path / "rubbish.gz"
    path.write_bytes(packed + b"hello")
    with pytest.raises(InputError, match=f"byte {len(packed)}: found b'hello'"):
        list(open_blocks(path))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing files, folders, names that no file can have, and empty packed files are named."""
    with pytest.raises(InputError, match="missing: cannot be read: No such file"):
        list(open_blocks(tmp_path / "missing"))
    with pytest.raises(InputError, match="Is a directory"):
        list(open_blocks(tmp_path))
    with pytest.raises(InputError, match="cannot be read"):
        list(open_blocks("a\0b"))
    (tmp_path / "empty.gz").touch()
    with pytest.raises(InputError, match=r"empty.gz: byte 0: found an empty file"):
        list(open_blocks(tmp_path / "empty.gz"))
    (tmp_path / "empty.tsv").touch()
    assert list(open_blocks(tmp_path / "empty.tsv")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission(tmp_path: Path) -> None:
    """A file that this user may not read is named."""
    path = tmp_path / "secret"
    path.touch(0)
    with pytest.raises(InputError, match="Permission denied"):
        list(open_blocks(path))


@pytest.mark.parametrize("data", [DATA, gzip.compress(DATA), zstd.compress(DATA), b"", b"a"])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """`-` is standard input, packed or not, and stays open."""
    stream = io.TextIOWrapper(io.BytesIO(data))
    monkeypatch.setattr(sys, "stdin", stream)
    plain = DATA if len(data) > 1 else data
    assert b"".join(open_blocks("-")) == plain
    assert not stream.buffer.closed
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed"):
        list(open_blocks("-"))


def test_pipes(tmp_path: Path) -> None:
    """A named pipe is read as it fills, and its format is known from the first bytes."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    packed = gzip.compress(DATA)

    def write() -> None:
        with path.open("wb", buffering=0) as file:
            for start in range(50):
                file.write(packed[start : start + 1])
            file.write(packed[50:])

    writer = threading.Thread(target=write)
    writer.start()
    assert b"".join(open_blocks(path)) == DATA
    writer.join()
    assert decoder_bytes("-") == decoder_bytes(path) == 0  # its window is looked at when it comes


def test_an_error_of_the_disk_names_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that fails midway is an input error with the offset."""

    class Broken(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 200_000:
                raise OSError(5, "Input/output error")
            return super().read1(size)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Broken(bytes(1 << 20))))
    with pytest.raises(InputError, match=r"input: byte [1-9][0-9]+: Input/output error"):
        list(open_blocks("-"))


def test_decoder_memory_is_read_from_the_frame(tmp_path: Path) -> None:
    """The window of a zstd frame is known before it is decompressed."""
    path = tmp_path / "a"
    path.write_bytes(DATA)
    assert decoder_bytes(path) == 0
    path.write_bytes(gzip.compress(DATA))
    assert decoder_bytes(path) == 1 << 17
    for log in (17, 23, 27):
        compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
        path.write_bytes(compressor.compress(DATA) + compressor.flush())
        assert decoder_bytes(path) == (1 << log) + ZSTD_BYTES
    path.write_bytes(zstd.compress(DATA))
    assert len(DATA) < decoder_bytes(path) < 1 << 22
    with pytest.raises(InputError):
        decoder_bytes(tmp_path / "missing")


def test_reading_ahead_gives_the_same_blocks(tmp_path: Path) -> None:
    """In order, whatever their number, and no thread is left."""
    path = tmp_path / "rules.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 1000))
    threads = threading.active_count()
    assert list(read_ahead(open_blocks(path, 1000))) == list(open_blocks(path, 1000))
    assert threading.active_count() == threads


def test_reading_ahead_raises_what_reading_raises(tmp_path: Path) -> None:
    """Behind the blocks that came before."""
    path = tmp_path / "rules.gz"
    path.write_bytes(gzip.compress(os.urandom(100_000))[:-9])
    taken = 0
    with pytest.raises(InputError, match="truncated"):
        for block in read_ahead(open_blocks(path, 1000)):
            taken += len(block)
    assert taken > 90_000


def test_reading_ahead_is_bounded_and_ends_with_its_caller() -> None:
    """So many blocks wait and one is at hand; an early end closes the source."""
    drawn = 0
    closed = threading.Event()

    def blocks() -> Generator[bytes]:
        nonlocal drawn
        try:
            while True:
                drawn += 1
                yield b"block"
        finally:
            closed.set()

    ahead = read_ahead(blocks())
    next(ahead)
    for _ in range(100):
        if drawn == BLOCKS_AHEAD + 2:
            break
        threading.Event().wait(0.01)
    threading.Event().wait(0.05)
    assert drawn == BLOCKS_AHEAD + 2
    ahead.close()
    assert closed.is_set()
