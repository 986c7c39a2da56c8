"""The merge by workers: the same bytes by each start method, whoever dies and whenever."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from pff_stream.cli.main import main
from tests.execute.pool_processes import within
from tests.pipeline.faults import RESULTS, Running, is_finished

pytestmark = pytest.mark.thorough

EXAMPLES = ("--max-examples", 100, "--fail-on", "none")
"""So many that they are several blocks."""


def contents(out: Path, violations: Path) -> dict[str, bytes]:
    """All files of results."""
    files = {name: (out / name).read_bytes() for name in RESULTS}
    return {**files, "violations": violations.read_bytes()}


def told(out: Path) -> dict[str, Any]:
    """What a run says of itself, less what differs from run to run."""
    summary = json.loads((out / "summary.json").read_text())
    del summary["run"]
    return dict(summary)


@pytest.fixture(scope="module")
def alone(
    inputs: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """What one process merges."""
    folder = tmp_path_factory.mktemp("alone")
    where = ("--out", folder / "r", "--violations", folder / "v.jsonl")
    assert main([str(one) for one in ("run", *inputs, *where, *EXAMPLES)]) == 0
    return contents(folder / "r", folder / "v.jsonl"), told(folder / "r")


def planned(inputs: tuple[str, str], folder: Path, method: str, *options: object) -> Path:
    """A saved plan by which three workers merge."""
    saved = folder / "plan.json"
    where = ("--out", folder / "r", "--violations", folder / "v.jsonl")
    words = ("plan", *inputs, *where, *EXAMPLES, *options, "--start-method", method, "-o", saved)
    assert main([str(one) for one in words]) == 0
    plan = json.loads(saved.read_text())
    plan["settings"]["merge_workers"] = 3
    saved.write_text(json.dumps(plan))
    return saved


def command(inputs: tuple[str, str], folder: Path, saved: Path) -> list[object]:
    """The run by that plan."""
    where = ("--out", folder / "r", "--violations", folder / "v.jsonl")
    return ["run", *inputs, *where, *EXAMPLES, "--plan", saved]


@pytest.mark.parametrize(
    "method", ["fork", pytest.param("forkserver", marks=pytest.mark.slow), "spawn"]
)
def test_same_bytes(
    method: str,
    inputs: tuple[str, str],
    alone: tuple[dict[str, bytes], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """Files and totals are those of one process."""
    words = command(inputs, tmp_path, planned(inputs, tmp_path, method))
    assert main([str(one) for one in words]) == 0
    assert contents(tmp_path / "r", tmp_path / "v.jsonl") == alone[0]
    assert told(tmp_path / "r") == alone[1]


@pytest.mark.parametrize("most", [0, 1, 40_000])
def test_so_many_violations(most: int, inputs: tuple[str, str], tmp_path: Path) -> None:
    """`--max-violations` leaves as many, to a violation, and all that one process leaves."""
    capped = ("--max-violations", most)
    for name, words in (
        ("alone", []),
        ("three", ["--plan", planned(inputs, tmp_path, "fork", *capped)]),
    ):
        where = ("--out", tmp_path / name, "--violations", tmp_path / f"{name}.jsonl")
        words = ["run", *inputs, *where, *EXAMPLES, *capped, *words]
        assert main([str(one) for one in words]) == 0
    found = (tmp_path / "three.jsonl").read_bytes()
    assert found.count(b"\n") == most
    assert found == (tmp_path / "alone.jsonl").read_bytes()
    assert told(tmp_path / "three") == told(tmp_path / "alone")


@pytest.mark.parametrize("hold", [None, 3.0])
def test_worker_that_dies_or_is_late(
    hold: float | None,
    inputs: tuple[str, str],
    alone: tuple[dict[str, bytes], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """Another one writes its block; those that waited for it too long come again."""
    faults: dict[str, Any] = {"block": 2, "once": str(tmp_path / "once")}
    if hold is not None:
        faults["hold"] = hold
    saved = planned(inputs, tmp_path, "fork")
    code, said = Running(tmp_path, *command(inputs, tmp_path, saved), **faults).end()
    assert code == 0, said
    assert (tmp_path / "once").exists()
    assert contents(tmp_path / "r", tmp_path / "v.jsonl") == alone[0]
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert summary["run"]["retried"] == (hold is None)


def test_block_that_kills_every_worker(inputs: tuple[str, str], tmp_path: Path) -> None:
    """The run fails and says so; what was computed is kept, and gives no file its name."""
    saved = planned(inputs, tmp_path, "fork")
    code, said = Running(tmp_path, *command(inputs, tmp_path, saved), block=1).end()
    assert code == 3
    assert "a worker that merged results ended again and again: killed by SIGKILL" in said
    assert not (tmp_path / "v.jsonl").exists() and not is_finished(tmp_path / "r")


def test_killed_and_resumed(
    inputs: tuple[str, str],
    alone: tuple[dict[str, bytes], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """A run that is killed while it merges leaves no results; resumed, it has them all."""
    saved = planned(inputs, tmp_path, "fork")
    once = tmp_path / "once"
    faults: dict[str, Any] = {"block": 3, "once": str(once), "hold": 100.0}
    running = Running(tmp_path, *command(inputs, tmp_path, saved), **faults)
    assert within(60, once.exists)
    workers = running.children()
    running.send(signal.SIGKILL, [running.pid])
    running.process.wait(10)
    running.send(signal.SIGKILL, workers)
    running.end()
    assert not (tmp_path / "v.jsonl").exists() and not is_finished(tmp_path / "r")
    again = ("run", "--resume", tmp_path / "r", "--plan", saved, "--fail-on", "none")
    assert main([str(one) for one in again]) == 0
    assert contents(tmp_path / "r", tmp_path / "v.jsonl") == alone[0]


def test_packed_output_is_written_by_one(
    inputs: tuple[str, str],
    alone: tuple[dict[str, bytes], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """What takes its bytes in order is as it was."""
    import gzip

    saved = planned(inputs, tmp_path, "fork")
    words = command(inputs, tmp_path, saved)
    words[words.index(tmp_path / "v.jsonl")] = tmp_path / "v.jsonl.gz"
    assert main([str(one) for one in words]) == 0
    with gzip.open(tmp_path / "v.jsonl.gz") as packed:
        assert packed.read() == alone[0]["violations"]
