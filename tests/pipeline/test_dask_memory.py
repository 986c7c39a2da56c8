"""What every process of a cluster holds during a run, against the plans of the hosts."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from planner.probe import measure_process
from tests.dask_processes import DaskProcesses, DaskWorker, Elsewhere, can_be_elsewhere
from tests.pipeline.faults import Running

pytestmark = pytest.mark.cluster
pytest.importorskip("distributed")

N_ENTITIES, N_TRIPLES, N_RELATIONS = 100_000, 2_200_000, 4
FRACTION = 0.70
"""Of the memory limit of a Dask worker, from which on Dask spills, pauses or kills."""
SPARE_MIB = 8
"""One Dask worker may hold so much more than another when it is planned."""
MIB = 1 << 20


def inputs(folder: Path) -> tuple[Path, Path]:
    """Rules of which each chunk goes over all of a relation, and a graph of some size, encoded."""
    folder.mkdir()
    ends = np.random.default_rng(7).integers(0, N_ENTITIES, (N_TRIPLES, 2))
    with open(folder / "graph.tsv", "w", encoding="ascii") as file:
        for number, (subject, target) in enumerate(ends):
            relation = number % N_RELATIONS
            print(f"e{subject}\tr{relation}\te{target}", file=file)
    rules = [
        f"r{head}(X,Y) <= r{body}({ends})\n"
        for head in range(N_RELATIONS)
        for body in range(N_RELATIONS)
        for ends in ("X,Y", "Y,X")
        if (head, ends) != (body, "X,Y")
    ]
    (folder / "rules.tsv").write_text("".join(rules))
    graph, compiled = folder / "graph.pffg", folder / "rules.pffr"
    told = ("compile", folder / "rules.tsv", "-o", compiled, "--chunk-rules", "1")
    assert Running(folder, *told).end()[0] == 0
    assert Running(folder, "encode", folder / "graph.tsv", "-o", graph).end()[0] == 0
    (folder / "graph.tsv").unlink()
    return compiled, graph


class Most:
    """The most that each process was seen to hold, in bytes, by what it is."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self.first: dict[str, int] = {}

    def note(self, what: str, *pids: int) -> None:
        """Takes a look at what cannot be reclaimed of some processes together."""
        held = sum(measure_process(pid).bytes for pid in pids)
        self.first.setdefault(what, held)
        self.found[what] = max(held, self.found.get(what, 0))

    def note_resident(self, what: str, pid: int) -> None:
        """Takes a look at the RSS of a process, as Dask does."""
        with suppress(psutil.NoSuchProcess):
            held = psutil.Process(pid).memory_info().rss
            self.found[what] = max(held, self.found.get(what, 0))

    def note_worker(self, worker: DaskWorker) -> None:
        """Takes a look at a Dask worker, what is beside it, and its nanny."""
        name, dask_worker = worker.folder.name, worker.dask_worker()
        beside = set(worker.pids()) - {worker.process.pid, dask_worker}
        self.note(name, dask_worker, *beside)
        self.note_resident(f"{name} RSS", dask_worker)
        for pid in worker.pool():
            self.note_resident(f"{name} pool RSS", pid)
        if worker.has_nanny:
            self.note(f"{name} nanny", worker.process.pid)


def test_memory_of_all(tmp_path: Path) -> None:
    """No process holds more than its plan says, from the first moment of a run to its last.

    A worker is refused, and another has the limit that is said to do: with the graph in it Dask
    would count more. One sees no file of here, and its folder is memory.
    """
    rules, graph = inputs(tmp_path / "inputs")
    most = Most()
    with DaskProcesses(tmp_path / "dask") as cluster:
        cluster.add("--memory-limit", "100MiB")
        limit = SPARE_MIB + enough_mib(tmp_path, rules, graph, cluster)
        tight = cluster.add("--memory-limit", f"{limit}MiB", nanny=True)
        workers = [tight]
        if can_be_elsewhere():
            workers.append(cluster.add(elsewhere=Elsewhere(rules.parent, disk="400m"), threads=2))
        before = tight.dask_worker()
        planned = plans(tmp_path, rules, graph, cluster)
        words = ("run", rules, graph, "--cluster", cluster.address, "--out", tmp_path / "out")
        run = Running(tmp_path, *words, anew=True)
        while run.process.poll() is None:
            most.note("scheduler", cluster.scheduler.pid)
            for worker in workers:
                most.note_worker(worker)
        code, said = run.end()
        assert code == 1, said
        assert tight.dask_worker() == before
        assert b"emory" not in tight.log.read_bytes().partition(b"Registered to")[2]
    found = most.found
    allowed, size = limit * FRACTION * MIB, os.stat(graph).st_size
    # What Dask would not allow, if it saw what the pool maps.
    assert found["w1 pool RSS"] > 0.8 * size
    assert found["w1 RSS"] <= allowed < found["w1 RSS"] + size
    for name, plan in planned.items():
        assert 0 < found[name] <= plan["peak_bytes"], name
    assert found["w1 nanny"] - most.first["w1 nanny"] <= 2 * MIB
    assert found["scheduler"] <= 64 * MIB
    told = json.loads((tmp_path / "out" / "summary.json").read_text())["run"]
    assert told["measured_peak_bytes"] <= told["planned_peak_bytes"]
    for name, host in told["hosts"].items():
        of_plan = planned[name.split()[0]]["peak_bytes"]
        assert abs(host["planned_peak_bytes"] - of_plan) < MIB
        # Looked at less often there, and a run as short as this one is soon over.
        assert found[name.split()[0]] // 2 <= host["measured_peak_bytes"]
        assert host["measured_peak_bytes"] <= host["planned_peak_bytes"]


def enough_mib(tmp_path: Path, rules: Path, graph: Path, cluster: DaskProcesses) -> int:
    """What is said to do where the only worker has too little; the run is refused with 3."""
    code, said = Running(tmp_path, "run", rules, graph, "--cluster", cluster.address).end()
    assert (code, "refused: too few workers" in said) == (3, True), said
    words = re.search(r"w0 \(tcp:.* start it with --memory-limit (\d+)MiB", said)
    assert words is not None, said
    return int(words[1])


def plans(tmp_path: Path, rules: Path, graph: Path, cluster: DaskProcesses) -> dict[str, Any]:
    """What `plan` says of the hosts, by the names of their workers."""
    words = ("plan", rules, graph, "--cluster", cluster.file, "-o", tmp_path / "plan.json")
    code, said = Running(tmp_path, *words).end()
    assert code == 0, said
    made = json.loads((tmp_path / "plan.json").read_text())
    assert [name.split()[0] for name in made["refused"]] == ["w0"]
    evaluate = next(phase for phase in made["here"]["phases"] if phase["name"] == "evaluate")
    assert not any("worker" in term["name"] for term in evaluate["terms"])
    hosts = {name.split()[0]: plan for name, plan in made["hosts"].items()}
    in_memory = {"results in memory", "files in memory"}
    for name, plan in hosts.items():
        terms = {term["name"] for phase in plan["phases"] for term in phase["terms"]}
        assert in_memory & terms == (in_memory if name == "w2" else set())
    return hosts
