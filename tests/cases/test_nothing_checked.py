"""A run that checked nothing says so, why, and what would fit; so does one of unknown heads."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import pff_stream
from pff_stream.api import Outcomes
from tests.warm import main

CASES = Path(__file__).parent.parent / "data/cases"
GRAPH = [("a", "educated at", "Heidelberg"), ("a", "r", "b"), ("b", "r", "c"), ("a", "q", "b")]
NOTHING = "nothing was checked"
PROGRESS = re.compile(r"pff-stream: (?!warning)[a-z]+ [\d,.]+")
HEAD = "head relation not in the graph"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of both cases, in the working folder."""
    for case in ("03-nothing-was-checked", "04-head-relation-unknown"):
        shutil.copytree(CASES / case, tmp_path / case[:2])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capfd: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    """What a run says: the summary, and what it warns of (not how far it is)."""
    assert main(["run", *arguments]) == code
    said = capfd.readouterr()
    lines = [line for line in said.err.splitlines(True) if not PROGRESS.match(line)]
    return said.out, "".join(lines)


def validated(rules: Any, triples: Any, **options: Any) -> Outcomes:
    """By a thread, which takes the least."""
    return pff_stream.validate(rules, triples, workers=1, start_method="thread", **options)


@pytest.mark.usefixtures("folder")
def test_other_spellings(capfd: pytest.CaptureFixture[str]) -> None:
    """Three names of the rules stand beside the nearest of the graph, and in what they differ."""
    out, err = run(capfd, "03/r.tsv", "03/g.tsv")
    assert "4 vacuous\nvacuous: 4 relation not in the graph\n" in out
    assert f"4 rules, and not one makes a prediction: {NOTHING}" in err
    assert err.count("nearest in the graph: ") == 3
    assert "relation 'educated%20at' of the rules, nearest in the graph: 'educated at'" in err
    for difference in ("angle brackets", "upper and lower case", "percent-encoding"):
        assert f"would fit but for {difference}" in err
    _, err = run(capfd, "03/r.tsv", "03/g.tsv", "--quiet")
    assert err == ""


