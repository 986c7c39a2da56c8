"""A command is killed, or all its processes: nothing is left but what the next command removes.

Without a folder of its own for what runs tell each other (XDG_RUNTIME_DIR), in a temporary folder
that nobody else uses.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pff_stream.limits.fence import GROUP_NAME
from pff_stream.report.folder import REMAINS
from planner.cgroups import own_groups
from tests.execute.pool_processes import is_gone, within
from tests.hostile.starting import COMMAND
from tests.warm import put_command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes as /proc shows them")

ROOT = Path(__file__).parent.parent.parent
COMMANDS = {
    "compile": "compile {rules} -o {out}/rules.pffr",
    "encode": "encode {many} -o {out}/graph.pffg",
    "triples": "triples {many}",
    "run": "run {rules} {many} --workers 2 --start-method {method}",
    "run into a folder": "run {rules} {few} --workers 2 --start-method {method} --out {out}",
    "report": "run {rules} {few} --report metrics={out}/m.tsv --workers 2 --start-method {method}",
    "manifest": "run --rules {rules} --manifest {manifest} --workers 2 --start-method {method}",
    "manifest into a folder": "run --rules {rules} --manifest {manifest} --workers 2 "
    "--start-method {method} --out {out}",
}
OTHERS = ((0, False), (1, False), (1, True))
METHODS = ("fork", "spawn", "forkserver", "thread")
FEW_METHODS = {"report": ("spawn",), "manifest": ("fork", "thread")}
"""Commands that start their workers as the others do, by fewer methods in the default run."""
BY_METHOD = [
    pytest.param(
        *(command, method),
        marks=() if method in FEW_METHODS.get(command, METHODS) else pytest.mark.slow,
    )
    for command, words in COMMANDS.items()
    if "{method}" in words
    for method in METHODS
]
LATEST_SECONDS = 1.6
OUTPUTS = {
    REMAINS,  # a run that is killed while it takes its state away
    "documents.jsonl",
    "findings.jsonl",
    "graph.pffg",
    "m.tsv",
    "metrics.tsv",
    "outcomes.tsv",
    "rules.pffr",
    "rules.tsv",
    "summary.json",
}


@pytest.fixture(scope="module")
def inputs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Rules, triples that take a while, and a manifest of several documents, by their words."""
    folder = tmp_path_factory.mktemp("inputs")
    many, manifest = folder / "many.tsv", folder / "m.yaml"
    few = data / "umls" / "train.tsv.gz"
    with many.open("w") as file:
        file.writelines(f"e{n % 9973}\tr{n % 7}\te{n * 31 % 99991}\n" for n in range(400_000))
    lines = [f"- d{n}: {few}\n" for n in range(8)]
    manifest.write_text("tasks:\n" + "".join(lines))
    return {
        "rules": str(data / "umls" / "rules.tsv.gz"),
        "many": str(many),
        "few": str(few),
        "manifest": str(manifest),
    }


