"""Blocks of bytes to numbered lines of text, for formats that are read line by line in Python.

Holds one line and one block. Does not split lines into fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

MAX_LINE_BYTES = 65536
"""Of a line, unless the reader allows more."""
_SHOWN_BYTES = 80
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class BadLine(NamedTuple):
    """A line that is no text, or too long: what was found in it, and what was expected."""

    number: int
    text: str
    """What can be shown of it."""
    column: int
    """In characters, from 1."""
    found: str
    expected: str


def text_lines(
    blocks: Iterable[bytes],
    on_bad: Callable[[BadLine], object],
    max_bytes: int = MAX_LINE_BYTES,
) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line, without its end and without a byte order mark.

    A line that is longer, holds a NUL or is no UTF-8 goes to `on_bad` instead.
    """
    for number, raw in enumerate(_raw_lines(blocks, max_bytes), 1):
        line = raw.removesuffix(b"\r")
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        shown = line[:_SHOWN_BYTES].decode("utf-8", "replace")
        if len(raw) > max_bytes:
            on_bad(BadLine(number, shown, 1, f"a line of over {max_bytes} bytes", "a shorter one"))
            continue
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            column = len(line[: error.start].decode()) + 1
            found = f"the byte 0x{line[error.start]:02x}"
            on_bad(BadLine(number, shown, column, found, "UTF-8"))
            continue
        if "\0" in text:
            column = text.index("\0") + 1
            on_bad(BadLine(number, shown, column, "a NUL character", "text without"))
            continue
        yield number, text


def _raw_lines(blocks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """The lines without their newlines; one that is too long is cut behind `max_bytes` + 1."""
    rest = b""
    for block in blocks:
        first, *more = block.split(b"\n")
        rest += first[: max_bytes + 1 - len(rest)]
        for line in more:
            yield rest
            rest = line[: max_bytes + 1]
    if rest:
        yield rest
