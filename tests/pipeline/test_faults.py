"""Processes of a run are killed, stopped and interrupted from outside; nothing is lost or left.

Moments and victims are random, from a seed that the test's name tells.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.execute.pool_processes import within
from tests.limits.test_fence import why_no_group
from tests.pipeline.faults import N_STOPPED, Running, digest, is_finished, starts

pytestmark = pytest.mark.thorough

Note = Callable[[str, object], None]
"""Keeps a signal that met a living process for the summary of the session."""
FEW_METHODS = ["fork", "spawn", pytest.param("forkserver", marks=pytest.mark.slow)]
"""Start methods whose processes die in ways of their own; a fork server's workers are forks."""
N_LONG = 130
"""Runs of each kind in the long series."""
TOO_OFTEN = (
    "the encoding process was killed",
    "a worker could not be started",
    "workers in a row",
    "killed each time",
)
"""What a run says that gives up: so many deaths of the same are more than chance to it."""
APART_SECONDS = 0.8
"""Kills under one run are at most so far apart."""
MAX_KILLS = 5
"""Processes that are killed under one run."""
SPAN_SECONDS = 1.3
"""A run under test takes about so long."""
paced = partial(Running, rules=100, pause=0.02, sync=0.1)
"""A run of sixty tasks that takes long enough to be disturbed."""


def go_on(folder: Path, inputs: tuple[str, str], *options: object) -> None:
    """Brings a run that was ended to its end: resumed, or begun anew where nothing was kept."""
    out = folder / "r"
    if is_finished(out):
        return
    how = ["--resume", out]
    if not (out / ".unfinished" / "settings.json").exists():
        how = [*inputs, "--out", out]
    code, said = Running(folder, "run", *how, *options).end()
    assert code == 1, said


def kill_children(
    folder: Path, inputs: tuple[str, str], seed: int, method: str, note: Note
) -> None:
    """Kills up to five random descendants at random moments."""
    chance = random.Random(seed)
    running = Running(
        folder, "run", *inputs, "--out", folder / "r", "--start-method", method,
        rules=100, pause=0.05, sync=0.1,
    )  # fmt: skip
    kills = 0
    while kills < MAX_KILLS and running.process.poll() is None:
        time.sleep(chance.uniform(0, APART_SECONDS))
        if children := running.children():
            victim = chance.choice(children)
            kind = running.kind(victim)
            if running.send(signal.SIGKILL, [victim]):
                note("fault", f"SIGKILL of a {kind} ({method})")
                kills += 1
    code, said = running.end()
    last = said.splitlines()[-1] if said else ""
    reasons = [reason for reason in TOO_OFTEN if reason in last]
    if code == 3 and reasons:
        note("fault", f"given up: {reasons[0]}")
        go_on(folder, inputs)
    else:
        assert code == 1, said
    assert is_finished(folder / "r")


def end_it(
    folder: Path, inputs: tuple[str, str], seed: int, number: int, whole: bool, note: Note
) -> None:
    """Sends one signal at a random moment, to the parent or to the whole group."""
    chance = random.Random(seed)
    method = chance.choice(["fork", "spawn", "forkserver"])
    given = ("run", *inputs, "--out", folder / "r", "--start-method", method)
    running = paced(folder, *given, anew=True)
    time.sleep(chance.uniform(0.05, SPAN_SECONDS))
    if running.process.poll() is None:
        (os.killpg if whole else os.kill)(running.pid, number)
        note("fault", f"{signal.Signals(number).name} of the {'group' if whole else 'parent'}")
    code, said = running.end()
    if number == signal.SIGKILL:
        assert code in (-number, 1)
    else:
        # Before the command has set itself up, the interpreter ends as it would.
        assert code in (128 + number, 1, -number), said
        assert len(said.splitlines()) <= 1 or code == -number, said
    if (folder / "r" / ".unfinished" / "settings.json").exists() and number != signal.SIGKILL:
        assert f"--resume {folder / 'r'}" in said
    workers = chance.choice([1, 2, 3])
    go_on(folder, inputs, "--workers", workers, "--start-method", "fork")


@pytest.mark.parametrize("method", FEW_METHODS)
@pytest.mark.parametrize("seed", range(1))
def test_killed_children(
    seed: int,
    method: str,
    inputs: tuple[str, str],
    undisturbed: str,
    tmp_path: Path,
    record_property: Note,
) -> None:
    """Encoder, workers and fork server die at random moments: the run survives unchanged."""
    kill_children(tmp_path, inputs, seed, method, record_property)
    assert digest(tmp_path / "r") == undisturbed


