"""Answers of probes are kept for later runs where this user has a home, and none is made."""

from __future__ import annotations

import json
import mmap
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pff_stream.limits.meter import MemoryMeter
from pff_stream.observer import Silent
from pff_stream.plan.costs import cache_path, measure_costs
from planner.fence import data_limit


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without anything in it, and no other place that is set for caches."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return tmp_path


def test_in_the_home(home: Path) -> None:
    """The folders below a home are made, and used again."""
    expected = str(home / ".cache" / "pff-stream" / "probe.json")
    assert (cache_path(), cache_path()) == (expected, expected)
    assert (home / ".cache" / "pff-stream").is_dir()


@pytest.mark.parametrize("setting", ["", "caches"])
def test_what_is_no_place_is_ignored(
    home: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """A cache home that is empty or relative is as one that is not set."""
    monkeypatch.setenv("XDG_CACHE_HOME", setting)
    assert cache_path() == str(home / ".cache" / "pff-stream" / "probe.json")


def test_where_caches_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CACHE_HOME is used where it exists, and the home is left alone."""
    (home / "caches").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "caches"))
    assert cache_path() == str(home / "caches" / "pff-stream" / "probe.json")
    assert [path.name for path in home.iterdir()] == ["caches"]


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME"])
def test_no_home_is_made(home: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Where the folder is missing, a file, or named by a relative path, nothing is kept."""
    (home / "file").write_text("")
    for place in (home / "missing", home / "file"):
        monkeypatch.setenv(variable, str(place))
        assert cache_path() is None
    monkeypatch.chdir(home)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    assert cache_path() is None
    assert [path.name for path in home.iterdir()] == ["file"]


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="page tables as /proc tells them")
def test_a_process_of_another_size_is_probed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork copies the page tables of its parent: a small one's answer is none for a large one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = tmp_path / "pff-stream" / "probe.json"

    def probes() -> int:
        """How many answers are kept once this process has asked."""
        costs = measure_costs(1 << 40, str(tmp_path), MemoryMeter(Silent()))
        costs.of("thread")
        return len(json.loads(kept.read_text())["probes"])

    assert (probes(), probes()) == (1, 1)
    page, apart = mmap.PAGESIZE, 2 << 20  # the part of the address space that one page table maps
    with mmap.mmap(-1, 512 * apart, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as sparse:
        with suppress(OSError):  # a kernel without huge pages
            sparse.madvise(mmap.MADV_NOHUGEPAGE)
        for place in range(0, 512 * apart, apart):
            sparse[place : place + page] = bytes(page)
        assert probes() == 2
    assert probes() == 2


@pytest.mark.thorough
def test_a_probe_leaves_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is a thread sets none: it would hold this process as long as it lives."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = data_limit()
    measure_costs(1 << 40, str(tmp_path), MemoryMeter(Silent())).of("thread")
    assert data_limit() == before
