"""What is new since an earlier run: by a baseline, and between two folders."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pff_stream.cli.main import commands
from pff_stream.errors import InputError, UsageError
from pff_stream.observer import Silent
from pff_stream.pipeline.compare import compare, comparison_lines
from pff_stream.pipeline.run import run
from pff_stream.settings.commands import RunSettings
from tests.pipeline.test_document_baseline import documents

RULES = "4\t3\t0.75\tlikes(X,Y) <= knows(X,Y)\n2\t2\t1.0\tlikes(X,tea) <= knows(X,bo)\n"
TRIPLES = ["ana knows bo", "bo knows cy", "cy knows ana", "bo likes cy"]


def result(folder: Path, out: str, triples: list[str] = TRIPLES, **options: Any) -> Path:
    """A folder of results."""
    (folder / "r.tsv").write_text(options.pop("text", RULES))
    graph = folder / "t.tsv"
    graph.write_text("".join(triple.replace(" ", "\t") + "\n" for triple in triples))
    settings = {"workers": 1, "start_method": "thread", "overwrite": True} | options
    run(
        RunSettings.of(
            rules=str(folder / "r.tsv"), triples=(str(graph),), out=str(folder / out), **settings
        ),
        Silent(),
    )
    return folder / out


def found(out: Path) -> dict[tuple[str, ...], bool | None]:
    """Triple to whether it is new."""
    lines = (out / "findings.jsonl").read_text().splitlines()
    return {tuple(one["triple"]): one.get("new") for one in map(json.loads, lines)}


@pytest.mark.thorough
def test_new_fixed_and_no_longer_predicted(tmp_path: Path) -> None:
    """By key, whatever the order of triples and rules."""
    old = result(tmp_path, "old", floor=0.5, findings="all")
    assert set(found(old).values()) == {None}
    packed = tmp_path / "base.jsonl.gz"
    packed.write_bytes(gzip.compress((old / "findings.jsonl").read_bytes()))
    more = [*reversed(TRIPLES), "dan knows bo", "ana likes bo"]
    more.remove("cy knows ana")
    other = "".join(reversed(RULES.splitlines(keepends=True)))
    now = result(tmp_path, "new", more, text=other, floor=0.5, baseline=str(packed))
    assert found(now) == {
        ("ana", "likes", "tea"): False,
        ("dan", "likes", "tea"): True,
        ("dan", "likes", "bo"): True,
    }
    counts = json.loads((now / "summary.json").read_text())["findings"]
    assert (counts["new"], counts["fixed"], counts["no_longer_predicted"]) == (2, 1, 1)


def test_the_same_again_has_nothing_new(tmp_path: Path) -> None:
    """Of no finding it is said that it is new."""
    old = result(tmp_path, "old", floor=0.5, findings="all")
    again = result(
        tmp_path, "again", TRIPLES[::-1], floor=0.7, baseline=str(old / "findings.jsonl")
    )
    assert set(found(again).values()) == {False}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"confidence": "exact"}, "ranked by 'miner/max/closed', expected exact/max/closed"),
        pytest.param({"cut": True}, "without --floor"),
        pytest.param({"text": "{}"}, "expected a finding"),
    ],
)
def test_what_cannot_be_compared(options: dict[str, Any], error: str, tmp_path: Path) -> None:
    """It ends before anything is evaluated."""
    made: dict[str, Any] = {} if options.pop("cut", False) else {"floor": 0.5, "findings": "all"}
    old = result(tmp_path, "old", **made) / "findings.jsonl"
    if "text" in options:
        old.write_text(options.pop("text") + "\n")
    with pytest.raises(InputError, match=error):
        result(tmp_path, "new", floor=0.5, baseline=str(old), **options)


@pytest.mark.parametrize("options", [{}, {"floor": 0.5, "findings": 10}])
def test_a_cut_list_tells_nothing_of_new(options: dict[str, Any]) -> None:
    """A baseline needs a floor and all findings."""
    with pytest.raises(UsageError, match="--baseline: expected --floor C besides"):
        RunSettings.of(rules="r", triples=("t",), baseline="b.jsonl", **options)


def test_two_folders(tmp_path: Path) -> None:
    """Rules by text, findings by key, the first of each kind and how many there are."""
    old = result(tmp_path, "old", floor=0.5, findings="all")
    now = result(
        tmp_path, "new", [*TRIPLES, "dan knows bo", "ana likes bo"], floor=0.7, findings="all"
    )
    changes = compare(str(old), str(now))
    assert changes.floor == 0.7
    assert [one.triple for one in changes.gone.first] == [("ana", "likes", "bo")]
    assert {one.triple for one in changes.new.first} == {
        ("dan", "likes", "bo"),
        ("dan", "likes", "tea"),
    }
    assert changes.rescored.total == 0
    assert [one.rule_text for one in changes.rules.first] == [
        "likes(X,Y) <= knows(X,Y)",
        "likes(X,tea) <= knows(X,bo)",
    ]
    assert "2 findings new (at 0.7 and above)" in list(comparison_lines(changes))
    same = compare(str(old), str(old))
    assert (same.rules.total, same.new.total, same.gone.total) == (0, 0, 0)


def test_what_comes_in_at_the_end_of_a_list_is_not_new(tmp_path: Path) -> None:
    """Lists of N: of what follows, or has the score of the last, nobody knows."""
    old = result(tmp_path, "old", findings=2)
    now = result(tmp_path, "new", [*TRIPLES, "ana likes tea"], findings=2)
    assert set(found(now)) - set(found(old))
    changes = compare(str(old), str(now))
    assert (changes.above, changes.new.total, changes.gone.total) == (0.75, 0, 1)
    lines = list(comparison_lines(changes))
    assert "0 findings new (above 0.75)" in lines
    assert lines[-1] == "lists were cut: runs with --findings all --floor C tell of more"


def test_findings_that_nobody_looked_for_are_not_compared(tmp_path: Path) -> None:
    """Not even as new or gone."""
    old = result(tmp_path, "old", findings=0)
    now = result(tmp_path, "new", ["ana likes tea", "ana knows bo"])
    changes = compare(str(old), str(now))
    assert (changes.new.total, changes.gone.total, changes.rules.total) == (0, 0, 2)
    assert list(comparison_lines(changes))[-1].endswith("looked for none")


def test_two_folders_of_manifests(tmp_path: Path) -> None:
    """Rules by their sums, findings by document; a document's list that was cut by itself."""
    flawed = {"code": "F200", "speed": "50", "kind": "fibre"}
    before = {"a": flawed, "b": {"code": "F200", "speed": "200"}}
    after = {"a": flawed | {"speed": "200"}, "b": {"code": "F200", "speed": "100"}}
    documents(tmp_path, before, out=str(tmp_path / "old"), per_document=True)
    documents(tmp_path, after, out=str(tmp_path / "new"))
    documents(tmp_path, after, out=str(tmp_path / "cut"), findings=1)
    changes = compare(str(tmp_path / "old"), str(tmp_path / "new"))
    assert [one.rule_text for one in changes.rules.first] == []
    assert [(one.document, one.triple[1]) for one in changes.new.first] == [("b", "speed")]
    assert [(one.document, one.triple[1]) for one in changes.gone.first] == [("a", "speed")]
    assert any(line.endswith("b  b  speed  200") for line in comparison_lines(changes))
    cut = compare(str(tmp_path / "old"), str(tmp_path / "cut"))
    assert (cut.cut_documents, cut.new.total, cut.gone.total) == (1, 0, 1)
    documents(tmp_path, {"a": flawed}, out=str(tmp_path / "less"))
    less = compare(str(tmp_path / "new"), str(tmp_path / "less"))
    assert [one.rule_text[:5] for one in less.rules.first] == ["kind(", "speed"]
    with pytest.raises(UsageError, match="one graph and one over a manifest"):
        compare(str(tmp_path / "old"), str(result(tmp_path, "graph")))


def test_it_is_a_command() -> None:
    """As the others, with help."""
    assert commands.commands["compare"].help
