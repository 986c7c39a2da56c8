"""A manifest from end to end: a graph and a folder for each document, sums over all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.warm import run, started

RULES = """knows(X,Y) <= knows(Y,X)
likes(X,tea) <= likes(X,A)
knows(X,Y) <= knows(X,A), knows(A,Y)
likes(X,tea) <=
"""
DOCUMENTS = {
    "ana": {"id": "ana", "knows": [{"id": "bo", "knows": ["ana", "cy"]}], "likes": "tea"},
    "dee": {"id": "dee", "likes": ["cake", "tea"], "knows": {"id": "eli", "likes": "tea"}},
    "fay": {"id": "fay", "owns": "nothing"},
}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Three good documents, one broken, one missing."""
    (tmp_path / "rules.tsv").write_text(RULES)
    lines = ["execution_id: run-7", "sequence: [1, 2]", "max_workers: 2", "tasks:"]
    for name, document in DOCUMENTS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
        lines.append(f"  - msisdn: {name}.json")
    (tmp_path / "broken.json").write_text("{")
    lines += ["  - broken one: broken.json", "  - msisdn: gone.json"]
    path = tmp_path / "manifest.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.thorough
def test_each_document_has_its_folder(manifest: Path, tmp_path: Path) -> None:
    """Good documents have results, bad ones a reason; the exit code says incomplete."""
    out = tmp_path / "out"
    inputs = ("--manifest", manifest, "--rules", tmp_path / "rules.tsv")
    command = ("run", *inputs, "--out", out, "--per-document")
    ended = started([str(one) for one in command])
    assert ended.returncode == 4, ended.stderr
    summary = json.loads((out / "summary.json").read_text())
    became = {"violated": 2, "satisfied": 0, "unchecked": 1, "failed": 2}
    assert summary["documents"] == {"total": 5, **became}
    assert (summary["execution_id"], summary["sequence"]) == ("run-7", [1, 2])
    tasks = [json.loads(line) for line in (out / "documents.jsonl").read_text().splitlines()]
    assert [task["document"] for task in tasks] == ["ana", "dee", "fay", "broken one", "gone"]
    assert tasks[2]["outcome"] == "unchecked"
    assert "gone.json" in tasks[4]["reason"]
    for name in DOCUMENTS:
        folder = out / "tasks" / name
        alone = tmp_path / f"alone-{name}"
        listed = tmp_path / f"alone-{name}.jsonl"
        own = (tmp_path / "rules.tsv", tmp_path / f"{name}.json")
        run("run", *own, "--out", alone, "--violations", listed)
        for file in ("rules.tsv", "outcomes.tsv", "metrics.tsv"):
            assert (folder / file).read_bytes() == (alone / file).read_bytes()
        assert (folder / "violations.jsonl").read_bytes() == listed.read_bytes()
    assert not (out / "tasks" / "gone").exists()


@pytest.mark.thorough
def test_counts_without_a_folder(manifest: Path, tmp_path: Path) -> None:
    """Counting only goes through the rule table and comes to the same sums."""
    out = tmp_path / "out"
    inputs = ("--manifest", manifest, "--rules", tmp_path / "rules.tsv")
    run("run", *inputs, "--out", out, "--workers", 1)
    summary = json.loads((out / "summary.json").read_text())
    ended = started(["run", *map(str, inputs)])
    assert ended.returncode == 4
    assert "5 documents: 2 violated, 1 unchecked, 2 failed" in ended.stdout
    assert f"{summary['predictions']} predictions" in ended.stdout
    assert f"{summary['violations']} violations" in ended.stdout


@pytest.mark.thorough
def test_manifest_run_is_replaced(manifest: Path, tmp_path: Path) -> None:
    """The folder of a finished manifest run may be replaced; one with foreign files may not."""
    command = (
        *("run", "--manifest", manifest, "--rules", tmp_path / "rules.tsv"),
        *("--out", tmp_path / "out", "--per-document"),
    )
    run(*command)
    first = (tmp_path / "out" / "documents.jsonl").read_bytes()
    run(*command)
    assert (tmp_path / "out" / "documents.jsonl").read_bytes() == first
    (tmp_path / "out" / "tasks" / "ana" / "mine.txt").write_text("keep")
    assert "mine.txt" in run(*command, check=2)


@pytest.mark.thorough
def test_plan_of_a_manifest(manifest: Path, tmp_path: Path) -> None:
    """The plan takes the largest document; too small a budget is refused before any document."""
    inputs = ("--manifest", manifest, "--rules", tmp_path / "rules.tsv")
    plan = json.loads(run("plan", *inputs, "--json", check=0))
    assert plan["fits"]
    assert plan["settings"]["workers"] <= 2
    assert "refused" in run("run", *inputs, "--budget", "10MiB", check=3)
