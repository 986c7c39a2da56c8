"""Files that the program keeps for itself, as others may leave them: checked like any input."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest

from planner.probe import ProcessMemory, WorkerMemory, cached_probe
from planner.reserve import Reservation
from tests.hostile.starting import inputs, started

MEASURED = WorkerMemory(ProcessMemory(5 << 20, 1 << 16, 9 << 20), 1 << 20, 0.1, 0)
KEY = {"start": "fork"}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that holds one answer."""
    path = tmp_path / "probe.json"
    cached_probe(path, KEY, lambda: MEASURED)
    return path


def answer(cache: Path) -> WorkerMemory:
    """The answer of the cache, or one of 77 bytes where it is not believed."""
    probed = WorkerMemory(ProcessMemory(77, 0, 0), 0, 0.0, 0)
    return cached_probe(cache, KEY, lambda: probed)


def test_sound_cache(cache: Path) -> None:
    """What was written is believed."""
    assert answer(cache) == MEASURED


@pytest.mark.quick
@pytest.mark.parametrize("value", [float("inf"), float("nan"), -1, 10**30, 1.5, True, "9", None])
@pytest.mark.parametrize("field", ["anon_bytes", "helpers_bytes", "growth_bytes"])
def test_impossible_figures(cache: Path, field: str, value: Any) -> None:
    """No process holds so much: the cache is thrown away."""
    saved = json.loads(cache.read_text())
    (entry,) = saved["probes"].values()
    (entry["worker"] if field == "anon_bytes" else entry)[field] = value
    cache.write_text(json.dumps(saved))
    assert answer(cache).worker.bytes == 77


def test_worker_of_nothing(cache: Path) -> None:
    """A worker that takes nothing was not measured."""
    saved = json.loads(cache.read_text())
    (entry,) = saved["probes"].values()
    entry["worker"] = dict.fromkeys(entry["worker"], 0)
    cache.write_text(json.dumps(saved))
    assert answer(cache).worker.bytes == 77


@pytest.mark.quick
@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 100_000, '{"format_version": 2}'])
def test_no_cache(cache: Path, text: str) -> None:
    """Another document is none."""
    cache.write_text(text)
    assert answer(cache).worker.bytes == 77


@pytest.mark.parametrize("kind", ["pipe", "folder", "endless"])
def test_cache_that_is_no_file(cache: Path, kind: str) -> None:
    """Nothing is waited for."""
    cache.unlink()
    if kind == "pipe":
        os.mkfifo(cache)
    elif kind == "folder":
        cache.mkdir()
    else:
        cache.symlink_to("/dev/zero")
    assert answer(cache).worker.bytes == 77


def test_run_with_a_pipe_for_a_cache(tmp_path: Path) -> None:
    """A whole run with such a cache ends with its verdict."""
    (tmp_path / "pff-stream").mkdir()
    os.mkfifo(tmp_path / "pff-stream" / "probe.json")
    done = started(["run", *inputs(tmp_path)], environment={"XDG_CACHE_HOME": str(tmp_path)})
    assert done.returncode == 1, done.stderr


@pytest.mark.parametrize(
    "name", ["²3.0", "٣.0", "9" * 400 + ".0"[:1], "1.0\n", "-5.0", "99999999999.0"]
)
def test_names_of_reservations(tmp_path: Path, name: str) -> None:
    """What is no process id is no run of this user."""
    folder = tmp_path / "runs"
    folder.mkdir(mode=0o700)
    path = folder / name[:200]
    path.write_text("5\n")
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found = Reservation(folder=str(folder)).neighbours()
    assert all(one.planned_bytes <= 5 for one in found)


@pytest.mark.parametrize("text", ["1" + "0" * 30, "-5", "²", "inf", ""])
def test_what_reservations_say(tmp_path: Path, text: str) -> None:
    """A plan that no machine could hold takes nothing from others."""
    folder = tmp_path / "runs"
    folder.mkdir(mode=0o700)
    path = folder / f"{os.getpid()}.7"
    path.write_text(text)
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        (found,) = Reservation(folder=str(folder)).neighbours()
    assert found.planned_bytes == 0


def test_reservation_that_is_a_pipe(tmp_path: Path) -> None:
    """Nothing hangs, and it is left where it is."""
    folder = tmp_path / "runs"
    folder.mkdir(mode=0o700)
    os.mkfifo(folder / "5.0")
    assert Reservation(folder=str(folder)).neighbours() == []


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "{}", "[" * 100_000, '{"settings": 5}',
        '{"settings": {"workers": 1e400}}',
        '{"settings": {"workers": -1}}', '{"settings": {"workers": "²"}}', "\x00",
    ],
)  # fmt: skip
def test_saved_plan(tmp_path: Path, text: str) -> None:
    """A plan that no `plan -o` wrote ends a run with 2."""
    path = tmp_path / "plan.json"
    path.write_text(text)
    done = started(["run", *inputs(tmp_path), "--plan", str(path)])
    assert done.returncode == 2, done.stderr


@pytest.mark.parametrize("where", ["/dev/zero", "pipe"])
def test_saved_plan_without_end(tmp_path: Path, where: str) -> None:
    """Neither a device nor a pipe is read as a plan."""
    path = Path(where) if where.startswith("/") else tmp_path / where
    if where == "pipe":
        os.mkfifo(path)
    done = started(["run", *inputs(tmp_path), "--plan", str(path)])
    assert done.returncode == 2, done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(("field", "value"), [
    ("workers", 10**30), ("workers", -1), ("workers", 0), ("workers", None), ("workers", [1]),
    ("window", 10**30), ("window", -1), ("start_method", "nothing"), ("start_method", 5),
])  # fmt: skip
def test_edited_plan(tmp_path: Path, field: str, value: Any) -> None:
    """Settings that no plan has end a run with 2 or 3, or are as if they were not there."""
    path = tmp_path / "plan.json"
    given = inputs(tmp_path)
    assert started(["plan", *given, "-o", str(path)]).returncode == 0
    plan = json.loads(path.read_text())
    plan["settings"][field] = value
    path.write_text(json.dumps(plan))
    done = started(["run", *given, "--plan", str(path)])
    assert done.returncode in (2, 3), (done.returncode, done.stdout, done.stderr)
