"""Runs one way of running again and again in one process: what the process holds must not grow.

    python -m profiling.repeated                        every way, 1,000 calls each
    python -m profiling.repeated --calls 100 fork plan  two of them

Looked at between calls: descriptors, mappings, threads, children, files in the folder for temporary
files and in /dev/shm, and memory that cannot be reclaimed (Pss_Anon, Pss_Shmem, VmPTE). What is
free in the heap of the allocator is none of it: that is no larger than one call made it, though
each call uses other pages of it. Each way has a process of its own. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from planner import procfs

KIB = 1024
SLACK_BYTES = 512 * KIB
"""What an allocator may find besides, once, in other places than before."""
BYTES_A_CALL = 256
"""Memory that a call may leave behind: less than the smallest thing that it opens."""
SLACK_MAPPINGS = 4
"""Arenas of an allocator come and go."""

RULES = "0\t0\t0\tr(X,Y) <= s(X,Y)\n0\t0\t0\tr(X,c) <= s(X,A)\n"
TRIPLES = "a\ts\tb\na\tr\tb\nc\ts\td\n"
DOCUMENT = '{"id": "a", "s": "b", "l": [{"x": 1}, {"x": 2}]}\n'


@dataclass(frozen=True, slots=True)
class Held:
    """What this process holds."""

    descriptors: int
    mappings: int
    threads: int
    children: int
    shared_files: int
    temporary_files: int
    memory_bytes: int

    def grown(self, later: Held, calls: int) -> list[str]:
        """What a later state has more, beyond what is allowed after so many calls."""
        slack = {"mappings": SLACK_MAPPINGS, "memory_bytes": SLACK_BYTES + calls * BYTES_A_CALL}
        before, after = asdict(self), asdict(later)
        return [
            f"{name}: {before[name]} grew to {after[name]} in {calls} calls"
            for name in before
            if after[name] > before[name] + slack.get(name, 0)
        ]


def held(temporary: str) -> Held:
    """What this process holds now, garbage collected."""
    gc.collect()
    _trim()
    own = "/proc/self"
    shared = procfs.anon_share_bytes(own) + procfs.shared_share_bytes(own)
    return Held(
        len(os.listdir(f"{own}/fd")),
        len(Path(own, "maps").read_bytes().splitlines()),
        len(os.listdir(f"{own}/task")),
        len(procfs.children(own) or ()),
        _shared_files(),
        sum(len(files) for _, _, files in os.walk(temporary)),
        shared + procfs.page_table_bytes(own),
    )


def _shared_files() -> int:
    """Files in shared memory that carry the number of this process; others have some there, too."""
    if not os.path.isdir("/dev/shm"):
        return 0
    return sum(f"-{os.getpid()}-" in name for name in os.listdir("/dev/shm"))


def _trim() -> None:
    """Has the allocator give back what is free in it, of which calls use other pages each time."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)


def _validate(folder: Path, method: str, workers: int) -> None:
    from pff_stream import validate

    rules, triples = str(folder / "r.tsv"), str(folder / "g.tsv")
    assert len(list(validate(rules, triples, start_method=method, workers=workers))) == 2


def _dropped(folder: Path, method: str) -> None:
    """A caller that takes one outcome and forgets the rest."""
    from pff_stream import validate

    rules, triples = str(folder / "r.tsv"), str(folder / "g.tsv")
    next(validate(rules, triples, start_method=method, workers=2))


def _failing(folder: Path) -> None:
    """A call that is refused while it runs."""
    from pff_stream import InputError, validate

    try:
        list(validate(str(folder / "r.tsv"), str(folder / "wrong.tsv"), workers=1))
    except InputError:
        return
    raise AssertionError("wrong.tsv was read")


def _command(folder: Path, code: int, *arguments: str) -> None:
    from pff_stream.cli.main import main

    said = io.StringIO()
    given = [
        str(folder / one) if one.endswith(("sv", "json", "yaml")) else one for one in arguments
    ]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        found = main(given)
    assert found == code, said.getvalue()
    shutil.rmtree("results", ignore_errors=True)


def ways() -> dict[str, Callable[[Path], None]]:
    """Every way of running, by name; each is given the folder of the inputs."""

    def by_method(method: str, workers: int) -> Callable[[Path], None]:
        return lambda folder: _validate(folder, method, workers)

    def of_command(code: int, *arguments: str) -> Callable[[Path], None]:
        return lambda folder: _command(folder, code, *arguments)

    both = ("r.tsv", "g.tsv")
    manifest = ("run", "--rules", "r.tsv", "--manifest", "m.yaml", "--out", "results")
    return {
        "thread": by_method("thread", 2),
        "fork": by_method("fork", 2),
        "forkserver": by_method("forkserver", 1),
        "spawn": by_method("spawn", 1),
        "thread, dropped": lambda folder: _dropped(folder, "thread"),
        "fork, dropped": lambda folder: _dropped(folder, "fork"),
        "failing": _failing,
        "run": of_command(1, "run", *both, "--out", "results"),
        "manifest by threads": of_command(1, *manifest, "--start-method", "thread"),
        "manifest by fork": of_command(1, *manifest, "--start-method", "fork"),
        "plan": of_command(0, "plan", *both),
        "compile": of_command(0, "compile", "r.tsv", "-o", "written"),
        "encode": of_command(0, "encode", "g.tsv", "-o", "written"),
        "encode documents": of_command(0, "encode", "d.json", "-o", "written"),
        "explain": of_command(0, "explain", *both, "--triple", "a", "r", "b"),
        "wrong": of_command(2, "run", "nothing.tsv", "g.tsv"),
    }


def repeat(way: str, calls: int, warm_up: int) -> tuple[Held, Held]:
    """What this process holds after the warm-up, and after so many calls more.

    Works in a folder of its own, which is the current one and that of temporary files.
    """
    call = ways()[way]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "inputs")
        folder.mkdir()
        (folder / "r.tsv").write_text(RULES)
        (folder / "g.tsv").write_text(TRIPLES)
        (folder / "wrong.tsv").write_text("no triple\n")
        (folder / "d.json").write_text(DOCUMENT)
        (folder / "m.yaml").write_text("tasks:\n- d: d.json\n- e: d.json\n")
        os.environ["TMPDIR"] = tempfile.tempdir = name
        os.environ["XDG_RUNTIME_DIR"] = os.environ["XDG_CACHE_HOME"] = name
        os.chdir(name)
        for _ in range(warm_up):
            call(folder)
        before = held(name)
        for _ in range(calls):
            call(folder)
        after = held(name)
        os.chdir("/")
        return before, after


def main() -> int:
    """A row for each way; ends with 1 where something grew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--warm-up", type=int, default=20)
    parser.add_argument("ways", nargs="*", metavar="WAY", help=", ".join(ways()))
    given = parser.parse_args()
    if len(given.ways) != 1:
        options = [f"--calls={given.calls}", f"--warm-up={given.warm_up}"]
        command = [sys.executable, "-m", "profiling.repeated", *options]
        names = given.ways or list(ways())
        print(f"| {'way':19} | {' | '.join(field.name for field in fields(Held))} |", flush=True)
        return max(subprocess.run([*command, name], check=False).returncode for name in names)
    (way,) = given.ways
    before, after = repeat(way, given.calls, given.warm_up)
    pairs = zip(asdict(before).values(), asdict(after).values(), strict=True)
    print(f"| {way:19} | {' | '.join(f'{one} {two}' for one, two in pairs)} |", flush=True)
    grown = before.grown(after, given.calls)
    print("".join(f"{way}: {one}\n" for one in grown), end="", file=sys.stderr)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