@pytest.mark.parametrize("seed", range(1, 2))
@pytest.mark.parametrize(
    ("number", "whole"),
    [
        (signal.SIGKILL, False),
        (signal.SIGKILL, True),
        (signal.SIGTERM, False),
        (signal.SIGINT, True),
        pytest.param(signal.SIGTERM, True, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, False, marks=pytest.mark.slow),
    ],
)
def test_ended_runs_are_resumed(
    number: int,
    whole: bool,
    seed: int,
    inputs: tuple[str, str],
    undisturbed: str,
    tmp_path: Path,
    record_property: Note,
) -> None:
    """SIGKILL, SIGTERM and SIGINT at a random moment: the run is gone, then resumed, unchanged."""
    end_it(tmp_path, inputs, seed, number, whole, record_property)
    assert digest(tmp_path / "r") == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1000 + N_LONG))
def test_long_series_of_killed_children(
    seed: int,
    inputs: tuple[str, str],
    prepared: tuple[str, str],
    undisturbed: str,
    undisturbed_prepared: str,
    tmp_path: Path,
    record_property: Note,
) -> None:
    """Five kills a run, every start method in turn, with and without an encoder."""
    method = ["fork", "spawn", "forkserver"][seed % 3]
    given, expected = (inputs, undisturbed) if seed % 2 else (prepared, undisturbed_prepared)
    kill_children(tmp_path, given, seed, method, record_property)
    assert digest(tmp_path / "r") == expected


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2000 + N_LONG))
def test_long_series_of_ended_runs(
    seed: int, inputs: tuple[str, str], undisturbed: str, tmp_path: Path, record_property: Note
) -> None:
    """Each signal, to the parent or the group, at every moment."""
    number = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT][seed % 3]
    end_it(tmp_path, inputs, seed, number, whole=seed % 2 == 0, note=record_property)
    assert digest(tmp_path / "r") == undisturbed


def kill_busy_workers(
    folder: Path,
    inputs: tuple[str, str],
    method: str,
    workers: int,
    kills: int,
    note: Note,
    rules: int = 100,
) -> list[float]:
    """Kills workers while they are at a task, each time a new one; seconds until it is retried."""
    trace = folder / "trace"
    running = Running(
        folder, "run", *inputs, "--out", folder / "r", "--start-method", method,
        "--workers", workers, rules=rules, pause=0.1, sync=0.1, trace=str(trace),
    )  # fmt: skip
    took: list[float] = []
    killed: set[tuple[int, int]] = set()
    while len(took) < kills and running.process.poll() is None:
        begun = starts(trace)
        fresh = [s for s in begun if s.task not in killed and time.monotonic() - s.seconds < 0.05]
        if not fresh:
            time.sleep(0.002)
            continue
        victim = fresh[-1]
        killed.add(victim.task)
        if not running.send(signal.SIGKILL, [victim.pid]):
            continue
        at = time.monotonic()

        def again(task: tuple[int, int] = victim.task, at: float = at) -> list[float]:
            return [s.seconds - at for s in starts(trace) if s.task == task and s.seconds > at]

        # It may have answered just before.
        assert within(30.0, lambda: bool(again()) or running.process.poll() is not None)
        took += again()[:1]
    code, said = running.end()
    assert code == 1, said
    note("retried", (f"{method}, {workers} worker{'s' * (workers > 1)}", took))
    return took


@pytest.mark.parametrize("method", FEW_METHODS)
def test_dead_workers_are_replaced_at_once(
    method: str, inputs: tuple[str, str], undisturbed: str, tmp_path: Path, record_property: Note
) -> None:
    """The task of a killed worker is begun again, with a bound that a loaded machine keeps."""
    took = kill_busy_workers(tmp_path, inputs, method, 1, 3, record_property, rules=400)
    assert len(took) >= 2 and max(took) < 10.0
    assert digest(tmp_path / "r") == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("workers", [1, 2])
