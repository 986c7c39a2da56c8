"""`--relation`: other rules are left out before they are evaluated, and are counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pff_stream
from pff_stream.errors import UsageError
from pff_stream.rules._asked import AskedRelations
from tests.warm import run

RULES = """likes(X,Y) <= knows(X,Y)
likes_most(X,Y) <= knows(X,Y)
knows(X,Y) <= likes(X,Y)
like*(X,Y) <= likes(X,Y)
likes(X,bo) <= knows(X,bo)
"""
TRIPLES = "ana\tknows\tbo\nana\tlikes\tbo\nbo\tknows\tcy\n"
NOT_ASKED = "filtered\thead relation not asked for"


def written(folder: Path) -> tuple[Path, Path]:
    """Rules and triples."""
    (folder / "rules.tsv").write_text(RULES)
    (folder / "graph.tsv").write_text(TRIPLES)
    return folder / "rules.tsv", folder / "graph.tsv"


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    """Rules and triples."""
    return written(tmp_path)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The outcomes of all rules."""
    folder = tmp_path_factory.mktemp("everything")
    run("run", *written(folder), "--out", folder / "all", check=1)
    return (folder / "all" / "outcomes.tsv").read_text().splitlines()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("asked", "checked"),
    [
        pytest.param(["likes"], {1, 5}),
        (["likes", "knows"], {1, 3, 5}),
        pytest.param(["likes*"], {1, 2, 5}),
        (["like*"], {4}),  # there is a relation of that very name
        pytest.param(["k*", "likes_most"], {2, 3}),
        pytest.param(["*"], {1, 2, 3, 4, 5}),
        pytest.param([], {1, 2, 3, 4, 5}),
    ],
)
def test_which_rules(
    inputs: tuple[Path, Path],
    everything: list[str],
    tmp_path: Path,
    asked: list[str],
    checked: set[int],
) -> None:
    """From the command line and from Python; by a graph, in blocks, and by documents alike."""
    options = [word for name in asked for word in ("--relation", name)]
    out = tmp_path / "out"
    assert run("run", *inputs, *options, "--out", out, "--fail-on", "none", check=0)
    wanted = [
        line if number in checked else f"{number}\t{NOT_ASKED}"
        for number, line in enumerate(everything, 1)
    ]
    assert (out / "outcomes.tsv").read_text().splitlines() == wanted
    summary = json.loads((out / "summary.json").read_text())
    assert summary["rules"]["filtered"] == 5 - len(checked)
    assert summary["settings"]["relation"] == asked
    found = {
        one.line
        for one in pff_stream.validate(*inputs, relation=asked, start_method="thread")
        if one.outcome.word != "filtered"
    }
    assert found == checked


@pytest.mark.parametrize("folder", [True, False])
def test_of_documents(inputs: tuple[Path, Path], tmp_path: Path, folder: bool) -> None:
    """With the table of rules (no folder) and without it."""
    (tmp_path / "m.yaml").write_text("tasks:\n  - a: graph.tsv\n  - b: graph.tsv\n")
    options = ["--out", tmp_path / "many"] if folder else []
    manifest = ["--manifest", tmp_path / "m.yaml", "--rules", inputs[0]]
    said = run("run", *manifest, "--relation", "likes", *options, check=1)
    assert "10 checks of a rule on a document" in said
    assert "2 satisfied, 2 violated, 6 filtered" in said


def test_unknown(inputs: tuple[Path, Path]) -> None:
    """A relation that no rule predicts would leave all rules out without a word."""
    with pytest.raises(UsageError, match="found 'lieks', which is the head .* nearest: likes"):
        list(pff_stream.validate(*inputs, relation=["likes", "lieks"]))
    said = run("run", *inputs, "--relation", "owns*", check=2)
    assert "--relation: found 'owns*', which is the head relation of no rule" in said


def test_resume_keeps_it(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    """A finished run is shown again; another relation is another run."""
    out = tmp_path / "out"
    run("run", *inputs, "--relation", "likes", "--out", out, check=1)
    run("run", "--resume", out, check=1)


@given(
    names=st.lists(st.tuples(st.binary(max_size=3), st.booleans()), min_size=1, max_size=4),
    name=st.binary(max_size=4),
)
def test_compiled_lookup(names: list[tuple[bytes, bool]], name: bytes) -> None:
    """Exactly, or by a prefix."""
    expected = any(name.startswith(one) if prefix else name == one for one, prefix in names)
    assert (name in AskedRelations(names)) is expected
