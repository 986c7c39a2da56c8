"""JSON documents to triple lines by the mappings `json-1` and `json-2`: no converter is needed.

Covers single documents, JSON Lines and top-level arrays, each document held and walked alone. Does
not cover: JSON-LD contexts, schemas, the order of array elements (dropped by the mapping).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

from pff_stream.errors import InputError
from pff_stream.files.decoders import unpacked_name
from pff_stream.files.known import check_text
from pff_stream.files.sources import STANDARD_INPUT, shown
from pff_stream.notes import KEPT, NoteKind, Notes
from pff_stream.triples.formats._document import MAX_DOCUMENT_BYTES, DocumentWalk
from pff_stream.triples.formats.document_memory import at_most
from pff_stream.triples.formats.elements import Element, split_elements, split_lines
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.mapping import MAPPING, id_parts, stem_name
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.triples._places import WantedPlaces
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.held import HeldMemory
    from pff_stream.triples.options import DocumentOptions, EncodeOptions

_LINES_SUFFIXES = (".jsonl", ".ndjson")
_SUFFIXES = (".json", *_LINES_SUFFIXES)
_BEGINNING = re.compile(
    rb'(?:\[\s*)?(?:\{\s*(?:\}|"(?:[^"\\\x00-\x1f]|\\.)*(?:"\s*(?::|\Z)|\Z)|\Z)|\]|\Z)', re.DOTALL
)
"""An object with its first key, alone or first in an array."""
_SELF_NAME = "me_myself_i"
_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"


class JsonFormat(TripleFormat):
    """`.json`, `.jsonl` and `.ndjson`, also compressed; standard input by its content."""

    mapping = MAPPING
    name = "json"

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """By the name of a file, or by its content where the name promises nothing else."""
        if not isinstance(given, str):
            return False
        name = unpacked_name(given).lower()
        return name.endswith(_SUFFIXES) or (not name.endswith(".tsv") and is_json(first_bytes))

    def held_at_most(self, path: str, n_bytes: int, options: EncodeOptions) -> int:
        """One document, as dense as can be."""
        return at_most(min(n_bytes, options.documents.max_document_bytes))

    def reader(self, options: EncodeOptions, bad: BadTriples) -> DocumentReader:
        """Needs the options for documents."""
        return DocumentReader(options.documents, bad)


def is_json(first_bytes: bytes) -> bool:
    """Whether text that begins so is JSON: a name may begin with a brace or a bracket, too."""
    text = first_bytes.removeprefix(_BOM).lstrip(_BLANKS)
    if not text.startswith((b"{", b"[")):
        return False
    return _BEGINNING.match(text) is not None or b"\t" not in text.partition(b"\n")[0]


def document_stem(path: str) -> str:
    """What documents without an id are named by: the file's name without its suffixes."""
    if path == STANDARD_INPUT:
        return "stdin"
    name = PurePath(unpacked_name(path)).name
    return PurePath(name).stem if name.lower().endswith(_SUFFIXES) else name


