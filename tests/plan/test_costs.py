"""Answers of probes are kept for later runs where this user has a home, and none is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from pff_stream.plan.costs import cache_path


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
