"""Blanks in rules: the graph decides where it has such names; else they are left out, and said."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

import pff_stream
from tests.warm import main

CASE = Path(__file__).parent.parent / "data/cases/06-spaces-inside-atoms"
SAID = "4 rules have blanks around their names: they are left out where the graph has no such name"
WITHOUT = "q(X,Y) <= r(X,Y)\nq(X,Y) <= r(X,A), r(A,Y)\n" * 2


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the case, in the working folder."""
    shutil.copytree(CASE, tmp_path / "case")
    monkeypatch.chdir(tmp_path / "case")
    Path("plain.tsv").write_text(WITHOUT)
    return tmp_path / "case"


def heads(path: str) -> Counter[str]:
    """The violations, without what tells the rules' texts apart."""
    lines = Path(path).read_text().splitlines()
    return Counter(str([json.loads(line)[key] for key in ("head", "witness")]) for line in lines)


def test_read_as_meant(capfd: pytest.CaptureFixture[str]) -> None:
    """As the same rules without blanks; the texts stay as they were written."""
    assert main(["run", "r.tsv", "g.tsv", "--out", "out", "--violations", "v"]) == 1
    said = capfd.readouterr()
    assert said.err.count(SAID) == 1 and "r.tsv, line 1: q(X, Y) <= r(X, Y)" in said.err
    assert "4 violated" in said.out
    assert main(["run", "plain.tsv", "g.tsv", "--violations", "plain"]) == 1
    assert "blanks" not in capfd.readouterr().err
    assert heads("v") == heads("plain")
    written = [line.split("\t")[3] for line in Path("out/rules.tsv").read_text().splitlines()]
    assert written == Path("r.tsv").read_text().splitlines()
    notes = json.loads(Path("out/summary.json").read_bytes())["notes"]
    assert notes["blanks_in_rules"]["count"] == 4


def test_compiled_before(capfd: pytest.CaptureFixture[str]) -> None:
    """The same of a compiled file, whose texts stay beside it."""
    assert main(["compile", "r.tsv", "-o", "r.pffr"]) == 0
    assert SAID in capfd.readouterr().err
    assert main(["run", "r.pffr", "g.tsv", "--out", "out"]) == 1
    assert SAID in capfd.readouterr().err
    assert main(["run", "r.tsv", "g.tsv", "--out", "text", "--quiet"]) == 1
    for name in ("findings.jsonl", "rules.tsv", "outcomes.tsv"):
        assert Path("out", name).read_bytes() == Path("text", name).read_bytes()


@pytest.mark.parametrize("encoded", [False, True])
def test_graph_with_such_names(encoded: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """Rules that were mined from names with blanks are read by these names, and nothing is said."""
    Path("g.tsv").write_text("a\t r\tb \nb \t r\tc\na\tq\tb \n")
    Path("r.tsv").write_text("q(X,Y) <=  r(X,Y)\nq(X,b ) <=  r(X,b )\n")
    graph = "g.tsv"
    if encoded:
        graph = "g.pffg"
        assert main(["encode", "g.tsv", "-o", graph]) == 0
        capfd.readouterr()
    assert main(["run", "r.tsv", graph, "--out", "out", "--fail-on", "none"]) == 0
    assert "left out" not in capfd.readouterr().err
    assert Path("out/outcomes.tsv").read_text() == "1\tviolated\t\n2\tsatisfied\t\n"


def test_both_kinds_of_names() -> None:
    """A graph that has a name with blanks and without: each rule means the one that it writes."""
    Path("g.tsv").write_text("a\t r\tb\na\tr\tc\na\tq\tb\na\ts\tc\n")
    Path("r.tsv").write_text("q(X,Y) <=  r(X,Y)\ns(X,Y) <= r(X,Y)\n")
    found = pff_stream.validate("r.tsv", "g.tsv")
    assert [one.outcome.word for one in found] == ["satisfied", "satisfied"]


def test_python() -> None:
    """Rules that are given as texts, and the note of what was read otherwise."""
    graph = [("a", "r", "b"), ("a", "q", "b")]
    found = pff_stream.validate(["q(X, Y) <= r(X, Y)"], graph)
    assert [one.outcome.word for one in found] == ["satisfied"]
    assert found.notes.to_json()["blanks_in_rules"]["count"] == 1


@pytest.mark.parametrize("folder_of_results", [True, False])
def test_manifest(folder_of_results: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """Each document by its own names: with the blank, without it."""
    Path("one.json").write_text('{"id": "a", "r": "b", "q": "b"}')
    Path("two.json").write_text('{"id": "a", " r": "c", "r": "b", "q": "c"}')
    Path("r.tsv").write_text("q(X,Y) <=  r(X,Y)\n")
    Path("m.yaml").write_text("tasks:\n  - one: one.json\n  - two: two.json\n")
    out = ["--out", "out"] if folder_of_results else []
    assert main(["run", "--manifest", "m.yaml", "--rules", "r.tsv", *out]) == 0
    said = capfd.readouterr()
    assert said.err.count("1 rule has blanks around its names") == 1
    assert "2 satisfied" in said.out


def test_explain(capfd: pytest.CaptureFixture[str]) -> None:
    """The rule that predicts is found, by its text as it was written."""
    assert main(["explain", "r.tsv", "g.tsv", "--triple", "b", "q", "c"]) == 0
    assert "q(X, Y) <= r(X, Y)" in capfd.readouterr().out
