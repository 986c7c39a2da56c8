"""docs/how-to-add.md is true: each example is followed to the letter, in a copy of the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.newcomer import Newcomer

RULES = "2\t1\t0.5\tknows(X,Y) <= likes(X,Y)\n3\t3\t1.0\tlikes(X,Y) <= likes(X,Y)\n"
TRIPLES = "ana\tlikes\tbob\nbob\tlikes\tcy\nana\tknows\tbob\n"
SHOWN = "- `('bob', 'knows', 'cy')` by rule 1: `knows(X,Y) <= likes(X,Y)`\n"


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    """A copy of the package, with rules and triples beside it."""
    (tmp_path / "rules.tsv").write_text(RULES)
    (tmp_path / "triples.tsv").write_text(TRIPLES)
    return Newcomer(tmp_path)


def test_a_result_writer(newcomer: Newcomer) -> None:
    """One file and its entry: reports by suffix and by name, at the end of a run and afterwards."""
    said = newcomer.run("run", "rules.tsv", "triples.tsv", "--report", "a.md", code=2)
    assert "found a.md, expected a file whose name ends in one of .jsonl, .tsv" in said

    newcomer.follow("Add a result writer in one file")
    given = ("rules.tsv", "triples.tsv", "--out", "results")
    newcomer.run("run", *given, "--report", "a.md", "--report", "markdown=b.txt", code=1)
    newcomer.run("report", "results", "--report", "later.md")
    text = (newcomer.folder / "a.md").read_text()
    assert text == f"# Violations (object-identity)\n\n{SHOWN}\n1 of 4 predictions.\n"
    assert (newcomer.folder / "b.txt").read_text() == text
    assert (newcomer.folder / "later.md").read_text() == text
    # Without a folder, and beside violations that go elsewhere.
    said = newcomer.run("run", *given[:2], "--report", "c.md", "--violations", "-", code=1)
    assert json.loads(said.splitlines()[0])["head"] == ["bob", "knows", "cy"]
    assert (newcomer.folder / "c.md").read_text() == text


def test_a_result_writer_over_a_manifest(newcomer: Newcomer) -> None:
    """Documents come in the order of the manifest, one that failed is none of its business."""
    newcomer.follow("Add a result writer in one file")
    (newcomer.folder / "more.tsv").write_text(TRIPLES + "cy\tlikes\tdee\n")
    tasks = ["more: more.tsv", "gone: gone.tsv", "one: triples.tsv"]
    manifest = "tasks:\n" + "".join(f"- {task}\n" for task in tasks)
    (newcomer.folder / "m.yaml").write_text(manifest)
    given = ("--manifest", "m.yaml", "--rules", "rules.tsv")
    newcomer.run("run", *given, "--out", "results", "--report", "a.md", code=4)
    newcomer.run("report", "results", "--report", "b.md")
    text = (newcomer.folder / "a.md").read_text()
    assert [line.split("`")[0] for line in text.splitlines() if line.startswith("-")] == [
        "- more: ",
        "- more: ",
        "- one: ",
    ]
    assert (newcomer.folder / "b.md").read_text() == text


def test_a_result_writer_is_planned(newcomer: Newcomer) -> None:
    """Its memory is in the plan, and only where it was asked for."""
    newcomer.follow("Add a result writer in one file")
    given = ("plan", "rules.tsv", "triples.tsv", "-o", "plan.json")

    def phases(*options: str) -> dict[str, list[str]]:
        newcomer.run(*given, *options)
        plan = json.loads((newcomer.folder / "plan.json").read_text())
        return {one["name"]: [term["name"] for term in one["terms"]] for one in plan["phases"]}

    assert "report" not in phases()
    assert "a.md: text" in phases("--report", "a.md")["report"]
