"""What documents are warned of: counted, with the first place, one thing for several."""

from __future__ import annotations

import json

import pytest

from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.json import DocumentReader
from pff_stream.triples.held import Unlimited
from pff_stream.triples.options import DocumentOptions


def said(text: str, id_key: str | None = None, path: str = "d.json") -> list[str]:
    """The warnings of one file."""
    bad = BadTriples()
    reader = DocumentReader(DocumentOptions(id_key), bad)
    list(reader.triple_blocks(path, [text.encode()], Unlimited()))
    return [*map(str, bad.notes), *reader.warnings()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', []),
        ('{"a": "",\n"b": ["x", ""]}', ["2 empty values give nothing (first: d.json, line 1)"]),
        ('{"a": [1,\n""]}', ["1 empty value gives nothing (first: d.json, line 2)"]),
        (
            '{"a": 1,\n"a": {"b": ""}}',
            [
                "1 empty value gives nothing (first: d.json, line 2)",
                (
                    "1 key stands twice in one JSON object: the last one was taken "
                    "(first: d.json, line 2)"
                ),
            ],
        ),
    ],
)
def test_empty_values_and_repeated_keys(text: str, expected: list[str]) -> None:
    """Grammar at one, and the line of the first."""
    assert sorted(said(text)) == expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('{"a": {"b": 1}, "c": {"id": "d/a"}}', 1),
        ('{"c": {"id": "d/a"}, "a": {"b": 1}}', 1),
        ('{"c": {"id": "d"}}', 1),
        ('{"c": {"id": "d/a"}, "a": 1}', 0),
        ('{"id": "d/a", "a": 1}', 0),
        ('{"c": {"id": "x"}, "e": {"id": "x/a", "k": 1}}', 0),
        ('{"c": {"id": "x", "a": {"k": 1}}, "e": {"id": "x/a", "k": 1}}', 1),
    ],
)
def test_ids_that_equal_paths(text: str, count: int) -> None:
    """Of another object of the same document, wherever it stands."""
    found = [one for one in said(text) if "paths" in one or "a path" in one]
    assert len(found) == count and all(one.startswith("1 object has a path") for one in found)


@pytest.mark.parametrize(
    ("objects", "id_key", "count"),
    [
        ([{"id": 1, "t": "a"}, {"id": 1, "t": "b"}], None, 1),
        ([{"id": 1, "t": "a"}, {"id": 1, "t": "a"}], None, 0),
        ([{"id": 1, "t": "5"}, {"id": 1, "t": 5}], None, 0),
        ([{"id": 1, "t": ["a"]}, {"id": 1, "t": ["b"]}], None, 0),
        ([{"id": 1, "t": "a"}, {"id": 2, "t": "b"}], None, 0),
        ([{"id": 1, "t": "a"}, {"id": 1, "u": "b"}], None, 0),
        ([{"id": 1, "t": "a"}, {"id": 1, "t": "b"}], "t,id", 0),
        ([{"id": 1, "t": "a", "u": "x"}, {"id": 1, "t": "b", "u": "y"}], None, 2),
        ([{"id": i % 9, "t": i} for i in range(1000)], None, 991),
    ],
)
def test_one_id_on_several_objects(objects: list[object], id_key: str | None, count: int) -> None:
    """With different scalars under one key; looked for within one document."""
    found = [one for one in said(json.dumps({"l": objects}), id_key) if "same id" in one]
    assert len(found) == (count > 0)
    assert all(int(one.split()[0]) == count for one in found)
    assert not said("\n".join(json.dumps(one) for one in objects), id_key, "d.jsonl")


def test_an_id_key_that_names_nothing() -> None:
    """Is said; not where one document has it."""
    text = '{"_id": {"$oid": "65f0"}}\n{"_id": {"$oid": "65f1"}}\n'
    (one,) = said(text, "_id", "d.jsonl")
    assert one.startswith("--id-key _id: found in none of 2 documents")
    assert said(text, "_id.$oid", "d.jsonl") == []