@pytest.mark.parametrize(
    ("given", "fits"),
    [("s,o,p", "s,p,o"), ("p,s,o", "s,p,o"), ("p,o,s", "s,p,o"), ("o,s,p", "s,p,o")],
)
@pytest.mark.usefixtures("folder")
def test_other_columns(given: str, fits: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Relations of the rules are entities: by which columns they would be relations."""
    out, err = run(capfd, "03/r2.tsv", "03/g.tsv", "--columns", given)
    assert "1 vacuous" in out and NOTHING in err
    assert f"--columns {fits}\n" in err


def test_columns_of_other_files(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Further columns stay where they are; a graph that is encoded was read by unknown ones."""
    (folder / "p.tsv").write_text("r\ta\tb\tx\nr\tb\tc\tx\nq\ta\tb\tx\n")
    _, err = run(capfd, "03/r2.tsv", "p.tsv", "--columns", "s,p,o,_")
    assert "--columns p,s,o,_\n" in err
    (folder / "n.csv").write_text("from,to,how\na,b,r\nb,c,r\na,b,q\n")
    _, err = run(capfd, "03/r2.tsv", "n.csv", "--format", "csv", "--columns", "from,to,how")
    assert "--columns from,how,to\n" in err
    assert main(["encode", "03/g.tsv", "--columns", "s,o,p", "-o", "g.pffg"]) == 0
    _, err = run(capfd, "03/r2.tsv", "g.pffg")
    assert "relations of the rules are objects of the graph" in err and "--columns" not in err


DIFFERENCES = [
    ("born_in", "born in", "blanks, underscores and hyphens"),
    ("born%20in", "born in", "percent-encoding"),
    ("born in", "born%20in", "percent-encoding"),
    ("BornIn", "bornin", "upper and lower case"),
    ("<born>", "born", "angle brackets"),
    ("born", "<born>", "angle brackets"),
    ('"born"', "born", "quotes"),
    ("ex:born", "http://example.org/ns#born", "prefixes and whole IRIs"),
    ("born", "<http://example.org/ns/born>", "prefixes and whole IRIs"),
    ("http://example.org/born", "<http://example.org/born>", "angle brackets"),
    ("ge\u0301nie", "g\u00e9nie", "Unicode forms"),
    ("INVERSE_born", "born", "an inverse mark"),
    ("2. born", "born", "a list number before the name"),
]
PLACES = ("relation", "constant")


@pytest.mark.parametrize(
    ("ours", "theirs", "difference", "place"),
    [
        pytest.param(*one, place, marks=() if n % 2 == which else pytest.mark.slow)
        for n, one in enumerate(DIFFERENCES)
        for which, place in enumerate(PLACES)
    ],
)
def test_kinds_of_difference(ours: str, theirs: str, difference: str, place: str) -> None:
    """Of relations and of constants, also where no more than a sample is compared."""
    others = [(f"e{n}", f"p{n}", f"f{n}") for n in range(3000)]
    if place == "relation":
        rules, triples = [f"q(X,Y) <= {ours}(X,Y)"], [("a", theirs, "b")]
    else:
        rules, triples = [f"q(X,b) <= r(X,{ours})"], [("a", "r", theirs)]
    found = validated(rules, [*others[::2], *triples, *others[1::2]])
    assert [one.reason for one in found] == [f"{place} not in the graph"]
    said = [where.reason for note in found.notes for where in note.first]
    assert f"{place} {ours!r} of the rules, nearest in the graph: {theirs!r}" in said
    assert any(f"would fit but for {difference}" in one for one in said)


def test_other_kinds_of_names() -> None:
    """Where no name is the same, what the names of both sides are."""
    found = pff_stream.validate(
        ["http://x.org/q(X,Y) <= http://x.org/r(X,Y)"], [("1", "2", "3"), ("4", "5", "6")]
    )
    assert [one.outcome.word for one in found] == ["vacuous"]
    said = [where.reason for note in found.notes for where in note.first]
    assert "names of the rules are whole IRIs, names of the graph are numbers" in said


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(
    ("n_rules", "n_good"), [(1, 0), (1, 1), (99, 1), (200, 0), (200, 1), (200, 3)]
)
def test_when_it_is_said(n_rules: int, n_good: int, ordered: bool) -> None:
    """Where no rule makes a prediction, or over 99 % of 100 and more have absent names."""
    rules = [f"q(X,c{n}) <= r(X,absent{n})" for n in range(n_rules)]
    rules += [f"q(X,c{n}) <= r(X,b)" for n in range(n_good)]
    found = validated(rules, GRAPH, ordered=ordered)
    assert len(list(found)) == len(rules)
    kinds = {note.kind.name: note.count for note in found.notes}
    if n_good == 0:
        assert kinds == {"nothing_checked": n_rules}
    elif len(rules) >= 100 and n_rules > 0.99 * len(rules):
        assert kinds == {"absent_names": n_rules}
    else:
        assert kinds == {}


def test_rules_that_match_nothing(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    """All names are there: the reasons are said, and no name."""
    (folder / "r.tsv").write_text(
        "9\t9\t0.1\tq(X,Y) <= q(X,A), q(A,Y)\n9\t9\t0.9\tq(X,c) <= r(X,a)\n"
    )
    out, err = run(capfd, "r.tsv", "03/g.tsv", "--min-confidence", "0.5")
    assert "1 vacuous, 1 filtered" in out and "vacuous: 1 nothing matches" in out
    assert err.endswith(f"{NOTHING}:\n  1 nothing matches, 1 filtered\n")
    _, err = run(capfd, "r.tsv", "03/g.tsv", "--min-confidence", "1")
    assert err.endswith(f"{NOTHING}:\n  2 filtered\n")


def test_of_a_small_document_some_is_normal(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Only where every rule is vacuous it is said."""
    (folder / "d.json").write_text('{"id": "a", "r": "b", "q": "b"}')
    mined = "2\t1\t0.5\tq(X,Y) <= "
    (folder / "r.tsv").write_text(f"{mined}r(X,Y)\n{mined}z(X,Y)\n")
    assert run(capfd, "r.tsv", "d.json")[1] == ""
    (folder / "r.tsv").write_text("q(X,Y) <= z(X,Y)\n")
    assert NOTHING in run(capfd, "r.tsv", "d.json")[1]


@pytest.mark.parametrize("out", [[], ["--out", "out"], ["--min-support", "1"]])
def test_unchecked_documents(
    out: list[str], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line for all of a manifest, and an outcome of their own."""
    (folder / "good.json").write_text('{"id": "a", "r": "b", "q": "b"}')
    (folder / "other.json").write_text('{"id": "a", "R": "b", "q": "b"}')
    (folder / "none.json").write_text("{}")
    (folder / "m.yaml").write_text(
        "tasks:\n" + "".join(f"- {name}: {name}.json\n" for name in ("good", "other", "none"))
    )
    said, err = run(capfd, "--rules", "03/r2.tsv", "--manifest", "m.yaml", *out)
    assert "3 documents: 1 satisfied, 2 unchecked\n" in said
    warning = (
        "2 documents are unchecked: no rule makes a prediction for them (first: other (other.json))"
    )
    assert err == f"pff-stream: warning: {warning}\n"
    if "--out" not in out:
        return
    tasks = [json.loads(line) for line in (folder / "out/documents.jsonl").read_text().splitlines()]
    assert [task["outcome"] for task in tasks] == ["satisfied", "unchecked", "unchecked"]
    summary = json.loads((folder / "out/summary.json").read_bytes())
    assert summary["documents"]["unchecked"] == 2
    assert summary["reasons"]["relation not in the graph"] == 2
    assert summary["notes"]["unchecked_documents"]["count"] == 2
    assert main(["report", "out", "--report", "again.tsv"]) == 0


@pytest.mark.usefixtures("folder")
def test_unknown_heads(capfd: pytest.CaptureFixture[str]) -> None:
    """The reason of each rule, their number, and the likely causes, once each."""
    out, err = run(capfd, "04/r.tsv", "04/g.tsv", "--out", "out", code=1)
    outcomes = [line.split("\t") for line in Path("out/outcomes.tsv").read_text().splitlines()]
    heads = [line for line, word, reason in outcomes if (word, reason) == ("violated", HEAD)]
    # The blank at the beginning of the fourth is left out.
    assert heads == ["1", "2", "3", "5", "6", "7", "8"]
    assert f"violated: 7 {HEAD}\n" in out
    assert "7 violated rules have head relations that are not in the graph" in err
    for cause in (
        "columns separated by blanks, not by tabs, as in '20   10  0.5 q'",
        "a list number before the name, as in '1. q'",
        "a list mark before the name, as in '- q'",
        "quotes, as in '\"q\"'",
        "an inverse mark (a head that is meant so has its variables exchanged), as in ",
        "a negation, as in 'not q'",
    ):
        assert err.count(cause) == 1
    summary = json.loads(Path("out/summary.json").read_bytes())
    assert summary["reasons"][HEAD] == summary["notes"]["unknown_heads"]["count"] == 7


@pytest.mark.parametrize(
    ("head", "cause"),
    [
        ("20 10 0.5 q", "columns separated by blanks"),
        ("1000   1000   1.0   q", "columns separated by blanks"),
        ("20,10,0.5,q", "columns separated by commas"),
        ("20; 10; 0.5; q", "columns separated by commas"),
        ("0.75 q", "a number before the name"),
        ("12) q", "a list number before the name"),
        ("(3) q", "a list number before the name"),
        ("Rule 3: q", "a list number before the name"),
        ("r3: q", "a list number before the name"),
        ("* q", "a list mark before the name"),
        ("inv_q", "an inverse mark"),
        ("q_inverse", "an inverse mark"),
        ("q_reverse", "an inverse mark"),
        ("inverse of q", "an inverse mark"),
        ("~q", "a negation"),
        ("q-1", "an inverse mark"),
        ("q⁻¹", "an inverse mark"),
        ("¬q", "a negation"),
        ("'q'", "quotes"),
        ("<q>", "angle brackets"),
        ("Q", "upper and lower case"),
        ("ex:q", "prefixes and whole IRIs"),
        ("1. 20 10 0.5 q", "columns separated by blanks"),
        ("zzz", "'zzz', nearest in the graph: "),
    ],
)
def test_causes_of_an_unknown_head(head: str, cause: str) -> None:
    """Whatever stands before or behind it, or in its place."""
    found = validated([f"{head}(X,Y) <= r(X,Y)", "q(X,Y) <= r(X,Y)"], GRAPH)
    assert [one.reason for one in found] == [HEAD, ""]
    [note] = found.notes
    assert (note.kind.name, note.count) == ("unknown_heads", 1)
    assert any(cause in where.reason for where in note.first)


def test_heads_of_documents(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """That a document lacks a relation is what it is checked for; marks are seen in the rules."""
    (folder / "d.json").write_text('{"id": "a", "r": "b"}')
    (folder / "m.yaml").write_text("tasks:\n- one: d.json\n- two: d.json\n")
    manifest = ("--rules", "r.tsv", "--manifest", "m.yaml")
    (folder / "r.tsv").write_text("2\t1\t0.5\tq(X,Y) <= r(X,Y)\n")
    assert run(capfd, "r.tsv", "d.json", code=1)[1] == ""
    out, err = run(capfd, *manifest, code=1)
    assert err == "" and f"violated: 2 {HEAD}\n" in out
    (folder / "r.tsv").write_text("9 8 0.5 q(X,Y) <= r(X,Y)\n1. r(X,Y) <= r(X,Y)\n")
    assert "as in '9 8 0.5 q'" in run(capfd, "r.tsv", "d.json", code=1)[1]
    for more in ([], ["--out", "out"]):
        out, err = run(capfd, *manifest, *more, code=1)
        assert f"violated: 4 {HEAD}\n" in out
        assert "4 violated rules have head relations that are not in the graph" in err
        assert "columns separated by blanks, not by tabs, as in '9 8 0.5 q'" in err
        assert "a list number before the name, as in '1. r'" in err


def test_under_partial_completeness_it_is_unknown() -> None:
    """Of an unknown relation the graph says nothing: no violation, and the reason is that."""
    rules = ["z(X,Y) <= r(X,Y)", "q(X,Y) <= r(X,Y)"]
    found = pff_stream.validate(rules, GRAPH, assumption="partial", workers=1)
    assert [(one.outcome.word, one.reason) for one in found] == [
        ("vacuous", "all predictions unknown"),
        ("satisfied", ""),
    ]
    assert len(found.notes) == 0
