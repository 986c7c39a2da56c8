"""`explain` as a command: inputs of every kind, order, text, JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pff_stream
from pff_stream.errors import UsageError
from pff_stream.pipeline.explain import asked_of
from pff_stream.settings.models import EvaluationOptions, ExplainOptions, Inputs
from tests.warm import main

RULES = (
    "10\t9\t0.9\tknows(X,Y) <= likes(X,Y)\n"
    "10\t9\t0.95\tknows(X,bo) <= near(X,A)\n"
    "10\t5\t0.9\tknows(X,Y) <= likes(X,A), likes(A,Y)\n"
    "10\t5\t0.5\tknows(X,X) <= near(X,A)\n"
)
TRIPLES = "ana\tlikes\tbo\nana\tnear\tcy\nana\tknows\tdee\nana\tknows\teli\nana\tlikes\tbob\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rules and triples as text, and the same compiled and encoded."""
    (tmp_path / "rules.tsv").write_text(RULES)
    (tmp_path / "triples.tsv").write_text(TRIPLES)
    assert main(["compile", f"{tmp_path}/rules.tsv", "-o", f"{tmp_path}/rules.pffr"]) == 0
    assert main(["encode", f"{tmp_path}/triples.tsv", "-o", f"{tmp_path}/triples.pffg"]) == 0
    return tmp_path


