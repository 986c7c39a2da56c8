"""The command in a process of its own, under limits and with streams as a test wants them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests import warm

COMMAND = [sys.executable, "-m", "pff_stream"]
RULES = "0\t0\t0\tr(X,Y) <= s(X,Y)\n"
TRIPLES = "a\ts\tb\na\tr\tb\nc\ts\td\n"
NOBODY = 65534

COMMANDS = {
    "run": 1,
    "run --out": 1,
    "run spawn": 1,
    "run forkserver": 1,
    "run thread": 1,
    "manifest": 1,
    "plan": 0,
    "compile": 0,
    "encode": 0,
    "triples": 0,
    "explain": 0,
    "report": 0,
    "compare": 0,
    "rules": 0,
}
"""Every command, and what it ends with on a machine that is not narrow."""


def inputs(folder: Path) -> list[str]:
    """A rule that is violated once, and its triples."""
    rules, triples = folder / "r.tsv", folder / "g.tsv"
    rules.write_text(RULES)
    triples.write_text(TRIPLES)
    return [str(rules), str(triples)]


def arguments(command: str, folder: Path) -> list[str]:
    """Of one of `COMMANDS`; what it reads is made in the folder, what it writes goes there."""
    given = inputs(folder)
    rules, triples = given
    if command == "manifest":
        (folder / "d.json").write_text('{"id": "a", "s": "b"}')
        (folder / "m.yaml").write_text("tasks:\n- d: d.json\n- e: d.json\n")
        return ["run", "--rules", rules, "--manifest", str(folder / "m.yaml")]
    if command in ("report", "compare"):
        finished = str(folder / "finished")
        if not Path(finished).exists():
            assert started(["run", *given, "--out", finished]).returncode == 1
        if command == "compare":
            return ["compare", finished, finished]
        return ["report", finished, "--report", str(folder / "report.jsonl")]
    if command == "run --out":
        return ["run", *given, "--out", str(folder / "results")]
    if command.startswith("run "):
        return ["run", *given, "--start-method", command[4:], "--workers", "1"]
    written = ["-o", str(folder / "written")]
    return {
        "run": ["run", *given],
        "plan": ["plan", *given, *written],
        "compile": ["compile", rules, *written],
        "encode": ["encode", triples, *written],
        "triples": ["triples", triples],
        "explain": ["explain", *given, "--triple", "a", "r", "b"],
        "rules": ["rules", rules, "--as", "amie"],
    }[command]


def started(
    arguments: list[str],
    prepare: Callable[[], None] | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    command: list[str] | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs the command in a folder; `prepare` is called in the new process before.

    With neither `prepare` nor a `command`, the process is forked of one that has imported all.
    """
    if prepare is None and command is None:
        return warm.started(arguments, environment, folder)
    return subprocess.run(
        [*(command or COMMAND), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=600,
        preexec_fn=prepare,
        cwd=folder,
        env={**os.environ, **(environment or {})},
    )


def limited(kind: int, soft: int) -> Callable[[], None]:
    """Sets a limit in the new process."""

    def prepare() -> None:
        resource.setrlimit(kind, (soft, soft))

    return prepare


def as_nobody() -> None:
    """Makes the new process one of an ordinary user who owns nothing."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def command_of_nobody() -> list[str]:
    """How that user can start the command here; the test is skipped where there is no way."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    version = f"python3.{sys.version_info[1]}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            done = subprocess.run(
                [python, "-c", "import pff_stream.cli.main, numpy"],
                preexec_fn=as_nobody,
                capture_output=True,
                check=False,
                env={**os.environ, **environment_of_nobody()},
            )
        except OSError:
            continue
        if done.returncode == 0:
            return [python, "-m", "pff_stream"]
    pytest.skip("another user can start no interpreter with the checkout and numpy")


def environment_of_nobody() -> dict[str, str]:
    """The module path of this process, and no home."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}


def verdict(done: subprocess.CompletedProcess[str], command: str) -> bool:
    """Whether the command did its work; fails where it neither did nor said what it is short of."""
    assert "Traceback" not in done.stderr and "bug" not in done.stderr, done.stderr
    if done.returncode == COMMANDS[command]:
        assert done.returncode != 1 or "Failed: " in done.stdout, done.stderr
        return True
    assert "pff-stream: error: " in done.stderr, (done.returncode, done.stderr)
    return False
