"""A line of column names in a file without such: a triple like all, and said."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.warm import main

SAID = "its first line looks like names of columns"
TRIPLE = "a\tr\tb\n"


@pytest.mark.parametrize(
    "header",
    [
        "subject\tpredicate\tobject\n",
        "Head\tRelation\tTail\n",
        "s\tp\to\n",
        "h\tr\tt\r\n",
        '"subject"\t"relation"\t"object"\n',
        "#subject\tpredicate\tobject\n",
        "\n\nsubject\tpredicate\tobject\n",
        "\ufeffsource\trelation\ttarget\n",
        "node1\tlabel\tnode2\n",
        "subject\tobject\tpredicate\n",
    ],
)
def test_said_once(header: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """And read as it stands."""
    path = tmp_path / "g.tsv"
    path.write_text(header + TRIPLE, encoding="utf-8")
    assert main(["triples", str(path)]) == 0
    said = capfd.readouterr()
    assert said.err.count(SAID) == 1 and "--format csv" in said.err
    assert len(said.out.splitlines()) == 2


@pytest.mark.parametrize(
    "line",
    ["", "p\tr\tq\n", "subject\trelation\tb\n", "s\ts\ts\n", "object\tobject\tobject\n"],
)
def test_not_said_of_triples(line: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of names that are something else, or the same thing twice."""
    path = tmp_path / "g.tsv"
    path.write_text(line + TRIPLE)
    assert main(["triples", str(path)]) == 0
    assert capfd.readouterr().err == ""


def test_other_columns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With further columns, packed; what is advised reads it without the line."""
    path = tmp_path / "g.tsv.gz"
    path.write_bytes(gzip.compress(b"subject\tpredicate\tobject\tyear\na\tr\tb\t2014\n"))
    assert main(["triples", str(path), "--columns", "s,p,o,_"]) == 0
    assert SAID in capfd.readouterr().err
    assert main(["triples", str(path), "--format", "csv"]) == 0
    said = capfd.readouterr()
    assert said.out == TRIPLE and said.err == ""
