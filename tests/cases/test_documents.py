"""Documents as people have them (tests/data/cases), and what is next to each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.warm import started

CASES = Path(__file__).parent.parent / "data" / "cases"
COMMAND = [sys.executable, "-m", "pff_stream"]


def said(case: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command says in the folder of a case."""
    (folder,) = CASES.glob(f"{case}-*")
    return started(arguments, folder=folder)


@pytest.mark.thorough
@pytest.mark.parametrize("document", ["col.json", "control.json"])
def test_two_objects_of_one_path(document: str) -> None:
    """A violation that was missed: two objects with x, one of them with y."""
    done = said("01", "run", "r.tsv", document)
    assert "2 predictions, 1 of them in the graph, 1 violation" in done.stdout
    assert done.returncode == 1
    if document == "col.json":
        old = said("01", "run", "r.tsv", document, "--mapping", "json-1")
        assert "1 prediction, 1 of them in the graph" in old.stdout and old.returncode == 0


@pytest.mark.parametrize("document", ["value.json", "package-lock.json", "id.json", "array.json"])
def test_empty_texts(document: str) -> None:
    """Give nothing, and make no document unreadable."""
    done = said("05", "run", "r.tsv", document, "--fail-on", "none")
    assert done.returncode == 0 and "error" not in done.stderr
    is_value = document != "package-lock.json"
    assert ("1 empty value gives nothing (first: " in done.stderr) == is_value


def test_an_id_key_that_names_nothing() -> None:
    """Is warned of; a dotted one reaches into the object."""
    for key in ("_id", "nmae"):
        done = said("13", "triples", "d.jsonl", "--id-key", key)
        assert done.stdout.startswith("d#0\t_id\td#0/_id\n")
        assert f"warning: --id-key {key}: found in none of 2 documents" in done.stderr
    done = said("13", "triples", "d.jsonl", "--id-key", "_id.$oid")
    assert done.stdout.startswith("65f0\t_id\t65f0/_id\n65f0/_id\t$oid\t65f0\n")


def test_a_document_with_background_triples() -> None:
    """Both are one graph, in either order."""
    for inputs in (("g.tsv", "d.json"), ("d.json", "g.tsv")):
        done = said("23", "run", "r.tsv", *inputs)
        assert done.returncode == 1 and "1 prediction, 0 of them in the graph" in done.stdout


def test_ids_that_are_unique_by_type() -> None:
    """Several keys tell them apart, and references by type and id meet them."""
    done = said("28", "run", "r.tsv", "d.json", "--id-key", "resourceType,id")
    assert done.returncode == 1 and "1 violation" in done.stdout
    lines = said("28", "triples", "d.json", "--id-key", "resourceType,id").stdout
    assert "\treference\tPatient/1\n" in lines and "Patient/1\tsex\tf\n" in lines
    warned = said("28", "run", "r.tsv", "d.json")
    assert "what another object of the same id has" in warned.stderr


def test_names_without_end(tmp_path: Path) -> None:
    """252 KB of JSON would make 3.5 GiB of names: refused with a limit, and soon."""
    value: object = [{"x": i} for i in range(20_000)]
    for i in range(450):
        value = {"k" * 200 + str(i): value}
    (tmp_path / "deep.json").write_text(json.dumps(value))
    done = said("01", "run", "r.tsv", str(tmp_path / "deep.json"))
    assert done.returncode == 2 and "by their paths, take over" in done.stderr
