"""What a process holds is measured, and answers are kept where there is a place for them."""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from planner.probe import ProcessMemory, WorkerMemory, cached_probe, measure_process, measure_self

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MIB = 1 << 20
HOLD = """
import sys
kept = b"x" * int(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""


def memory(worker_bytes: int) -> WorkerMemory:
    """An answer of a probe."""
    return WorkerMemory(ProcessMemory(worker_bytes, 4096, 9 * worker_bytes), 3, 0.5, 7)


@linux
def test_this_process_is_measured() -> None:
    """The measure of oneself grows by what is touched, and counts its page tables."""
    block = b"x" * MIB
    before = measure_self()
    # Memory of its own: what is free in the heap would not be new.
    kept = mmap.mmap(-1, 30 * MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for _ in range(30):
        kept.write(block)
    grown = measure_self()
    assert 30 * MIB <= grown.bytes - before.bytes < 31 * MIB
    assert grown.page_table_bytes > before.page_table_bytes
    assert grown.data_bytes - before.data_bytes >= 30 * MIB
    kept.close()
    assert ProcessMemory(3, 4, 99).bytes == 7


@linux
def test_another_process_is_measured() -> None:
    """Two processes differ by what one of them holds more; the dead hold nothing."""
    held = []
    for size in (0, 30 * MIB):
        command = [sys.executable, "-c", HOLD, str(size)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout and process.stdout.readline() == "ready\n"
            held.append(measure_process(process.pid))
            process.communicate()
        assert measure_process(process.pid) == ProcessMemory(0, 0, 0)
    empty, full = held
    assert 30 * MIB - MIB // 2 < full.bytes - empty.bytes < 31 * MIB
    assert full.data_bytes - empty.data_bytes >= 30 * MIB


def test_an_answer_is_kept(tmp_path: Path) -> None:
    """An answer is taken from the cache for the same key only, and the cache keeps several."""
    cache = tmp_path / "probes.json"

    def ask(version: str, size: int) -> WorkerMemory:
        return cached_probe(cache, {"numpy": version, "start": "fork"}, lambda: memory(size))

    assert ask("1", 5) == memory(5)
    assert ask("1", 6) == memory(5)
    assert ask("2", 7) == memory(7)
    assert ask("1", 8) == memory(5)
    assert [path.name for path in tmp_path.iterdir()] == ["probes.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format_version": 2, "probes": {"x": {}}}', "\xff" * 3]
)
def test_a_broken_cache_is_ignored(tmp_path: Path, text: str) -> None:
    """A cache that cannot be read is measured anew and replaced."""
    cache = tmp_path / "probes.json"
    cache.write_text(text, encoding="latin-1")
    assert cached_probe(cache, {}, lambda: memory(1)) == memory(1)
    assert json.loads(cache.read_text())["format_version"] == 2


def test_a_cache_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    """Where no cache can be kept, the answer is given all the same and nothing is left."""
    (tmp_path / "file").write_text("")
    for cache in (tmp_path / "file" / "p.json", tmp_path / "missing" / "p.json", tmp_path):
        assert cached_probe(cache, {}, lambda: memory(1)) == memory(1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