class Surroundings:
    """A temporary folder, a home and a folder of outputs for commands of one test."""

    def __init__(self, folder: Path) -> None:
        self.temporary, self.out = folder / "tmp", folder / "out"
        self.command = folder / "tools" / "pff-stream"
        for one in (self.temporary, self.out, folder / "home", self.command.parent):
            one.mkdir()
        put_command(self.command.parent)
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.temporary),
            "HOME": str(folder / "home"),
        }
        del self.environment["XDG_RUNTIME_DIR"]

    def start(self, words: str) -> subprocess.Popen[bytes]:
        """The command, in a session of its own."""
        return subprocess.Popen(
            [*COMMAND, *words.split()],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def next(self, words: str) -> int:
        """The exit code of another command."""
        return subprocess.run(
            [self.command, *words.split()],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode

    def left(self, pid: int) -> set[str]:
        """What lies in the temporary folder, in shared memory and beside outputs."""
        found = {path.name for path in self.temporary.iterdir()}
        with suppress(FileNotFoundError):
            found |= {name for name in os.listdir("/dev/shm") if f"-{pid}-" in name}
        return found | {path.name for path in self.out.iterdir() if path.name != ".unfinished"}


def session(pid: int) -> list[int]:
    """Its processes."""
    found = []
    for other in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with suppress(OSError):
            if os.getsid(other) == pid and not is_gone(other):
                found.append(other)
    return found


def groups(pid: int) -> list[str]:
    """Control groups that a command made for itself."""
    bases = [group.directory for group in own_groups("memory")]
    return list(filter(os.path.isdir, (f"{base}/{GROUP_NAME}-{pid}" for base in bases)))


def check(folder: Path, words: str, seed: str, *, whole: bool) -> None:
    """Kills the command at a moment, then looks around; then after the next command."""
    around = Surroundings(folder)
    process = around.start(words.format(out=around.out))
    chance = random.Random(seed)
    with suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0.05, LATEST_SECONDS))
    was_killed = process.poll() is None
    with suppress(ProcessLookupError):
        (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    assert within(10.0, lambda: not session(process.pid)), "a process is left"
    own = f"pff-stream-{os.getuid()}"
    if was_killed:
        # What was whole before the kill has its name.
        assert around.left(process.pid) <= {own, *OUTPUTS}
    (folder / "tiny.tsv").write_text("a\tr\tb\n")
    assert around.next(f"triples {folder}/tiny.tsv") == 0
    assert not list(around.temporary.iterdir())
    assert groups(process.pid) == []


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("command", ["encode", "run"])
def test_killed(tmp_path: Path, inputs: dict[str, str], command: str, whole: bool) -> None:
    """At one moment."""
    words = COMMANDS[command].format(**inputs, method="fork", out="{out}")
    check(tmp_path, words, f"{command} {whole}", whole=whole)


@pytest.mark.thorough
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("moment", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
@pytest.mark.parametrize("command", ["compile", "encode", "triples"])
def test_killed_while_preparing(
    tmp_path: Path, inputs: dict[str, str], command: str, moment: int, whole: bool
) -> None:
    """At several."""
    words = COMMANDS[command].format(**inputs, method="", out="{out}")
    check(tmp_path, words, f"{command} {moment} {whole}", whole=whole)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("moment", "whole"),
    [(0, True), *(pytest.param(*one, marks=pytest.mark.slow) for one in OTHERS)],
)
@pytest.mark.parametrize(("command", "method"), BY_METHOD)
def test_killed_runs(
    tmp_path: Path, inputs: dict[str, str], command: str, method: str, moment: int, whole: bool
) -> None:
    """With two workers of every start method."""
    words = COMMANDS[command].format(**inputs, method=method, out="{out}")
    check(tmp_path, words, f"{command} {method} {moment} {whole}", whole=whole)


@pytest.mark.parametrize(
    "words", ["triples {t}", "compile {r} --check", "encode {t} -o {o}", "plan {r} {t}",
              "run {r} {t} --fence none", "explain {r} {t} --triple a r b"],
)  # fmt: skip
def test_every_command_removes_what_others_left(tmp_path: Path, words: str) -> None:
    """The reservation and the control group of a process that is dead, and its shared memory."""
    around = Surroundings(tmp_path)
    (tmp_path / "t.tsv").write_text("a\ts\tb\n")
    (tmp_path / "r.tsv").write_text("r(X,Y) <= s(X,Y)\n")
    dead = subprocess.Popen(["true"])
    dead.wait()
    folder = around.temporary / f"pff-stream-{os.getuid()}"
    folder.mkdir(mode=0o700)
    (folder / f"{dead.pid}.0").write_text("1000000\n")
    (around.temporary / f"pff-stream-graph-{dead.pid}-abcd").touch()
    for group in own_groups("memory"):
        with suppress(OSError):
            os.mkdir(f"{group.directory}/{GROUP_NAME}-{dead.pid}")
    told = words.format(t=tmp_path / "t.tsv", r=tmp_path / "r.tsv", o=tmp_path / "g.pffg")
    assert around.next(told) in (0, 1)
    assert not list(around.temporary.iterdir())
    assert groups(dead.pid) == []


CALLER = """
import sys, time, pff_stream
if sys.argv[1] == "as a file":
    from pff_stream.validator.small import as_file
    held = as_file({"id": "a"})
    held.__enter__()
else:
    held = pff_stream.run(*sys.argv[2:])
print("there", flush=True)
time.sleep(600)
"""
CALLS = {
    "run": "pff_stream.run({r!r}, {t!r})",
    "Validator": "pff_stream.Validator({r!r})",
}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("held", "call"), [("results", "run"), ("as a file", "Validator"), ("results", None)]
)
def test_folders_of_a_killed_caller(tmp_path: Path, held: str, call: str | None) -> None:
    """What a Python caller has in a temporary folder goes with the next call or command."""
    around = Surroundings(tmp_path)
    triples, rules = str(tmp_path / "t.tsv"), str(tmp_path / "r.tsv")
    Path(triples).write_text("a\ts\tb\n")
    Path(rules).write_text("r(X,Y) <= s(X,Y)\n")

    def python(*arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", *arguments]
        return subprocess.Popen(command, env=around.environment, stdout=subprocess.PIPE)

    with python(CALLER, held, rules, triples) as caller:
        assert caller.stdout is not None and caller.stdout.readline() == b"there\n"
        caller.kill()
    assert [path.name for path in around.temporary.glob("*/*/*")]
    if call is None:
        assert around.next(f"triples {triples}") == 0
    else:
        text = CALLS[call].format(r=rules, t=triples)
        with python(f"import pff_stream; {text}") as other:
            pass
        assert other.returncode == 0
    assert not list(around.temporary.iterdir())
