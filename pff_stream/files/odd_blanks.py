"""Blanks that look like one and are another character: no-break, narrow, wide, zero-width ones.

Beside a name they are part of it, which nobody means: it is told. What is read is not changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pff_stream.notes import NoteKind, Notes

_SAID = (
    "a no-break space, or another blank that is no plain one, at the beginning or end of a name: "
    "it is part of the name"
)
ODD_BLANKS = NoteKind("odd_blanks", f"line has {_SAID}", f"lines have {_SAID}")
_MARKS = (b"\xc2\xa0", b"\xe2\x80", b"\xe3\x80\x80")
"""One of them is in every text that has such a blank."""
_ODD = rb"(?:\xc2\xa0|\xe2\x80[\x80-\x8b\xaf]|\xe3\x80\x80)"
IN_RULES = re.compile(
    rb"(?:[(,\t]|<= |^)%(odd)b|%(odd)b(?:[(),\r\n]| ?<=)" % {b"odd": _ODD}, re.MULTILINE
)
"""Where a name may begin or end in the text of a rule."""
IN_TRIPLES = re.compile(rb"(?:\t|^)%(odd)b|%(odd)b(?:\t|\r?$)" % {b"odd": _ODD}, re.MULTILINE)
"""The same in a line of triples."""
_SHOWN = 80


def looked_for(
    blocks: Iterable[bytes], beside: re.Pattern[bytes], source: str, notes: Notes
) -> Iterator[bytes]:
    """The same blocks; lines with such a blank are noted, by the byte at which they begin.

    A line that is cut by the end of a block may not be seen.
    """
    at = 0
    for block in blocks:
        if not block.isascii() and any(mark in block for mark in _MARKS):
            for begin, line in _lines(block, beside):
                text = ascii(line[:_SHOWN].decode("utf-8", "replace").rstrip("\r"))
                notes.add(ODD_BLANKS, source, at + begin + 1, text, unit="byte")
        at += len(block)
        yield block


def _lines(block: bytes, beside: re.Pattern[bytes]) -> Iterator[tuple[int, bytes]]:
    end = -1
    for found in beside.finditer(block):
        if found.start() < end:
            continue  # of the line before
        begin = block.rfind(b"\n", 0, found.start() + 1) + 1
        end = block.find(b"\n", found.start() + 1)
        end = len(block) if end < 0 else end
        yield begin, block[begin:end]
