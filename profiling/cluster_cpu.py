"""CPU time of a run over a cluster of one Dask worker, against that of the same run on this host.

Over loopback: a scheduler, one Dask worker with a pool of two, and this host as the client. Counted
are all processes of both, from before a command begins until its results are there. In turn
(A B B A), medians of pairs; seconds depend on the machine, their ratio hardly does.

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
from pathlib import Path

from tests.dask_processes import DaskProcesses

WORKERS = 2
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
        [sys.executable, "-m", "pff_stream", *words, "--workers", str(WORKERS), "--quiet", *more],
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"the run ended with {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def over_cluster(folder: Path, inputs: tuple[str, str], cluster: DaskProcesses) -> dict[str, float]:
    """The same of each part of a run over a cluster."""
    pids = {"scheduler": cluster.scheduler.pid, "worker": cluster.workers[0].process.pid}
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    client = run(folder, inputs, "--cluster", cluster.address)
    return {"client": client} | {
        name: cpu_seconds(pid) - before[name] for name, pid in pids.items()
    }


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
        for pair in range(given.pairs):
            if pair % 2:
                there.append(over_cluster(folder, inputs, cluster))
            here.append(run(folder, inputs))
            if not pair % 2:
                there.append(over_cluster(folder, inputs, cluster))
            print(f"{here[-1]:6.2f}  {sum(there[-1].values()):6.2f}  {there[-1]}", flush=True)
    ratios = [sum(parts.values()) / alone for alone, parts in zip(here, there, strict=True)]
    print(f"on this host {statistics.median(here):.2f} CPU s")
    for part in there[0]:
        print(f"{part} {statistics.median(parts[part] for parts in there):.2f} CPU s")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
