"""How the command shows text that holds foreign names: no terminal obeys it, no line is forged."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LINE_ENDS = ("\n", "\r", "\t")


def printable(text: str, names: Sequence[str] | None = None) -> str:
    """The text with control characters as escapes.

    Line ends stay, but for those within a name of the command line (`names`, for tests).
    """
    for name in sys.argv[1:] if names is None else names:
        # An option and its value may be one word.
        for part in (name, name.partition("=")[2]):
            if any(end in part for end in _LINE_ENDS):
                text = text.replace(part, _escaped(part))
    return _CONTROLS.sub(lambda found: _escaped(found[0]), text)


def _escaped(text: str) -> str:
    return "".join(
        one if one.isprintable() or 0xDC80 <= ord(one) <= 0xDCFF else ascii(one)[1:-1]
        for one in text
    )
