"""Any document, cut anywhere into blocks, becomes the triples of the mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.triples.formats.test_documents import lines_of

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: text != "me_myself_i"
)

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXTS,
)

_KEYS = st.one_of(
    st.sampled_from(["id", "@id", "a", "b/c"]),
    _TEXTS,
)

_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_KEYS, inner, max_size=4)),
    max_leaves=15,
)

_OBJECTS = st.dictionaries(_KEYS, _VALUES, max_size=4)


def expected(document: dict[str, Any], name: str) -> Iterator[tuple[str, str, str]]:
    """The mapping again, written to be read."""

    def text(value: Any) -> str:
        found = value if isinstance(value, str) else json.dumps(value)
        return found.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")

    def below(relation: str, path: str, value: Any, node: str) -> Iterator[tuple[str, str, str]]:
        if value is None or value in ({}, []):
            return
        if isinstance(value, dict):
            child = identity(value) or path
            yield node, relation, child
            yield from expected(value, child)
        elif isinstance(value, list):
            for index, element in enumerate(value):
                yield from below(relation, f"{path}/{index}", element, node)
        else:
            yield node, relation, text(value)

    def identity(value: dict[str, Any]) -> str | None:
        names = (value.get(key) for key in ("@id", "id", "msisdn"))
        good = [n for n in names if isinstance(n, (str, int, float)) and not isinstance(n, bool)]
        return text(good[0]) if good else None

    for key, value in document.items():
        yield from below(text(key), f"{name}/{text(key)}", value, name)


def named(document: dict[str, Any], stem: str) -> list[str]:
    """The expected lines of a document that is named by its id or `stem`."""
    wrapped = list(expected({"k": document}, "doc"))
    if not wrapped:
        return []
    name = stem if wrapped[0][2] == "doc/k" else wrapped[0][2]
    return [" | ".join(triple) for triple in expected(document, name)]


@given(
    st.lists(_OBJECTS, min_size=1, max_size=4),
    st.integers(1, 40),
    st.sampled_from([None, 1]),
    st.booleans(),
)
@examples(150)
def test_any_value_cut_anywhere(
    documents: list[dict[str, Any]], cut: int, indent: int | None, ascii_only: bool
) -> None:
    """Any documents, as lines or as an array, in any blocks, give the triples of the mapping."""
    texts = [json.dumps(d, indent=indent, ensure_ascii=ascii_only) for d in documents]
    lines = [line for i, document in enumerate(documents) for line in named(document, f"test#{i}")]
    array = "[" + ", ".join(texts) + "]"
    for (text, path), size in product(
        (("\n".join(texts), "test.jsonl"), (array, "test.json")), (cut, 1 << 18)
    ):
        assert lines_of(text, path, cut=size) == lines
    assert lines_of(texts[0]) == named(documents[0], "test")
