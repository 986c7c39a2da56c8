"""Graphs of documents, one after the other, in arrays that stay: the short way of most documents.

A document that has anything to be told of, or may take more than there is room for, goes the way of
files (`encode_quietly`): that bounds what it takes, and names the place of what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pff_stream.notes import LETTER_ENTITIES, Notes
from pff_stream.triples._encode import Encoder
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.encode import PrivateGraph, encode_quietly
from pff_stream.triples.formats._document import DocumentWalk
from pff_stream.triples.formats.document_memory import at_most
from pff_stream.triples.formats.interface import Given
from pff_stream.triples.formats.json import note_walk
from pff_stream.triples.formats.mapping import id_parts, stem_name
from pff_stream.triples.formats.text import TextFormat
from pff_stream.triples.formats.tsv import MAPPING as TSV
from pff_stream.triples.formats.tuples import triple_blocks
from pff_stream.triples.sizes import DENSEST_BYTES, document_at_most

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pff_stream.triples.options import EncodeOptions
    from pff_stream.validator.content import Content

_NO_HASH = bytes(16)
_BLANKS = b" \t\r\n"
_TRIPLE_BYTES = 1100
"""A triple in a graph at most, beside its names: the only one of its relation."""


class DocumentEncoder:
    """Encodes one document after the other; for one thread at a time."""

    def __init__(self, options: EncodeOptions) -> None:
        self._options = options._replace(formats=(TextFormat(), *options.formats))
        self._bad = BadTriples(options.on_bad_triple)
        self._encoder = Encoder(self._bad)
        documents = options.documents
        self._injective = documents.mapping != "json-1"
        by_path = documents.predicate == "path"
        self._walk = DocumentWalk(id_parts(documents.id_key), self._injective, by_path)
        self._most_bytes = documents.max_document_bytes
        self._fixed_bytes = document_at_most(0, 0)

    def graph(self, content: Content) -> tuple[bytearray, Notes]:
        """The encoded graph, and what was noticed; what `encode_quietly` raises."""
        self._encoder.restart()
        self._bad.notes = Notes()
        found = None
        if content.text is not None:
            found = self._of_text(content.name, content.text)
        elif content.triples is not None:
            found = self._of_triples(content.name, content.triples)
        return self._general(content) if found is None else (found, self._bad.notes)

    def _of_text(self, name: str, text: bytes) -> bytearray | None:
        n_bytes = len(text)
        most = max(DENSEST_BYTES * n_bytes, at_most(n_bytes))
        if not text.startswith(b"{") or n_bytes > self._most_bytes or not self._fits(most):
            return None
        walk, feed = self._walk, self._encoder.feed
        if walk.check(text.rstrip(_BLANKS)) is not None:
            return None
        self._encoder.start_file(name, verbatim=True)
        walk.begin(stem_name(name, injective=self._injective).encode())
        while (stopped := walk.walk()) is not None:
            if stopped != "full":
                return None
            feed(walk.take())
        feed(walk.take())
        if self._options.documents.id_key is not None and not walk.named:
            return None
        note_walk(walk, self._bad.notes, name, 1)
        walk.release_document()
        return self._written(self._options.documents.mapping)

    def _of_triples(self, name: str, triples: Iterable[tuple[str, str, str]]) -> bytearray | None:
        encoder = self._encoder
        encoder.start_file(name, verbatim=True)
        most = 0
        for block in triple_blocks(name, triples, self._bad):
            most += DENSEST_BYTES * len(block) + _TRIPLE_BYTES * block.count(b"\n")
            if not self._fits(most):
                return None
            encoder.feed(block)
        self._bad.check(encoder.n_read)
        return self._written(TSV)

    def _written(self, mapping: str) -> bytearray:
        encoder = self._encoder
        encoder.end_file()
        encoder.finish_reading()
        graph = bytearray(encoder.size())
        encoder.write_into(graph, _NO_HASH, mapping, sums=False)
        self._bad.notes.count_more(LETTER_ENTITIES, int(bool(encoder.flags & 2)))
        return graph

    def _fits(self, n_bytes: int) -> bool:
        limit = self._options.memory_bytes
        return limit is None or n_bytes + self._fixed_bytes <= limit

    def _general(self, content: Content) -> tuple[bytearray, Notes]:
        room = PrivateGraph(self._options.memory_bytes)
        given = content.text if content.triples is None else content.triples
        one = Given(content.name, given) if content.path is None else content.path
        report = encode_quietly([one], room, self._options)
        return room.buffer, report.notes
