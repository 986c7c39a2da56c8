"""`explain` as a command: inputs of every kind, order, text, JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pff_stream
from pff_stream.cli.main import main

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


@pytest.mark.parametrize("rules", ["rules.tsv", "rules.pffr"])
@pytest.mark.parametrize("triples", ["triples.tsv", "triples.pffg"])
def test_json(folder: Path, rules: str, triples: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same object whatever the inputs are; the best rule first."""
    capsys.readouterr()
    command = ["explain", str(folder / rules), str(folder / triples), "--json"]
    assert main([*command, "--triple", "ana", "knows", "bo"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["triple"] == ["ana", "knows", "bo"]
    assert (found["in_graph"], found["ranked_by"], found["reasons_total"]) == (False, "miner", 2)
    assert [reason["rule"] for reason in found["reasons"]] == [2, 1]
    assert found["reasons"][0]["witness"] == [["ana", "near", "cy"]]
    assert found["found"] == {
        "objects": ["dee", "eli"], "objects_total": 2, "subjects": [], "subjects_total": 0
    }  # fmt: skip


def test_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text fits 80 columns and has every rule and witness."""
    capsys.readouterr()
    command = ["explain", f"{folder}/rules.pffr", f"{folder}/triples.pffg"]
    assert main([*command, "--triple", "ana", "knows", "bo"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "2 rules predict it, by miner confidence" in out
    assert "0.950  line 2  knows(X,bo) <= near(X,A)" in out
    assert "because  ana  near  cy" in out


def test_unknown_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that nothing has ends with 2, and the nearest is told."""
    command = ["explain", f"{folder}/rules.pffr", f"{folder}/triples.pffg", "--triple"]
    assert main([*command, "ana", "knowz", "bo"]) == 2
    assert "knows" in capsys.readouterr().err
    assert main([*command, "anna", "knows", "bo"]) == 2
    assert "ana" in capsys.readouterr().err


def test_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What does not fit is refused before it is allocated."""
    command = ["explain", f"{folder}/rules.pffr", f"{folder}/triples.pffg", "--budget", "1MiB"]
    assert main([*command, "--triple", "ana", "knows", "bo"]) == 3
    assert "refused" in capsys.readouterr().err


def test_documents(tmp_path: Path) -> None:
    """JSON documents are explained as they are."""
    path = tmp_path / "a.json"
    path.write_text('{"id": "a", "code": "FIBRA200", "speed": "50"}')
    found = pff_stream.explain(
        ["speed(X,200) <= code(X,FIBRA200)"], str(path), ("a", "speed", "200"), reserve_bytes=0
    )
    assert [reason.witness for reason in found.reasons] == [(("a", "code", "FIBRA200"),)]
    assert found.found.objects == ("50",)
