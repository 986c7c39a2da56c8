"""Graphs of small documents, one after the other, in arrays that stay: the short way of most.

A document that has anything to be told of beside what is counted, or may take more than there is
room for, is not encoded here: `encode_quietly` bounds what it takes, and names what is wrong.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING

from pff_stream.files.sources import open_blocks
from pff_stream.notes import LETTER_ENTITIES, Notes
from pff_stream.triples._encode import Encoder
from pff_stream.triples._spots import spots
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats._document import MAX_DEPTH, DocumentWalk
from pff_stream.triples.formats._elements import ElementScanner
from pff_stream.triples.formats.document_memory import at_most
from pff_stream.triples.formats.json import JsonFormat, note_walk
from pff_stream.triples.formats.mapping import id_parts, stem_name
from pff_stream.triples.formats.tsv import MAPPING as TSV
from pff_stream.triples.formats.tuples import triple_blocks
from pff_stream.triples.inputs import FIRST_BYTES, format_of
from pff_stream.triples.sizes import DENSEST_BYTES, document_at_most

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pff_stream.triples.options import EncodeOptions

MOST_BYTES = 4 << 20
"""Of a file that is read at once."""
_BLANKS = b" \t\r\n"
_COMMA = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*")
_OPENED, _CLOSED = re.compile(rb"\[[ \t\r\n]*"), re.compile(rb"[ \t\r\n]*\]")
_TRIPLE_BYTES = 1100
"""A triple in a graph at most, beside its names: the only one of its relation."""


def plain_json(path: str, options: EncodeOptions) -> bytes | None:
    """The text of a small file that is read as JSON, as a whole; None where it is another."""
    if not path.lower().endswith(".json") or options.open is not open_blocks:
        return None
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > MOST_BYTES:
            return None
        with open(path, "rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError:
        return None
    matching = format_of(path, lambda: text[:FIRST_BYTES], options)
    return text if isinstance(matching, JsonFormat) and len(text) <= MOST_BYTES else None


class QuickEncoder:
    """Encodes one document after the other; for one thread at a time."""

    def __init__(
        self, options: EncodeOptions, *, keeps_spots: bool = False, hashes: bool = True
    ) -> None:
        """`keeps_spots`: where the triples of a text stand is kept until the next one.

        `hashes`: graphs have the hash of what they are made of, which nobody asks of a text that
        its caller holds.
        """
        self._options = options
        self._bad = BadTriples(options.on_bad_triple)
        self._encoder = Encoder(self._bad)
        documents = options.documents
        self._injective = documents.mapping != "json-1"
        by_path = documents.predicate == "path"
        self._walk = DocumentWalk(id_parts(documents.id_key), self._injective, by_path)
        self._hashes = hashes
        self._keeps_spots = keeps_spots and not by_path
        self._scanner = ElementScanner()
        self._fixed_bytes = document_at_most(0, 0)
        self._hash = hashlib.blake2b(digest_size=16)

    @property
    def notes(self) -> Notes:
        """What was noticed in the last document."""
        return self._bad.notes

    def of_text(self, source: str, stem: str, text: bytes) -> bytearray | None:
        """The graph of JSON text, of one object or an array of them; None: it goes the long way.

        `source` is its name in notes, `stem` that of documents without an id.
        """
        documents, n_bytes = self._options.documents, len(text)
        most = max(DENSEST_BYTES * n_bytes, at_most(n_bytes))
        if n_bytes > documents.max_document_bytes or not self._fits(most):
            return None
        self._begin(source)
        name = stem_name(stem, injective=self._injective)
        self._walk.keep_spots(self._keeps_spots)
        if text.startswith(b"{"):
            is_whole = self._object(source, name, text.rstrip(_BLANKS), (1, 0))
        else:
            is_whole = text.startswith(b"[") and self._array(source, name, text)
        if not is_whole:
            return None
        self._feed(self._walk.take())
        return self._written(documents.mapping)

    def spots(self, text: bytes, wanted: memoryview) -> bytes | None:
        """Where triples of the last text stand, as `_spots` tells it; None where it does not."""
        return spots(self._encoder, self._walk, text, wanted)

    def of_triples(self, source: str, triples: Iterable[tuple[str, str, str]]) -> bytearray | None:
        """The graph of tuples; None: it goes the long way. `InputError` as that has it."""
        self._begin(source)
        most = 0
        for block in triple_blocks(source, triples, self._bad):
            most += DENSEST_BYTES * len(block) + _TRIPLE_BYTES * block.count(b"\n")
            if not self._fits(most):
                return None
            self._feed(block)
        self._bad.check(self._encoder.n_read)
        return self._written(TSV)

    def of_lines(self, source: str, lines: bytes) -> bytearray | None:
        """The graph of lines that this program made of triples; None: it goes the long way."""
        self._begin(source)
        if not self._fits(DENSEST_BYTES * len(lines) + _TRIPLE_BYTES * lines.count(b"\n")):
            return None
        self._feed(lines)
        self._bad.check(self._encoder.n_read)
        return self._written(TSV)

    def _begin(self, source: str) -> None:
        self._walk.take()  # what a document left that ended with an error
        self._encoder.restart()
        self._bad.notes = Notes()
        self._hash = hashlib.blake2b(digest_size=16)
        self._encoder.start_file(source, verbatim=True)

    def _feed(self, block: bytes) -> None:
        if self._hashes:
            self._hash.update(block)
        self._encoder.feed(block)

    def _object(self, source: str, name: str, text: bytes, place: tuple[int, int]) -> bool:
        """Has the lines of an object written; False where there is more to it.

        `place` is its line in the source, from 1, and its first byte.
        """
        walk, (line, at) = self._walk, place
        if walk.check(text) is not None:
            return False
        if walk.is_empty and not walk.has_id:
            return True
        walk.spots_of(at)
        walk.begin(name.encode())
        while (stopped := walk.walk()) is not None:
            if stopped != "full":
                return False
            self._feed(walk.take())
        if self._options.documents.id_key is not None and not walk.named:
            return False
        note_walk(walk, self._bad.notes, source, line)
        walk.release_document()
        return True

    def _array(self, source: str, name: str, text: bytes) -> bool:
        """The same of the objects of an array."""
        scanner = self._scanner
        opened = _OPENED.match(text)
        assert opened is not None  # it begins with one
        at, index, line, counted = opened.end(), 0, 1, 0
        while text[at : at + 1] == b"{":
            scanner.reset()
            end = scanner.find_end(text, at)
            if end < 0 or scanner.deepest > MAX_DEPTH:
                return False
            line, counted = line + text.count(b"\n", counted, at), at
            if not self._object(source, f"{name}#{index}", text[at:end], (line, at)):
                return False
            comma = _COMMA.match(text, end)
            if comma is None:
                closed = _CLOSED.match(text, end)
                return closed is not None and not text[closed.end() :].strip(_BLANKS)
            at, index = comma.end(), index + 1
        return False

    def _written(self, mapping: str) -> bytearray:
        encoder = self._encoder
        encoder.end_file()
        encoder.finish_reading()
        graph = bytearray(encoder.size())
        encoder.write_into(graph, self._hash.digest(), mapping, sums=False)
        self._bad.notes.count_more(LETTER_ENTITIES, int(bool(encoder.flags & 2)))
        return graph

    def _fits(self, n_bytes: int) -> bool:
        limit = self._options.memory_bytes
        return limit is None or n_bytes + self._fixed_bytes <= limit
