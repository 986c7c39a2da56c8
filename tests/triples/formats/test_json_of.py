"""Python objects are written as `json.dumps` writes them."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.triples.formats._json_of import json_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS | st.integers() | st.none(), inner),
)


def dumped(value: object) -> bytes:
    """By the standard library."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@given(VALUES)
def test_whatever_json_has(value: object) -> None:
    """Texts with escapes, numbers of any size, what lies in each other."""
    written = dumped(value)
    assert json_of(value, len(written)) == written
    with pytest.raises(OverflowError):
        json_of(value, len(written) - 1)


@pytest.mark.parametrize("n", [0, 1, 4095, 4096, 4097, 9000])
@pytest.mark.parametrize("letter", ["a", '"', "\\", "\n", "\x01", "é", "\U0001f600"])
def test_long_texts(letter: str, n: int) -> None:
    """They are written piece by piece, also where each character takes six bytes."""
    assert json_of([letter * n, letter], 1 << 20) == dumped([letter * n, letter])


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", {"a": {1}}, {(1,): 2}, b"a"])
def test_what_json_has_not(value: object) -> None:
    """It only ends: who asks says where it stands."""
    with pytest.raises((TypeError, ValueError)):
        json_of([value], 1 << 20)
