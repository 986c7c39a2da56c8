"""The probe's own children die or fail: it is tried again, or told what is wrong."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import IO

import pytest

from pff_stream.execute.pool import WorkersFailedError
from pff_stream.plan.probe import INPUT_TRIES, make_inputs, write_inputs

linux = pytest.mark.skipif(not hasattr(os, "fork"), reason="the inputs are made in this process")


def make(folder: Path, deaths: int) -> tuple[bytes, bytes]:
    """The probe's inputs, made by children of whom the first `deaths` are killed half-way."""
    starts = folder / "starts"
    parent = os.getpid()

    def killed(rule_file: IO[bytes], graph_file: IO[bytes]) -> None:
        with starts.open("ab") as file:
            file.write(b"x")
        if os.getpid() != parent and starts.stat().st_size <= deaths:
            rule_file.write(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        write_inputs(rule_file, graph_file)

    with (
        tempfile.TemporaryFile(buffering=0) as rules,
        tempfile.TemporaryFile(buffering=0) as graph,
    ):
        make_inputs(rules, graph, killed)
        rules.seek(0)
        graph.seek(0)
        return rules.read(), graph.read()


@linux
def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    """What the dead one had written is not there any more."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = make(tmp_path / "a", 0)
    assert make(tmp_path / "b", INPUT_TRIES - 1) == whole


@linux
def test_not_for_ever(tmp_path: Path) -> None:
    """Each is killed: an error with the exit code of what the machine does not allow."""
    with pytest.raises(WorkersFailedError, match="was killed each time") as failed:
        make(tmp_path, INPUT_TRIES)
    assert failed.value.exit_code == 3


def test_what_fails_is_told() -> None:
    """A disk without room, say, is told as what it is."""

    def full(rule_file: IO[bytes], graph_file: IO[bytes]) -> None:
        raise OSError(28, "No space left on device")

    with tempfile.TemporaryFile() as rules, tempfile.TemporaryFile() as graph:
        with pytest.raises(OSError, match="No space"):
            make_inputs(rules, graph, full)
