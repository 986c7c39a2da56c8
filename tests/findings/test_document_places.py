"""Where triples stand in any documents, as an independent reading of the text has it."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.files.decoders import DecoderMemory
from pff_stream.findings.places import ANY, Place, PlaceSources, Wanted, find_places
from pff_stream.triples.encode import PrivateGraph, encode_quietly
from pff_stream.triples.formats.mapping import id_parts
from pff_stream.triples.options import DocumentOptions, EncodeOptions
from tests.examples import examples
from tests.findings.place_reference import Met, Node, line_at, met, parsed, token
from tests.triples.formats.document_reference import Reference, is_good
from tests.triples.formats.test_any_document import _OBJECTS

_SHAPES = ("lines", "array", "alone", "behind a blank line", "windows")


def opened(
    text: bytes, path: str, block_bytes: int = 1, decoders: DecoderMemory | None = None
) -> Generator[bytes]:
    """A text in place of files."""
    yield from (text[at : at + block_bytes] for at in range(0, len(text), block_bytes))


def laid_out(documents: list[str], shape: str) -> tuple[str, str]:
    """The text of a file, and its name."""
    if shape == "array":
        return "\n[\n" + " ,\n null, ".join(documents) + "]\n", "test.json"
    if shape == "alone":
        return "\ufeff\n" + documents[0], "test.json"
    between = {"lines": "\n", "behind a blank line": "\n \n", "windows": "\r\n"}[shape]
    return between.join(documents), "test.jsonl"


def everything(text: str, shape: str, reference: Reference) -> list[Met]:
    """All that is met in a text."""
    found: list[Met] = []
    at = index = 0
    text = text.replace("\ufeff", " ")
    if shape == "array":
        whole, _ = parsed(text)
        assert isinstance(whole.value, list)
        for index, node in enumerate(whole.value):
            if node.value is not None:
                found += met(node, reference, f"test#{index}", f"/{index}")
        return found
    while text[at:].strip(" \t\r\n"):
        node, at = parsed(text, at)
        stem = "test" if shape == "alone" else f"test#{index}"
        found += met(node, reference, stem, "")
        index += 1
    return found


def first(found: list[Met], wanted: Wanted) -> Met | None:
    """The first triple that is the one that is wanted."""
    names = [(name or b"").decode() for name in wanted]
    for one in found:
        if len(one.triple) == 3 and all(
            name in ("", is_there) for name, is_there in zip(names, one.triple, strict=True)
        ):
            return one
    return None


def is_name(name: str) -> bool:
    """Whether an entity can have it."""
    return is_good((name, "r", "o"))


@pytest.mark.thorough
@given(
    st.lists(_OBJECTS, min_size=1, max_size=3),
    st.sampled_from(_SHAPES),
    st.integers(1, 40),
    st.sampled_from([None, "id", "type,id", "_id.$oid", "a.b,_id.$oid"]),
    st.sampled_from(["json-1", "json-2"]),
    st.booleans(),
)
@examples(200)
def test_places_in_any_documents(
    documents: list[str], shape: str, cut: int, id_key: str | None, mapping: str, by_path: bool
) -> None:
    """All triples, all that have two names of one, and values of objects that are not there."""
    text, path = laid_out(documents, shape)
    reference = Reference(mapping, by_path, id_parts(id_key))
    found = [
        one
        for one in everything(text, shape, reference)
        if (is_good(one.triple) if len(one.triple) == 3 else is_name(one.triple[0]))
    ]
    expected: dict[Wanted, tuple[int, str] | None] = {(b"nobody", b"r", None): None}
    for one in found:
        names = tuple(name.encode() for name in one.triple)
        if len(names) == 3:
            s, r, o = names
            for wanted in ((s, r, o), (s, r, ANY), (ANY, r, o)):
                earliest = first(found, wanted)
                assert earliest is not None
                expected[wanted] = line_at(text, earliest.at), earliest.pointer
            continue
        earliest = next(other for other in found if other.triple == one.triple)
        for key in ("a.b/~c", "", "~3", "tab\t\\t", "é"):
            relation = reference.relation(key, earliest.above)
            if relation and not (by_path and not key and mapping == "json-1"):
                expected[names[0], relation.encode(), None] = (
                    line_at(text, earliest.at),
                    earliest.pointer + token(key),
                )
    options = EncodeOptions(
        documents=DocumentOptions(id_key, "path" if by_path else "key", mapping=mapping),
        on_bad_triple="skip",
        block_bytes=cut,
        open=partial(opened, text.encode()),
    )
    report = encode_quietly([path], PrivateGraph(), options)
    got = find_places(PlaceSources([path], options, report.input_hash), list(expected))
    places = [where and Place(path, *where) for where in expected.values()]
    assert got == places


def test_the_reference_reads_json() -> None:
    """Of a key that stands twice the last value, at the place of the first."""
    node, end = parsed(' {"a": 1, "b": [true, {}], "a": "\\u00e9"}')
    assert node.plain() == {"a": "é", "b": [True, {}]} and end == 41
    assert isinstance(node.value, dict) and node.value["a"] == Node(32, "é")
