"""Findings of one document by a rule table: the same bytes as a run over it writes."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pff_stream.findings.confidence import Kind
from pff_stream.findings.of_document import WantedOfDocument
from pff_stream.report.formats.findings import as_json
from tests.findings.of_table import TableOf
from tests.warm import main

EXAMPLE = Path(__file__).parents[2] / "docs" / "example"


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rules of UMLS; some lines stand twice, with another confidence, and some texts are alike."""
    folder = tmp_path_factory.mktemp("rules")
    chosen = random.Random(3)
    lines = (EXAMPLE / "umls_rules.tsv").read_text().splitlines()
    twice = [line.split("\t") for line in chosen.sample(lines, 300)]
    for number, (predictions, support, confidence, text) in enumerate(twice):
        changed = f"{(number % 10) / 10:.2f}" if number % 3 else confidence
        lines.append(f"{predictions}\t{support}\t{changed}\t{text}")
    chosen.shuffle(lines)
    lines.append("1\t1\t0.99\tnowhere(X,not_there) <= isa(X,Y)")
    (folder / "rules.tsv").write_text("\n".join(lines) + "\n")
    run_cli("compile", folder / "rules.tsv", "--output", folder / "rules.pffr")
    return folder / "rules.pffr"


def run_cli(*arguments: object) -> None:
    """Runs a command, which must come to a good end."""
    assert main([str(one) for one in arguments]) == 0


def a_document(folder: Path, seed: int, n_triples: int) -> Path:
    """Some triples of UMLS."""
    lines = (EXAMPLE / "train.tsv").read_text().splitlines()
    path = folder / "document.tsv"
    path.write_text("\n".join(random.Random(seed).sample(lines, n_triples)) + "\n")
    return path


def as_run(folder: Path, rules: Path, document: Path, *options: str) -> list[dict[str, Any]]:
    """What a run over the document writes, without places."""
    out = folder / "out"
    run_cli(
        *("run", rules, document, "--out", out, "--overwrite", "--fail-on", "none", *options),
        "--quiet",
    )
    lines = (out / "findings.jsonl").read_text().splitlines()
    return [without_places(json.loads(line)) for line in lines]


def without_places(finding: dict[str, Any]) -> dict[str, Any]:
    """The finding, of whatever place."""
    for one in (finding, *finding["reasons"]):
        del one["where"]
    return finding


CASES = [
    ((), WantedOfDocument(100, Kind.MINER, "miner/max/closed"), 0.0),
    (
        ("--findings", "7", "--max-reasons", "2", "--min-confidence", "0.6"),
        WantedOfDocument(7, Kind.MINER, "miner/max/closed", n_reasons=2),
        0.6,
    ),
    (
        ("--findings", "all", "--floor", "0.7"),
        WantedOfDocument(None, Kind.MINER, "miner/max/closed", floor=0.7),
        0.0,
    ),
    (
        ("--confidence", "exact", "--assumption", "partial"),
        WantedOfDocument(100, Kind.EXACT, "exact/max/partial"),
        0.0,
    ),
    (
        ("--confidence", "partial", "--findings", "20"),
        WantedOfDocument(20, Kind.PARTIAL, "partial/max/closed"),
        0.0,
    ),
    (
        ("--score", "noisy-or", "--floor", "0.9"),
        WantedOfDocument(100, Kind.MINER, "miner/noisy-or/closed", floor=0.9, by_score=True),
        0.0,
    ),
]


@pytest.mark.parametrize(
    "case", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(1, len(CASES)))]
)
def test_the_same_as_a_run(tmp_path: Path, rules: Path, case: int) -> None:
    """In order, with ties, floors, reasons, witnesses, kinds and messages."""
    options, wanted, min_confidence = CASES[case]
    if "--findings" not in options:
        options = (*options, "--findings", "100")
    table = TableOf(rules, Kind(wanted.kind), min_confidence)
    for seed, n_triples in enumerate((1, 600)):
        document = a_document(tmp_path, seed, n_triples)
        found = table.findings(document, wanted)
        lines = [without_places(json.loads(json.dumps(as_json(one)))) for one in found]
        assert lines == as_run(tmp_path, rules, document, *options)
        assert n_triples < 600 or lines


def test_a_shorter_list_begins_the_longer_one(tmp_path: Path, rules: Path) -> None:
    """Whatever is wanted, and one table serves document after document."""
    table = TableOf(rules)
    document = a_document(tmp_path, 9, 500)
    found = [
        table.findings(document, WantedOfDocument(n, Kind.MINER, "miner/max/closed"))
        for n in (1, 2, 3, 50, 51, 400)
    ]
    keys = [[finding.key for finding in one] for one in found]
    for few, many in pairwise(keys):
        assert many[: len(few)] == few
    assert [len(one) for one in found] == [1, 2, 3, 50, 51, 400]
