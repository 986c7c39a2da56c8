"""`--assumption` and `--functional` from end to end: outcomes, examples, exit codes, resuming."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pff_stream
from pff_stream.errors import UsageError
from tests.warm import run

TRIPLES = """ana\tborn\trome
bo\tborn\toslo
ana\tlives\tparis
bo\tlives\toslo
cy\tlives\tparis
dee\tlives\tcairo
"""
RULES = """born(X,Y) <= lives(X,Y)
born(X,rome) <= lives(X,paris)
born(X,rome) <= lives(X,cairo)
lives(X,Y) <= born(X,Y)
"""
"""Under partial completeness: violated by ana; satisfied; all unknown; violated."""


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    """Rules and triples."""
    (tmp_path / "rules.tsv").write_text(RULES)
    (tmp_path / "graph.tsv").write_text(TRIPLES)
    return tmp_path / "rules.tsv", tmp_path / "graph.tsv"


def test_outcomes(inputs: tuple[Path, Path]) -> None:
    """What is unknown is no violation, no example, and counted under either assumption."""
    found = {}
    for assumption in ("closed", "partial"):
        options: dict[str, Any] = {"assumption": assumption, "unseen": 1}
        for outcome in pff_stream.validate(*inputs, **options):
            found[assumption, outcome.line] = (
                outcome.outcome.word,
                outcome.reason,
                outcome.unknown,
                outcome.violations,
                [violation.head[0] for violation in outcome.examples],
                outcome.partial_confidence,
            )
    assert [found["closed", line] for line in (1, 2, 3, 4)] == [
        ("violated", "", 2, 3, ["ana", "cy", "dee"], 1 / 3),
        ("violated", "", 1, 1, ["cy"], 1 / 2),
        ("violated", "", 1, 1, ["dee"], 0.0),
        ("violated", "", 0, 1, ["ana"], 1 / 3),
    ]
    assert [found["partial", line] for line in (1, 2, 3, 4)] == [
        ("violated", "", 2, 1, ["ana"], 1 / 3),
        ("satisfied", "", 1, 0, [], 1 / 2),
        ("vacuous", "all predictions unknown", 1, 0, [], 0.0),
        ("violated", "", 0, 1, ["ana"], 1 / 3),
    ]


def test_functional_is_given(inputs: tuple[Path, Path]) -> None:
    """The object of `born` decides: paris and cairo are nobody's birthplace."""
    options: dict[str, Any] = {
        "assumption": "partial",
        "functional": ["lives=subject", "born=object"],
    }
    first = next(iter(pff_stream.validate(*inputs, **options)))
    assert (first.outcome.word, first.unknown, first.violations) == ("satisfied", 3, 0)
    with pytest.raises(UsageError, match="--functional: .* expected R=subject or R=object"):
        list(pff_stream.validate(*inputs, functional="born=place"))


def test_exit_code_and_folder(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    """Ends with 1 only for violations under the assumption; a finished folder is read back."""
    graph = inputs[1]
    known = tmp_path / "known.tsv"
    known.write_text("".join(RULES.splitlines(keepends=True)[1:3]))
    run("run", known, graph, check=1)
    out = tmp_path / "out"
    said = run("run", known, graph, "--assumption", "partial", "--out", out, check=0)
    counts = "2 rules (object-identity): 1 satisfied, 1 vacuous"
    assert said.splitlines()[said.splitlines().index(counts) :][:3] == [
        counts,
        "vacuous: 1 all predictions unknown",
        "3 predictions, 1 of them in the graph, 0 violations, 2 unknown",
    ]
    outcomes = "1\tsatisfied\t\n2\tvacuous\tall predictions unknown\n"
    assert (out / "outcomes.tsv").read_text() == outcomes
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["unknown"], summary["violations"]) == (2, 0)
    assert summary["settings"]["assumption"] == "partial"
    run("report", out, "--report", f"outcomes={tmp_path / 'again.tsv'}", check=0)
    assert (tmp_path / "again.tsv").read_text() == outcomes


def test_documents(tmp_path: Path) -> None:
    """Each document of a manifest, with its table of rules and with folders."""
    (tmp_path / "rules.tsv").write_text("plan(X,big) <= speed(X,200)\nplan(X,A) <= was(X,A)\n")
    documents = {
        "one": {"id": "a", "speed": 200, "plan": "small"},
        "two": {"id": "b", "speed": 200, "was": ["big", "small"]},
    }
    for name, document in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text("tasks:\n" + "".join(f"  - {n}: {n}.json\n" for n in documents))
    command = ("run", "--manifest", manifest, "--rules", tmp_path / "rules.tsv")
    partial = ("--assumption", "partial")
    expected = "4 predictions, 0 of them in the graph, 1 violation, 3 unknown"
    assert expected in run(*command, *partial, check=1).splitlines()
    out = tmp_path / "out"
    assert expected in run(*command, *partial, "--out", out, check=1).splitlines()
    tasks = [json.loads(line) for line in (out / "documents.jsonl").read_text().splitlines()]
    assert [(one["outcome"], one["unknown"]) for one in tasks] == [
        ("violated", 0),
        ("satisfied", 3),
    ]