def test_how_soon_a_task_is_retried(
    workers: int,
    method: str,
    inputs: tuple[str, str],
    undisturbed: str,
    tmp_path: Path,
    record_property: Note,
) -> None:
    """A hundred kills for each start method."""
    done = 0
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        done += len(kill_busy_workers(folder, inputs, method, workers, 20, record_property))
        assert digest(folder / "r") == undisturbed
        if done >= 100:
            return
    raise AssertionError(f"only {done} kills met a worker at work")


def test_fork_server_that_is_killed_again_and_again(
    inputs: tuple[str, str], undisturbed: str, tmp_path: Path
) -> None:
    """Nothing can be started: 3 and one line that says so, never a hang; then begun anew."""
    out = tmp_path / "r"
    servers_only = ("--start-method", "forkserver", "--quiet")
    running = paced(tmp_path, "run", *inputs, "--out", out, *servers_only)
    while running.process.poll() is None:
        servers = [pid for pid in running.children() if running.kind(pid) == "fork server"]
        running.send(signal.SIGKILL, servers)
    code, said = running.end()
    assert code == 3, said
    assert "a worker could not be started" in said and len(said.splitlines()) == 1
    go_on(tmp_path, inputs)
    assert digest(out) == undisturbed


def test_stopped_worker(inputs: tuple[str, str], undisturbed: str, tmp_path: Path) -> None:
    """A worker that stands still is replaced, and its work done again.

    It is stopped while it is at a task: one that waits for its next may have had its last.
    """
    out = tmp_path / "r"
    running = Running(
        tmp_path, "run", *inputs, "--out", out, "--start-method", "fork", rules=100, stall=0.5,
        stop=str(tmp_path / "stopped"),
    )  # fmt: skip
    code, said = running.end()
    assert code == 1, said
    assert json.loads((out / "summary.json").read_text())["run"]["retried"] >= N_STOPPED
    assert digest(out) == undisturbed


def test_run_that_its_guard_stops(
    inputs: tuple[str, str], undisturbed: str, tmp_path: Path
) -> None:
    """Others take the memory of the machine: 3, one line that says who; then resumed, unchanged."""
    out = tmp_path / "r"
    code, said = paced(tmp_path, "run", *inputs, "--out", out, "--workers", 1, short=3).end()
    assert code == 3, said
    assert "stopped: the machine has 0 B of memory left" in said
    assert "the largest other processes: " in said and f"--resume {out}" in said
    code, said = Running(tmp_path, "run", "--resume", out).end()
    assert code == 1, said
    assert json.loads((out / "summary.json").read_text())["run"]["resumed_rules"] > 0
    assert digest(out) == undisturbed


@pytest.mark.skipif(bool(why_no_group()), reason="no control group can be made here")
def test_control_group_of_a_killed_run(
    inputs: tuple[str, str], undisturbed: str, tmp_path: Path
) -> None:
    """A SIGKILL of the whole group leaves the run's control group; the next start removes it."""
    out = tmp_path / "r"
    running = paced(tmp_path, "run", *inputs, "--out", out, "--fence", "cgroup")
    while not (out / ".unfinished" / "settings.json").exists():
        assert running.process.poll() is None
        time.sleep(0.01)
    assert len(running.control_groups()) == 1
    os.killpg(running.pid, signal.SIGKILL)
    assert running.end()[0] == -signal.SIGKILL
    assert len(running.control_groups()) == 1
    go_on(tmp_path, inputs)
    assert running.control_groups() == []
    assert digest(out) == undisturbed


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_rule_that_kills_its_worker(
    method: str, inputs: tuple[str, str], undisturbed: str, data: Path, tmp_path: Path
) -> None:
    """It alone has failed, with its reason; every other line is as without it; exit code 4."""
    out, good = tmp_path / "r", tmp_path / "good"
    assert Running(tmp_path, "run", *inputs, "--out", good).end()[0] == 1
    code, said = Running(
        tmp_path, "run", *inputs, "--out", out, "--start-method", method, kill=1234, rules=60
    ).end()
    assert code == 4, said
    lines = (out / "outcomes.tsv").read_text().splitlines()
    expected = (good / "outcomes.tsv").read_text().splitlines()
    assert [n for n, line in enumerate(lines) if line != expected[n]] == [1234]
    assert lines[1234].split("\t")[1:] == ["failed", "killed its worker: killed by SIGKILL"]
    assert json.loads((out / "summary.json").read_text())["rules"]["failed"] == 1
    code, said = Running(tmp_path, "run", "--resume", out).end()
    assert code == 4, said
