"""AMIE's rule texts, in both notations, with names of all kinds."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.rules.formats._amie_readings import term_of
from pff_stream.rules.formats._amie_text import Unclear, clear, read_text
from pff_stream.rules.formats.amie import UNCLEAR_BYTES, AmieFormat
from pff_stream.rules.rule import Atom, Different, Rejected, Rule, Variable
from tests.examples import examples
from tests.rules.compiled import Names, compiled, decoded, decoded_file

A, B, C, D = (Variable(f"?{letter}") for letter in "abcd")
TWO = Rule(Atom("q", A, B), (Atom("r", A, C), Atom("s", C, B)))
TEXT = "?a  r  ?c  ?c  s  ?b   => ?a  q  ?b"


def read(text: str, names: Names | None = None) -> Rule | Unclear | Rejected:
    """Reads with a graph's names, or without."""
    if names is None:
        return read_text(text)
    return read_text(text, names.has_entity, names.has_relation)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (TEXT, TWO),
        ("r(?a,?c) s(?c,?b)  => q(?a,?b)", TWO),
        ("?a  r  C one   => ?a  q  E", Rule(Atom("q", A, "E"), (Atom("r", A, "C one"),))),
        (
            "?_a1  r  ?z9   => ?z9  q  x",
            Rule(Atom("q", Variable("?z9"), "x"), (Atom("r", Variable("?_a1"), Variable("?z9")),)),
        ),
        (
            "?d!=C one ?d  kind  E  ?a  likes  ?d   => ?a  likes  C one",
            Rule(
                Atom("likes", A, "C one"),
                (Atom("kind", D, "E"), Atom("likes", A, D)),
                filters=(Different(D, "C one"),),
            ),
        ),
        (
            "?d!=C one kind(?d,E) likes(?a,?d)  => likes(?a,C one)",
            Rule(
                Atom("likes", A, "C one"),
                (Atom("kind", D, "E"), Atom("likes", A, D)),
                filters=(Different(D, "C one"),),
            ),
        ),
        # An inequality among the atoms, at their end, and two of them.
        (
            "?a  r  ?c  ?c!=x ?c  s  ?b  ?b!=?a ?b!=y  => ?a  q  ?b",
            Rule(
                TWO.head,
                TWO.body,
                filters=(Different(C, "x"), Different(B, A), Different(B, "y")),
            ),
        ),
        (
            "p,q(?a,a,b) rel(1)(?b,?a)  => lives in(?b,(p))",
            Rule(Atom("lives in", B, "(p)"), (Atom("p,q", A, "a,b"), Atom("rel(1)", B, A))),
        ),
        (
            '?a  p  "x  y => (z"@en   => ?a  q  "5"^^<http://e.org/i>',
            Rule(Atom("q", A, '"5"^^<http://e.org/i>'), (Atom("p", A, '"x  y => (z"@en'),)),
        ),
        (
            "?a  <http://e/p>  <http://e/D.C.>   => <http://e/x>  <http://e/q>  ?a",
            Rule(
                Atom("<http://e/q>", "<http://e/x>", A),
                (Atom("<http://e/p>", A, "<http://e/D.C.>"),),
            ),
        ),
        # Blanks that were lost on the way.
        ("?a  r  ?b => ?a  q  ?b", Rule(TWO.head, (Atom("r", A, B),))),
        ("  ?a  r  ?b   => ?a  q  ?b  ", Rule(TWO.head, (Atom("r", A, B),))),
    ],
)
def test_texts(text: str, rule: Rule) -> None:
    """Both notations, inequalities, constants of many kinds."""
    assert read(text) == rule


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("?a  r  ?b", "column 10: found no ' => '", "three blanks"),
        ("?a  r  ?b   => ?a  q", "column 16: found the head '?a  q'", "two blanks between"),
        ("?a r ?b   => ?a  q  ?b", "column 1: found the body '?a r ?b", "two blanks between"),
        ("x  r  y   => ?a  q  ?b", "found the body 'x  r  y", "atoms"),
        ("?a  ?c  ?b   => ?a  q  ?b", "found the body", "atoms"),
        ("?a  r  ?b   => x  q  y", "found the head 'x  q  y'", "one of the ends a variable"),
        ("   => ?a  q  ?b", "found the body", "atoms"),
        ("h(X,Y) <= r(X,Y)", "found AnyBURL's notation", "-ofmt anyburl"),
        ("?a  ?a  " * 400 + " => ?a  q  ?b", "with too many readings", "a clear text"),
        ("?a  r  x  y" + 5000 * "z" + "   => ?a  q  ?b", "unclear text of 5", "at most 4096"),
    ],
)
def test_texts_that_are_no_rule(text: str, found: str, expected: str) -> None:
    """What was found, where, and what was expected."""
    result = read(text)
    assert isinstance(result, Rejected)
    assert found in str(result) and expected in result.expected


