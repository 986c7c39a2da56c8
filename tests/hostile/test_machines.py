"""Machines and starts as they also are: another user, few processes, no room, signals ignored."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.hostile.starting import (
    COMMAND,
    COMMANDS,
    NOBODY,
    arguments,
    as_nobody,
    command_of_nobody,
    environment_of_nobody,
    inputs,
    limited,
    started,
    verdict,
)

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform != "linux", reason="limits and users as Linux has them"),
]
WRITING = ("run", "run --out", "manifest", "plan", "compile", "encode", "explain", "report",
           "compare", "rules")  # fmt: skip


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may write in."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)


def test_ordinary_user(open_folder: Path) -> None:
    """A user without a home, in a working folder that is not his, runs everything."""
    command = command_of_nobody()
    for name in WRITING:
        given = arguments(name, open_folder)
        for path in open_folder.iterdir():
            os.chown(path, NOBODY, NOBODY)
        done = started(given, as_nobody, environment_of_nobody(), command=command, folder=Path("/"))
        assert verdict(done, name), (name, done.stderr)


@pytest.mark.parametrize("processes", [1, 2])
def test_few_processes(open_folder: Path, processes: int) -> None:
    """Exit code 3 and the limit, where not even one child or thread may be started."""
    command = command_of_nobody()

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
        as_nobody()

    for name in ("run", "manifest", "plan", "encode"):
        given = arguments(name, open_folder)
        done = started(given, prepare, environment_of_nobody(), command=command)
        if not verdict(done, name):
            assert done.returncode == 3, done.stderr
            assert f"RLIMIT_NPROC is {processes}" in done.stderr


@pytest.mark.parametrize("command", ["run", "run --out", "manifest", "plan", "compile", "encode"])
def test_files_may_have_no_bytes(tmp_path: Path, command: str) -> None:
    """As on a disk that is full from the start: exit code 74, nothing is left of the results."""
    given = arguments(command, tmp_path)
    done = started(given, limited(resource.RLIMIT_FSIZE, 0))
    assert not verdict(done, command)
    assert done.returncode == 74, done.stderr
    assert not (tmp_path / "results" / "summary.json").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_signals_ignored_at_the_start(tmp_path: Path, command: str) -> None:
    """Under nohup, behind a shell's `&`, or under a parent that ignores its children's ends."""
    ignored = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
    blocked = (signal.SIGUSR1, signal.SIGALRM, signal.SIGCHLD)
    given = arguments(command, tmp_path)
    if command != "run":
        numbers: dict[str, Any] = {
            "ignored": list(map(int, ignored)),
            "blocked": list(map(int, blocked)),
        }
        assert verdict(warm.started(given, **numbers), command)
        return

    def prepare() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, blocked)

    assert verdict(started(given, prepare), command)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_at_any_moment_of_the_start(tmp_path: Path, number: signal.Signals) -> None:
    """The command ends by it, or as the command does after it; results are whole or absent."""
    out = tmp_path / "results"
    for step in range(12):
        process = subprocess.Popen(
            [*COMMAND, "run", *inputs(tmp_path), "--out", str(out), "--overwrite"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        time.sleep(step * 0.04)
        process.send_signal(number)
        said = process.communicate(timeout=600)[1]
        # Before Python has set itself up the signal ends it, or it says so in its own words.
        assert process.returncode in (1, 128 + number, -number), said
        assert b"bug" not in said


def test_environment_of_nonsense(tmp_path: Path) -> None:
    """Folders that are none, a locale that is not there, warnings as errors."""
    environment = {
        "HOME": "",
        "TMPDIR": "",
        "XDG_CACHE_HOME": "relative",
        "XDG_RUNTIME_DIR": "relative",
        "LC_ALL": "xx",
        "COLUMNS": "0",
        "PYTHONWARNINGS": "error",
    }
    for command in ("run", "run forkserver", "manifest", "encode"):
        done = started(
            arguments(command, tmp_path), None, environment, command=COMMAND, folder=tmp_path
        )
        assert verdict(done, command)
        assert "Warning" not in done.stderr
