"""One rule text at a time: every trap of the format, and the chart against listing everything."""

from __future__ import annotations

import time

import pytest

from pff_stream.rules.formats._readings import (
    Atom,
    Reading,
    Unsettled,
    is_variable,
    show,
    write_rule,
)
from pff_stream.rules.formats.anyburl import read_rule, settle
from pff_stream.rules.rule import Rejected
from tests.rules.compiled import Names

SELF = "me_myself_i"


def rule(head: tuple[str, str, str], *body: tuple[str, str, str]) -> Reading:
    """A reading from plain strings."""
    first, *rest = (Atom(*(name.encode() for name in atom)) for atom in (head, *body))
    return Reading(first, tuple(rest))


def read(text: str, names: Names | None = None) -> Reading | Unsettled | Rejected:
    """Reads with a graph's names, or without."""
    if names is None:
        return read_rule(text.encode())
    return read_rule(text.encode(), names.has_entity, names.has_relation)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("h(X,Y) <= r(Y,X)", rule(("h", "X", "Y"), ("r", "Y", "X"))),
        (
            "h(X,Y) <= r(X,B), q(B,Y)",
            rule(("h", "X", "Y"), ("r", "X", "B"), ("q", "B", "Y")),
        ),
        (
            "/people/person/nationality(X,/m/09c7w0) <= /a/b./c/d(A,X)",
            rule(("/people/person/nationality", "X", "/m/09c7w0"), ("/a/b./c/d", "A", "X")),
        ),
        ("h(c,Y) <= r(Y,A), q(d,A)", rule(("h", "c", "Y"), ("r", "Y", "A"), ("q", "d", "A"))),
        ("h(a,b) <= r(c,d), q(X,Y)", rule(("h", "a", "b"), ("r", "c", "d"), ("q", "X", "Y"))),
        ("h(X,X) <= r(X,X)", rule(("h", "X", "X"), ("r", "X", "X"))),
        (
            "h(X,a) <= r(X,A), r(X,B), r(b,c)",
            rule(("h", "X", "a"), ("r", "X", "A"), ("r", "X", "B"), ("r", "b", "c")),
        ),
    ],
)
def test_plain_texts_are_read_as_written(text: str, reading: Reading) -> None:
    """Text with no more separators than it needs is split at them, ground atoms included."""
    result = read(text)
    assert isinstance(result, Reading)
    assert result == reading
    assert not result.ambiguous
    assert write_rule(result) == text.encode()


@pytest.mark.parametrize("name", ["DE", "NO", "ABC", "Xena", "é", "É", "日", "x", "1", "A1"])
def test_only_one_upper_case_letter_is_a_variable(name: str) -> None:
    """`DE`, `É` and the like are entities; a variable is exactly one letter A to Z."""
    assert not is_variable(name.encode())
    result = read(f"h(X,{name}) <= r(X,{name})")
    assert result == rule(("h", "X", name), ("r", "X", name))


def test_a_letter_is_a_variable_even_where_the_graph_has_that_entity() -> None:
    """An entity named `A` in the graph does not make `A` a constant."""
    names = Names({b"A", b"X"}, {b"h", b"r"})
    assert read("h(X,Y) <= r(X,A), r(A,Y)", names) == rule(
        ("h", "X", "Y"), ("r", "X", "A"), ("r", "A", "Y")
    )


def test_commas_in_names() -> None:
    """A relation `p,q` and constants `a,b` and `pessoa 54, (n)` are read as names."""
    result = read("p,q(X,a,b) <= p,q(X,A), knows(A,pessoa 54, (n))")
    assert result == rule(("p,q", "X", "a,b"), ("p,q", "X", "A"), ("knows", "A", "pessoa 54, (n)"))
    assert isinstance(result, Reading)
    assert result.ambiguous


def test_constants_on_the_left_with_commas() -> None:
    """`knows(pessoa 33, (n),A)`: the variable at the other end shows where the name stops."""
    assert read("lives in(X,a,b) <= knows(X,A), knows(pessoa 33, (n),A)") == rule(
        ("lives in", "X", "a,b"), ("knows", "X", "A"), ("knows", "pessoa 33, (n)", "A")
    )


def test_parentheses_in_names() -> None:
    """A relation `rel(1)` and constants `f(x)` and `(p)` are read as names."""
    assert read("rel(1)(X,f(x)) <= rel(1)(X,(p))") == rule(
        ("rel(1)", "X", "f(x)"), ("rel(1)", "X", "(p)")
    )


def test_separators_of_atoms_in_names() -> None:
    """`Washington, D.C.` holds the separator of two atoms."""
    assert read("rel(1)(X,Washington, D.C.) <= knows(X,A), knows(B,A)") == rule(
        ("rel(1)", "X", "Washington, D.C."), ("knows", "X", "A"), ("knows", "B", "A")
    )


def test_the_arrow_in_names() -> None:
    """`k <= m` holds the separator of head and body."""
    assert read("lives in(X,k <= m) <= p(X,A), p(A,k <= m)") == rule(
        ("lives in", "X", "k <= m"), ("p", "X", "A"), ("p", "A", "k <= m")
    )


