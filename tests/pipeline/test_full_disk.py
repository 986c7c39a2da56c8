"""Outputs that cannot be written: a full disk at every write, lost folders, readers that stall."""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from pff_stream.checkpoint import state
from pff_stream.errors import OutputError
from pff_stream.notes import Notes
from pff_stream.report.folder import STATE
from pff_stream.settings.commands import RunSettings
from tests.pipeline.faults import RESULTS, ROOT, Running, digest, is_finished

pytestmark = pytest.mark.thorough

MIB = 1 << 20
LISTED = 35_285
"""Violations by rule, at most ten a rule."""


def file_limit(size_bytes: int) -> dict[int, int]:
    """Has every file of a process end at a size, as on a disk that is full there."""
    return {resource.RLIMIT_FSIZE: size_bytes}


@pytest.mark.parametrize(
    "size_bytes",
    [0, pytest.param(1000, marks=pytest.mark.slow), 100_000, 900_000, 3 * MIB],
)
def test_files_that_cannot_grow(
    size_bytes: int, inputs: tuple[str, str], undisturbed: str, tmp_path: Path
) -> None:
    """Settings, compiled rules, spool or results do not fit: 74, and resumed with more room."""
    out = tmp_path / "r"
    limit = file_limit(size_bytes)
    limited = ("run", *inputs, "--out", out, "--violations", tmp_path / "v", "--quiet")
    code, said = Running(tmp_path, *limited, limits=limit).end()
    assert code == 74, said
    assert len(said.splitlines()) == 1 and "Traceback" not in said
    if (out / ".unfinished").exists():
        assert f"--resume {out}" in said
        code, said = Running(tmp_path, "run", "--resume", out, limits=limit).end()
        assert code == 74, said
        assert Running(tmp_path, "run", "--resume", out).end()[0] == 1
        assert digest(out) == undisturbed
    else:
        assert not out.exists(), "a new folder without anything in it stays away"


@pytest.mark.parametrize("command", ["compile", "encode"])
@pytest.mark.parametrize("size_bytes", [0, 1000, 10_000])
def test_compiled_files_that_cannot_grow(
    command: str, size_bytes: int, inputs: tuple[str, str], tmp_path: Path
) -> None:
    """The file that is there stays as it was, and nothing lies beside it."""
    target = tmp_path / "kept"
    target.mkdir()
    (target / "file").write_text("as before")
    source = inputs[command == "encode"]
    code, said = Running(
        tmp_path, command, source, "-o", target / "file", "--quiet", limits=file_limit(size_bytes)
    ).end()
    assert code == 74, said
    assert len(said.splitlines()) == 1
    assert (target / "file").read_text() == "as before"
    assert os.listdir(target) == ["file"]


DISKS_KIB = (4, 40, 200, 900, 1400, 4000, 12_000)
SMALL_DISK = """
mount --make-rprivate / && mount -t tmpfs -o size={kib}k none {disk} || exit 99
cd {disk}
{python} -m pff_stream run {rules} {triples} --out r --violations v --budget 2GiB
echo "code $?" >&2
ls -A {disk} {disk}/r >&2 2>/dev/null
mount -o remount,size=64m {disk}
if test -d {disk}/r/.unfinished; then
  {python} -m pff_stream run --resume r --budget 2GiB; echo "code $?" >&2
fi
cp -r {disk}/r {kept} 2>/dev/null
exit 0
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="a disk of our own needs root"
)
@pytest.mark.parametrize(
    "kib",
    [pytest.param(one, marks=pytest.mark.slow if one in (40, 1400) else ()) for one in DISKS_KIB],
)
def test_full_disk(kib: int, inputs: tuple[str, str], undisturbed: str, tmp_path: Path) -> None:
    """A disk that is full at one place or another: 74; with more room the run goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = SMALL_DISK.format(
        kib=kib,
        disk=disk,
        python=sys.executable,
        rules=inputs[0],
        triples=inputs[1],
        kept=tmp_path / "kept",
    )
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if ended.returncode == 99 or ended.stderr.startswith("unshare:"):
        pytest.skip(f"no mounts here: {ended.stderr.strip()}")
    assert ended.returncode == 0, ended.stderr
    codes = re.findall(r"^code (\d+)$", ended.stderr, re.MULTILINE)
    assert codes in (["74"], ["74", "1"]), ended.stderr
    assert "Traceback" not in ended.stderr
    if codes[1:]:
        assert is_finished(tmp_path / "kept")
        assert digest(tmp_path / "kept") == undisturbed
    else:
        assert not (tmp_path / "kept").exists()


def test_folder_that_vanishes(inputs: tuple[str, str], tmp_path: Path) -> None:
    """The folder of results is removed in the middle: 74, one line, no word of resuming."""
    out = tmp_path / "r"
    running = Running(tmp_path, "run", *inputs, "--out", out, "--quiet", rules=100, pause=0.02)
    while not (out / ".unfinished" / "settings.json").exists():
        assert running.process.poll() is None
        time.sleep(0.01)
    shutil.rmtree(out)
    code, said = running.end()
    assert code == 74, said
    assert len(said.splitlines()) == 1 and "--resume" not in said


