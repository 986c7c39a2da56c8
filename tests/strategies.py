"""Random graphs and rules for property tests, small enough that every coincidence happens often.

Names have several lower-case letters, so that the text of a rule has one reading; an alien is a
name that no graph has. Rules as a miner writes them come up more often than free ones.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import strategies as st

from tests.reference import (
    HOMOMORPHISM,
    OBJECT_IDENTITY,
    Atom,
    Const,
    Myself,
    Rule,
    Term,
    Triple,
    Var,
    variables,
)

ENTITIES = ("ana", "bo", "cy", "dee", "eli", "fay", "gus")
RELATIONS = ("knows", "likes", "near", "owns")
ALIEN_ENTITY = "zoe"
ALIEN_RELATION = "hates"

X, Y = Var("X"), Var("Y")
INNER = tuple(Var(name) for name in "ABCDEFG")
MAX_BODY_ATOMS = 6

semantics = st.sampled_from((OBJECT_IDENTITY, HOMOMORPHISM))


@st.composite
def graphs(draw: st.DrawFn, max_triples: int = 30, min_triples: int = 0) -> list[Triple]:
    """Triples of 2 to 7 entities and 1 to 4 relations, with duplicates and many self-loops."""
    entities = st.sampled_from(ENTITIES[: draw(st.integers(2, len(ENTITIES)))])
    relations = st.sampled_from(RELATIONS[: draw(st.sampled_from((2, 1, 2, 3, 4)))])
    min_triples = max(min_triples, draw(st.sampled_from((0, max_triples // 2, max_triples))))
    loops = st.builds(lambda entity, relation: (entity, relation, entity), entities, relations)
    edges = st.tuples(entities, relations, entities)
    triples = st.one_of(edges, edges, edges, loops)
    return draw(st.lists(triples, min_size=min_triples, max_size=max_triples))


def relations() -> st.SearchStrategy[str]:
    """A relation, rarely one that the graph lacks; few, so that they repeat within a rule."""
    return st.sampled_from(RELATIONS[:1] * 20 + RELATIONS[:2] * 10 + RELATIONS + (ALIEN_RELATION,))


def constants() -> st.SearchStrategy[Const]:
    """An entity, rarely one that the graph lacks; few, so that they often equal each other."""
    return st.sampled_from(ENTITIES[:3] * 6 + ENTITIES + (ALIEN_ENTITY,)).map(Const)


@st.composite
def links(draw: st.DrawFn, left: Term, right: Term) -> Atom:
    """An atom between two terms, in either direction."""
    relation = draw(relations())
    return Atom(relation, left, right) if draw(st.booleans()) else Atom(relation, right, left)


@st.composite
def chains(draw: st.DrawFn, start: Term, end: Term, max_atoms: int) -> tuple[Atom, ...]:
    """A chain of 1 to `max_atoms` atoms from one term to another over fresh variables."""
    length = draw(st.integers(1, max_atoms))
    stops = (start, *INNER[: length - 1], end)
    return tuple(draw(links(a, b)) for a, b in pairwise(stops))


@st.composite
def closed_rules(draw: st.DrawFn, max_atoms: int = MAX_BODY_ATOMS) -> Rule:
    """`h(X,Y) <= r(X,A), ..., q(A,Y)`: the cyclic rules of a miner."""
    return Rule(Atom(draw(relations()), X, Y), draw(chains(X, Y, max_atoms)))


@st.composite
def half_constant_heads(draw: st.DrawFn, variable: Var) -> Atom:
    """`h(X,c)` or `h(c,Y)`, with the given variable; now and then `h(X,me_myself_i)`."""
    other = draw(st.one_of(constants(), constants(), constants(), st.just(Myself())))
    return draw(links(variable, other))


@st.composite
def constant_rules(draw: st.DrawFn, max_atoms: int = MAX_BODY_ATOMS) -> Rule:
    """`h(X,c) <= r(X,A), ..., q(A,d)`: the constant of the body may equal that of the head."""
    variable = draw(st.sampled_from((X, Y)))
    end = draw(constants())
    return Rule(draw(half_constant_heads(variable)), draw(chains(variable, end, max_atoms)))


@st.composite
def dangling_rules(draw: st.DrawFn, max_atoms: int = MAX_BODY_ATOMS) -> Rule:
    """`h(X,c) <= r(X,A), ..., q(A,B)`: the body ends in a variable that nothing else uses."""
    variable = draw(st.sampled_from((X, Y)))
    body = draw(chains(variable, Var("Z"), max_atoms))
    return Rule(draw(half_constant_heads(variable)), body)


@st.composite
def reflexive_rules(draw: st.DrawFn, max_atoms: int = 3) -> Rule:
    """`h(X,X) <= r(X,...), ...`: both ends of the head are one variable."""
    end = draw(st.one_of(constants(), st.just(Var("Z")), st.just(X)))
    return Rule(Atom(draw(relations()), X, X), draw(chains(X, end, max_atoms)))


@st.composite
def zero_rules(draw: st.DrawFn) -> Rule:
    """A head alone: with a constant, with `me_myself_i`, or ground."""
    pair = st.one_of(
        st.tuples(st.just(X), st.one_of(constants(), st.just(Myself()))),
        st.tuples(st.one_of(constants(), st.just(Myself())), st.just(Y)),
        st.tuples(constants(), constants()),
    )
    return Rule(Atom(draw(relations()), *draw(pair)))


def mined_rules(max_atoms: int = MAX_BODY_ATOMS) -> st.SearchStrategy[Rule]:
    """Rules of the shapes that AnyBURL writes, longer ones included."""
    return st.one_of(
        closed_rules(max_atoms),
        closed_rules(max_atoms),
        constant_rules(max_atoms),
        dangling_rules(max_atoms),
        reflexive_rules(min(3, max_atoms)),
        zero_rules(),
    )


@st.composite
def bodies(draw: st.DrawFn, max_atoms: int = 5) -> tuple[Atom, ...]:
    """Any body: branching, cyclic, disconnected, ground, loops r(X,X), repeated atoms."""
    names = (X, Y, *INNER[: draw(st.integers(0, 3))])
    terms: st.SearchStrategy[Term] = st.one_of(
        st.sampled_from(names), st.sampled_from(names), st.sampled_from(names), constants()
    )
    fresh = st.builds(Atom, relations(), terms, terms)
    loops = st.builds(Atom, relations(), terms, st.just(Myself()))
    body = draw(st.lists(st.one_of(*[fresh] * 7, loops), min_size=1, max_size=max_atoms))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(body)))
        body.insert(at, draw(st.sampled_from(body)))
    return tuple(body[:max_atoms])


@st.composite
def free_rules(draw: st.DrawFn, max_atoms: int = 5) -> Rule:
    """A safe rule of any shape; its head takes variables of the body, constants, or one twice."""
    body = draw(bodies(max_atoms))
    bound = [Var(name) for name in variables(body)]
    terms: st.SearchStrategy[Term] = constants()
    if bound:
        terms = st.one_of(st.sampled_from(bound), st.sampled_from(bound), constants())
    return Rule(Atom(draw(relations()), draw(terms), draw(terms)), body)


def rules(max_atoms: int = MAX_BODY_ATOMS) -> st.SearchStrategy[Rule]:
    """Any safe rule; two of three have the shape that a miner gives them."""
    return st.one_of(mined_rules(max_atoms), mined_rules(max_atoms), free_rules(min(5, max_atoms)))


@st.composite
def unsafe_rules(draw: st.DrawFn) -> Rule:
    """A rule that must be rejected: a head variable that the body does not bind."""
    unbound = Var("W")
    if draw(st.booleans()):
        return Rule(Atom(draw(relations()), X, unbound))
    body = draw(bodies())
    others: list[Term] = [unbound, Const(ENTITIES[0]), *map(Var, variables(body))]
    return Rule(draw(links(unbound, draw(st.sampled_from(others)))), body)


def rule_sets(
    max_rules: int = 12, unsafe: bool = False, filters: bool = False
) -> st.SearchStrategy[list[Rule]]:
    """Several rules, some of which share a body or are equal.

    With unsafe ones, and with inequalities in the bodies of some, if asked for.
    """
    one = st.one_of(rules(), rules(), rules(), unsafe_rules()) if unsafe else rules()
    some = st.lists(one, min_size=1, max_size=max_rules).flatmap(_with_shared_bodies)
    return some.flatmap(_with_inequalities) if filters else some


@st.composite
def _with_inequalities(draw: st.DrawFn, given: list[Rule]) -> list[Rule]:
    """The given rules, a third of them with one or two inequalities."""
    return [draw(inequalities(rule)) if draw(st.integers(0, 2)) == 0 else rule for rule in given]


@st.composite
def inequalities(draw: st.DrawFn, rule: Rule) -> Rule:
    """The rule with inequalities of its body's variables, where it has any."""
    bound = [Var(name) for name in variables(rule.body)]
    if not bound:
        return rule
    one = st.tuples(st.sampled_from(bound), st.one_of(st.sampled_from(bound), constants()))
    chosen = draw(st.lists(one.filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=2))
    filters = [pair if draw(st.booleans()) else (pair[1], pair[0]) for pair in chosen]
    return replace(rule, filters=tuple(filters))


@st.composite
def _with_shared_bodies(draw: st.DrawFn, given: list[Rule]) -> list[Rule]:
    """The given rules, and some of their bodies again under another head."""
    more: list[Rule] = []
    for rule in given:
        if draw(st.booleans()) and rule.body:
            head = Atom(draw(relations()), rule.head.left, rule.head.right)
            more.append(Rule(head, rule.body))
    return draw(st.permutations(given + more))
