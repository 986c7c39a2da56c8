"""The example for newcomers, run as they run it, against the reference evaluator."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.reference import Graph, Rule, Triple, evaluate, parse_rule

EXAMPLES = 10
STEP = 7


def command(*words: str | Path) -> str:
    """Standard output of `pff-stream`, which must end well and say nothing unexpected."""
    line = [sys.executable, "-m", "pff_stream", *map(str, words), "--quiet"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@dataclass(frozen=True)
class Ran:
    """The files of a run, as rows, and the graph that it was run on."""

    graph: Graph
    rules: list[Rule]
    counts: list[list[str]]
    outcomes: list[list[str]]
    violations: dict[int, list[dict[str, object]]]
    summary: dict[str, object]
    first: dict[str, Any]
    """The best finding."""


@pytest.fixture(scope="module")
def ran(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The main command of the README, with all files written."""
    document = example / "umls_document.json"
    rows = [line.split("\t") for line in command("triples", document).splitlines()]
    out = tmp_path_factory.mktemp("example") / "results"
    inputs = (example / "umls_rules.tsv", document)
    listed = out.parent / "violations.jsonl"
    command("run", *inputs, "--fail-on", "none", "--out", out, "--violations", listed)
    violations: dict[int, list[dict[str, object]]] = {}
    for line in listed.read_text(encoding="utf-8").splitlines():
        violation = json.loads(line)
        violations.setdefault(violation["rule"], []).append(violation)
    counts = (out / "rules.tsv").read_text(encoding="utf-8").splitlines()
    outcomes = (out / "outcomes.tsv").read_text(encoding="utf-8").splitlines()
    return Ran(
        graph=Graph((subject, relation, object_) for subject, relation, object_ in rows),
        rules=[parse_rule(row.split("\t")[3]) for row in counts],
        counts=[row.split("\t") for row in counts],
        outcomes=[row.split("\t") for row in outcomes],
        violations=violations,
        summary=json.loads((out / "summary.json").read_text(encoding="utf-8")),
        first=json.loads((out / "findings.jsonl").read_text(encoding="utf-8").split("\n")[0]),
    )


def test_every_rule_has_a_row(ran: Ran, example: Path) -> None:
    """All 4,000 rules are counted, in the order of their source."""
    source = (example / "umls_rules.tsv").read_text(encoding="utf-8").splitlines()
    assert [row[3] for row in ran.counts] == [line.split("\t")[3] for line in source]
    assert [int(row[0]) for row in ran.outcomes] == list(range(1, len(source) + 1))


def test_counts_equal_the_reference(ran: Ran) -> None:
    """Predictions, support, confidence and outcome of every seventh rule."""
    for number in range(0, len(ran.rules), STEP):
        expected = evaluate(ran.rules[number], ran.graph, max_examples=0)
        predictions, support, confidence, text = ran.counts[number]
        assert (int(predictions), int(support)) == (
            len(expected.predictions),
            expected.support,
        ), text
        assert float(confidence) == (expected.confidence or 0.0), text
        assert ran.outcomes[number][1] == expected.outcome, text


def test_examples_and_witnesses_equal_the_reference(ran: Ran) -> None:
    """The first ten violations of every seventh rule, each with its least grounding."""
    for number in range(0, len(ran.rules), STEP):
        expected = evaluate(ran.rules[number], ran.graph, max_examples=EXAMPLES)
        found = ran.violations.get(number + 1, [])
        assert [as_triples([violation["head"]]) for violation in found] == [
            (head,) for head in expected.violations
        ]
        assert [as_triples(violation["witness"]) for violation in found] == [
            expected.witnesses[head] for head in expected.violations
        ]


@pytest.mark.parametrize("page", ["README.md", "docs/example/README.md"])
def test_pages_show_what_is_counted(ran: Ran, example: Path, page: str) -> None:
    """The summary that the pages show is that of this run."""
    text = (example.parent.parent / page).read_text(encoding="utf-8")
    counts = ran.summary["rules"]
    assert isinstance(counts, dict)
    shown = [f"{counts[outcome]:,} {outcome}" for outcome in ("satisfied", "violated", "vacuous")]
    assert ", ".join(shown) in text
    assert f"{ran.summary['violations']:,} violations" in text


@pytest.mark.parametrize("page", ["README.md", "docs/example/README.md"])
def test_pages_show_the_first_finding(ran: Ran, example: Path, page: str) -> None:
    """Place, rule and reason that the pages show are those of the first finding of this run."""
    text = (example.parent.parent / page).read_text(encoding="utf-8")
    where, (reason,) = ran.first["where"], ran.first["reasons"]
    (place,) = reason["where"]
    assert (
        f"\ndocs/example/{Path(where['file']).name}:{where['line']}  {where['pointer']}\n" in text
    )
    assert f"\n  {ran.first['message'][:60]}" in text
    assert f"\n  because  {place['pointer']} = " in text and f"(line {place['line']})\n" in text
    assert f"\n  rule {reason['rule']}  {reason['rule_text'][:40]}" in text
    for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
        shown = json.loads(block)
        assert shown | {"where": where} == {key: ran.first[key] for key in shown}


def as_triples(rows: object) -> tuple[Triple, ...]:
    """Triples of a JSON list of lists."""
    assert isinstance(rows, list)
    return tuple((subject, relation, object_) for subject, relation, object_ in rows)


def test_summary_adds_up(ran: Ran) -> None:
    """Outcomes sum to the rules, and violations to the predictions that are no support."""
    rules = ran.summary["rules"]
    assert isinstance(rules, dict)
    total = rules["total"]
    assert total == sum(rules.values()) - total == len(ran.rules)
    predictions = sum(int(row[0]) for row in ran.counts)
    support = sum(int(row[1]) for row in ran.counts)
    assert (ran.summary["predictions"], ran.summary["support"]) == (predictions, support)
    assert ran.summary["violations"] == predictions - support
    assert ran.summary["violations_written"] == sum(map(len, ran.violations.values()))
