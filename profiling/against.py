"""Ratios of CPU time to another commit's, run in turn: this, the other, the other, this, and again.

The other commit is checked out and built once, in the folder that is named; the same interpreter
runs both. On a busy machine seconds swing by 40 %, ratios of neighbours in time hold. The large
data is needed.

    PFF_STREAM_SHARED_DATA=DIR python -m profiling.against --folder /var/tmp/against
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from profiling import bench_data
from profiling.bench import PROBE_CACHE
from profiling.bench_data import VARIABLE, shared
from profiling.bench_measure import adopt_orphans, run_summary

ROOT = Path(__file__).resolve().parent.parent
COMMIT = "6ff73a6"
"""What the project holds itself to."""


@dataclass(frozen=True, slots=True)
class Build:
    """A tree with its compiled modules, and where its own rule and graph files are."""

    root: Path
    folder: Path

    def spend(self, *arguments: str) -> float:
        """Runs pff-stream of this build; CPU seconds of all its processes."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "pff_stream", *arguments]
        told = {**os.environ, "PYTHONPATH": str(self.root)}
        code = subprocess.run(
            command, cwd=self.root, env=told, stdout=subprocess.DEVNULL, check=False
        ).returncode
        with suppress(ChildProcessError):
            while True:
                os.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if code not in (0, 1):  # 1: rules are violated
            sys.exit(f"{self.root}: {' '.join(command)} ended with {code}")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@dataclass(frozen=True, slots=True)
class Ready:
    """Rules and a graph in the files of one build."""

    build: Build
    rules: Path
    graph: Path

    def evaluation(self) -> float:
        """CPU seconds of the evaluator's calls: one worker, counts only."""
        out = self.build.folder / "out"
        counts = ("--workers", "1", "--max-examples", "0", "--out", str(out), "--overwrite")
        self._spend(*counts)
        return float(run_summary(out)["evaluation_cpu_seconds"])

    def run(self) -> float:
        """CPU seconds of a whole command that lists no violations."""
        return self._spend("--workers", "1")

    def _spend(self, *more: str) -> float:
        return self.build.spend("run", str(self.rules), str(self.graph), "--quiet", *more)


def checked_out(folder: Path, commit: str) -> Path:
    """The tree of a commit with its compiled modules; made where it is not there."""
    tree = folder / f"tree-{commit}"
    done = folder / f"tree-{commit}.built"
    if not done.exists():
        for command in (
            ["git", "clone", "--quiet", "--shared", str(ROOT), str(tree)],
            ["git", "-C", str(tree), "checkout", "--quiet", commit],
        ):
            subprocess.run(command, check=True)
        build = [sys.executable, "setup.py", "build_ext", "--inplace"]
        subprocess.run(build, cwd=tree, check=True, stdout=subprocess.DEVNULL)
        done.touch()
    return tree


def ready(build: Build, data: bench_data.Data, name: str) -> Ready:
    """Rules and triples as files of a build."""
    build.folder.mkdir(parents=True, exist_ok=True)
    found = Ready(build, build.folder / f"{name}.pffr", build.folder / f"{name}.pffg")
    for verb, source, target in (
        ("compile", data.rules_text, found.rules),
        ("encode", data.triples, found.graph),
    ):
        if not target.exists():
            build.spend(verb, str(source), "-o", str(target))
    return found


def ratios(pairs: int, this: Callable[[], float], other: Callable[[], float]) -> list[float]:
    """This over the other, from neighbours in time; what caches want is there before."""
    this()
    other()
    found = []
    for number in range(pairs):
        if number % 2:
            there = other()
            here = this()
        else:
            here = this()
            there = other()
        found.append(here / there)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU time against another commit's, in turn.")
    parser.add_argument("--commit", default=COMMIT, help=f"the other commit ({COMMIT})")
    parser.add_argument("--tree", type=Path, help="a tree of it that is built already")
    parser.add_argument("--folder", type=Path, required=True, help="what is made is kept here")
    parser.add_argument("--pairs", type=int, default=9, metavar="N")
    parser.add_argument("--core", type=int, default=0, help="the core that everything runs on")
    parser.add_argument("--only", default="", metavar="WORD", help="works with this in their name")
    options = parser.parse_args()
    source = shared()
    if source is None:
        sys.exit(f"{VARIABLE} is not set: the large data is needed")
    os.sched_setaffinity(0, {options.core})
    adopt_orphans()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[PROBE_CACHE] = str(folder / "cache")
    tree = options.tree or checked_out(folder, options.commit)
    builds = Build(ROOT, folder / "this"), Build(tree, folder / "other")
    print(f"| work | median of {options.pairs} pairs | least to most |\n|---|---:|---:|")
    for name, prepare in (("fb15k237", bench_data.fb15k237), ("wn18rr", bench_data.wn18rr)):
        data = prepare(folder, source)
        here, there = (ready(build, data, name) for build in builds)
        works = (
            (f"evaluation alone, {name}", here.evaluation, there.evaluation),
            (f"whole command without --out, {name}", here.run, there.run),
        )
        for what, this, other in works:
            if options.only not in what:
                continue
            found = ratios(options.pairs, this, other)
            median = statistics.median(found)
            print(f"| {what} | {median:.2f} | {min(found):.2f} to {max(found):.2f} |", flush=True)
    print(f"\nload average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
