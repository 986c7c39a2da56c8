"""Cuts JSON documents, JSON Lines and top-level arrays into their documents, one held at a time.

Does not parse: a document is handed on as bytes with the place where it begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pff_stream.errors import InputError
from pff_stream.triples.formats._document import MAX_DEPTH
from pff_stream.triples.formats._elements import ElementScanner
from pff_stream.triples.held import HeldMemory

_BLANK = re.compile(rb"[ \t\r\n]*")
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Element:
    """One document as bytes, until they are taken, and where it stands."""

    raw: bytes | bytearray
    """Nothing where it does not fit (`is_whole`)."""
    n_bytes: int
    index: int | None
    """Place in the file from 0; None for the only document of a file that is no JSON Lines."""
    line: int
    """Line of its first byte, from 1."""
    offset: int
    """Offset of its first byte in the decompressed file."""
    in_array: bool = False
    """Whether it is an element of the array that the file is."""

    @property
    def is_whole(self) -> bool:
        """Whether its bytes are here, and were not taken yet."""
        return len(self.raw) == self.n_bytes

    def take(self) -> bytes | bytearray:
        """The bytes; nobody else holds them from now on."""
        raw, self.raw = self.raw, b""
        return raw


class _Cursor:
    """The bytes at hand, with the line and offset of the next one."""

    def __init__(
        self, source: str, blocks: Iterable[bytes], memory: HeldMemory, max_document_bytes: int
    ) -> None:
        self.source = source
        self.memory = memory
        self.max_document_bytes = max_document_bytes
        self.data = b""
        self.at = 0
        self._blocks = iter(blocks)
        self._before = 0  # bytes before `data`
        self._line = 1  # line of data[_counted]
        self._counted = 0

    @property
    def line(self) -> int:
        self._line += self.data.count(b"\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    @property
    def offset(self) -> int:
        return self._before + self.at

    def more(self) -> bool:
        """Replaces the bytes at hand by the next ones; False at the end of the file."""
        self.at = len(self.data)
        _ = self.line
        block = next(self._blocks, None)
        if block is None:
            return False
        self._before += len(self.data)
        self.data = block
        self.at = self._counted = 0
        return True

    def peek(self) -> bytes:
        """The next byte that is not blank, or nothing at the end of the file."""
        while True:
            match = _BLANK.match(self.data, self.at)
            assert match is not None  # it matches nothing, too
            self.at = match.end()
            if self.at < len(self.data):
                return self.data[self.at : self.at + 1]
            if not self.more():
                return b""

    def take(self, wanted: bytes) -> bool:
        """Whether the very next bytes are `wanted`, across blocks; those that match are taken."""
        for byte in wanted:
            while self.at >= len(self.data):
                if not self.more():
                    return False
            if self.data[self.at] != byte:
                return False
            self.at += 1
        return True

    def next_in_line(self) -> bytes:
        """The byte behind the newline at hand, which is taken; nothing at the end of the file."""
        self.at += 1
        while self.at == len(self.data):
            if not self.more():
                return b""
        return self.data[self.at : self.at + 1]

    def error(self, message: str) -> InputError:
        return InputError(f"{self.source}, line {self.line} (byte {self.offset}): {message}")

    def found(self, byte: bytes) -> str:
        """What begins with the next byte, in words."""
        if not byte:
            return "the end of the file"
        if byte in b'"':
            return "a string"
        if byte in b"-0123456789":
            return "a number"
        if byte in b"tfn":
            return "true, false or null"
        return repr(self.data[self.at : self.at + 8].decode("utf-8", "backslashreplace"))


def split_elements(
    source: str,
    blocks: Iterable[bytes],
    memory: HeldMemory,
    *,
    lines: bool,
    max_document_bytes: int,
) -> Iterator[Element]:
    """Yields the documents of one file; one that does not fit into `memory` without its bytes.

    `lines`: the file is JSON Lines by its name: it may be empty, and a single document has the
    index 0 too. Raises `InputError` with line and byte for anything between documents, a document
    without an end, over `max_document_bytes`, or nested more than `MAX_DEPTH` deep.
    """
    cursor = _Cursor(source, blocks, memory, max_document_bytes)
    # Only U+FEFF begins with this byte where a document may begin.
    if cursor.peek() == _BOM[:1] and not (cursor.offset == 0 and cursor.take(_BOM)):
        raise cursor.error("found a byte that begins no JSON document, expected { or [ (in UTF-8)")
    first = cursor.peek()
    if not first:
        if not lines:
            raise cursor.error("found an empty file, expected a JSON document")
        return
    if first == b"[":
        yield from _array(cursor)
    else:
        yield from _sequence(cursor, lines)


def split_lines(
    source: str, blocks: Iterable[bytes], memory: HeldMemory, *, max_document_bytes: int
) -> Iterator[Element]:
    """Yields every line of JSON Lines that is not blank, whatever it holds.

    So a broken one is known to end. An object that is open where its line ends goes on, up to a
    line that is empty or begins with another. What is over `max_document_bytes`, or does not fit
    into `memory`, comes without its bytes.
    """
    cursor = _Cursor(source, blocks, memory, max_document_bytes)
    scanner = ElementScanner()
    if cursor.peek() == _BOM[:1]:
        cursor.take(_BOM)
    index = 0
    while cursor.peek():
        element = Element(b"", 0, index, cursor.line, cursor.offset)
        scanner.reset()
        ended = False
        while not ended:
            newline = cursor.data.find(b"\n", cursor.at)
            stop = len(cursor.data) if newline < 0 else newline
            _extend(element, cursor, cursor.data[cursor.at : stop])
            # What is behind the object in its line is taken along: it makes the line a broken one.
            scanner.find_end(cursor.data[cursor.at : stop], 0)
            cursor.at = stop
            if newline < 0:
                ended = not cursor.more()
            elif scanner.is_open:
                following = cursor.next_in_line()
                ended = following in (b"{", b"", b"\n", b"\r")
                if not ended:
                    _extend(element, cursor, b"\n")
            else:
                ended = True
        yield element
        index += 1


def _extend(element: Element, cursor: _Cursor, part: bytes) -> None:
    longer = element.n_bytes + len(part)
    if element.is_whole:
        fits = longer <= cursor.max_document_bytes and cursor.memory.fits(gathered_bytes(longer))
        element.raw = _longer(element.raw, part) if fits else b""
    element.n_bytes = longer


def _sequence(cursor: _Cursor, lines: bool) -> Iterator[Element]:
    """One object, or several in a row."""
    scanner = ElementScanner()
    index = 0
    byte = cursor.peek()
    while byte:
        if byte != b"{":
            raise cursor.error(
                f"found {cursor.found(byte)}, expected an object"
                + (" or the end of the file" if index else " (or an array of objects)")
            )
        element = _element(cursor, scanner, index)
        byte = cursor.peek()
        if not lines and index == 0 and not byte:
            element.index = None
        yield element
        index += 1


def _array(cursor: _Cursor) -> Iterator[Element]:
    """The elements of one top-level array; a null counts as an index and gives nothing."""
    scanner = ElementScanner()
    start = cursor.line
    cursor.at += 1
    index = 0
    byte = cursor.peek()
    while byte != b"]" or index:
        if byte == b"{":
            element = _element(cursor, scanner, index)
            element.in_array = True
            yield element
        elif byte != b"n" or not cursor.take(b"null"):
            raise _array_error(cursor, byte, start, "an object")
        index += 1
        byte = cursor.peek()
        if byte == b"]":
            break
        if byte != b",":
            raise _array_error(cursor, byte, start, "',' or ']'")
        cursor.at += 1
        byte = cursor.peek()
    cursor.at += 1
    byte = cursor.peek()
    if byte:
        raise cursor.error(
            f"found {cursor.found(byte)} after the top-level array, expected the end of the file"
        )


def _array_error(cursor: _Cursor, byte: bytes, start: int, expected: str) -> InputError:
    return cursor.error(
        f"found {'an array' if byte == b'[' else cursor.found(byte)} in the top-level array that "
        f"begins in line {start}, expected {expected}"
    )


def _element(cursor: _Cursor, scanner: ElementScanner, index: int) -> Element:
    """Takes the object at the cursor."""
    line, offset = cursor.line, cursor.offset
    place = f"{cursor.source}, line {line} (byte {offset})"
    raw: bytes | bytearray = b""
    n_bytes = 0
    scanner.reset()
    while True:
        end = scanner.find_end(cursor.data, cursor.at)
        if scanner.deepest > MAX_DEPTH:
            raise InputError(
                f"{place}: found a document nested more than {MAX_DEPTH} deep, expected less"
            )
        part = cursor.data[cursor.at : None if end < 0 else end]
        if n_bytes + len(part) > cursor.max_document_bytes:
            raise InputError(
                f"{place}: found a document of over {cursor.max_document_bytes} bytes, expected a "
                "smaller one (--max-document SIZE)"
            )
        if len(raw) == n_bytes:  # it fits as far as it was read
            fits = cursor.memory.fits(gathered_bytes(n_bytes + len(part)))
            raw = _longer(raw, part) if fits else b""
        n_bytes += len(part)
        if end >= 0:
            cursor.at = end
            return Element(raw, n_bytes, index, line, offset)
        if not cursor.more():
            raise InputError(
                f"{place}: found the end of the file in the document that begins here, expected "
                "its end (is the file truncated?)"
            )


def gathered_bytes(n_bytes: int) -> int:
    """What gathering so many bytes takes: a bytearray that grows asks for an eighth more."""
    return n_bytes + n_bytes // 8


def _longer(raw: bytes | bytearray, part: bytes) -> bytes | bytearray:
    """Both, one behind the other; the first grows in its place."""
    if not raw:
        return part
    if isinstance(raw, bytes):
        raw = bytearray(raw)
    raw += part
    return raw
