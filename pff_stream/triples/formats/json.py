"""JSON documents to triple lines by the mapping `json-1`, so that documents need no converter.

Covers single documents, JSON Lines and top-level arrays, each document held and walked alone. Does
not cover: JSON-LD contexts, schemas, the order of array elements (dropped by the mapping).
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NoReturn

from pff_stream.errors import InputError
from pff_stream.files import _pages
from pff_stream.files.decoders import unpacked_name
from pff_stream.files.known import check_text
from pff_stream.files.sources import STANDARD_INPUT, shown
from pff_stream.triples.formats.document_memory import at_most
from pff_stream.triples.formats.elements import MAX_DEPTH, Element, split_elements
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.mapping import escaped, id_of, walk

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.held import HeldMemory
    from pff_stream.triples.options import DocumentOptions, EncodeOptions

MAPPING = "json-1"
ID_KEYS = ("@id", "id", "msisdn")
_LINES_SUFFIXES = (".jsonl", ".ndjson")
_SUFFIXES = (".json", *_LINES_SUFFIXES)
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)', re.DOTALL)
_LARGE_BYTES = 8 << 20
"""What a document of objects of so many bytes leaves free is given back to the system at once."""
_BEGINNING = re.compile(
    rb'(?:\[\s*)?(?:\{\s*(?:\}|"(?:[^"\\]|\\.)*(?:"\s*(?::|\Z)|\Z)|\Z)|\]|\Z)', re.DOTALL
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

    def held_at_most(self, n_bytes: int, options: EncodeOptions) -> int:
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

    `duplicate_keys` counts keys that stood twice in one object (the last one won).
    """

    def __init__(self, options: DocumentOptions, bad: BadTriples) -> None:
        self.duplicate_keys = 0
        self._options = options
        self._bad = bad
        self._keys = ID_KEYS if options.id_key is None else (options.id_key,)
        self._stems: dict[str, int] = {}
        self._files = 0
        # Numbers keep their text: `str` of a text is that text.
        self._decode: Callable[[str], Any] = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=str,
            parse_int=str,
            parse_constant=_refuse_constant,
        ).decode

    def lines(self, source: TripleSource) -> LineBlocks:
        """The lines of all documents of a file."""
        check_text(source.name, source.first_bytes, "JSON")
        return LineBlocks(self._without_collection(source))

    def warnings(self) -> list[str]:
        """Of keys that stood twice."""
        if not self.duplicate_keys:
            return []
        return [
            f"{self.duplicate_keys} keys stand twice in one JSON object: the last one was taken"
        ]

    def _without_collection(self, source: TripleSource) -> Iterator[bytes]:
        with _no_collection():
            yield from self.triple_blocks(str(source.given), source.blocks, source.memory)

    def triple_blocks(
        self, path: str, blocks: Iterable[bytes], memory: HeldMemory
    ) -> Iterator[bytes]:
        """Yields blocks of whole lines `subject TAB relation TAB object`, UTF-8, for one file.

        Raises `InputError` for what is no JSON document, with file, line and byte, and what
        `memory` raises for a document that takes too much.
        """
        self._files += 1
        stem = escaped(document_stem(path))
        source = shown(path)
        elements = split_elements(
            source,
            blocks,
            memory,
            lines=unpacked_name(path).lower().endswith(_LINES_SUFFIXES),
            max_document_bytes=self._options.max_document_bytes,
        )
        for element in elements:
            yield from self._document_blocks(source, stem, element, memory)

    def _document_blocks(
        self, source: str, stem: str, element: Element, memory: HeldMemory
    ) -> Iterator[bytes]:
        by_path = self._options.predicate == "path"
        walking_bytes = element.counts.while_walking(by_path=by_path)
        memory.expect(
            max(element.counts.while_parsing, walking_bytes),
            f"{source}, line {element.line} (byte {element.offset}): the document that begins here",
        )
        memory.hold(element.counts.while_parsing)
        document = self._parse(source, element)
        name = id_of(document, self._keys)
        if name is not None:
            name = escaped(name)
        elif document:
            self._claim_stem(source, stem)
            name = stem if element.index is None else f"{stem}#{element.index}"
        else:
            return
        # Without a backslash in the source no text can hold a tab, a newline or a backslash.
        for text in walk(document, name, self._keys, by_path, element.counts.escapes):
            try:
                block = text.encode()
            except UnicodeEncodeError as error:
                raise _surrogate(source, element, error) from None
            # Tabs and newlines in names are escaped: two separators in a row are an empty name.
            if "\t\t" in text or "\t\n" in text or "\0" in text or _SELF_NAME in text:
                block = self._good_lines(source, element, text)
            del text  # it may be as long as the document
            yield block
        memory.hold(walking_bytes)
        if element.counts.parsed_bytes > _LARGE_BYTES:
            del document
            _pages.trim()

    def _claim_stem(self, source: str, stem: str) -> None:
        if self._stems.setdefault(stem, self._files) != self._files:
            raise InputError(
                f"{source}: another file has the same stem {stem!r}, and both hold documents "
                "without an id: they would become one entity. Name the key that tells them apart "
                "(--id-key KEY), or rename one file"
            )

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            self.duplicate_keys += len(pairs) - len(found)
        return found

    def _parse(self, source: str, element: Element) -> dict[str, Any]:
        try:
            text = element.take().decode()
        except UnicodeDecodeError as error:
            raw = error.object
            message = f"found the byte 0x{raw[error.start]:02x}, expected UTF-8"
            raise _wrong(source, element, raw[: error.start], message) from None
        try:
            document: dict[str, Any] = self._decode(text)
            if element.lone_surrogate:
                json.dumps(document, ensure_ascii=False).encode()
            return document
        except UnicodeEncodeError as error:
            raise _surrogate(source, element, error) from None
        except json.JSONDecodeError as error:
            at = error.pos
            found = repr(text[at : at + 20]) if at < len(text) else "the end"
            message = f"found {found}: {error.msg[0].lower()}{error.msg[1:]}"
        except _ConstantError as error:
            at = next((m.start() for m in _CONSTANT.finditer(text) if m[1]), 0)
            message = f"found {error}, which JSON does not have, expected a number"
        except RecursionError:
            at, message = 0, f"found a document nested too deep, expected at most {MAX_DEPTH}"
        raise _wrong(source, element, text[:at].encode(), message)

    def _good_lines(self, source: str, element: Element, text: str) -> bytes:
        """The lines of `text` that are triples; `bad` is told the others."""
        good = []
        for line in text.split("\n")[:-1]:
            names = line.split("\t")
            message = None
            if "" in names:
                empty = ("subject", "relation", "object")[names.index("")]
                message = f"found an empty {empty} in {line[:80]!r}, expected a name"
            elif "\0" in line:
                message = f"found a NUL character in {line[:80]!r}, expected none"
            elif _SELF_NAME in (names[0], names[2]):
                message = (
                    f"found the entity {_SELF_NAME} in {line[:80]!r}, which nothing can be named"
                )
            if message is None:
                good.append(line + "\n")
            else:
                self._bad.add(source, element.line, f"in the document that begins here: {message}")
        return "".join(good).encode()


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection while documents are read: it doubles the time and finds no cycle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _wrong(source: str, element: Element, before: bytes, message: str) -> InputError:
    """What is wrong in a document behind its bytes `before`."""
    line = element.line + before.count(b"\n")
    return InputError(f"{source}, line {line} (byte {element.offset + len(before)}): {message}")


class _ConstantError(Exception):
    """NaN or an infinity."""


def _refuse_constant(text: str) -> NoReturn:
    raise _ConstantError(text)


def _surrogate(source: str, element: Element, error: UnicodeEncodeError) -> InputError:
    found = f"\\u{ord(error.object[error.start]):04x}"
    return InputError(
        f"{source}, line {element.line} (byte {element.offset}): found the lone surrogate {found} "
        "in the document that begins here, expected text that UTF-8 can write"
    )
