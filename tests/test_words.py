"""Counts in words."""

from __future__ import annotations

import pytest

from pff_stream.words import counted


@pytest.mark.parametrize(
    ("n", "thing", "expected"),
    [
        (0, ("rule",), "0 rules"),
        (1, ("rule",), "1 rule"),
        (1200, ("rule",), "1,200 rules"),
        (1, ("body", "bodies"), "1 body"),
        (2, ("body", "bodies"), "2 bodies"),
    ],
)
def test_counted(n: int, thing: tuple[str, ...], expected: str) -> None:
    """One of a thing is not several."""
    assert counted(n, *thing) == expected
