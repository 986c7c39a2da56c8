"""Counts in words, and the room that words take."""

from __future__ import annotations


def counted(n: int, one: str, several: str = "") -> str:
    """So many of a thing: `1 rule`, `1,200 rules`; `several` where it does not just end in s."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def columns_of(text: str) -> int:
    """Columns that a text takes on a terminal: two for wide characters, none for marks."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)
