"""Counts in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pff_stream.words import counted

PACKAGE = Path(__file__).parent.parent / "pff_stream"


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


def test_one_way() -> None:
    """No other part makes a plural of its own."""
    own = re.compile(r"""(['"]s['"] (if|\*)|\{[a-z_.]+:,\} [a-z]+s\b(?! (of|as)\b))""")
    for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx")]:
        assert own.findall(path.read_text(encoding="utf-8")) == [], path
