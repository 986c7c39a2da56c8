"""Counts in words."""

from __future__ import annotations


def counted(n: int, one: str, several: str = "") -> str:
    """So many of a thing: `1 rule`, `1,200 rules`; `several` where it does not just end in s."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"