@pytest.mark.parametrize("end", [" <= ", " <="])
def test_zero_rules(end: str) -> None:
    """A zero rule reads the same with its trailing space and without."""
    assert read(f"h(X,c){end}") == rule(("h", "X", "c"))
    assert read(f"h(c, (d),Y){end}") == rule(("h", "c, (d)", "Y"))
    assert read(f"h(a,b){end}") == rule(("h", "a", "b"))


def test_zero_rule_of_two_variables_is_rejected() -> None:
    """A zero rule may have one variable only."""
    result = read("h(X,Y) <= ")
    assert isinstance(result, Rejected)
    assert result.column == 3
    assert "two variables" in result.found


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        (f"h(X,{SELF}) <= r(X,A)", rule(("h", "X", "X"), ("r", "X", "A"))),
        (f"h({SELF},Y) <= r(Y,A)", rule(("h", "Y", "Y"), ("r", "Y", "A"))),
        (f"h(X,c) <= r(X,{SELF})", rule(("h", "X", "c"), ("r", "X", "X"))),
        (f"h(X,c) <= r({SELF},d), q(X,A)", rule(("h", "X", "c"), ("r", "d", "d"), ("q", "X", "A"))),
    ],
)
def test_me_myself_i_is_the_other_term(text: str, reading: Reading) -> None:
    """`me_myself_i` stands for the other term of its atom, on either side, head and body."""
    assert read(text) == reading


def test_me_myself_i_in_zero_rules_keeps_its_side() -> None:
    """`h(X,me_myself_i) <= ` stands for subjects of h, `h(me_myself_i,Y) <= ` for objects."""
    subjects, objects = read(f"h(X,{SELF}) <= "), read(f"h({SELF},Y) <= ")
    assert isinstance(subjects, Reading)
    assert isinstance(objects, Reading)
    assert not subjects.over_objects
    assert objects.over_objects
    assert objects.head == Atom(b"h", b"Y", b"Y")


@pytest.mark.parametrize("text", [f"h({SELF},{SELF}) <= ", f"h(X,c) <= r({SELF},{SELF}), q(X,A)"])
def test_me_myself_i_on_both_sides_is_rejected(text: str) -> None:
    """An atom of `me_myself_i` alone cannot be meant."""
    result = read(text)
    assert isinstance(result, Rejected)
    assert "both sides" in result.found
    assert result.column == text.index(f"{SELF},{SELF}") + 1


@pytest.mark.parametrize(
    ("text", "column", "variable"),
    [
        ("h(X,Y) <= r(X,A)", 5, "Y"),
        ("h(X,c) <= r(A,B), q(B,d)", 3, "X"),
        ("né(X,a) <= r(A,b)", 4, "X"),
    ],
)
def test_unsafe_rules_are_rejected(text: str, column: int, variable: str) -> None:
    """A head variable that the body does not bind is shown with its place in characters."""
    result = read(text)
    assert isinstance(result, Rejected)
    assert result.column == column
    assert f"variable {variable} " in result.found


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("", 1, "relation(term,term) <= "),
        ("h(X,Y)", 7, "' <= '"),
        ("h(X,Y)<= r(X,Y)", 16, "' <= '"),
        ("h <= r(X,Y)", 1, "a head"),
        ("h(X) <= r(X,Y)", 1, "a head"),
        ("(X,Y) <= r(X,Y)", 1, "a head"),
        ("h(,Y) <= r(X,Y)", 1, "a head"),
        ("h(X,Y) <= r(X,A), q", 19, "a body atom"),
        ("h(X,Y) <= r(X,Y), ", 11, "a body atom"),
        ("h(X,Y) <= r(X,Y) ", 11, "a body atom"),
        ("né(X,Y) <= r(X,A), q", 20, "a body atom"),
        ("h(X,Y) <= r(X,Y);q(X,Y", 11, "a body atom"),
    ],
)
def test_malformed_texts_say_where(text: str, column: int, expected: str) -> None:
    """What is no rule is rejected at the first place that cannot be read."""
    result = read(text)
    assert isinstance(result, Rejected)
    assert (result.column, expected in result.expected) == (column, True)
    assert str(result).startswith(f"column {column}: found ")


def test_a_graph_chooses_between_names() -> None:
    """Names of the graph decide before nesting and the number of atoms do."""
    text = "h(X,a, (c)) <= r(X,a), q(X,b)"
    assert read(text) == rule(("h", "X", "a, (c)"), ("r", "X", "a"), ("q", "X", "b"))
    names = Names({b"a, (c)", b"b"}, {b"h", b"r(X,a), q"})
    assert read(text, names) == rule(("h", "X", "a, (c)"), ("r(X,a), q", "X", "b"))


def test_texts_that_need_no_choice_ask_no_graph() -> None:
    """Direct text takes none of the steps: its names are not looked up."""
    names = Names(set(), {b"r(X,a), q"})
    assert read("h(X,c) <= r(X,a), q(X,b)", names) == rule(
        ("h", "X", "c"), ("r", "X", "a"), ("q", "X", "b")
    )


