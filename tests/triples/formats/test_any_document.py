"""Any document, cut anywhere into blocks, becomes the triples of the mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.triples.formats.json import DocumentReader
from pff_stream.triples.formats.mapping import id_parts
from pff_stream.triples.held import Unlimited
from pff_stream.triples.options import DocumentOptions
from tests.examples import examples
from tests.triples.formats.document_reference import Counted, Reference, is_good, loads

Json = str
"""A text, so that keys may stand twice in it."""

_TEXTS = st.one_of(
    st.sampled_from(
        ["", "a", "~", "~3", "~03", "a/b", "a.b", "d#0", "me_myself_i", "0", "x\0", "\\"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=5),
)
_KEYS = st.one_of(st.sampled_from(["id", "@id", "_id", "$oid", "type", "a", "b/c"]), _TEXTS)


def written(value: Any, ascii_only: bool) -> Json:
    """A scalar, or a text that is JSON already in a tuple."""
    return value[0] if isinstance(value, tuple) else json.dumps(value, ensure_ascii=ascii_only)


@st.composite
def _object(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> tuple[Json]:
    pairs = draw(st.lists(st.tuples(_KEYS, inner), max_size=5))
    ascii_only, space = draw(st.booleans()), draw(st.sampled_from(["", " ", "\n\t"]))
    members = (
        f"{space}{written(key, ascii_only)}{space}:{space}{written(value, ascii_only)}{space}"
        for key, value in pairs
    )
    return ("{" + ",".join(members) + "}",)


@st.composite
def _array(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> tuple[Json]:
    values = draw(st.lists(inner, max_size=4))
    return ("[" + ",".join(written(value, draw(st.booleans())) for value in values) + "]",)


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    _TEXTS, st.sampled_from([("1E+5",), ("-0",), ('"\\ud83d\\ude00"',), ('"\\/\\b\\f\\u00e9"',)]),
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.one_of(_array(inner), _object(inner)), max_leaves=20
)
_OBJECTS = _object(_VALUES).map(lambda made: made[0])


def lines_of(text: str, path: str, options: DocumentOptions, cut: int) -> tuple[list[str], int]:
    """The lines of a file, and how many were no triples."""
    bad = Counted()
    data = text.encode()
    blocks = (data[start : start + cut] for start in range(0, len(data), cut))
    found = b"".join(DocumentReader(options, bad).triple_blocks(path, blocks, Unlimited()))
    return found.decode().split("\n")[:-1], bad.count


def expected(reference: Reference, documents: list[str], names: list[str]) -> Iterator[str]:
    """What the reference makes of them."""
    for document, name in zip(documents, names, strict=True):
        for triple in reference.document(loads(document), name):
            yield "\t".join(triple) if is_good(triple) else ""


@pytest.mark.thorough
@given(
    st.lists(_OBJECTS, min_size=1, max_size=4),
    st.integers(1, 40),
    st.sampled_from([None, "id", "type,id", "_id.$oid", "a.b,_id.$oid"]),
    st.sampled_from(["json-1", "json-2"]),
    st.booleans(),
)
@examples(400)
def test_any_value_cut_anywhere(
    documents: list[str], cut: int, id_key: str | None, mapping: str, by_path: bool
) -> None:
    """Any documents, as lines or as an array, in any blocks, give the triples of the mapping."""
    options = DocumentOptions(id_key, "path" if by_path else "key", mapping=mapping)
    reference = Reference(mapping, by_path, id_parts(id_key))
    several = list(expected(reference, documents, [f"test#{i}" for i in range(len(documents))]))
    array = "[" + ", ".join(documents) + "]"
    for (text, path), size in product(
        (("\n".join(documents), "test.jsonl"), (array, "test.json")), (cut, 1 << 18)
    ):
        lines, n_bad = lines_of(text, path, options, size)
        assert lines == [line for line in several if line]
        assert n_bad == several.count("")
    alone = [line for line in expected(reference, documents[:1], ["test"]) if line]
    assert lines_of(documents[0], "test.json", options, cut)[0] == alone


@pytest.mark.thorough
@given(_OBJECTS)
@examples(300)
def test_no_two_objects_have_one_name(document: str) -> None:
    """By their paths: as many subjects and children as there are objects with something in them."""
    reference = Reference(id_keys=((("no such key",),),))
    value = loads(document)
    children = [o for _, r, o in reference.document({"k": value}, "d") if o.startswith("d/")]

    def objects(value: Any) -> int:
        if isinstance(value, dict):
            return bool(value) + sum(map(objects, value.values()))
        return sum(map(objects, value)) if isinstance(value, list) else 0

    texts = [text for text in children if text in _all_texts(value)]
    assert texts or len(set(children)) == objects(value)


def _all_texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(_all_texts, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(_all_texts, value)) if value else set()
    return {value} if isinstance(value, str) else set()