def test_the_graph_chooses_between_readings() -> None:
    """A name with two blanks in it: its relation is cut by the names of the graph, if any."""
    text = "?a  r  x  y   => ?a  q  z"
    object_, relation = (
        Rule(Atom("q", A, "z"), (Atom(name, A, object_),))
        for name, object_ in (("r", "x  y"), ("r  x", "y"))
    )
    unclear = read(text)
    assert isinstance(unclear, Unclear) and set(unclear.readings) == {object_, relation}
    assert read(text, Names({b"x  y", b"z"}, {b"r", b"q"})) == object_
    assert read(text, Names({b"y", b"z"}, {b"r  x", b"q"})) == relation
    assert isinstance(read(text, Names({b"z"}, {b"q"})), Unclear)
    settled = AmieFormat().settle(text.encode(), lambda _: True, lambda _: True)
    assert isinstance(settled, Rejected) and "2 readings: " in settled.found
    with compiled(text.encode()) as (report, file):
        assert (report.rejected, report.unsettled) == (0, 1)
        chunk = file.read_chunk(0)
        assert chunk.text(0) == text.encode() and chunk.rule_format == "amie"
    with compiled(text.encode(), graph=Names({b"y", b"z"}, {b"r  x", b"q"})) as (report, file):
        assert report.unsettled == 0
        assert decoded_file(file) == {0: decoded(relation)}


def is_name(text: str) -> bool:
    """Whether AMIE can have it as a name: a variable is none."""
    return bool(text) and isinstance(term_of(text), str)


NAMES = st.one_of(
    st.sampled_from(
        ["x", "C one", "a,b", "f(x)", "(p)", "k <= m", "x => y", "DE", "?", "#h", "a  b"]
    ),
    st.text("ab ,()=<>!?\"'^@:.é", min_size=1, max_size=6).map(str.strip).filter(is_name),
)


@st.composite
def amie_rules(draw: st.DrawFn) -> Rule:
    """A rule as AMIE may write it: each atom has a variable, a filter's constant is the head's."""
    terms = st.one_of(st.sampled_from([A, B, C]), NAMES)

    def atom() -> Atom:
        left, right = draw(
            st.tuples(terms, terms).filter(lambda t: any(isinstance(x, Variable) for x in t))
        )
        return Atom(draw(NAMES), left, right)

    head, body = atom(), tuple(atom() for _ in range(draw(st.integers(1, 3))))
    variables = [t for one in body for t in one.terms if isinstance(t, Variable)]
    filters = [
        Different(draw(st.sampled_from(variables)), term)
        for term in head.terms
        if isinstance(term, str) and draw(st.booleans())
    ]
    return Rule(head, body, filters=tuple(filters))


def written(rule: Rule, *, datalog: bool) -> str:
    """As AMIE writes it: all inequalities first."""

    def name(term: object) -> str:
        return term.name if isinstance(term, Variable) else str(term)

    def atom(one: Atom) -> str:
        left, right = map(name, one.terms)
        return f"{one.relation}({left},{right})" if datalog else f"{left}  {one.relation}  {right}"

    filters = "".join(f"{name(one.left)}!={name(one.right)} " for one in rule.filters)
    apart = " " if datalog else "  "
    return filters + "".join(atom(one) + apart for one in rule.body) + f" => {atom(rule.head)}"


@given(amie_rules(), st.booleans())
@examples(300)
def test_names_of_the_graph_give_back_what_was_written(rule: Rule, datalog: bool) -> None:
    """Any names: the rule is read, or one of the readings that the text has; never another one."""
    text = written(rule, datalog=datalog)
    entities, relations = names_of(rule), relations_of(rule)
    result = read(text, Names(entities, relations))
    plain = clear(text)
    if plain is not None:
        assert result == plain
        return
    assert not isinstance(result, Rejected)
    for one in result.readings if isinstance(result, Unclear) else (result,):
        assert entities >= names_of(one) and relations >= relations_of(one)
        assert sorted(written(one, datalog=datalog)) == sorted(text)


def names_of(rule: Rule) -> set[bytes]:
    """Constants of a rule."""
    ones: tuple[Atom | Different, ...] = (rule.head, *rule.body, *rule.filters)
    return {term.encode() for one in ones for term in one.terms if isinstance(term, str)}


def relations_of(rule: Rule) -> set[bytes]:
    """Relations of a rule."""
    return {one.relation.encode() for one in (rule.head, *rule.body)}


@pytest.mark.thorough
def test_weighing_stays_within_its_memory() -> None:
    """Texts made of separators, as long as they may be."""
    for unit in ("?a  ", "r(?a,?b) ", "?a!=x ", " => "):
        text = (unit * 4096)[:4060] + "  => q(?a,?b)"
        tracemalloc.start()
        try:
            read(text)
            assert tracemalloc.get_traced_memory()[1] < UNCLEAR_BYTES
        finally:
            tracemalloc.stop()
