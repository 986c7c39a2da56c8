"""Output packed by the suffix of its name: the same bytes, the same file each time, or nothing."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pff_stream.files.packing import packed, packing_bytes
from pff_stream.files.sources import open_blocks
from pff_stream.files.writers import FileWriter

DATA = b"".join(b"%d\n" % i for i in range(100_000))


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".GZ"])
def test_what_is_packed_is_read_again(tmp_path: Path, suffix: str) -> None:
    """Whatever the pieces; in a second file the same bytes."""
    files = []
    for name, step in (("a", 7001), ("b", len(DATA))):
        path = tmp_path / (name + suffix)
        writer = packed(str(path), FileWriter(path))
        for start in range(0, len(DATA), step):
            writer.write(memoryview(DATA[start : start + step]))
        writer.commit()
        assert b"".join(open_blocks(path)) == DATA and path.stat().st_size < len(DATA) / 2
        files.append(path.read_bytes())
    assert packing_bytes(f"a{suffix}") > 0
    assert suffix != ".gz" or gzip.decompress(files[0]) == DATA


def test_nothing_is_left_of_what_is_abandoned(tmp_path: Path) -> None:
    """As of a file that is not packed; other names are not packed."""
    path = tmp_path / "a.gz"
    writer = packed(str(path), FileWriter(path))
    writer.write(memoryview(DATA))
    writer.abandon()
    assert list(tmp_path.iterdir()) == [] and packing_bytes("a.jsonl") == 0
