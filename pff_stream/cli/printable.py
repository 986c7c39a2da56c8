"""How the command shows text that holds foreign names: no terminal obeys it, no line is forged."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence

from pff_stream.foreign import LINE_ENDS, noted, too_many

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str, names: Sequence[str] | None = None) -> str:
    """The text with control characters as escapes.

    Line ends stay, but for those within texts of others (`names`, for tests): words of the command
    line, the environment, and what was noted as foreign.
    """
    if names is None and too_many():
        return _escaped(text)
    for name in _of_others() if names is None else names:
        # An option and its value may be one word.
        for part in (name, name.partition("=")[2]):
            if part.strip() and any(end in part for end in LINE_ENDS):
                text = text.replace(part, _escaped(part))
    return _CONTROLS.sub(lambda found: _escaped(found[0]), text)


def _of_others() -> Iterator[str]:
    yield from sys.argv[1:]
    for name, value in os.environ.items():
        yield name
        yield value
        if name.startswith("PFF_STREAM_"):  # a list of values, and one without blanks around it
            yield from value.split(",")
            yield value.strip()
    yield from noted()


def _escaped(text: str) -> str:
    return "".join(
        one if one.isprintable() or 0xDC80 <= ord(one) <= 0xDCFF else ascii(one)[1:-1]
        for one in text
    )