def test_names_that_are_missing_do_not_reject() -> None:
    """The step of names narrows only where it leaves a reading."""
    names = Names({b"a"}, {b"h"})
    assert read("h(X,Washington, D.C.) <= knows(X,A)", names) == rule(
        ("h", "X", "Washington, D.C."), ("knows", "X", "A")
    )


def test_what_cannot_be_told_apart_is_unsettled_without_a_graph() -> None:
    """Two nested names `(a),Y` and `X,(a)`: both readings are kept, left to right."""
    result = read("p(X,(a),Y) <= q(X,Y)")
    assert isinstance(result, Unsettled)
    assert result.readings == (
        rule(("p", "X", "(a),Y"), ("q", "X", "Y")),
        rule(("p", "X,(a)", "Y"), ("q", "X", "Y")),
    )


def test_a_graph_settles_or_rejects_what_is_unsettled() -> None:
    """With names the one that the graph has is meant; with both the rule is rejected, shown."""
    text = b"p(X,(a),Y) <= q(X,Y)"
    one = Names({b"X,(a)"}, {b"p", b"q"})
    assert settle(text, one.has_entity, one.has_relation) == rule(
        ("p", "X,(a)", "Y"), ("q", "X", "Y")
    )
    both = Names({b"X,(a)", b"(a),Y"}, {b"p", b"q"})
    result = settle(text, both.has_entity, both.has_relation)
    assert isinstance(result, Rejected)
    assert '"p"(X,"(a),Y")' in result.found
    assert '"p"("X,(a)",Y)' in result.found


def test_variables_come_before_nesting() -> None:
    """Step (1) comes first: a variable at an end beats names that are nested."""
    result = read("h(X,Y) <= r(a,b), (c(X,Y)")
    assert result == rule(("h", "X", "Y"), ("r(a,b), (c", "X", "Y"))


def test_safety_comes_before_nesting() -> None:
    """Step (3) before (4): the safe reading is meant although its names are not nested."""
    result = read("h(X,Y) <= q(A,r)(X,Y)")
    assert result == rule(("h", "X", "Y"), ("q(A,r)", "X", "Y"))
    result = read("h(X,c) <= r(X,a(b,A)")
    assert result == rule(("h", "X", "c"), ("r", "X", "a(b,A"))


def test_most_atoms_win() -> None:
    """Step (5): `r(X,A), q(A,Y)` is two atoms, not one of a relation `r(X,A), q`."""
    result = read("h(X,b, (c)) <= r(X,A), q(A,B)")
    assert result == rule(("h", "X", "b, (c)"), ("r", "X", "A"), ("q", "A", "B"))
    assert isinstance(result, Reading)
    assert result.ambiguous


def test_the_limit_counts_only_what_is_left_at_the_end() -> None:
    """Hundreds of readings on the way do not reject a rule that has one in the end."""
    body = ", ".join(f"knows(X,pessoa {i}, (n))" for i in range(12))
    result = read(f"h(X,a,b) <= {body}")
    assert isinstance(result, Reading)
    assert len(result.body) == 12
    assert result.ambiguous


def test_at_most_64_readings_are_listed() -> None:
    """Where very many are left, 64 are kept and a graph may still choose another."""
    text = "h(X,a) <= " + ", ".join(["r(X,(a),Y)"] * 7)
    result = read(text)
    assert isinstance(result, Unsettled)
    assert len(result.readings) == 64
    names = Names({b"X,(a)", b"a"}, {b"h", b"r"})
    settled = read(text.replace("h(X,", "h(Y,"), names)
    assert isinstance(settled, Reading)
    assert settled.body == (Atom(b"r", b"X,(a)", b"Y"),) * 7


@pytest.mark.thorough
@pytest.mark.parametrize(
    "text",
    [
        b"h(X,Y) <= " + b"r(X,a,(Y)), " * 5000 + b"r(X,Y)",
        b"h(X,Y) <= " + b"(),, " * 12000 + b"r(X,Y)",
        b"h(X,Y) <= " + b"r(X," * 9000 + b")" * 9000,
        b"h(a,b) <= " + b"(a,b) " * 10000 + b")",
        b"(X," * 20000 + b") <= a(X,Y)",
        b"h(X,Y) <= (" + b"),(" * 20000 + b"X,Y)",
        b"h(X,Y) <= " + b"(X,Y), " * 9000 + b"q(X,Y)",
        b") <= " * 13000 + b"q(X,Y)",
    ],
)
def test_hostile_texts_take_bounded_time(text: bytes) -> None:
    """A line made of separators is rejected, or read, in well under a second."""
    started = time.process_time()
    result = read_rule(text[:65536])
    assert time.process_time() - started < 1
    if isinstance(result, Rejected):
        assert len(str(result)) < 400


def test_show_quotes_names() -> None:
    """Readings of one text differ only by where their names end, so names are quoted."""
    assert show(rule(("p,q", "X", "a"), ("r", "X", "(b)"))) == '"p,q"(X,"a") <= "r"(X,"(b)")'
    assert show(rule(("h", "X", "c"))) == '"h"(X,"c") <='
