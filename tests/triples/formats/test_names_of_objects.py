"""How json-2 names objects and relations: escapes, ids of several keys, and limits."""

from __future__ import annotations

import pytest

from pff_stream.errors import InputError
from pff_stream.triples.options import DocumentOptions
from tests.triples.formats.test_documents import lines_of

NAMES = [
    ('{"a/b": {"x": 1}, "a": {"b": {"x": 2}}}', ["test/a~1b", "test/a", "test/a/b"]),
    ('{"a": [{"x": 1}], "a/0": {"x": 2}}', ["test/a/0", "test/a~10"]),
    ('{"a#0": {"x": 1}, "~": {"x": 1}}', ["test/a~20", "test/~0"]),
    ('{"": {"x": 1}, "~3": {"x": 2}}', ["test/~3", "test/~03"]),
]


@pytest.mark.parametrize(("text", "names"), NAMES)
def test_two_objects_have_two_names(text: str, names: list[str]) -> None:
    """What joins the parts of a path is escaped in its keys; not so by json-1."""
    found = dict.fromkeys(line.split(" | ")[0] for line in lines_of(text))
    assert [name for name in found if name != "test"] == names
    old = DocumentOptions(mapping="json-1")
    assert not any(
        "~" in line for line in lines_of(text.replace("~", ""), options=old, policy="skip")
    )


def test_stems_are_escaped() -> None:
    """A file may be named as an element of another would be."""
    assert lines_of('{"a": {"b": 1}}', "x#0~.json")[0] == "x~20~0 | a | x~20~0/a"
    options = DocumentOptions(mapping="json-1")
    assert lines_of('{"a": 1}', "x#0~.json", options)[0] == "x#0~ | a | 1"


def test_relations_are_verbatim() -> None:
    """Rules that were mined hold them; only the empty key, and what looks like it, is escaped."""
    text = '{"a.b": 1, "a/b": 2, "~": 3, "": 4, "~3": 5, "~03": 6, "~4": 7, "~33": 8}'
    found = [line.split(" | ")[1] for line in lines_of(text)]
    assert found == ["a.b", "a/b", "~", "~3", "~03", "~003", "~4", "~33"]


def test_relations_that_are_paths() -> None:
    """A dot in a key is no dot between keys."""
    text = '{"a.b": 1, "a": {"b": 2, "": 3, "~4": 4, "c/d#": 5}}'
    found = [line.split(" | ")[1] for line in lines_of(text, options=DocumentOptions(None, "path"))]
    assert found == ["a~4b", "a", "a.b", "a.~3", "a.~04", "a.c/d#"]


@pytest.mark.parametrize(
    "text", ['{"a": "", "b": 1}', '{"a": ["", {}], "b": 1}', '{"a": [[""]], "id": "", "b": 1}']
)
@pytest.mark.parametrize("mapping", ["json-1", "json-2"])
def test_empty_values_give_nothing(text: str, mapping: str) -> None:
    """Like null: no triple, and nothing is named by it."""
    assert lines_of(text, options=DocumentOptions(mapping=mapping)) == ["test | b | 1"]


@pytest.mark.parametrize(
    ("id_key", "text", "name"),
    [
        ("resourceType,id", '{"resourceType": "Patient", "id": 1}', "Patient/1"),
        ("type, id", '{"id": "1", "type": "a"}', "a/1"),
        ("type,id", '{"id": "1"}', "test"),
        ("type,id", '{"id": "1", "type": ["a"]}', "test"),
        ("_id.$oid", '{"_id": {"$oid": "65f0"}}', "65f0"),
        ("_id.$oid", '{"_id.$oid": 3, "_id": {"$oid": "65f0"}}', "3"),
        ("a.b.c", '{"a": {"b": {"c": 5}}}', "5"),
        ("a.b.c", '{"a": {"b": [{"c": 5}]}}', "test"),
        ("a.b", '{"a": {"b": 5}, "a": {"b": null}}', "test"),
        ("a.b", '{"a": {"b": 5}, "a": 6}', "test"),
        ("x~4y.z", '{"x.y": {"z": 5}}', "5"),
    ],
)
def test_ids_of_several_keys(id_key: str, text: str, name: str) -> None:
    """All parts of an id are needed; a key with dots leads into objects, never into arrays."""
    assert lines_of(text, options=DocumentOptions(id_key))[0].split(" | ")[0] == name


def test_names_by_paths_are_bounded() -> None:
    """A small text can make names without end: it is refused where they pass a limit."""
    inner = "[" + ",".join(['{"x":1}'] * 20_000) + "]"
    text = "".join(f'{{"{"k" * 200}{i}":' for i in range(450)) + inner + "}" * 450
    with pytest.raises(InputError, match="whose names, by their paths, take over"):
        lines_of(text)
