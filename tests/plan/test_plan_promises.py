"""What the planner promises of a run: speed that never falls, refusals that help, at no cost."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pff_stream.limits.meter import MemoryMeter
from pff_stream.observer import Silent
from pff_stream.plan.by_rules import RulesWorkload, predicted_speed
from pff_stream.plan.choose import plan_run
from pff_stream.plan.costs import Costs
from pff_stream.plan.sizes import ProcessCosts, RunSizes
from pff_stream.settings.models import ResourceOptions
from pff_stream.triples.terms import GraphSizes
from planner.machine import Machine
from planner.model import Limit
from tests.plan.sized import RULES, sized

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "docs" / "example"
COMMAND = [sys.executable, "-m", "pff_stream"]
MIB = 1 << 20
LAUNCH = (
    "import os, sys\n"
    "pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, *sys.argv[1:]])\n"
    "_, status, used = os.wait4(pid, 0)\n"
    "print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss)\n"
)
"""Runs a Python and tells its exit code, CPU seconds and most KiB resident: started by an
interpreter that is small itself, since a child's figure begins with its parent's size."""


class FakeCosts(Costs):
    """Costs of a machine that is not asked."""

    def of(self, start_method: str) -> ProcessCosts:
        """Threads cost next to nothing, forked processes some, others more."""
        worker = {"thread": 0, "fork": 4, "forkserver": 3, "spawn": 16}[start_method] * MIB
        helpers = 16 * MIB if start_method == "forkserver" else 0
        return ProcessCosts(self.parent_bytes, worker, helpers, "test")


def sizes_of(n_entities: int) -> RunSizes:
    """A run of many chunks."""
    rules = replace(RULES, n_rules=300 * 4096, n_chunks=300)
    return sized(GraphSizes(200 * n_entities, True, n_entities, 40), rules, cores=8)


@pytest.mark.parametrize("n_entities", [1_000, 40_000, 300_000])
@pytest.mark.parametrize("start_method", [None, "spawn"])
def test_predicted_speed_never_falls_with_the_budget(
    n_entities: int, start_method: str | None
) -> None:
    """From 64 MiB to 4 GiB, in steps of an eighth."""
    resources = ResourceOptions(start_method=start_method)
    costs = FakeCosts(22 * MIB, 1 << 62, "/var/tmp", MemoryMeter(Silent()))
    budget, before = 64 * MIB, 0.0
    speeds = set()
    while budget <= 4096 * MIB:
        machine = Machine(budget, "x", (Limit("budget", budget, "x", True),), 8, "affinity", 0)
        plan = plan_run(resources, machine, RulesWorkload(sizes_of(n_entities)), costs, [])
        speed = predicted_speed(plan.settings) if plan.fits else 0.0
        assert speed >= before, f"slower with {budget} bytes"
        speeds.add(speed)
        before, budget = speed, budget + budget // 8
    assert before == 8 * 2.5
    assert n_entities < 40_000 or len(speeds) > 3


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Compiled rules and an encoded graph; what processes cost is known here from now on."""
    folder = tmp_path_factory.mktemp("inputs")
    rules, graph = str(folder / "rules.pffr"), str(folder / "graph.pffg")
    made = [
        ["compile", str(EXAMPLE / "umls_rules.tsv"), "-o", rules],
        ["encode", str(EXAMPLE / "train.tsv"), "-o", graph],
        ["plan", rules, graph],
    ]
    for arguments in made:
        subprocess.run([*COMMAND, *arguments], check=True, capture_output=True)
    return [rules, graph]


def launched(arguments: list[str], folder: Path) -> tuple[int, float, int]:
    """(Exit code, CPU seconds, most bytes resident) of a Python with these arguments."""
    command = [sys.executable, "-I", "-S", "-c", LAUNCH, *arguments]
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=folder, env=environment
    )
    code, seconds, resident = done.stdout.split()[-3:]
    return int(code), float(seconds), int(resident) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="measured as Linux counts")
def test_a_refusal_costs_little_and_leaves_nothing(inputs: list[str], tmp_path: Path) -> None:
    """Compiled and encoded inputs: under a second of CPU time, under 40 MiB, no file."""
    bare = launched(["-c", "pass"], tmp_path)[2]
    arguments = ["-m", "pff_stream", "run", *inputs, "--budget", "22MiB", "--out", "results"]
    code, seconds, resident = launched(arguments, tmp_path)
    assert code == 3
    assert seconds < 1.0
    assert resident - bare < 40 * MIB
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["encoded", "raw triples", "text"])
def test_what_is_refused_at_the_beginning_runs_with_what_it_suggests(
    inputs: list[str], kind: str
) -> None:
    """A budget under what this process holds alone: one more try is enough, from text too."""
    rules, graph = inputs
    if kind != "encoded":
        graph = str(EXAMPLE / "train.tsv")
    if kind == "text":
        rules = str(EXAMPLE / "umls_rules.tsv")
    wish = [*COMMAND, "run", rules, graph, "--fail-on", "none", "--quiet"]
    tight = [*wish, "--budget", "10MiB"]
    refused = subprocess.run(tight, capture_output=True, text=True, check=False)
    assert refused.returncode == 3
    (line,) = (x.strip() for x in refused.stderr.splitlines() if x.startswith("  --"))
    options = shlex.split(line.partition("(")[0])
    done = subprocess.run([*wish, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize("budget", [26, 28, 31, 34])
def test_what_a_refusal_suggests_is_accepted_and_runs(inputs: list[str], budget: int) -> None:
    """An interpreter of its own for a worker does not fit; each suggestion does, as printed."""
    wish = [*COMMAND, "run", *inputs, "--fail-on", "none", "--quiet"]
    tight = ["--budget", f"{budget}MiB"]
    asked = ["--workers", "2", "--start-method", "spawn"]
    refused = subprocess.run([*wish, *asked, *tight], capture_output=True, text=True, check=False)
    assert refused.returncode == 3
    lines = [x.strip() for x in refused.stderr.splitlines() if x.startswith("  --")]
    assert lines
    for line in lines:
        options = shlex.split(line.partition("(")[0])
        if "--budget" not in options:
            options += tight
        elif "--workers" not in options and "smallest" not in line:
            options += asked
        done = subprocess.run([*wish, *options], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
