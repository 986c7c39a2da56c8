"""Graph files with right checksums and hostile contents: refused, or the graph that they spell out.

What `verify` accepts is held against a slow reader of the layout, and evaluated: its counts must be
those of the reference on the triples that the file holds.
"""

from __future__ import annotations

import os
import struct
import zlib
from functools import lru_cache

from pff_stream.errors import InputError
from pff_stream.evaluate._kernel import Evaluator
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.triples.graph import attach, verify
from tests.fuzz.target import ACCEPTED, REFUSED, SEEDS, Target, check_message, edits
from tests.graphs import chunk_of_rules
from tests.reference import Graph, Triple, evaluate, parse_rule
from tests.triples.layout import Layout, read_layout
from tests.triples.memory_writer import encoded

INPUTS: tuple[list[tuple[str, str, str]], ...] = (
    [("a", "r", "b"), ("b", "r", "c"), ("c", "q", "a"), ("a", "q", "a"), ("(n", "r", "A")],
    # Enough entities for a directory instead of a bitmap, and rows of many lengths.
    [(f"e{i}", "r", f"e{i + 750}") for i in range(750)] + [("e1", "q", "e2"), ("e7", "q", "e7")],
    [],
)
BASES = [encoded(INPUTS[i])[0] for i in (*[0] * 29, 2, 2, 1)]
RULES = [
    parse_rule(text)
    for text in (
        *("q(X,Y) <= r(X,Y)", "q(X,Y) <= r(X,A), q(A,Y)", "q(X,a) <= r(X,A)", "r(X,X) <= q(X,A)"),
        *(
            "q(X,Y) <= r(X,A), q(A,B), r(B,Y)",
            "q(X,c) <= r(X,b)",
            "r(X,e1) <= q(e1,X)",
            "r(X,a) <= ",
        ),
    )
]
CHUNK = chunk_of_rules(RULES)
HEADER, TABLE_RECORD = 256, 80
MOST_TRIPLES = 100


def check(data: bytes) -> str:
    """Edits a good file, makes its checksums right again, and reads it as a run does."""
    content = _edited(bytearray(BASES[data[0] % len(BASES)] if data else BASES[0]), data[1:])
    fd = os.memfd_create("graph")
    name = f"/proc/{os.getpid()}/fd/{fd}"
    try:
        os.write(fd, content)
        verify(name)
        layout = read_layout(bytes(content))
        _check_counts(name, layout)
    except InputError as error:
        check_message(str(error), places=(f"{name}: ",))
        return REFUSED
    finally:
        os.close(fd)
    return ACCEPTED


def _edited(content: bytearray, data: bytes) -> bytearray:
    """Numbers changed where they matter: header, table and the starts of sections, or anywhere."""
    places = _places(content)
    for edit in edits(data):
        section = places[(edit.part * 256 + edit.column) % len(places)]
        width = 8 if edit.kind & 0x40 else 4 if edit.kind & 0x80 else 1
        at = (
            section
            + (edit.at % 64 if edit.at < 0xF000 else edit.at % len(content)) // width * width
        )
        if at + width > len(content):
            continue
        number = int.from_bytes(content[at : at + width], "little")
        content[at : at + width] = edit.changed(number, 8 * width).to_bytes(width, "little")
    content[56:60] = zlib.crc32(content[HEADER:]).to_bytes(4, "little")
    content[HEADER - 4 : HEADER] = zlib.crc32(content[: HEADER - 4]).to_bytes(4, "little")
    return content


def _places(content: bytes | bytearray) -> list[int]:
    """Where sections begin."""
    places = [0, 24, 64, 104, 144]
    places += [struct.unpack_from("<Q", content, at)[0] for at in (64, 72, 88, 104, 112, 128, 144)]
    for i in range(2 * int(struct.unpack_from("<Q", content, 32)[0])):
        record = places[11] + TABLE_RECORD * i
        places += [record, record + 40]
        places += [p for p in struct.unpack_from("<5Q", content, record) if p]
    return places


def _check_counts(name: str, layout: Layout) -> None:
    forward, backward = layout.rows[0::2], layout.rows[1::2]
    triples = []
    for relation, (rows, inverse) in enumerate(zip(forward, backward, strict=True)):
        pairs = {(k, v) for k, row in zip(rows.keys, rows.rows, strict=True) for v in row}
        assert pairs == {(v, k) for k, r in zip(inverse.keys, inverse.rows, strict=True) for v in r}
        triples += [
            (layout.entities[s].decode(), layout.relations[relation].decode(),
             layout.entities[o].decode())
            for s, o in sorted(pairs)
        ]  # fmt: skip
    with attach(name) as graph:
        view = graph.view
        for id_, entity in enumerate(layout.entities):
            assert view.entity_id(entity) == id_ and view.entity_name(id_) == entity
        for semantics in ("object-identity", "homomorphism"):
            sums = Evaluator(
                view, semantics, EvaluatorOptions(max_examples=3), buffer_bytes=4096
            ).evaluate(CHUNK, 0, len(RULES), lambda records: None)
            if len(triples) > MOST_TRIPLES:
                continue
            assert sums == _sums(tuple(triples), semantics)
        del view


@lru_cache(maxsize=1 << 14)
def _sums(triples: tuple[Triple, ...], semantics: str) -> tuple[int, int]:
    """Predictions and support of all rules together; many edits leave the triples as they were."""
    reference = Graph(triples)
    found = [evaluate(rule, reference, semantics) for rule in RULES]
    return sum(len(e.predictions) for e in found), sum(e.support for e in found)


TARGET = Target(
    "graph-file",
    tuple(bytes([base]) + seed for base in (0, 30, 31) for seed in SEEDS),
    (b"\x40\0\2\0", b"\x80\0\4\0", b"\0\0\6\0", b"\x81\0\x0b\0", b"\x41\0\x0c\0", b"\x83\0\x0d\0"),
    check,
)