@pytest.mark.quick
@pytest.mark.parametrize("rules", ["rules.tsv", "rules.pffr"])
@pytest.mark.parametrize("triples", ["triples.tsv", "triples.pffg"])
def test_json(folder: Path, rules: str, triples: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The same object whatever the inputs are; the best rule first."""
    capfd.readouterr()
    command = ["explain", str(folder / rules), str(folder / triples), "--json"]
    assert main([*command, "--triple", "ana", "knows", "bo"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["triple"] == ["ana", "knows", "bo"]
    assert (found["in_graph"], found["ranked_by"], found["reasons_total"]) == (False, "miner", 2)
    assert [reason["rule"] for reason in found["reasons"]] == [2, 1]
    assert found["reasons"][0]["witness"] == [["ana", "near", "cy"]]
    assert found["found"] == {
        "objects": ["dee", "eli"], "objects_total": 2, "subjects": [], "subjects_total": 0
    }  # fmt: skip


def test_text(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The text fits 80 columns and has every rule and witness."""
    capfd.readouterr()
    command = ["explain", f"{folder}/rules.pffr", f"{folder}/triples.pffg"]
    assert main([*command, "--triple", "ana", "knows", "bo"]) == 0
    out = capfd.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "2 rules predict it, by miner confidence" in out
    assert "0.950  line 2  knows(X,bo) <= near(X,A)" in out
    assert "because  ana  near  cy" in out


def test_unknown_names(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A name that nothing has ends with 2, and the nearest is told."""
    command = ["explain", f"{folder}/rules.pffr", f"{folder}/triples.pffg", "--triple"]
    assert main([*command, "ana", "knowz", "bo"]) == 2
    assert "knows" in capfd.readouterr().err
    assert main([*command, "anna", "knows", "bo"]) == 2
    assert "ana" in capfd.readouterr().err


def test_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What does not fit is refused before it is allocated."""
    command = ["explain", f"{folder}/rules.pffr", f"{folder}/triples.pffg", "--budget", "1MiB"]
    assert main([*command, "--triple", "ana", "knows", "bo"]) == 3
    assert "refused" in capfd.readouterr().err


def test_documents(tmp_path: Path) -> None:
    """JSON documents are explained as they are."""
    path = tmp_path / "a.json"
    path.write_text('{"id": "a", "code": "FIBRA200", "speed": "50"}')
    found = pff_stream.explain(
        ["speed(X,200) <= code(X,FIBRA200)"], str(path), ("a", "speed", "200"), reserve_bytes=0
    )
    assert [reason.witness for reason in found.reasons] == [(("a", "code", "FIBRA200"),)]
    assert found.found.objects == ("50",)


def test_shares_above_one_are_counted_instead() -> None:
    """Where a rule has no confidence within 0..1, all are ordered by exact counts."""
    rules = ["1\t1\t1.5\tknows(X,Y) <= likes(X,Y)", "1\t1\t0.1\tknows(X,bo) <= near(X,A)"]
    triples = [("ana", "likes", "bo"), ("ana", "near", "cy"), ("ana", "knows", "dee")]
    found = pff_stream.explain(rules, triples, ("ana", "knows", "bo"), reserve_bytes=0)
    assert (found.ranked_by, [one.violations for one in found.reasons]) == ("exact", [1, 1])
    assert [one.rule for one in found.reasons] == [1, 2]  # of one confidence: by their text


def test_names_of_heads_are_known() -> None:
    """An end that only the head of a rule names is explained; so is a relation."""
    found = pff_stream.explain(
        ["hates(X,zoe) <= likes(X,Y)"],
        [("ana", "likes", "bo")],
        ("ana", "hates", "zoe"),
        reserve_bytes=0,
    )
    assert [reason.witness for reason in found.reasons] == [(("ana", "likes", "bo"),)]
    assert (found.in_graph, found.found.objects_total) == (False, 0)


def test_several_readings_are_settled_by_the_graph() -> None:
    """A text that the names of the graph settle is explained by the reading that they choose."""
    triples = [("a, b", "likes", "bo"), ("x(y", "near", "bo")]
    rules = ["knows(X,c) <= likes(a, b,X)"]
    found = pff_stream.explain(rules, triples, ("bo", "knows", "c"), reserve_bytes=0)
    assert [reason.witness for reason in found.reasons] == [(("a, b", "likes", "bo"),)]


def test_a_graph_larger_than_the_budget_is_read_where_it_lies(folder: Path) -> None:
    """The plan takes no memory for a graph in a file, however large it is."""
    from pff_stream.plan.explain import explain_plan
    from pff_stream.rules.file import RuleFile
    from pff_stream.rules.sizes import RuleSizes
    from pff_stream.triples.terms import GraphSizes
    from planner.machine import read_machine

    with RuleFile(folder / "rules.pffr") as file:
        rules = RuleSizes.of(file)
    total = 1 << 30
    machine = read_machine(0, total // 2)
    plans = [
        explain_plan(machine, [], 40 << 20, (GraphSizes(total, in_memory, 1000, 10), rules))
        for in_memory in (False, True)
    ]
    assert [plan.fits for plan in plans] == [True, False]


def test_a_finding_is_explained_by_its_key(tmp_path: Path) -> None:
    """The key leads to the triple; one that is not there ends with 2."""
    line = {
        "key": "00000000000000ab", "document": "", "triple": ["a", "q", "b"], "kind": "absent",
        "score": 0.5, "ranked_by": "miner/max/closed", "floor": None,
        "found": {"objects": [], "objects_total": 0, "subjects": [], "subjects_total": 0},
        "where": None, "reasons_total": 1, "message": "missing b",
        "reasons": [{"rule": 1, "rule_text": "q(X,Y) <= r(X,Y)", "rank_confidence": 0.5,
                     "witness": [["a", "r", "b"]], "where": [None]}],
    }  # fmt: skip
    found = tmp_path / "findings.jsonl"
    found.write_text(json.dumps(line) + "\n")
    asked = ExplainOptions(key="00000000000000AB", findings_file=str(found))
    told = asked_of(asked, Inputs())
    assert told.triple == ("a", "q", "b")
    assert told.evaluation(EvaluationOptions()).confidence == "miner"
    assert told.evaluation(EvaluationOptions(confidence="exact")).confidence == "exact"
    with pytest.raises(UsageError, match="expected the key of one of its 1 finding"):
        asked_of(ExplainOptions(key="00000000000000ac", findings_file=str(found)), Inputs())
    with pytest.raises(UsageError, match="--key and --from"):
        ExplainOptions(key="00000000000000ac")


@pytest.mark.parametrize(
    ("options", "order", "confidences"),
    [
        ({}, [1, 2], [0.9, 0.5]),
        ({"confidence": "miner-pca"}, [1, 2], [None, None]),
        ({"confidence": "exact"}, [2, 1], [2 / 3, 1 / 2]),
        ({"confidence": "exact", "unseen": 1}, [2, 1], [2 / 4, 1 / 3]),
        ({"confidence": "partial"}, [2, 1], [2 / 3, 1 / 2]),
        ({"confidence": "partial", "functional": ("knows=subject",)}, [1, 2], [1.0, 1.0]),
    ],
)
def test_order_by_every_confidence(
    options: dict[str, Any], order: list[int], confidences: list[float | None]
) -> None:
    """As a run ranks rules by it; rules without a value are told, too."""
    rules = [
        "2\t1\t0.9\tknows(X,Y) <= likes(X,Y)",
        "3\t2\t0.5\tknows(X,Y) <= near(X,Y)",
    ]
    triples = [
        ("ana", "knows", "bo"), ("ana", "likes", "bo"), ("zoe", "likes", "cy"),
        ("ana", "near", "bo"), ("ana", "near", "dee"), ("zoe", "near", "cy"),
        ("ana", "knows", "dee"), ("eve", "knows", "cy"),
    ]  # fmt: skip
    found = pff_stream.explain(rules, triples, ("zoe", "knows", "cy"), reserve_bytes=0, **options)
    assert [one.rule for one in found.reasons] == order
    assert [one.confidence for one in found.reasons] == pytest.approx(confidences)
    assert found.ranked_by == options.get("confidence", "miner")


def test_a_document_of_a_manifest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By its name, or by the key of a finding; options of a run in the manifest are borne."""
    for name, speed in (("a", "200"), ("b", "50")):
        (tmp_path / f"{name}.json").write_text(f'{{"nr": "x", "code": "F200", "speed": "{speed}"}}')
    tasks = "tasks:\n  - a: a.json\n  - b: b.json\n"
    (tmp_path / "m.yaml").write_text(f"id_key: nr\nworkers: 1\n{tasks}")
    (tmp_path / "r.tsv").write_text("10\t9\t0.9\tspeed(X,200) <= code(X,F200)\n")
    inputs = ["--manifest", f"{tmp_path}/m.yaml", "--rules", f"{tmp_path}/r.tsv"]
    triple = ["--triple", "x", "speed", "200"]
    for name, there in (("a", "is in"), ("b", "is not in")):
        assert main(["explain", *inputs, "--document", name, *triple]) == 0
        out = capfd.readouterr().out
        assert out.startswith(f"x  speed  200  {there} the document {name}\n")
    assert main(["run", *inputs, "--out", f"{tmp_path}/out", "--fail-on", "none"]) == 0
    found = f"{tmp_path}/out/findings.jsonl"
    key = json.loads(Path(found).read_text())["key"]
    capfd.readouterr()
    assert main(["explain", *inputs, "--key", key, "--from", found, "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["document"], told["in_graph"]) == ("b", False)
    assert told["triple"] == ["x", "speed", "200"]
    for more, error in (
        (["--document", "c", *triple], "found c, expected the name of a document"),
        (triple, "--document: found none, expected the name of one of the 2 documents"),
        (["--document", "a", "--key", key, "--from", found], "is of b"),
    ):
        assert main(["explain", *inputs, *more]) == 2
        assert error in capfd.readouterr().err
    graph = ["explain", f"{tmp_path}/r.tsv", f"{tmp_path}/a.json", "--document", "a", *triple]
    assert main(graph) == 2
    assert "--document: found without --manifest" in capfd.readouterr().err
