"""docs/how-to-add.md is true: each example is followed to the letter, in a copy of the package."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.newcomer import Newcomer

pytestmark = pytest.mark.thorough

EXAMPLE = Path(__file__).parent.parent / "docs" / "example"
RULES = "2\t1\t0.5\tknows(X,Y) <= likes(X,Y)\n3\t3\t1.0\tlikes(X,Y) <= likes(X,Y)\n"
TRIPLES = "ana\tlikes\tbob\nbob\tlikes\tcy\nana\tknows\tbob\n"
BEST = "(0.500, rule 1: knows(X,Y) <= likes(X,Y))"
SHOWN = f"- bob knows cy: missing cy, because likes is cy {BEST}\n"


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    """A copy of the package, with rules and triples beside it."""
    (tmp_path / "rules.tsv").write_text(RULES)
    (tmp_path / "triples.tsv").write_text(TRIPLES)
    with closing(Newcomer(tmp_path)) as newcomer:
        yield newcomer


def test_an_executor(newcomer: Newcomer) -> None:
    """One file and its entry: it is chosen by name, planned, and finds the same."""
    rules, triples = EXAMPLE / "umls_rules.tsv", EXAMPLE / "umls_document.json"
    given = (rules, triples, "--fail-on", "none", "--workers", 1)
    said = newcomer.run("run", *given, "--start-method", "serial", code=2)
    assert "found 'serial', expected fork, forkserver, spawn or thread" in said
    newcomer.run("run", *given, "--out", "usual")

    newcomer.follow("Add an executor in one file")
    newcomer.run("run", *given, "--start-method", "serial", "--out", "serial")
    for name in ("rules.tsv", "outcomes.tsv", "findings.jsonl"):
        found = (newcomer.folder / "serial" / name).read_bytes()
        assert found == (newcomer.folder / "usual" / name).read_bytes()
    summary = json.loads((newcomer.folder / "serial" / "summary.json").read_text())
    assert (summary["run"]["start_method"], summary["run"]["workers"]) == ("serial", 1)
    assert "[fork|forkserver|spawn|thread|serial]" in newcomer.run("run", "--help")
    plan = json.loads(newcomer.run("plan", *given, "--start-method", "serial", "--json"))
    assert plan["settings"]["start_method"] == "serial" and plan["fits"]
    planned = json.loads(newcomer.run("plan", *given[:2], "--json"))
    assert planned["settings"]["start_method"] != "serial"
    said = newcomer.run("run", *given[:-1], 2, "--start-method", "serial", code=2)
    assert "--start-method serial: found 2 workers, expected 1" in said


def test_an_executor_over_a_manifest(newcomer: Newcomer) -> None:
    """Tasks of any kind are carried out."""
    newcomer.follow("Add an executor in one file")
    (newcomer.folder / "m.yaml").write_text("tasks:\n- a: triples.tsv\n- gone: gone.tsv\n")
    given = ("--manifest", "m.yaml", "--rules", "rules.tsv", "--workers", 1)
    said = newcomer.run("run", *given, "--start-method", "serial", code=4)
    assert "2 documents: 1 violated, 1 failed" in said


def test_a_result_writer(newcomer: Newcomer) -> None:
    """One file and its entry: reports by suffix and by name, at the end of a run and afterwards."""
    said = newcomer.run("run", "rules.tsv", "triples.tsv", "--report", "a.txt", code=2)
    assert (
        "found a.txt, expected a file whose name ends in one of .html, .jsonl, .md, .parquet, "
        in said
    )

    newcomer.follow("Add a result writer in one file")
    given = ("rules.tsv", "triples.tsv", "--out", "results")
    newcomer.run("run", *given, "--report", "a.txt", "--report", "plain=b", code=1)
    newcomer.run("report", "results", "--report", "later.txt")
    text = (newcomer.folder / "a.txt").read_text()
    assert text == f"Findings (object-identity)\n\n{SHOWN}\n1 violation in all.\n"
    assert (newcomer.folder / "b").read_text() == text
    assert (newcomer.folder / "later.txt").read_text() == text
    # Without a folder, and beside violations that go elsewhere.
    said = newcomer.run("run", *given[:2], "--report", "c.txt", "--violations", "-", code=1)
    assert json.loads(said.splitlines()[0])["head"] == ["bob", "knows", "cy"]
    assert (newcomer.folder / "c.txt").read_text() == text


def test_a_result_writer_over_a_manifest(newcomer: Newcomer) -> None:
    """Findings come document by document; from the folder the report is the same."""
    newcomer.follow("Add a result writer in one file")
    (newcomer.folder / "m.yaml").write_text("tasks:\n- one: triples.tsv\n")
    given = ("--manifest", "m.yaml", "--rules", "rules.tsv", "--out", "results")
    newcomer.run("run", *given, "--report", "a.txt", "--report", "rules=a.tsv", code=1)
    assert (newcomer.folder / "a.tsv").read_text()
    newcomer.run("report", "results", "--report", "b.txt")
    made = (newcomer.folder / "a.txt").read_text()
    assert made
    assert (newcomer.folder / "b.txt").read_text() == made


def test_a_result_writer_is_planned(newcomer: Newcomer) -> None:
    """Its memory is in the plan, and only where it was asked for."""
    newcomer.follow("Add a result writer in one file")
    given = ("plan", "rules.tsv", "triples.tsv", "-o", "plan.json")

    def phases(*options: str) -> dict[str, list[str]]:
        newcomer.run(*given, *options)
        plan = json.loads((newcomer.folder / "plan.json").read_text())
        return {one["name"]: [term["name"] for term in one["terms"]] for one in plan["phases"]}

    assert "report" not in phases()
    assert "a.txt: text" in phases("--report", "a.txt")["report"]


TABLE = """head;body;confidence
knows(?x,?y);likes(?x,?y);0.5
knows(?x,?z);likes(?x,?y) & likes(?y,?z);1
knows(?x,cy);likes(?x,?x;2
knows(?x,?z);likes(?x,?y);0.5
knows(?x,cy);likes(?x,bob);nan
"""


def test_a_rule_format(newcomer: Newcomer) -> None:
    """One file and its entry: text is recognised and evaluated, or rejected with a reason."""
    (newcomer.folder / "rules.txt").write_text(TABLE)
    newcomer.run("run", "rules.txt", "triples.tsv", code=2)  # no rules of AnyBURL

    newcomer.follow("Add a rule format in one file")
    said = newcomer.run("run", "rules.txt", "triples.tsv", code=2)
    assert "3 of 5 rule lines could not be read, more than --on-bad-rule 1% allows" in said
    assert "line 4, column 1: found ' likes(?x,?x' for an atom" not in said
    assert "line 4, column 1: found 'likes(?x,?x' for an atom, expected head;body;conf" in said
    assert "line 5, column 1: found variable z of the head in no body atom, expected every" in said
    assert "line 6, column 1: found confidence nan, expected a number from 0 on" in said
    given = ("--on-bad-rule", "skip", "--violations", "-", "--min-confidence", "0.6")
    said = newcomer.run("run", "rules.txt", "triples.tsv", *given, code=1)
    (found,) = (json.loads(line) for line in said.splitlines() if line.startswith("{"))
    assert (found["rule"], found["head"]) == (3, ["ana", "knows", "cy"])
    assert found["rule_text"] == "knows(?x,?z) <= likes(?x,?y) & likes(?y,?z)"
    assert (found["miner_confidence"], found["confidence"]) == (1, 0)
    assert "(homomorphism)" in said
    # AnyBURL's rules are still read as such, unless they are asked to be something else.
    newcomer.run("run", "rules.tsv", "triples.tsv", code=1)
    newcomer.run("run", "rules.tsv", "triples.tsv", "--rule-format", "table", code=2)
    said = newcomer.run("run", "rules.tsv", "triples.tsv", "--rule-format", "x", code=2)
    assert "--rule-format 'x': expected one of auto, table, amie, anyburl" in said


def test_a_rule_format_compressed_and_compiled(newcomer: Newcomer) -> None:
    """What every format has: gzip, and a compiled file that keeps its meaning."""
    newcomer.follow("Add a rule format in one file")
    good = "".join(TABLE.splitlines(keepends=True)[:3])
    (newcomer.folder / "rules.gz").write_bytes(gzip.compress(good.encode()))
    newcomer.run("compile", "rules.gz", "-o", "rules.pffr")
    for rules in ("rules.gz", "rules.pffr"):
        for asked in ("auto", "table"):
            said = newcomer.run("run", rules, "triples.tsv", "--rule-format", asked, code=1)
            assert "2 rules (homomorphism): 2 violated" in said
    said = newcomer.run("run", "rules.pffr", "triples.tsv", "--rule-format", "anyburl", code=2)
    assert "compiled from table, expected --rule-format anyburl" in said


ARROWS = "ana -likes-> bob\nbob -likes-> cy\nana -knows-> bob\n"


def test_a_triple_format(newcomer: Newcomer) -> None:
    """One file and its entry: every command takes it, beside other inputs of the same mapping."""
    newcomer.follow("Add a triple format in one file")
    (newcomer.folder / "a.arrows").write_text(ARROWS)
    (newcomer.folder / "b.arrows.gz").write_bytes(gzip.compress(b"cy -likes-> dee\n"))
    assert newcomer.run("triples", "a.arrows") == TRIPLES
    expected = newcomer.run("run", "rules.tsv", "triples.tsv", code=1)
    found = newcomer.run("run", "rules.tsv", "a.arrows", code=1)
    assert found.splitlines()[:4] == expected.splitlines()[:4]
    newcomer.run("encode", "a.arrows", "b.arrows.gz", "triples.tsv", "-o", "graph.pffg")
    said = newcomer.run("run", "rules.tsv", "graph.pffg", code=1)
    assert "6 predictions" in said
    (newcomer.folder / "m.yaml").write_text("tasks:\n- one: a.arrows\n- two: b.arrows.gz\n")
    said = newcomer.run("run", "--manifest", "m.yaml", "--rules", "rules.tsv", code=1)
    assert "2 documents" in said


def test_a_triple_format_and_bad_lines(newcomer: Newcomer) -> None:
    """What is no triple is named by file and line, whether the format notices or the encoder."""
    newcomer.follow("Add a triple format in one file")
    for line, said in (
        ("ana likes bob", "a.arrows, line 4: found 'ana likes bob', expected subject -relation-"),
        ("ana -likes-> me_myself_i", "a.arrows, line 4: found the entity me_myself_i"),
        (
            "ana -likes-> \tb",
            "a.arrows, line 4: found 'ana\\tlikes\\t\\tb', expected three names",
        ),
    ):
        (newcomer.folder / "a.arrows").write_text(f"{ARROWS}{line}\n")
        assert said in newcomer.run("run", "rules.tsv", "a.arrows", code=2)
        newcomer.run("run", "rules.tsv", "a.arrows", "--on-bad-triple", "skip", code=1)
