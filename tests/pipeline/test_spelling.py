"""Names that are written otherwise, marks beside names, and the nearest of many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.pipeline.spelling import (
    has_columns,
    kind_of_all,
    marks,
    namespace,
    nearest,
    plain,
    spelled_otherwise,
    writings,
)
from tests.examples import examples

NAMES = st.text(max_size=30)


@given(one=NAMES, other=NAMES)
@examples(300)
def test_differences_are_of_one_name(one: str, other: str) -> None:
    """They are the same both ways, and there are none between different names."""
    found = spelled_otherwise(one, other)
    assert found == spelled_otherwise(other, one)
    if found:
        assert plain(one) == plain(other) and one != other


@given(name=NAMES)
@examples(300)
def test_nothing_is_lost_but_marks(name: str) -> None:
    """What is left of a name is a part of it; what stands before its local part begins it."""
    for said, rest in marks(name):
        assert said and rest and rest in name
    assert namespace(name) in name
    assert all(isinstance(one, str) for one in writings(name, ["ex:"]))


@given(name=NAMES, candidates=st.lists(NAMES, min_size=1, max_size=8))
@examples(200)
def test_nearest_is_one_of_them(name: str, candidates: list[str]) -> None:
    """And the name itself where it is among them."""
    found = nearest(name, candidates)
    assert found in candidates
    if name in candidates:
        assert found == name


def test_long_names_take_no_longer() -> None:
    """Only their beginning is compared and searched for marks."""
    long = "a-1 " * 100_000
    assert nearest(long, [long[::-1], long]) == long
    assert all(len(rest) <= 100 for _, rest in marks(long))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20 10 0.5 q", True),
        ("20   10   1.0   q", True),
        ("20,10,0.5,q", True),
        ("20 10 q", False),
        ("1 2 3 q", False),
        ("section 1 2 0.5", False),
    ],
)
def test_columns_of_a_miner(name: str, expected: bool) -> None:
    """Two counts and a share before something else."""
    assert has_columns(name) == expected


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["http://a.org/b", "<http://a.org/c>", "urn:x:y"], "whole IRIs"),
        (["1", "22", "-3"], "numbers"),
        (["ex:a", "rdf:type"], "prefixed names"),
        (['"a"', '"b"@en'], "quoted"),
        (["a%20b", "c%C3%A9"], "percent-encoded"),
        (["a", "http://a.org/b"], ""),
        ([], ""),
    ],
)
def test_kinds(names: list[str], kind: str) -> None:
    """Said where nearly all names are of one."""
    assert kind_of_all(names) == kind
