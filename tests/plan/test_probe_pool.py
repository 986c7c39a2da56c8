"""The probe's own children die or fail: it is tried again, or told what is wrong."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import IO

import pytest

from pff_stream.execute.pool import WorkersFailedError
from pff_stream.plan import probe as probing

linux = pytest.mark.skipif(not hasattr(os, "fork"), reason="the inputs are made in this process")


def make(monkeypatch: pytest.MonkeyPatch, folder: Path, deaths: int) -> tuple[bytes, bytes]:
    """The probe's inputs, made by children of whom the first `deaths` are killed half-way."""
    write, starts = probing._write_inputs, folder / "starts"
    parent = os.getpid()

    def killed(rule_file: IO[bytes], graph_file: IO[bytes]) -> None:
        with starts.open("ab") as file:
            file.write(b"x")
        if os.getpid() != parent and starts.stat().st_size <= deaths:
            rule_file.write(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        write(rule_file, graph_file)

    monkeypatch.setattr(probing, "_write_inputs", killed)
    with (
        tempfile.TemporaryFile(buffering=0) as rules,
        tempfile.TemporaryFile(buffering=0) as graph,
    ):
        probing._make_inputs(rules, graph)
        rules.seek(0)
        graph.seek(0)
        return rules.read(), graph.read()


@linux
def test_a_killed_child_is_started_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the dead one had written is not there any more."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = make(monkeypatch, tmp_path / "a", 0)
    monkeypatch.undo()
    assert make(monkeypatch, tmp_path / "b", probing.INPUT_TRIES - 1) == whole


@linux
def test_not_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each is killed: an error with the exit code of what the machine does not allow."""
    with pytest.raises(WorkersFailedError, match="was killed each time") as failed:
        make(monkeypatch, tmp_path, probing.INPUT_TRIES)
    assert failed.value.exit_code == 3


def test_what_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room, say, is told as what it is."""

    def full(rule_file: IO[bytes], graph_file: IO[bytes]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(probing, "_write_inputs", full)
    with tempfile.TemporaryFile() as rules, tempfile.TemporaryFile() as graph:
        with pytest.raises(OSError, match="No space"):
            probing._make_inputs(rules, graph)
