"""Plans of graphs that do not fit the budget, what they need exactly, and runs that honour them."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pff_stream.errors import UsageError
from pff_stream.limits.meter import MemoryMeter
from pff_stream.observer import Silent
from pff_stream.plan.blocks import BlockSizes, bounded, exact
from pff_stream.plan.by_rules import RulesWorkload
from pff_stream.plan.choose import plan_run
from pff_stream.plan.costs import Costs
from pff_stream.plan.sizes import BLOCKS, FILE, MEMORY, RunSizes
from pff_stream.rules.file import RuleFile
from pff_stream.rules.sizes import RuleSizes
from pff_stream.settings.models import ResourceOptions
from pff_stream.triples._resident import side_bytes
from pff_stream.triples.graph import attach
from pff_stream.triples.terms import GraphSizes
from planner.machine import Machine
from planner.model import Limit, Settings
from planner.plan import Plan
from planner.probe import ProcessMemory, WorkerMemory
from planner.text import refusal
from tests.execute.pool_processes import within
from tests.pipeline.faults import Running, is_finished
from tests.plan.sized import sized
from tests.test_end_to_end import digest
from tests.warm import run

pytestmark = pytest.mark.thorough

MIB = 1 << 20
GRAPH = GraphSizes(total_bytes=1024 * MIB, in_memory=False, n_entities=MIB, n_relations=40)
SIZES = sized(
    GRAPH,
    RuleSizes(
        n_rules=200_000,
        n_chunks=100,
        chunk_bytes=MIB // 4,
        chunk_rules=2000,
        chunk_names=4000,
        chunk_atoms=2000,
        chunk_bodies=2000,
        source_chunk_bytes=MIB // 4,
        body_atoms=3,
    ),
    blocks=BlockSizes(
        n_relations=100, rows_bytes=900 * MIB, names_bytes=60 * MIB, needed_bytes=40 * MIB
    ),
)


def planned(
    budget_bytes: int,
    sizes: RunSizes = SIZES,
    *,
    fixed: Settings | None = None,
    look_closer: Callable[[BlockSizes], BlockSizes] | None = None,
) -> Plan:
    """The plan for two cores under a budget."""
    limit = Limit("budget", budget_bytes, "--budget", True)
    machine = Machine(budget_bytes, "--budget", (limit,), 2, "affinity", 0)
    process = ProcessMemory(4 * MIB, 0, 4 * MIB)
    found = WorkerMemory(process, MIB, 0.01)
    costs = Costs(
        20 * MIB, budget_bytes, "/", MemoryMeter(Silent()), [], {"fork": found, "thread": found}
    )
    resources = ResourceOptions(start_method="fork")
    workload = RulesWorkload(sizes, look_closer)
    return plan_run(resources, machine, workload, costs, [], fixed)


def test_backing_by_budget() -> None:
    """A file that fits beside the run is mapped; else it is read in blocks, and that is said."""
    roomy = planned(4096 * MIB)
    assert roomy.settings["backing"] == FILE
    assert not [note for note in roomy.notes if "blocks" in note]
    for budget in (1000, 512, 256, 140):
        plan = planned(budget * MIB)
        assert plan.fits
        assert plan.settings["backing"] == BLOCKS
        assert [note for note in plan.notes if "in blocks" in note and "1.0 GiB" in note]
        resident = int(plan.settings["resident_bytes"] or 0)
        assert 40 * MIB <= resident <= 900 * MIB
        terms = {term.name: term.bytes for phase in plan.phases for term in phase.terms}
        assert terms["relations resident"] == resident * int(plan.settings["workers"] or 0)
        assert terms["graph"] == 0
    in_memory = replace(SIZES, graph=replace(GRAPH, in_memory=True), blocks=None)
    assert planned(4096 * MIB, in_memory).settings["backing"] == MEMORY


def test_saved_plan_of_a_file_for_a_graph_in_memory() -> None:
    """It is told, where the graph cannot be moved to a file."""
    in_memory = replace(SIZES, graph=replace(GRAPH, in_memory=True), blocks=None)
    fixed = planned(256 * MIB).settings
    with pytest.raises(UsageError, match="make a new plan"):
        planned(4096 * MIB, in_memory, fixed=fixed)


def test_more_budget_more_resident() -> None:
    """The room for relations grows with the budget for the same workers and width."""
    rooms: dict[tuple[object, object], list[int]] = {}
    for budget in range(140, 1040, 50):
        settings = planned(budget * MIB).settings
        if settings["backing"] == BLOCKS:
            same = rooms.setdefault((settings["workers"], settings["wide"]), [])
            same.append(int(settings["resident_bytes"] or 0))
    assert len(rooms) > 1
    for ordered in rooms.values():
        assert ordered == sorted(ordered)


def test_bound_is_looked_at_closely_before_a_refusal() -> None:
    """What the headers bound too high is found exactly; what stays too large is named."""
    assert SIZES.blocks is not None
    blocks = replace(SIZES.blocks, needed_bytes=500 * MIB)
    sizes = replace(SIZES, blocks=blocks)
    asked = []

    def small(given: BlockSizes) -> BlockSizes:
        asked.append(given)
        return replace(given, needed_bytes=30 * MIB, largest="knows 20.0 MiB, likes 10.0 MiB")

    assert planned(140 * MIB, sizes, look_closer=small).fits
    assert asked == [blocks]

    def large(given: BlockSizes) -> BlockSizes:
        return replace(given, needed_bytes=400 * MIB, largest="knows 390.0 MiB, likes 10.0 MiB")

    plan = planned(140 * MIB, sizes, look_closer=large)
    assert not plan.fits
    assert "knows 390.0 MiB, likes 10.0 MiB" in " ".join(refusal(plan).split())
    assert any("knows 390.0 MiB" in note for note in plan.notes)
    again = planned(plan.peak_bytes, sizes, look_closer=large)
    assert again.fits and again.settings["backing"] == BLOCKS


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    """Compiled rules of all shapes and an encoded graph, relations of a few pages."""
    rng = random.Random(1)
    triples = tmp_path / "triples.tsv"
    triples.write_text(
        "".join(
            f"e{rng.randrange(3000)}\tr{rng.randrange(12)}\te{rng.randrange(3000)}\n"
            for _ in range(60_000)
        )
    )
    shapes = (
        "r{}(X,Y) <= r{}(X,A), r{}(A,Y)",
        "r{}(X,Y) <= r{}(Y,X)",
        "r{}(X,e{c}) <= r{}(X,e{d})",
        "r{}(e{c},Y) <= r{}(A,Y), r{}(A,e{d})",
        "r{}(X,e{c}) <= r{}(X,A)",
        "r{}(X,e{c}) <= ",
        "r{}(X,e{c}) <= r{}(X,A), r{}(A,B)",
    )
    lines = {
        rng.choice(shapes).format(
            *(rng.randrange(13) for _ in range(3)), c=rng.randrange(3100), d=rng.randrange(3100)
        )
        for _ in range(1500)
    }
    rules = tmp_path / "rules.tsv"
    rules.write_text("".join(f"{line}\n" for line in sorted(lines)))
    run("compile", rules, "-o", tmp_path / "rules.pffr", check=0)
    run("encode", triples, "-o", tmp_path / "graph.pffg", check=0)
    return tmp_path / "rules.pffr", tmp_path / "graph.pffg"


@pytest.mark.same_answer
@pytest.mark.parametrize("method", ["fork", "spawn", "thread"])
def test_same_bytes_in_blocks(method: str, inputs: tuple[Path, Path], tmp_path: Path) -> None:
    """In blocks, with room for a tenth of the graph or for nothing at all: the same bytes."""
    rules, graph = inputs
    run("run", rules, graph, "--out", tmp_path / "whole", "--fail-on", "none", check=0)
    saved = tmp_path / "plan.json"
    run("plan", rules, graph, "--start-method", method, "-o", saved, check=0)
    plan = json.loads(saved.read_text())
    with attach(str(graph)) as attached:
        rows = int(np.frombuffer(side_bytes(attached.view), np.int64).sum())
    for resident, names, together in (
        (rows // 10, True, 1),
        (rows // 8, True, 3),
        (0, False, 100),
        (2 * rows, True, 1),
    ):
        plan["settings"].update(
            backing=BLOCKS, resident_bytes=resident, names_in_memory=names, chunks_together=together
        )
        saved.write_text(json.dumps(plan))
        out = tmp_path / f"blocks-{resident}"
        arguments = ("run", rules, graph, "--plan", saved, "--out", out, "--fail-on", "none")
        run(*arguments, check=0)
        assert digest(out) == digest(tmp_path / "whole")
        assert json.loads((out / "summary.json").read_text())["run"]["backing"] == BLOCKS


@pytest.mark.same_answer
def test_triples_given_raw_in_blocks(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    """A plan in blocks for triples that are encoded by the run: the graph goes to a file."""
    rules, _ = inputs
    triples = tmp_path / "triples.tsv"
    run("run", rules, triples, "--out", tmp_path / "whole", "--fail-on", "none", check=0)
    saved = in_blocks(rules, triples, tmp_path)
    out = tmp_path / "blocks"
    run("run", rules, triples, "--plan", saved, "--out", out, "--fail-on", "none", check=0)
    assert digest(out) == digest(tmp_path / "whole")
    assert json.loads((out / "summary.json").read_text())["run"]["backing"] == BLOCKS


def anew(*arguments: object, check: int | None = None) -> str:
    """The same by a new interpreter: a plan is by what a process holds."""
    words = [sys.executable, "-m", "pff_stream", *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert check in (None, done.returncode), done.stderr
    return done.stdout


def test_raw_triples_larger_than_the_budget(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    """Where the graph does not fit into memory it is written to a file and read in blocks."""
    rules, _ = inputs
    rng = random.Random(2)
    triples = tmp_path / "many.tsv"
    triples.write_text(
        "".join(
            f"e{rng.randrange(30_000)}\tr{n % 40}\te{rng.randrange(30_000)}\n"
            for n in range(1_200_000)
        )
    )
    anew("run", rules, triples, "--out", tmp_path / "whole", "--fail-on", "none", check=0)
    found = json.loads((tmp_path / "whole" / "summary.json").read_text())["run"]
    assert found["backing"] == MEMORY
    for less_mib in (6, 14):  # it is moved when it is there, or never gets there
        least = anew("plan", rules, triples, "--workers", 1, "--start-method", "fork", "--json")
        budget = json.loads(least)["peak_bytes"] - less_mib * MIB
        out = tmp_path / f"blocks-{less_mib}"
        options = ("--workers", 1, "--start-method", "fork", "--budget", budget, "--out", out)
        anew("run", rules, triples, *options, "--fail-on", "none", check=0)
        assert digest(out) == digest(tmp_path / "whole")
        found = json.loads((out / "summary.json").read_text())["run"]
        assert found["backing"] == BLOCKS
        assert found["measured_peak_bytes"] <= budget


def has_records(journal: Path) -> bool:
    """Whether a journal has some records by now."""
    return journal.exists() and any(journal.read_bytes()[400:440])


def in_blocks(rules: Path, graph: Path, folder: Path, **settings: object) -> Path:
    """A saved plan of a run in blocks, two chunks a task, with a fifth of the graph resident."""
    saved = folder / "plan.json"
    run("plan", rules, graph, "--start-method", "fork", "-o", saved, check=0)
    plan = json.loads(saved.read_text())
    plan["settings"].update(
        backing=BLOCKS, resident_bytes=1 << 18, names_in_memory=False, chunks_together=3, **settings
    )
    saved.write_text(json.dumps(plan))
    return saved


def test_killed_and_resumed_in_blocks(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    """A run in blocks that is killed goes on from its journal, in blocks or not: the same bytes."""
    rules, graph = inputs
    arguments = ("--out", tmp_path / "whole", "--fail-on", "none")
    run("run", rules, graph, *arguments, check=0)
    saved = in_blocks(rules, graph, tmp_path)
    for number, again in enumerate(((), ("--plan", saved))):
        out = tmp_path / f"killed-{number}"
        running = Running(
            tmp_path,
            *("run", rules, graph, "--plan", saved, "--out", out, "--fail-on", "none"),
            pause=0.1,
            rules=40,
            sync=0.0,
        )
        assert within(60, partial(has_records, out / ".unfinished" / "journal"))
        running.send(signal.SIGKILL, [running.pid])
        running.end()
        assert not is_finished(out)
        run("run", "--resume", out, *again, "--fail-on", "none", check=0)
        assert json.loads((out / "summary.json").read_text())["run"]["resumed_rules"] > 0
        assert is_finished(out) and digest(out) == digest(tmp_path / "whole")


def test_rule_that_kills_is_found_in_blocks(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    """Of all the rules of a task of several ranges it alone is reported as failed."""
    rules, graph = inputs
    out = tmp_path / "out"
    saved = in_blocks(rules, graph, tmp_path)
    running = Running(
        tmp_path,
        *("run", rules, graph, "--plan", saved, "--out", out, "--fail-on", "none"),
        kill=77,
        rules=100,
    )
    code, said = running.end()
    assert code == 4, said
    outcomes = (out / "outcomes.tsv").read_text().splitlines()
    assert [n for n, line in enumerate(outcomes) if line.split("\t")[1] == "failed"] == [77]


_NEEDS = (
    r"r\d+\(X,Y\) <= r\d+\(X,A\), r(\d+)\(A,Y\)",
    r"r\d+\(X,e\d+\) <= r\d+\(X,A\), r(\d+)\(A,B\)",
)
"""Those rules of `inputs` that look up something in any order: the subjects of a relation."""


def test_exact_needs(inputs: tuple[Path, Path]) -> None:
    """What the rule that needs most looks up in any order: by a look at every line."""
    rules, graph = inputs
    with attach(str(graph)) as attached, RuleFile(rules) as file:
        view = attached.view
        sizes = np.frombuffer(side_bytes(view), np.int64).tolist()
        bound = bounded(view, file.max_body_atoms)
        needs = {-1: 0}
        for line in rules.with_suffix(".tsv").read_text().splitlines():
            for found in filter(None, (re.fullmatch(needed, line) for needed in _NEEDS)):
                relation = view.relation_id(f"r{found[1]}".encode())
                needs[relation] = sizes[2 * relation] if relation >= 0 else 0
        exactly = exact(bound, str(graph), file, "object-identity")
        most = max(needs.values())
        assert exactly.needed_bytes == most <= bound.needed_bytes
        named = {view.relation_id(name.split(" ")[0].encode()) for name in [exactly.largest]}
        assert named <= {relation for relation, size in needs.items() if size == most}
        assert exactly.rows_bytes == sum(sizes) <= view.total_bytes + 8192 * len(sizes)
