"""Standard streams that are closed, full, not ready or gone: talk never ends a run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from tests import warm
from tests.hostile.starting import COMMAND, inputs, started
from tests.warm import set_streams

STATES = ("ready", "closed", "full", "gone")
pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")


def streams(states: dict[int, str]) -> Callable[[], None]:
    """Sets standard streams up in a new process."""
    return lambda: set_streams(states)


def expected(code: int, output: str, *, needs_output: bool) -> int:
    """What the command ends with where standard output is in that state."""
    if output == "closed":
        return 74 if needs_output else code
    return {"full": 74, "gone": 141}.get(output, code)


@pytest.mark.parametrize("state", STATES)
def test_standard_error(tmp_path: Path, state: str) -> None:
    """Whatever it is, the run does its work and ends with its verdict."""
    out = tmp_path / "out"
    done = started(["run", *inputs(tmp_path), "--out", str(out)], streams({2: state}))
    assert done.returncode == 1
    assert (out / "summary.json").exists()


@pytest.mark.parametrize("command", ["plan", "compile", "encode"])
def test_standard_error_closed(tmp_path: Path, command: str) -> None:
    """The same for other commands."""
    rules, triples = inputs(tmp_path)
    target = ["-o", str(tmp_path / "written")]
    given = {"plan": [rules, triples], "compile": [rules], "encode": [triples]}[command]
    done = started([command, *given, *target], streams({2: "closed"}))
    assert done.returncode == 0
    assert (tmp_path / "written").exists()


TOGETHER = ["run", "violations", "plan", "compile", "encode", "triples", "help", "wrong", "explain",
            "rules", "compare", "github"]  # fmt: skip
SOME = [(("ready", "closed")[n % 2], STATES[n], STATES[(n + 1) % 4]) for n in range(4)]
"""Each state of each stream once."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a run, which is only read."""
    folder = tmp_path_factory.mktemp("together")
    out = str(folder / "finished")
    assert started(["run", *inputs(folder), "--out", out]).returncode == 1
    return out


@pytest.mark.thorough
@pytest.mark.parametrize("command", TOGETHER)
def test_some_together(tmp_path: Path, finished: str, command: str) -> None:
    """The exit code is the verdict's, or that of standard output; a run by new interpreters."""
    check_together(tmp_path, finished, command, SOME, anew=command == "run")


@pytest.mark.slow
@pytest.mark.parametrize("command", TOGETHER)
def test_all_together(tmp_path: Path, finished: str, command: str) -> None:
    """Every combination."""
    combinations = [*product(("ready", "closed"), STATES, STATES)]
    check_together(tmp_path, finished, command, combinations, anew=True)


def check_together(
    tmp_path: Path,
    finished: str,
    command: str,
    combinations: list[tuple[str, str, str]],
    *,
    anew: bool,
) -> None:
    """Starts the command with its streams in these states."""
    rules, triples = inputs(tmp_path)
    given, code = {
        "run": (["run", rules, triples], 1),
        "violations": (["run", rules, triples, "--violations", "-"], 1),
        "plan": (["plan", rules, triples], 0),
        "compile": (["compile", rules, "-o", str(tmp_path / "a.pffr")], 0),
        "encode": (["encode", triples, "-o", str(tmp_path / "a.pffg")], 0),
        "triples": (["triples", triples], 0),
        "help": (["run", "--help"], 0),
        "wrong": (["run", "nothing", triples], 2),
        "explain": (["explain", rules, triples, "--triple", "a", "r", "b"], 0),
        "rules": (["rules", rules, "--as", "amie"], 0),
        "compare": (["compare", finished, finished], 0),
        "github": (["report", finished, "--report", "github=-"], 0),
    }[command]
    needs_output = command in ("violations", "triples", "rules", "github")
    for states in combinations:
        told = dict(enumerate(states))
        done = started(given, streams(told)) if anew else warm.started(given, streams=told)
        ends = expected(code, states[1], needs_output=needs_output) if code != 2 else 2
        assert done.returncode == ends, (states, done.stderr)


def test_closed_input_is_no_empty_one(tmp_path: Path) -> None:
    """Triples from a standard input that is closed are an error, also for a spawned encoder."""
    rules, _ = inputs(tmp_path)
    done = started(["run", rules, "-"], streams({0: "closed"}))
    assert done.returncode == 2
    assert "standard input" in done.stderr


def test_input_that_is_not_ready(tmp_path: Path) -> None:
    """A non-blocking standard input is waited for: "nothing yet" is not its end."""
    rules, triples = inputs(tmp_path)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def write() -> None:
        for line in Path(triples).read_bytes().splitlines(keepends=True):
            threading.Event().wait(0.4)
            os.write(writing, line)
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    done = subprocess.run(
        [*COMMAND, "run", rules, "-"],
        stdin=reading,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    writer.join()
    os.close(reading)
    assert done.returncode == 1, done.stderr
    assert "2 predictions, 1 of them in the graph" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a pipe")
@pytest.mark.parametrize("number", [1, 2])
def test_output_that_is_not_ready(tmp_path: Path, number: int) -> None:
    """A full non-blocking pipe is waited for, standard error for a second at most."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, bytes(1 << 16))
    found = bytearray()

    def read() -> None:
        while data := os.read(reading, 1 << 16):
            found.extend(data)

    output, error = (writing, subprocess.DEVNULL)[:: 1 if number == 1 else -1]
    command = [*COMMAND, "run", *inputs(tmp_path), "--verbose"]
    process = subprocess.Popen(command, stdout=output, stderr=error)
    if number == 1:  # of standard error nobody reads anything
        threading.Event().wait(0.5)
        reader = threading.Thread(target=read)
        reader.start()
    assert process.wait(60) == 1
    os.close(writing)
    if number == 1:
        reader.join()
        assert b"Failed: " in found
    os.close(reading)
