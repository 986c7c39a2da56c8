"""What a run over documents writes: one list, sums of all rules, folders only where asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError
from pff_stream.observer import Silent
from pff_stream.pipeline.run import run as run_settings
from pff_stream.settings.commands import RunSettings
from tests.pipeline.test_metrics import rows
from tests.warm import run

RULES = """9\t3\t0.5\tspeed(X,200) <= code(X,A)
speed(X,200) <= code(X,fibra)
owner(X,Y) <= plan(Y,X)
color(X,red) <= code(X,fibra)
7\t1\t0.01\tspeed(X,100) <= code(X,A)
owner(X,Y) <= seen(X,Y)
nothing at all
"""
N_DOCUMENTS = 12


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Rules, and documents of which some break a rule, one is broken and one has nothing in it."""
    (tmp_path / "rules.tsv").write_text(RULES)
    lines = ["tasks:"]
    for number in range(N_DOCUMENTS):
        document: dict[str, Any] = {"id": f"c{number}", "code": "fibra", "speed": 200}
        if number % 4 == 0:
            document["speed"] = "50"
        if number % 3 == 0:
            document["plan"] = {"id": f"p{number}", "owner": f"c{number}"}
        text = {3: "{", 5: "{}"}.get(number, json.dumps(document))
        (tmp_path / f"d{number}.json").write_text(text)
        lines.append(f"  - d{number}: d{number}.json")
    (tmp_path / "m.yaml").write_text("\n".join(lines) + "\n")
    return tmp_path


OPTIONS = ("--on-bad-rule", "skip", "--min-confidence", "0.1", "--workers", "2")


def manifest(folder: Path) -> list[object]:
    """The manifest and its rules, on a command line."""
    return ["--manifest", folder / "m.yaml", "--rules", folder / "rules.tsv"]


def listed(out: Path) -> list[dict[str, Any]]:
    """The list of documents."""
    return [json.loads(line) for line in (out / "documents.jsonl").read_text().splitlines()]


NAMES = ("predictions", "support", "absent", "unknown", "violations")


def counts(folder: Path) -> list[list[int]]:
    """The counts of each rule; 0 where it was left out."""
    return [[int(row[name] or 0) for name in NAMES] for row in rows(folder / "metrics.tsv")]


def test_sums_with_and_without_folders(inputs: Path) -> None:
    """Without folders a table counts, with them a merge: the same list and the same sums."""
    plain, folders = inputs / "plain", inputs / "folders"
    run("run", *manifest(inputs), *OPTIONS, "--out", plain, check=4)
    run("run", *manifest(inputs), *OPTIONS, "--out", folders, "--per-document", check=4)
    files = ["documents.jsonl", "findings.jsonl", "metrics.tsv", "summary.json"]
    assert sorted(os.listdir(plain)) == files
    assert (plain / "metrics.tsv").read_bytes() == (folders / "metrics.tsv").read_bytes()
    merged = inputs / "merged"
    run("run", *manifest(inputs), *OPTIONS, "--out", merged, "--max-work", 10**9, check=4)
    assert (merged / "metrics.tsv").read_bytes() == (plain / "metrics.tsv").read_bytes()
    assert listed(merged) == listed(plain)
    of_folders = listed(folders)
    for one in of_folders:
        assert one.pop("folder") == f"tasks/{one['document']}"
        one.pop("violations_written", None)
    assert listed(plain) == of_folders
    assert [one["outcome"] for one in of_folders].count("failed") == 1
    assert of_folders[5]["outcome"] == "unchecked"
    assert of_folders[5]["reasons"]["relation not in the graph"] > 0
    found = rows(plain / "metrics.tsv")
    of_documents = [counts(folder) for folder in (folders / "tasks").iterdir()]
    assert counts(plain) == [
        [sum(cells) for cells in zip(*of_rule, strict=True)]
        for of_rule in zip(*of_documents, strict=True)
    ]
    assert [row["outcome"] for row in found] == [
        *("violated", "violated", "satisfied", "violated", "filtered", "vacuous", "rejected"),
    ]
    assert found[3]["reason"] == "head relation not in the graph"
    assert found[0]["head_coverage"] == repr(int(found[0]["support"]) / 10)
    assert found[0]["miner_confidence"] == "0.5"
    size = (plain / "documents.jsonl").stat().st_size
    assert size < 1000 * N_DOCUMENTS
    report = inputs / "again.tsv"
    run("report", plain, "--report", f"metrics={report}", check=0)
    assert report.read_bytes() == (plain / "metrics.tsv").read_bytes()
    again = inputs / "again.jsonl"
    run("report", plain, "--report", f"findings={again}", check=0)
    assert again.read_bytes() == (plain / "findings.jsonl").read_bytes()


class Stopping(Silent):
    """Ends the run after some documents."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.unit = ""

    def phase(self, name: str, total: int | None, unit: str = "rules", done: int = 0) -> None:
        """Only documents are counted."""
        self.unit = unit

    def advance(self, count: int) -> None:
        """Counts documents down."""
        self.left -= count if self.unit == "documents" else 0
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("after", "folders"),
    [
        (4, True),
        *((after, folders) for after in (0, 11) for folders in (False, True)),
    ],
)
def test_resumed(inputs: Path, folders: bool, after: int) -> None:
    """A run that was interrupted goes on to the same bytes, wherever it was."""
    asked: dict[str, Any] = {
        "manifest": str(inputs / "m.yaml"),
        "rules": str(inputs / "rules.tsv"),
        "on_bad_rule": "skip",
        "workers": 1,
        "start_method": "thread",
        "per_document": folders,
    }
    straight, out = inputs / "straight", inputs / "out"
    run_settings(RunSettings.of(**asked, out=str(straight)), Silent())
    with pytest.raises(KeyboardInterrupt):
        run_settings(RunSettings.of(**asked, out=str(out)), Stopping(after))
    assert (out / ".unfinished" / "settings.json").exists()
    run("run", "--resume", out, "--workers", "2", check=4)
    for name in ("documents.jsonl", "metrics.tsv"):
        assert (out / name).read_bytes() == (straight / name).read_bytes()
    found, expected = (json.loads((one / "summary.json").read_text()) for one in (out, straight))
    for key in expected.keys() - {"run"}:
        assert found[key] == expected[key], key
    assert (out / "tasks").exists() is folders


def test_an_altered_document(inputs: Path) -> None:
    """What is done is not mixed with another document's content."""
    asked: dict[str, Any] = {
        "manifest": str(inputs / "m.yaml"),
        "rules": str(inputs / "rules.tsv"),
        "on_bad_rule": "skip",
        "workers": 1,
        "start_method": "thread",
        "out": str(inputs / "out"),
    }
    with pytest.raises(KeyboardInterrupt):
        run_settings(RunSettings.of(**asked), Stopping(6))
    (inputs / "d1.json").write_text('{"id": "other"}')
    resumed = RunSettings.of(**{**asked, "resume": asked["out"]})
    with pytest.raises(InputError, match="the document d1 was altered since the run began"):
        run_settings(resumed, Silent())


def test_folders_need_a_manifest(inputs: Path) -> None:
    """And a place to be in."""
    said = run("run", inputs / "rules.tsv", inputs / "d1.json", "--per-document", check=2)
    assert "--per-document: found without --manifest FILE and --out DIR" in said
