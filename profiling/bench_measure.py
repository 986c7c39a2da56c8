"""Measures commands from outside: CPU time of all their processes, wall time, memory of the tree.

Time and memory are taken in different runs, since reading a process's memory holds it up.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.watch import TreeWatch
from profiling.yardstick import yardstick

MIB = 1 << 20
SAMPLE_SECONDS = 0.002
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Spent:
    """What one run of a command took."""

    cpu_seconds: float
    wall_seconds: float
    unit: float
    """The yardstick then: mean of one before and one after."""


@dataclass(frozen=True, slots=True)
class Median:
    """What several runs took."""

    yardsticks: float
    least: float
    most: float
    cpu_seconds: float
    unit: float


def program(*arguments: str) -> list[str]:
    """A command line of pff-stream under this interpreter."""
    return [sys.executable, "-m", "pff_stream", *arguments]


def adopt_orphans() -> None:
    """Lets a fork server that outlives its parent become a child of ours, so that it counts."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait_for_all() -> None:
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _check(command: Sequence[str], code: int) -> None:
    if code not in (0, 1):  # 1: rules are violated
        sys.exit(f"{' '.join(command)} ended with {code}")


def spend(command: Sequence[str]) -> Spent:
    """Runs a command between two yardsticks."""
    before = yardstick()
    cpu, wall = _children_seconds(), time.perf_counter()
    code = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    ).returncode
    wall = time.perf_counter() - wall
    _wait_for_all()
    cpu = _children_seconds() - cpu
    _check(command, code)
    return Spent(cpu, wall, (before + yardstick()) / 2)


def peak_bytes(command: Sequence[str]) -> int:
    """Most memory of the tree of processes at once, sampled every two milliseconds."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        watch = TreeWatch(process.pid)
        while process.poll() is None:
            watch.sample()
            time.sleep(SAMPLE_SECONDS)
    _wait_for_all()
    _check(command, process.returncode)
    return watch.peak_bytes


def median_of(runs: int, measure: Callable[[], tuple[float, float]]) -> Median:
    """Median, least and most of CPU seconds over the yardstick of the same moment."""
    pairs = [measure() for _ in range(runs)]
    ratios = [cpu / unit for cpu, unit in pairs]
    return Median(
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        statistics.median(cpu for cpu, _ in pairs),
        statistics.median(unit for _, unit in pairs),
    )


def command_median(runs: int, command: Sequence[str]) -> Median:
    """Whole commands: all processes, from start to exit."""

    def measure() -> tuple[float, float]:
        spent = spend(command)
        return spent.cpu_seconds, spent.unit

    return median_of(runs, measure)


def run_summary(folder: Path) -> dict[str, Any]:
    """What a run says about itself."""
    said: dict[str, Any] = json.loads((folder / "summary.json").read_bytes())["run"]
    return said


def evaluation_median(runs: int, command: Sequence[str], out: Path) -> tuple[Median, int]:
    """CPU time of the evaluator's calls alone, and the edges that they touched."""

    def measure() -> tuple[float, float]:
        unit = spend(command).unit
        return float(run_summary(out)["evaluation_cpu_seconds"]), unit

    return median_of(runs, measure), int(run_summary(out)["edges"])
