"""What a document takes is counted in its text: what the interpreter's own parser makes of it."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import RefusedError
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.document_memory import DocumentCounts, at_most
from pff_stream.triples.formats.elements import Element, split_elements
from pff_stream.triples.formats.json import DocumentReader
from pff_stream.triples.held import HeldMemory, Unlimited
from pff_stream.triples.options import DocumentOptions

MIB = 1 << 20
TEXTS = st.text(max_size=40) | st.text("ab\\\n\té\U0001f600", max_size=9)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=40,
)
DOCUMENTS = st.dictionaries(TEXTS, VALUES)


def counted(text: str, cut: int = 1 << 18) -> Element:
    """The only document of a text, cut into blocks."""
    data = text.encode("utf-8", "surrogatepass")
    blocks = (data[start : start + cut] for start in range(0, len(data), cut))
    (element,) = split_elements("x", blocks, Unlimited(), lines=False, max_document_bytes=1 << 62)
    return element


def allocated(n_bytes: int) -> int:
    """Pools are of sizes in steps of 16; above 512 there is a head of 8."""
    return (n_bytes + (8 if n_bytes > 512 else 0) + 15) & ~15


def held(value: Any, seen: set[int]) -> int:
    """What the objects take, each once."""
    if id(value) in seen or value is None or isinstance(value, bool):
        return 0
    seen.add(id(value))
    if isinstance(value, str):
        shared = len(value) <= 1 and value <= "\xff"
        return 0 if shared else allocated(sys.getsizeof(value))
    if isinstance(value, list):
        rows = sys.getsizeof(value) - sys.getsizeof([])
        head = allocated(sys.getsizeof([])) + (allocated(rows) if rows else 0)
        return head + sum(held(one, seen) for one in value)
    table = sys.getsizeof(value) - sys.getsizeof({})
    head = allocated(sys.getsizeof({})) + (allocated(table) if table else 0)
    return head + sum(held(key, seen) + held(one, seen) for key, one in value.items())


def parsed(text: str) -> Any:
    """As the reader of documents has it."""
    decoder = json.JSONDecoder(object_pairs_hook=dict, parse_int=str, parse_float=str)
    return decoder.decode(text)


@given(DOCUMENTS, st.booleans())
def test_objects_are_counted_one_by_one(document: dict[str, Any], ascii_only: bool) -> None:
    """Never too few; over by no more than the pairs of objects, and what escapes leave."""
    text = json.dumps(document, ensure_ascii=ascii_only)
    counts = counted(text).counts
    real = held(parsed(text), set())
    pairs = 64 * (text.count(":") + text.count("{") + 1)
    assert real <= counts.parsed_bytes <= counts.parsing_bytes
    assert counts.parsed_bytes <= real + pairs + len(text) * (2 if "\\" in text else 0)
    assert counts.text_bytes >= sys.getsizeof(text) or not counts.width > 1


@given(DOCUMENTS, st.integers(1, 9))
def test_where_blocks_are_cut_does_not_matter(document: dict[str, Any], cut: int) -> None:
    """Also within characters, escapes and numbers."""
    text = json.dumps(document, ensure_ascii=False)
    assert counted(text, cut).counts == counted(text).counts


@given(st.lists(st.sampled_from(["\\ud83d", "\\ude00", "\\u0041", "\\n", "x", "é"]), max_size=9))
def test_half_a_character_is_found(parts: list[str]) -> None:
    """An escape of a surrogate without its other half, as the parser joins them."""
    text = '{"a":"' + "".join(parts) + '"}'
    lone = re.search("[\ud800-\udfff]", parsed(text)["a"]) is not None
    assert counted(text).lone_surrogate == lone


@pytest.mark.parametrize(
    ("item", "bytes_each"), [("[]", 64 + 8), ("{}", 64 + 8), ("true", 8), ("1", 8), ("10", 64 + 8)]
)
def test_flat_arrays(item: str, bytes_each: int) -> None:
    """A list of 64 bytes for each two of the text is what a bound has to be for."""
    n = 200_000
    counts = counted('{"a":[' + ",".join([item] * n) + "]}").counts
    assert abs(counts.parsing_bytes - bytes_each * n) < 4096


@pytest.mark.parametrize("item", ["[" * 480 + "]" * 480, '{"a":' * 480 + "1" + "}" * 480, "[]"])
def test_nothing_takes_more_than_the_bound(item: str) -> None:
    """By the size of the text alone; arrays in arrays come near it."""
    text = '{"a":[' + ",".join([item] * (MIB // len(item))) + "]}"
    most = counted(text).counts.while_parsing
    assert most <= at_most(len(text))
    assert "[[" not in item or at_most(len(text)) < most * 5 // 4


def test_a_long_text_is_copied_so_often() -> None:
    """Read, decoded, as an object; then as a line, and encoded."""
    counts = counted(json.dumps({"a": "x" * MIB})).counts
    assert 2 * MIB < counts.while_parsing < 2 * MIB + 4096
    assert 3 * MIB < counts.while_walking(by_path=False) < 3 * MIB + 4096
    wide = counted(json.dumps({"a": "\U0001f600" + "x" * MIB}, ensure_ascii=False)).counts
    assert 8 * MIB < wide.while_parsing < 8 * MIB + 4096
    doubled = counted(json.dumps({"a": "\n" * MIB})).counts
    assert doubled.longest_characters == 2 * MIB


def test_names_of_what_is_open_are_counted() -> None:
    """An object in an object in an array is named by all keys and places above it."""
    text = '{"abc":[1,{"de":{"f":1}}]}'
    paths = [1 + 1, 2 + 4, 6 + 2, 8 + 3]  # the document; /abc; /1; /de: open all at once
    assert counted(text).counts.path_characters == sum(paths) + 3 * paths[-1]


@dataclass(slots=True)
class Limited(HeldMemory):
    """So much fits."""

    limit_bytes: int
    most_bytes: int = 0
    refused: list[int] = field(default_factory=list)

    def fits(self, n_bytes: int) -> bool:
        """As the limit says."""
        return n_bytes <= self.limit_bytes

    def expect(self, n_bytes: int, what: str) -> None:
        """Notes what is refused."""
        if not self.fits(n_bytes):
            self.refused.append(n_bytes)
            raise RefusedError(what)

    def hold(self, n_bytes: int) -> None:
        """Notes the most."""
        self.most_bytes = max(self.most_bytes, n_bytes)


def test_what_does_not_fit_is_refused_before_it_is_parsed() -> None:
    """With what all of it would take, though no more of it was kept than fits."""
    document = json.dumps({"a": [[] for _ in range(300_000)]}).encode()
    reader = DocumentReader(DocumentOptions(), BadTriples("fail"))
    blocks = [document[start : start + 65536] for start in range(0, len(document), 65536)]
    memory = Limited(4 * MIB)
    with pytest.raises(RefusedError, match=r"x.json, line 1 \(byte 0\): the document that begins"):
        list(reader.triple_blocks("x.json", blocks, memory))
    (refused,) = memory.refused
    assert memory.most_bytes == 0
    roomy = Limited(refused)
    assert not list(reader.triple_blocks("y.json", blocks, roomy))
    assert roomy.most_bytes == refused


def test_counts_of_all_documents_are_told() -> None:
    """Each is expected, then held while it is parsed and walked."""
    told: list[int] = []

    class Told(Unlimited):
        def hold(self, n_bytes: int) -> None:
            told.append(n_bytes)

    reader = DocumentReader(DocumentOptions(), BadTriples("fail"))
    list(reader.triple_blocks("x.jsonl", [b'{"a":1}\n{"b":[1,2]}\n'], Told()))
    expected: list[int] = []
    for text in ('{"a":1}', '{"b":[1,2]}'):
        counts: DocumentCounts = counted(text).counts
        expected += [counts.while_parsing, counts.while_walking(by_path=False)]
    assert told == expected