class DocumentReader(TripleReader):
    """Turns files of documents into triple lines, and remembers which file stems named documents.

    Notes of empty values, of keys that stand twice and of ids that may not be meant go to `bad`.
    """

    def __init__(self, options: DocumentOptions, bad: BadTriples) -> None:
        self.mapping = options.mapping
        self._id_key = options.id_key
        self._documents = self._named = 0
        self._bad = bad
        self._injective = options.mapping != "json-1"
        self._most_bytes = min(options.max_document_bytes, MAX_DOCUMENT_BYTES)
        self._naming = id_parts(options.id_key), self._injective, options.predicate == "path"
        self._walk = DocumentWalk(*self._naming)
        self._wanted: WantedPlaces | None = None
        self._stems: dict[str, int] = {}
        self._files = 0

    def lines(self, source: TripleSource) -> LineBlocks:
        """The lines of all documents of a file."""
        check_text(source.name, source.first_bytes, "JSON")
        return LineBlocks(self.triple_blocks(str(source.given), source.blocks, source.memory))

    def find(self, wanted: WantedPlaces) -> bool:
        """Documents are walked by what looks for them, and knows their pointers."""
        from pff_stream.triples._places import PlaceWalk

        self._walk, self._wanted = PlaceWalk(*self._naming, wanted), wanted
        return True

    def warnings(self) -> list[str]:
        """Of a key that was to name entities and named none."""
        if self._id_key is None or not self._documents or self._named:
            return []
        found = counted(self._documents, "document")
        return [
            (
                f"--id-key {self._id_key}: found in none of {found}; names come from the "
                "place instead (keys inside of an object are written with a dot: _id.$oid)"
            )
        ]

    def triple_blocks(
        self, path: str, blocks: Iterable[bytes], memory: HeldMemory
    ) -> Iterator[bytes]:
        """Yields blocks of whole lines `subject TAB relation TAB object`, UTF-8, for one file.

        Raises `InputError` for what is no JSON document, with file, line and byte, and what
        `memory` raises for a document that takes too much.
        """
        lines = unpacked_name(path).lower().endswith(_LINES_SUFFIXES)
        yield from self.blocks_of((shown(path), document_stem(path)), blocks, memory, lines=lines)

    def blocks_of(
        self, names: tuple[str, str], blocks: Iterable[bytes], memory: HeldMemory, *, lines: bool
    ) -> Iterator[bytes]:
        """The same of text by its name in messages, and by that of a document without an id."""
        self._files += 1
        source, most = names[0], self._most_bytes
        stem = stem_name(names[1], injective=self._injective)
        if lines and self._bad.policy != "fail":
            elements = split_lines(source, blocks, memory, max_document_bytes=most)
            check = self._is_document
        else:
            elements = split_elements(source, blocks, memory, lines=lines, max_document_bytes=most)
            check = self._check_document
        for element in elements:
            if check(source, element, memory):
                yield from self._document_blocks(source, stem, element, memory)
        if self._walk.pending_bytes:
            yield self._walk.take()

    def _check_document(self, source: str, element: Element, memory: HeldMemory) -> bool:
        """Has the walk take the document; raises `InputError` where it is none."""
        place = f"{source}, line {element.line} (byte {element.offset})"
        if not element.is_whole:  # nor will it and its longest value
            memory.expect(2 * element.n_bytes, f"{place}: the document that begins here")
        raw = element.take()
        try:
            fault = self._walk.check(raw)
        except MemoryError:
            # Its tables did not fit: told of the document, and not only of what was read so far.
            memory.expect(at_most(len(raw)), f"{place}: the document that begins here, at most,")
            raise
        if fault is not None:
            raise _wrong(source, element, raw, *fault)
        return True

    def _is_document(self, source: str, element: Element, memory: HeldMemory) -> bool:
        """The same of a line of JSON Lines; one that is no document is skipped and counted."""
        try:
            if element.n_bytes > self._most_bytes:
                raise InputError(f": found a document of over {self._most_bytes} bytes")
            if element.raw[:1] not in (b"{", b""):
                found = bytes(element.raw[:20]).decode("utf-8", "backslashreplace")
                raise InputError(f": found {found!r}, expected an object")
            return self._check_document(source, element, memory)
        except InputError as error:
            self._bad.add(source, element.line, str(error).partition(": ")[2])
            return False

    def _document_blocks(
        self, source: str, stem: str, element: Element, memory: HeldMemory
    ) -> Iterator[bytes]:
        """The lines of one document, as far as they fill a block."""
        walk = self._walk
        place = f"{source}, line {element.line} (byte {element.offset})"
        memory.expect(walk.held_bytes, f"{place}: the document that begins here")
        memory.hold(walk.held_bytes)
        self._documents += 1
        name = stem if element.index is None else f"{stem}#{element.index}"
        if not walk.has_id:
            if walk.is_empty:
                return
            self._claim_stem(source, stem)
        walk.begin(name.encode())
        while (stopped := walk.walk()) is not None:
            if stopped == "full":
                yield walk.take()
            elif isinstance(stopped, bytes):
                self._add_bad(source, element.line + walk.line_of(walk.place), stopped)
            else:
                raise InputError(
                    f"{place}: found objects in the document that begins here whose names, by "
                    f"their paths, take over {walk.names_limit} bytes, expected fewer or shorter "
                    "ones (an id names an object shortly: --id-key KEY)"
                )
        memory.hold(walk.held_bytes)
        if self._wanted is not None:
            before = f"/{element.index}".encode() if element.in_array else b""
            self._wanted.settle(source, lambda at: element.line + walk.line_of(at), before)
        self._named += walk.named
        note_walk(walk, self._bad.notes, source, element.line)
        walk.release_document()

    def _claim_stem(self, source: str, stem: str) -> None:
        if self._stems.setdefault(stem, self._files) != self._files:
            raise InputError(
                f"{source}: another file has the same stem {stem!r}, and both hold documents "
                "without an id: they would become one entity. Name the key that tells them apart "
                "(--id-key KEY), or rename one file"
            )

    def _add_bad(self, source: str, line: int, written: bytes) -> None:
        """Tells of a line that is no triple."""
        text = written.decode()[:-1]
        names = text.split("\t")
        if "" in names:
            empty = ("subject", "relation", "object")[names.index("")]
            message = f"found an empty {empty} in {text[:80]!r}, expected a name"
        elif "\0" in text:
            message = f"found a NUL character in {text[:80]!r}, expected none"
        else:
            message = f"found the entity {_SELF_NAME} in {text[:80]!r}, which nothing can be named"
        self._bad.add(source, line, message)


_SAME_ID = (
    "from what another object of the same id has under the same key: they become one entity; "
    "several keys may tell them apart: --id-key resourceType,id"
)
_NOTES = {
    "empty values": NoteKind(
        "empty_values", "empty value gives nothing", "empty values give nothing"
    ),
    "repeated keys": NoteKind(
        "repeated_keys",
        "key stands twice in one JSON object: the last one was taken",
        "keys stand twice in one JSON object: the last one was taken",
    ),
    "ids like paths": NoteKind(
        "ids_like_paths",
        "object has a path that is the id of another object, too: they become one entity",
        "objects have paths that are the id of another object, too: they become one entity",
    ),
    "ids of several": NoteKind(
        "ids_of_several", f"value differs {_SAME_ID}", f"values differ {_SAME_ID}"
    ),
}
"""What the walk notes, by its names."""


def note_walk(walk: DocumentWalk, notes: Notes, source: str, line: int) -> None:
    """Adds what was noticed in a document that begins in this line."""
    for name, (count, places) in walk.noted().items():
        kind = _NOTES[name]
        for at in places[: KEPT - len(notes.first(kind))]:
            count -= 1
            notes.add(kind, source, line + walk.line_of(at), "")
        notes.count_more(kind, count)


def _wrong(
    source: str, element: Element, raw: bytes | bytearray, found: str, at: int | None
) -> InputError:
    """What is wrong in a document, at a place of it."""
    if at is None:
        found += " in the document that begins here, expected text that UTF-8 can write"
        at = 0
    line = element.line + raw.count(b"\n", 0, at)
    return InputError(f"{source}, line {line} (byte {element.offset + at}): found {found}")
