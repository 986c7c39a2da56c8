"""CPU time of a run over a cluster of one Dask worker, against that of the same run on this host.

Over loopback: a scheduler, one Dask worker with a pool of two, and this host as the client. Counted
are all processes of both, from before a command begins until its results are there. In turn
(A B B A), medians of pairs. Scheduler and Dask worker take CPU time while they wait, too: on a busy
machine, where a run takes long, that is much of theirs. So the ratio is told with it and without.

    python -m profiling.cluster_cpu RULES.pffr GRAPH.pffg [--pairs N]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.dask_processes import DaskProcesses

WORKERS = 2
PARTS = ("client", "scheduler", "worker")
IDLE_SECONDS = 10.0
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Of a process and of those of its children that it has collected."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def run(folder: Path, inputs: tuple[str, str], *more: str) -> float:
    """CPU seconds of the command and all that it starts here."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = folder / "out"
    words = ["run", *inputs, "--out", str(out), "--violations", str(folder / "violations.jsonl")]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pff_stream",
            *words,
            "--workers",
            str(WORKERS),
            "--quiet",
            "--fail-on",
            "none",
            *more,
        ],
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"the run ended with {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def of_cluster(cluster: DaskProcesses, whatever: Callable[[], object]) -> dict[str, float]:
    """CPU and wall seconds of the processes of a cluster while something is done."""
    pids = {"scheduler": cluster.scheduler.pid, "worker": cluster.workers[0].process.pid}
    before, began = {name: cpu_seconds(pid) for name, pid in pids.items()}, time.monotonic()
    whatever()
    wall = {"wall": time.monotonic() - began}
    return wall | {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}


def over_cluster(folder: Path, inputs: tuple[str, str], cluster: DaskProcesses) -> dict[str, float]:
    """The same of each part of a run over a cluster."""
    client: list[float] = []
    found = of_cluster(
        cluster, lambda: client.append(run(folder, inputs, "--cluster", cluster.address))
    )
    return {"client": client[0]} | found


def main() -> None:
    """Prints both, by their parts, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rules")
    parser.add_argument("graph")
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    inputs = (given.rules, given.graph)
    here: list[float] = []
    there: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(dir=".") as name, DaskProcesses(Path(name) / "d") as cluster:
        folder = Path(name)
        cluster.add(threads=WORKERS)
        over_cluster(folder, inputs, cluster)  # what is imported once, is imported
        idle = of_cluster(cluster, lambda: time.sleep(IDLE_SECONDS))
        for pair in range(given.pairs):
            if pair % 2:
                there.append(over_cluster(folder, inputs, cluster))
            here.append(run(folder, inputs))
            if not pair % 2:
                there.append(over_cluster(folder, inputs, cluster))
            print(f"{here[-1]:6.2f}  {there[-1]}", flush=True)
    print(f"on this host {statistics.median(here):.2f} CPU s")
    for part in PARTS:
        print(f"{part} {statistics.median(parts[part] for parts in there):.2f} CPU s")
    waiting = sum(idle[part] for part in PARTS[1:]) / idle["wall"]
    print(f"scheduler and worker, idle: {100 * waiting:.1f} % of a core")
    for what, rate in (("all", 0.0), ("without what is taken idle", waiting)):
        ratios = [
            (sum(parts[part] for part in PARTS) - rate * parts["wall"]) / alone
            for alone, parts in zip(here, there, strict=True)
        ]
        told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"ratio, {what}: {told}")


if __name__ == "__main__":
    main()
