"""What a document takes: its bytes, a line, and a few numbers for its keys and objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from pff_stream.errors import RefusedError
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats._document import DocumentWalk
from pff_stream.triples.formats.document_memory import at_most
from pff_stream.triples.formats.json import DocumentReader
from pff_stream.triples.formats.mapping import id_parts
from pff_stream.triples.held import HeldMemory
from pff_stream.triples.options import DocumentOptions

MIB = 1 << 20
SHAPES: dict[str, Callable[[], str]] = {
    "empty arrays": lambda: '{"a":[' + ",".join(["[]"] * MIB) + "]}",
    "arrays in arrays": lambda: '{"a":[' + ",".join(["[" * 480 + "1" + "]" * 480] * 3000) + "]}",
    "small objects": lambda: '{"a":[' + ",".join(['{"x":1}'] * 300_000) + "]}",
    "objects with an id": lambda: (
        '{"a":[' + ",".join(f'{{"id":{i}}}' for i in range(300_000)) + "]}"
    ),
    "one string": lambda: '{"a":"' + "x" * 4 * MIB + '"}',
    "one string with an emoji": lambda: '{"a":"\U0001f600' + "x" * 4 * MIB + '"}',
    "escapes": lambda: '{"a":"' + "\\n" * 2 * MIB + '"}',
    "many keys": lambda: "{" + ",".join(f'"{i:07}":1' for i in range(300_000)) + "}",
    "one key again and again": lambda: "{" + ",".join(['"":1'] * 600_000) + "}",
    "objects in objects": lambda: '{"a":' * 400 + "1" + "}" * 400,
}
"""Large texts, made when a test needs them: each run in this process measures all of it."""


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_takes_more_than_the_bound(shape: str) -> None:
    """By the size of the text alone."""
    raw = SHAPES[shape]().encode()
    walk = DocumentWalk(id_parts(None))
    assert walk.check(raw) is None
    walk.begin(b"d")
    while walk.walk() is not None:
        walk.take()
    assert len(raw) < walk.held_bytes <= at_most(len(raw))
    if shape not in ("many keys", "one key again and again", "objects with an id"):
        assert walk.held_bytes <= 2 * len(raw) + MIB


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


@pytest.mark.parametrize("limit_bytes", [MIB // 2, 3 * MIB // 2])
def test_what_does_not_fit_is_refused_before_it_is_walked(limit_bytes: int) -> None:
    """With what all of it would take, though no more of it was kept than fits."""
    document = b'{"a":"' + b"x" * MIB + b'"}'
    reader = DocumentReader(DocumentOptions(), BadTriples("fail"))
    blocks = [document[start : start + 65536] for start in range(0, len(document), 65536)]
    memory = Limited(limit_bytes)
    with pytest.raises(RefusedError, match=r"x.json, line 1 \(byte 0\): the document that begins"):
        list(reader.triple_blocks("x.json", blocks, memory))
    assert len(memory.refused) == 1 and memory.most_bytes == 0
    roomy = Limited(3 * MIB)
    assert list(reader.triple_blocks("y.json", blocks, roomy))
    assert 2 * MIB < roomy.most_bytes < 2 * MIB + 4096
