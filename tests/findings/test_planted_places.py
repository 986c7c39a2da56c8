"""Errors planted in documents: each is told with the pointer and the line where it stands."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import pff_stream
from pff_stream.findings.places import ANY, Place, PlaceSources, Wanted, find_places
from pff_stream.triples.encode import PrivateGraph, encode_quietly
from pff_stream.triples.options import EncodeOptions
from tests.findings.planted import N_DOCUMENTS, N_ERRORS, RULES, Planted, PlantedDocuments
from tests.findings.test_places import places

SOME = 300


@cache
def planted(n_documents: int = N_DOCUMENTS, n_errors: int = N_ERRORS) -> PlantedDocuments:
    """The same documents for all tests."""
    return PlantedDocuments(n_documents, n_errors)


def wanted(error: Planted) -> tuple[Wanted, Wanted]:
    """What stands there instead, or would stand there; and why."""
    s, r, _ = (name.encode() for name in error.triple)
    because = tuple(name.encode() for name in error.witness)
    assert len(because) == 3
    return (s, r, ANY if error.kind == "conflict" else None), because


def expected(error: Planted, file: str, line: int = 1, before: str = "") -> list[Place]:
    """The places of an error in a document that begins in `line`."""
    return [
        Place(file, line + error.line - 1, before + error.pointer),
        Place(file, line + error.witness_line - 1, before + error.witness_pointer),
    ]


def test_the_example_of_the_documentation() -> None:
    """Its values are those that docs/findings.md shows."""
    error = planted(SOME, 16).errors["cli-000022"]
    assert error.triple == ("5521934313000/plan", "speed", "200")
    assert (error.kind, error.found, error.rule) == ("conflict", ("50",), 8)
    assert (error.line, error.pointer) == (25, "/lines/0/plan/speed")
    assert (error.witness_line, error.witness_pointer) == (23, "/lines/0/plan/code")
    assert len(RULES) == 231 and RULES[7].text == "speed(X,200) <= code(X,FIBRA200)"


@pytest.mark.thorough
def test_each_document_alone(tmp_path: Path) -> None:
    """All 156 of them, each in a file of its own."""
    assert len(planted().texts) == N_DOCUMENTS and len(planted().errors) == N_ERRORS
    for stem, error in planted().errors.items():
        path = tmp_path / f"{stem}.json"
        path.write_bytes(planted().texts[stem].encode())
        assert places([str(path)], wanted(error)) == expected(error, str(path))


@pytest.mark.thorough
@pytest.mark.parametrize("is_array", [False, True])
def test_all_documents_in_one_file(tmp_path: Path, is_array: bool) -> None:
    """In one pass; as an array, which is what the pointers begin in, or one behind the other."""
    path = tmp_path / "all.json.gz"
    texts = planted().texts
    text = "[" + ",".join(texts.values()) + "]" if is_array else "\n".join(texts.values())
    path.write_bytes(gzip.compress(text.encode(), 1))
    want: list[Wanted] = []
    where: list[Place] = []
    line = 1
    for number, (stem, document) in enumerate(texts.items()):
        if stem in planted().errors:
            error = planted().errors[stem]
            want += wanted(error)
            where += expected(error, str(path), line, f"/{number}" if is_array else "")
        line += document.count("\n") + (not is_array)
    assert len(want) == 2 * N_ERRORS
    assert places([str(path)], want) == where


def test_many_files(tmp_path: Path) -> None:
    """One graph of many files, read in one pass."""
    documents = planted(SOME, 16)
    paths = []
    for stem, text in documents.texts.items():
        paths.append(str(tmp_path / f"{stem}.json"))
        Path(paths[-1]).write_bytes(text.encode())
    options = EncodeOptions()
    report = encode_quietly(paths, PrivateGraph(), options)
    want = [one for error in documents.errors.values() for one in wanted(error)]
    found = find_places(PlaceSources(paths, options, report.input_hash), want)
    assert found == [
        place
        for stem, error in documents.errors.items()
        for place in expected(error, str(tmp_path / f"{stem}.json"))
    ]


@pytest.mark.thorough
def test_rules_catch_the_planted_errors(tmp_path: Path) -> None:
    """All of them, and nothing else: what the documents are made for."""
    documents = planted(SOME, 16)
    rules, triples = tmp_path / "rules.tsv", tmp_path / "all.json"
    rules.write_text(documents.rule_lines())
    triples.write_text("\n".join(documents.texts.values()))

    def violations() -> Iterator[tuple[int, tuple[str, ...]]]:
        for outcome in pff_stream.validate(str(rules), str(triples)):
            for example in outcome.examples:
                yield outcome.line, tuple(example.head)

    errors = documents.errors.values()
    assert sorted(violations()) == sorted((error.rule, error.triple) for error in errors)
