"""What binds a run: saved plans, other runs, ceilings with their reasons, sweeps."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError, UsageError
from pff_stream.plan.budget import SIZED_BY, MemoryBudget, check_identity, read_plan
from pff_stream.plan.choose import too_many, why_fewer
from pff_stream.plan.sweep import parse_sweep
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.models import ResourceOptions
from pff_stream.settings.options import OPTIONS
from planner.machine import Machine
from planner.model import Limit, Phase, Settings, Term
from planner.plan import Plan
from planner.reserve import Reservation
from tests.warm import started

ROOT = Path(__file__).parent.parent.parent
GIB = 1 << 30
MACHINE = Machine(8 * GIB, "x", (Limit("available", 8 * GIB, "x", True),), 4, "affinity", 0)


def identity(inputs: dict[str, str], **options: Any) -> Settings:
    """What a plan is for, as a run says it."""
    settings = RunSettings.of(rules="r", triples=("t",), **options)
    return inputs | settings.sized_by()


def make(resources: ResourceOptions, machine: Machine, fixed: Settings | None) -> Plan:
    """A plan of one GiB a worker."""
    free: Settings = {"workers": resources.workers or 2, "start_method": "fork"}
    chosen = fixed or free
    size = int(chosen["workers"] or 1) * GIB
    phases = [Phase("run", [Term("workers", size, "")])]
    return Plan(phases, machine.budget_bytes, machine.budget_source, machine.limits, chosen)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's runtime folder."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "pff-stream"


def test_a_run_reserves_and_the_next_sees_less(folder: Path) -> None:
    """Of 8 GiB the first run plans 2, so that the second sees 6, and as many again at the end."""
    hashes = identity({"rules": "1", "triples": "2"})
    # Nothing is held yet by this process but itself.
    with (
        MemoryBudget(ResourceOptions(), MACHINE) as early,
        MemoryBudget(ResourceOptions(), MACHINE) as first,
    ):
        assert first.agree(make, hashes).budget_bytes == 8 * GIB
        with MemoryBudget(ResourceOptions(), MACHINE) as second:
            assert 6 * GIB <= second.machine.budget_bytes < 7 * GIB
            assert f"planned by process {os.getpid()} and not held yet" in (
                second.machine.budget_source
            )
            assert second.agree(make, hashes).machine["memory_class"] == "medium"
        # It began before the first reserved, and looks again when it plans.
        assert early.machine.budget_bytes == 8 * GIB
        assert early.agree(make, hashes).budget_bytes == 6 * GIB
    assert not folder.exists()


def test_a_refused_plan_reserves_nothing(folder: Path) -> None:
    """Only what runs is reserved."""
    with MemoryBudget(ResourceOptions(workers=9), MACHINE) as budget:
        assert not budget.agree(make, identity({"rules": "1"})).fits
        assert Reservation("pff-stream").neighbours() == []


def test_a_saved_plan_is_honoured(folder: Path, tmp_path: Path) -> None:
    """It carries its identity, and fixes the settings of the run that it is given to."""
    path = tmp_path / "plan.json"
    hashes = identity({"rules": "1", "triples": "2"})
    with MemoryBudget(ResourceOptions(workers=3), MACHINE) as budget:
        path.write_text(json.dumps(budget.agree(make, hashes).to_json()))
    with MemoryBudget(ResourceOptions(plan=str(path)), MACHINE) as budget:
        assert budget.agree(make, hashes).settings == {"workers": 3, "start_method": "fork"}
        with pytest.raises(InputError, match=r"the triples changed"):
            budget.agree(make, {**hashes, "triples": "3"})
        with pytest.raises(UsageError, match=r"--max-examples 3, the plan was made for 10"):
            budget.agree(make, {**hashes, "max_examples": 3})
    with MemoryBudget(ResourceOptions(plan=str(path), max_workers=2), MACHINE) as budget:
        with pytest.raises(UsageError, match=r"found 3 workers, expected at most 2"):
            budget.agree(make, hashes)
    for option in ({"workers": 2}, {"start_method": "fork"}):
        with pytest.raises(UsageError, match="--plan: found together"):
            ResourceOptions(plan=str(path), **option)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format_version": 1}',
        "[" * 5000,
        json.dumps(Plan([Phase("p", [])], 1, "").to_json()),
        json.dumps(Plan([Phase("p", [])], 1, "", settings={"workers": "x"}).to_json()),
        json.dumps(
            Plan([Phase("p", [])], 1, "", settings={"workers": 1, "start_method": "x"}).to_json()
        ),
    ],
)
def test_what_is_no_plan_is_an_error_of_input(text: str, tmp_path: Path) -> None:
    """Whatever the file holds, the message names it."""
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"--plan .*plan\.json: "):
        read_plan(str(path))
    with pytest.raises(InputError, match="No such file"):
        read_plan(str(tmp_path / "absent"))


def test_a_manifests_plan_is_not_a_graphs() -> None:
    """A plan for a manifest is not of a run over triples."""
    saved = identity({"rules": "1", "manifest": "2"})
    with pytest.raises(InputError, match="the triples changed"):
        check_identity("p", saved, identity({"rules": "1", "triples": "2"}))


def test_a_plan_is_for_all_that_changes_results() -> None:
    """Every option of reading and evaluating is compared, by its name on the command line."""
    inputs = {"rules": "1", "triples": "2"}
    assert set(identity(inputs)) == {*inputs, *SIZED_BY}
    others = {"columns": "p,s,o", "min_support": 3, "max_document_bytes": 5, "on_bad_rule": "skip"}
    for name, value in others.items():
        with pytest.raises(UsageError, match=f"--{OPTIONS[name].name} {value}, the plan was made"):
            check_identity("p", identity(inputs), identity(inputs, **{name: value}))


@pytest.mark.parametrize(
    ("ceiling", "pieces", "workers", "said"),
    [
        (None, 9, 4, ""),
        (None, 9, 2, "2 instead of 4 workers: more do not fit the budget"),
        (8, 9, 4, "4 instead of 8 workers: 4 cores may be used (affinity)"),
        (3, 9, 3, ""),
        (3, 9, 1, "1 instead of 3 workers: more do not fit the budget"),
        (8, 2, 2, "2 instead of 8 workers: there is no more work to share out than 2 chunks"),
        (None, 2, 2, ""),
    ],
)
def test_why_there_are_fewer(ceiling: int | None, pieces: int, workers: int, said: str) -> None:
    """The plan says in one line why it lowers a ceiling."""
    resources = ResourceOptions(max_workers=ceiling)
    notes = why_fewer(resources, MACHINE, pieces, "chunks", {"workers": workers})
    assert notes == ([said] if said else [])


def test_more_workers_than_cores_is_a_warning() -> None:
    """Exact numbers are kept, with a note."""
    assert too_many(ResourceOptions(workers=4), MACHINE) == []
    assert too_many(ResourceOptions(workers=5), MACHINE) == [
        "5 workers on 4 cores (affinity): more than can work at once"
    ]
    assert why_fewer(ResourceOptions(workers=5), MACHINE, 9, "chunks", {"workers": 5}) == []


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("workers=1..4", [1, 2, 3, 4]),
        ("workers = 3", [3]),
        ("workers=1,8,2", [1, 8, 2]),
    ],
)
def test_sweeps(text: str, counts: list[int]) -> None:
    """A range, one number, or a list."""
    assert parse_sweep(text) == counts


@pytest.mark.parametrize(
    "text", ["", "workers", "workers=0..3", "workers=4..1", "workers=1..999", "chunks=1..2", "1..4"]
)
def test_other_sweeps_are_refused(text: str) -> None:
    """What was found and what is expected is said."""
    with pytest.raises(UsageError, match=r"--sweep: found .*expected workers=FIRST"):
        parse_sweep(text)


def command(*arguments: object, code: int) -> str:
    """Runs the command; its standard output, or standard error where it fails."""
    done = started([str(one) for one in arguments])
    assert done.returncode == code, done.stderr
    return done.stdout if code < 2 else done.stderr


@pytest.mark.thorough
def test_plan_and_run_from_end_to_end(example: Path, tmp_path: Path) -> None:
    """`plan -o` and `run --plan`: the same settings, refused by other inputs and a small budget."""
    rules, triples = example / "umls_rules.tsv", example / "umls_document.json"
    saved = tmp_path / "plan.json"
    command("plan", rules, triples, "--workers", 1, "--start-method", "spawn", "-o", saved, code=0)
    out = tmp_path / "out"
    command("run", rules, triples, "--plan", saved, "--out", out, "--fail-on", "none", code=0)
    ran = json.loads((out / "summary.json").read_text())["run"]
    assert (ran["workers"], ran["start_method"]) == (1, "spawn")
    said = command("run", rules, example / "train.tsv", "--plan", saved, code=2)
    assert "the triples changed since it was made" in said
    command("run", rules, triples, "--plan", saved, "--budget", "20MiB", code=3)


@pytest.mark.thorough
def test_sweep_from_end_to_end(example: Path) -> None:
    """A row for each number, in order, and exit 3 where none fits."""
    inputs = (example / "umls_rules.tsv", example / "umls_document.json")
    swept = json.loads(command("plan", *inputs, "--sweep", "workers=1..3", "--json", code=0))
    rows = swept["sweep"]
    assert [row["workers"] for row in rows] == [1, 2, 3]
    assert [row["peak_bytes"] for row in rows] == sorted(row["peak_bytes"] for row in rows)
    table = command("plan", *inputs, "--sweep", "workers=1..3", code=0)
    assert len(table.partition("\n\n")[2].splitlines()) == 4
    said = command("plan", *inputs, "--sweep", "workers=1", "--workers", 2, code=2)
    assert "--sweep: found together with --workers" in said


@pytest.mark.thorough
def test_manifest_plans(example: Path, tmp_path: Path) -> None:
    """A manifest's plan is saved, honoured, swept, and refused when the manifest changed."""
    document = example / "umls_document.json"
    manifest = tmp_path / "m.yaml"
    manifest.write_text(f"max_workers: 64\ntasks:\n  - a: {document}\n  - b: {document}\n")
    saved = tmp_path / "plan.json"
    base = ("--manifest", manifest, "--rules", example / "umls_rules.tsv")
    said = command("plan", *base, "-o", saved, code=0)
    assert "instead of 64 workers" in said
    assert "Machine: cores" in " ".join(said.split())
    command("run", *base, "--plan", saved, "--fail-on", "none", code=0)
    command("plan", *base, "--sweep", "workers=1,2", code=0)
    manifest.write_text(f"tasks:\n  - a: {document}\n")
    assert "the manifest changed" in command("run", *base, "--plan", saved, code=2)
