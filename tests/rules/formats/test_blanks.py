"""Blanks around names, commas and `<=`: the graph's where it has such names, else left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.rules.formats._readings import Reading, read_verbatim
from pff_stream.rules.formats.anyburl import read_rule, settle
from pff_stream.rules.rule import Rejected
from tests.examples import examples
from tests.rules.compiled import Names

PLAIN = Names({b"a", b"b", b"foo, bar"}, {b"r", b"s", b"q"})


def no(_name: bytes) -> bool:
    """A graph without names."""
    return False


MEANT = {
    "q(X, Y) <= r(X, Y)": "q(X,Y) <= r(X,Y)",
    "q(X,Y) <= r(X, A), r(A,Y)": "q(X,Y) <= r(X,A), r(A,Y)",
    "q(X,Y) <=  r(X,Y)": "q(X,Y) <= r(X,Y)",
    "q(X,Y)  <= r(X,Y)": "q(X,Y) <= r(X,Y)",
    "q(X,Y)   <=   r(X,Y)": "q(X,Y) <= r(X,Y)",
    "q(X,Y) <= r(X,A),  r(A,Y)": "q(X,Y) <= r(X,A), r(A,Y)",
    "q(X,Y) <= r(X,A) , r(A,Y)": "q(X,Y) <= r(X,A), r(A,Y)",
    " q(X,Y) <= r(X,Y)": "q(X,Y) <= r(X,Y)",
    "q (X ,Y ) <= r ( X,Y)": "q(X,Y) <= r(X,Y)",
    # A constant in front: as it stands, this is one atom of the relation `r(a, X), s`.
    "q(X,Y) <= r(a, X), s(X,Y)": "q(X,Y) <= r(a,X), s(X,Y)",
    "q(X, b) <= r(X, a)": "q(X,b) <= r(X,a)",
    "q(X, b) <=  ": "q(X,b) <= ",
    "q( me_myself_i , Y ) <= ": "q(me_myself_i,Y) <= ",
    # Names with separators of their own.
    "q(X, Y) <= r(X,foo, bar), s(X, Y)": "q(X,Y) <= r(X,foo, bar), s(X,Y)",
    "q(X,Y) <= r(foo, bar, X), s(X,Y)": "q(X,Y) <= r(foo, bar,X), s(X,Y)",
    "q(X, Y) <= r(X, foo (bar)), s(X,Y)": "q(X,Y) <= r(X,foo (bar)), s(X,Y)",
}


@pytest.mark.parametrize("text", MEANT)
def test_read_as_meant(text: str) -> None:
    """Without a graph and with one that has no such names."""
    meant = read_verbatim(MEANT[text].encode())
    for found in (
        read_rule(text.encode()),
        settle(text.encode(), PLAIN.has_entity, PLAIN.has_relation),
    ):
        assert found == meant and isinstance(found, Reading) and found.blanks


@pytest.mark.parametrize(
    "text",
    [
        "q(X,Y) <= r(X,Y)",
        "q(X,c) <= ",
        "q(X,Y) <= r(X,foo, bar), s(X,Y)",
        "q(X,Smith, J) <= r(X,a)",
        "q(X,Y) <= ab cd(X,Y)",
        "q(X,(a b)) <= r(X,c (d))",
    ],
)
def test_as_it_stands(text: str) -> None:
    """Blanks that are not around a name are part of it, as before."""
    found = read_rule(text.encode())
    assert found == read_verbatim(text.encode())
    assert isinstance(found, Reading) and not found.blanks


@pytest.mark.parametrize(
    ("text", "entities", "relations"),
    [
        ("q(X, Y) <= r(X, Y)", {" Y"}, {"q", "r"}),
        ("q(X, b) <= r(X, a)", {" a", " b"}, {"q", "r"}),
        (" q(X,Y) <= r (X,Y)", set(), {" q", "r "}),
        ("q(X,Y) <=  r(X,Y)", set(), {"q", " r"}),
        ("q(X,Y) <= r(a, X), s(X,Y)", set(), {"q", "r(a, X), s"}),
        ("q(X,Y) <= acts (a, b), fast(X,Y)", set(), {"q", "acts (a, b), fast"}),
        ("q(X,Y) <= s(X,Y), r(X,A) , r(A,Y)", set(), {"q", "s", "r(X,A) , r"}),
    ],
)
def test_the_graph_decides(text: str, entities: set[str], relations: set[str]) -> None:
    """Where it has all names as they stand, these are meant."""
    names = Names({name.encode() for name in entities}, {name.encode() for name in relations})
    found = settle(text.encode(), names.has_entity, names.has_relation)
    assert found == read_verbatim(text.encode(), names.has_entity, names.has_relation)
    assert isinstance(found, Reading) and found != read_rule(text.encode())


def test_name_by_name() -> None:
    """A graph that has some of the names with blanks takes those."""
    names = Names({b"a ", b"b"}, {b"q", b" r"})
    found = settle(b"q(X, b) <=  r(X,a ),  s( a,X)", names.has_entity, names.has_relation)
    assert isinstance(found, Reading)
    assert [atom.relation for atom in found.body] == [b" r", b"s"]
    assert [atom.object for atom in (found.head, *found.body)] == [b"b", b"a ", b"X"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q(X, Y) <= r(X,A)", "every variable of the head in the body"),
        ("q(X, Y) <=  ", "at most one"),
        ("q(X,Y) <= r( me_myself_i,me_myself_i )", "another term on one side"),
        ("q(X,Y) <= r(X,A), r(A,Y) ", "a body atom"),
        ("q(X,Y) <=r(X,Y)", "' <= '"),
    ],
)
def test_rejected(text: str, expected: str) -> None:
    """What is no rule without its blanks either."""
    found = read_rule(text.encode())
    assert isinstance(found, Rejected) and expected in found.expected


names = st.sampled_from(("r", "q", "aa", "a b", "DE"))
terms = st.one_of(st.sampled_from("XY"), names)
atoms = st.tuples(names, terms, terms)
blanks = st.sampled_from(("", "", " ", "  "))


@given(st.data(), atoms, st.lists(atoms, min_size=1, max_size=3))
@examples(300)
def test_blanks_change_nothing(
    data: st.DataObject, head: tuple[str, str, str], body: list[tuple[str, str, str]]
) -> None:
    """Any clear rule, with blanks at any places for them, is the rule without."""

    def written(atom: tuple[str, str, str], *, spread: bool) -> str:
        name, one, other = atom
        put = [data.draw(blanks) if spread else "" for _ in range(6)]
        before = data.draw(blanks) if spread else ""
        return f"{before}{name}{put[0]}({put[1]}{one}{put[2]},{put[3]}{other}{put[4]})"

    def rule(*, spread: bool) -> bytes:
        around = [data.draw(blanks) if spread else "" for _ in range(2)]
        parts = [written(atom, spread=spread) for atom in body]
        apart = f"{around[0]}, "
        text = f"{written(head, spread=spread)}{around[1]} <= {apart.join(parts)}"
        return text.encode()

    meant = read_rule(rule(spread=False))
    found = read_rule(rule(spread=True))
    assert isinstance(found, Rejected) if isinstance(meant, Rejected) else found == meant