def test_folder_that_vanishes_while_its_state_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the settings and the synchronisation that keeps them."""
    (tmp_path / "r" / STATE).mkdir(parents=True)
    made = state.State(str(tmp_path / "r"))
    real_open = os.open

    def vanishing(path: str, flags: int, *options: Any, **more: Any) -> int:
        if path == made.out:
            os.rename(made.out, tmp_path / "elsewhere")
        return real_open(path, flags, *options, **more)

    monkeypatch.setattr(os, "open", vanishing)
    with pytest.raises(OutputError, match=r"/r: cannot be written: No such file"):
        state.write_settings(made, RunSettings.of(rules="r", triples=("t",)), {}, {}, {}, Notes())


@pytest.mark.parametrize("place", ["file/r", "/proc/r", "/dev/null/r"])
def test_folder_that_cannot_be(place: str, inputs: tuple[str, str], tmp_path: Path) -> None:
    """A folder where none can be made: 74 and its name."""
    (tmp_path / "file").write_text("")
    code, said = Running(tmp_path, "run", *inputs, "--out", tmp_path / place, "--quiet").end()
    assert code == 74, said
    assert place in said and len(said.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(inputs: tuple[str, str], tmp_path: Path) -> None:
    """A folder that must not be written to: 74."""
    out = tmp_path / "r"
    out.mkdir(0o500)
    code, said = Running(tmp_path, "run", *inputs, "--out", out).end()
    assert code == 74, said


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_full_device(inputs: tuple[str, str], tmp_path: Path) -> None:
    """Violations go to a device that is full: 74; they are written elsewhere when resumed."""
    out = tmp_path / "r"
    code, said = Running(tmp_path, "run", *inputs, "--out", out, "--violations", "/dev/full").end()
    assert code == 74, said
    assert "/dev/full" in said
    file = tmp_path / "violations.jsonl"
    assert Running(tmp_path, "run", "--resume", out, "--violations", file).end()[0] == 1
    assert file.stat().st_size > MIB
    assert sorted(os.listdir(out)) == sorted([*RESULTS, "summary.json"])


def held_bytes(pid: int) -> int:
    """Private bytes of a process and all its descendants."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(process.memory_full_info().uss for process in processes)


def plan_bytes(inputs: tuple[str, str]) -> int:
    """The peak that is planned for a run."""
    plan = subprocess.run(
        [sys.executable, "-m", "pff_stream", "plan", *inputs, "--json"],
        capture_output=True,
        cwd=ROOT,
    )
    return int(json.loads(plan.stdout)["peak_bytes"])


def test_stalled_reader(inputs: tuple[str, str], tmp_path: Path) -> None:
    """Nobody reads standard output for a while: memory stays in the plan; then all of it comes."""
    planned = plan_bytes(inputs)
    running = Running(tmp_path, "run", *inputs, "--violations", "-", anew=True)
    assert running.process.stdout
    first = running.process.stdout.read(1)
    time.sleep(1.5)
    assert running.process.poll() is None
    assert held_bytes(running.pid) <= planned
    text = first + running.process.stdout.read()
    assert running.end()[0] == 1
    assert len(text.splitlines()) == LISTED


def test_slow_source_and_stalled_reader(
    inputs: tuple[str, str], undisturbed: str, tmp_path: Path
) -> None:
    """Rules trickle in and violations are not fetched: neither gathers in memory."""
    planned = plan_bytes(inputs)
    text = gzip.decompress(Path(inputs[0]).read_bytes())
    given = ("run", "-", inputs[1], "--violations", "-", "--out", tmp_path / "r")
    running = Running(tmp_path, *given, anew=True)
    assert running.process.stdin and running.process.stdout
    held = []
    for at in range(0, len(text), 1 << 14):
        running.process.stdin.write(text[at : at + (1 << 14)])
        running.process.stdin.flush()
        time.sleep(0.05)
        held.append(held_bytes(running.pid))
    assert len(held) > 20
    running.process.stdin.close()
    running.process.stdin = None
    violations = running.process.stdout.read(1)
    for _ in range(10):
        time.sleep(0.1)
        held.append(held_bytes(running.pid))
    assert running.process.poll() is None
    assert max(held) <= planned
    violations += running.process.stdout.read()
    assert running.end()[0] == 1
    assert len(violations.splitlines()) == LISTED
    assert digest(tmp_path / "r") == undisturbed


def test_reader_that_goes_away_keeps_the_run(
    inputs: tuple[str, str], undisturbed: str, tmp_path: Path
) -> None:
    """`| head` with a folder: 141, quietly; what was computed is resumed into the folder."""
    out = tmp_path / "r"
    running = Running(tmp_path, "run", *inputs, "--out", out, "--violations", "-")
    assert running.process.stdout
    running.process.stdout.readline()
    running.process.stdout.close()
    running.process.stdout = None
    assert running.end() == (141, "")
    assert (out / ".unfinished" / "settings.json").exists()
    listed = tmp_path / "violations.jsonl"
    code, said = Running(tmp_path, "run", "--resume", out, "--violations", listed).end()
    assert code == 1, said
    assert len(listed.read_bytes().splitlines()) == LISTED
    assert digest(out) == undisturbed


@pytest.mark.parametrize("place", [0, 1], ids=["rules", "triples"])
def test_stalled_source(place: int, inputs: tuple[str, str], tmp_path: Path) -> None:
    """Standard input stalls in its middle: memory stays small, Ctrl-C ends it, nothing is left."""
    given = list(inputs)
    text = gzip.decompress(Path(given[place]).read_bytes())
    given[place] = "-"
    out = tmp_path / "r"
    running = Running(tmp_path, "run", *given, "--out", out, anew=True)
    assert running.process.stdin
    running.process.stdin.write(text[: len(text) // 2])
    running.process.stdin.flush()
    time.sleep(1.5)
    assert running.process.poll() is None
    assert held_bytes(running.pid) < 80 * MIB
    os.killpg(running.pid, signal.SIGINT)
    code, said = running.end()
    assert (code, len(said.splitlines())) == (130, 1)
    assert not out.exists()
