"""Texts of others that hold line ends: whoever shows them on a terminal keeps them on one line.

What reads settings, manifests and saved files notes them here; the command line looks them up when
it shows anything. Not done here: how they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable

LINE_ENDS = ("\n", "\r", "\t")
MOST = 10_000
"""More are not kept; from then on no line end is trusted (`too_many`)."""

_noted: dict[str, None] = {}


def note(text: str) -> None:
    """Keeps the text if it holds a line end."""
    if len(_noted) < MOST and any(end in text for end in LINE_ENDS):
        _noted[text] = None


def one_line(text: str) -> str:
    """The text with escapes for its line ends: for one that is cut, or a part of another."""
    for end in LINE_ENDS:
        text = text.replace(end, ascii(end)[1:-1])
    return text


def note_all(value: object) -> None:
    """Keeps the texts in a value as of JSON."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            note(one)
        elif isinstance(one, dict):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            left += one


def noted() -> Iterable[str]:
    """The texts."""
    return _noted


def too_many() -> bool:
    """Whether some may not have been kept."""
    return len(_noted) >= MOST
