"""Places that the first walk keeps are those that a second walk finds."""

from __future__ import annotations

import json
import random

import pytest

from pff_stream.findings.places import ANY, looked_up
from pff_stream.notes import Notes
from pff_stream.triples._graph import GraphView
from pff_stream.triples._places import WantedPlaces
from pff_stream.triples._spots import ANY_ID, NOWHERE, places_at
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.text import TextReader
from pff_stream.triples.held import Unlimited
from pff_stream.triples.options import DocumentOptions, EncodeOptions
from pff_stream.triples.quick import QuickEncoder

Ids = tuple[int, int, int]

DOCUMENTS = [
    '{"a":1}',
    '{"@id":"x","a":["y","y",{"@id":"y","b":"x"}],"b":{"c":{"d":[[1],[2,[3]]]}}}',
    '[{"@id":"x","a":"y"},\n {"@id":"y","a":{"@id":"x","b":"z"}} ,{"a":"y"}]\n',
    '{"a":1, "b":2, "a":{"c":3}, "b":[4]}',
    '{"a":1, "b":"{", "c":"[,:\\"", "d":{"e":"}"}}',
    '{"":"v","~":"w","a/b":{"~1":"x"},"\\u00e9\\ud83d\\ude00":["\\u0041\\n"]}',
    '{"a":{},"b":[],"c":[{},{"d":null},{"e":""}],"f":true}',
    '{ "@id" : "document" ,\r\n "a" :\t[ 1.5e3 , -2 , false ]\n}',
    "[]",
    "{}",
]


def text_of(value: object, draw: random.Random) -> str:
    """JSON with blanks, and keys that stand twice."""

    def blank() -> str:
        return draw.choice(["", "", " ", "\n", "\t "])

    if isinstance(value, dict):
        members = [*value.items()]
        if members and draw.random() < 0.2:
            members.insert(draw.randrange(len(members)), draw.choice(members))
        parts = [f"{json.dumps(key)}{blank()}:{text_of(one, draw)}" for key, one in members]
        return f"{{{blank()}{','.join(parts)}{blank()}}}"
    if isinstance(value, list):
        return f"[{blank()}{','.join(text_of(one, draw) for one in value)}{blank()}]"
    return blank() + json.dumps(value, ensure_ascii=draw.random() < 0.5) + blank()


def drawn(draw: random.Random, depth: int = 0) -> object:
    """A value, mostly an object."""
    kind = draw.random()
    if depth and kind < 0.4:
        return draw.choice(["x", "y", "zé", "", "/~", 1, 2.5, None, True])
    if depth and kind < 0.6:
        return [drawn(draw, depth + 1) for _ in range(draw.randrange(4))]
    found = {} if draw.random() < 0.5 else {"@id": draw.choice(["x", "y", "zé", "w"])}
    keys = draw.sample(["a", "b", "c/d", "e~", "é", ""], draw.randrange(5))
    return found | {key: drawn(draw, depth + 1) if depth < 4 else "x" for key in keys}


def texts(seed: int) -> list[str]:
    """Documents, and arrays of them."""
    draw = random.Random(seed)
    found = []
    for _ in range(200):
        value = drawn(draw)
        if draw.random() < 0.3:
            value = [drawn(draw) for _ in range(draw.randrange(4))]
        found.append(text_of(value, draw).strip(" \t\n"))
    return found


def looked_for(graph: GraphView) -> list[Ids]:
    """All that can be asked for."""
    entities = [(one, ANY_ID, ANY_ID) for one in range(graph.n_entities)]
    triples = list(graph.triples())
    open_ones = [(s, r, ANY_ID) for s, r, _ in triples] + [(ANY_ID, r, o) for _, r, o in triples]
    absent = [(o, r, s) for s, r, o in triples] + [(ANY_ID, ANY_ID, ANY_ID)]
    return [*entities, *triples, *open_ones, *absent]


def by_second_walk(
    text: bytes, graph: GraphView, wanted: list[Ids], options: EncodeOptions
) -> list[tuple[int, str] | None]:
    """Lines and pointers as places are looked up where nothing was kept."""
    names = []
    for subject, relation, object_ in wanted:
        names.append(
            (
                ANY if subject == ANY_ID else graph.entity_name(subject),
                b"" if relation == ANY_ID else graph.relation_name(relation),
                ANY if object_ == ANY_ID else graph.entity_name(object_),
            )
        )
    known = [one for one in names if one != (ANY, b"", ANY)]

    def read(asked: WantedPlaces) -> None:
        reader = TextReader(options.documents, BadTriples("skip"))
        reader.find(asked)
        for _ in reader.blocks_of(("d", "d"), iter([text]), Unlimited(), lines=False):
            pass

    found = dict(zip(known, looked_up(known, read, options, Notes()), strict=True))
    places = [found.get(one) for one in names]
    return [
        None if one is None or one.pointer is None else (one.line, one.pointer) for one in places
    ]


@pytest.mark.parametrize("given", [DOCUMENTS, texts(1), texts(2)], ids=["plain", "drawn", "more"])
def test_the_first_walk_knows_what_a_second_one_finds(given: list[str]) -> None:
    """Documents, arrays, keys that stand twice, escapes, ids, blanks."""
    options = EncodeOptions(documents=DocumentOptions())
    encoder = QuickEncoder(options, keeps_spots=True, hashes=False)
    n_told = n_quick = 0
    for text in map(str.encode, given):
        encoded = encoder.of_text("d", "d", text)
        if encoded is None:
            continue
        n_quick += 1
        graph = GraphView(encoded)
        wanted = looked_for(graph)
        asked = memoryview(
            b"".join(number.to_bytes(4, "little") for one in wanted for number in one)
        )
        spots = encoder.spots(text, asked.cast("I", [len(wanted), 3]))
        if spots is None:
            continue
        n_told += 1
        offsets = memoryview(spots).cast("I")
        at = places_at(text, offsets)
        assert at is not None
        found = [None if one == NOWHERE else at[one] for one in offsets]
        assert found == by_second_walk(text, graph, wanted, options), text
    assert n_told > n_quick / 2 > 3


def test_what_is_not_kept_is_not_told() -> None:
    """Of many lines nothing is kept, nor where it is not asked for; the next document is told."""
    options = EncodeOptions(documents=DocumentOptions())
    asked = memoryview(bytes(12)).cast("I", [1, 3])
    text = b'{"a":[' + b",".join(b"%d" % n for n in range(40_000)) + b"]}"
    encoder = QuickEncoder(options, keeps_spots=True)
    assert encoder.of_text("d", "d", text) is not None
    assert encoder.spots(text, asked) is None
    assert encoder.of_text("d", "d", b'{"a":1}') is not None
    assert encoder.spots(b'{"a":1}', asked) is not None
    unkept = QuickEncoder(options)
    assert unkept.of_text("d", "d", b'{"a":1}') is not None
    assert unkept.spots(b'{"a":1}', asked) is None


def test_very_long_pointers_are_left_to_the_second_walk() -> None:
    """It has its own way to tell of them."""
    options = EncodeOptions(documents=DocumentOptions())
    text = json.dumps({"k" * 70_000: {"a": 1}}).encode()
    encoder = QuickEncoder(options, keeps_spots=True)
    encoded = encoder.of_text("d", "d", text)
    assert encoded is not None
    triple = next(one for one in GraphView(encoded).triples() if one[1] == 1)
    asked = memoryview(b"".join(number.to_bytes(4, "little") for number in triple))
    spots = encoder.spots(text, asked.cast("I", [1, 3]))
    assert spots is not None
    assert places_at(text, memoryview(spots).cast("I")) is None
