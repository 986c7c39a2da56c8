"""Hand-computed cases for every sentence of the definition: here the oracle itself is checked."""

from __future__ import annotations

import pytest

from tests.reference import (
    HOMOMORPHISM,
    OBJECT_IDENTITY,
    Expected,
    Graph,
    Triple,
    differs_from_pyclause,
    evaluate,
    parse_rule,
)


def triples(text: str) -> list[Triple]:
    """Triples from lines of `subject relation object`."""
    rows = [line.split() for line in text.strip().splitlines()]
    return [(subject, relation, object_) for subject, relation, object_ in rows]


FAMILY = triples("""
    ana parent bob
    ana parent cat
    bob parent dan
    cat parent dan
    dan likes dan
    ana likes dan
    eva likes ana
""")


def check(text: str, semantics: str = OBJECT_IDENTITY, graph: list[Triple] = FAMILY) -> Expected:
    """Evaluate rule text; on FAMILY unless another graph is given."""
    return evaluate(parse_rule(text), graph, semantics)


def heads(expected: Expected) -> set[tuple[str, str]]:
    """The ends of all predictions."""
    return {(subject, object_) for subject, _, object_ in expected.predictions}


def test_groundings_of_one_head_count_once() -> None:
    """Two ways from ana to dan are one prediction."""
    found = check("likes(X,Y) <= parent(X,A), parent(A,Y)")
    assert heads(found) == {("ana", "dan")}
    assert (found.outcome, found.support, found.confidence) == ("satisfied", 1, 1.0)


def test_violation_and_witness() -> None:
    """A prediction that is no triple is a violation; its witness is the body that holds."""
    found = check("likes(X,Y) <= parent(X,Y)")
    assert (found.outcome, found.support, found.confidence) == ("violated", 0, 0.0)
    assert found.violations[0] == ("ana", "likes", "bob")
    assert found.witnesses["ana", "likes", "bob"] == (("ana", "parent", "bob"),)
    assert found.violation_count == len(found.violations) == 4


def test_confidence_with_unseen_negatives() -> None:
    """Unseen negatives are added to the predictions, in the confidence only."""
    found = evaluate(parse_rule("likes(X,Y) <= parent(X,A), parent(A,Y)"), FAMILY, unseen=4)
    assert (len(found.predictions), found.confidence) == (1, 0.2)


def test_no_confidence_without_predictions() -> None:
    """No prediction, no confidence, whatever the unseen negatives."""
    assert evaluate(parse_rule("likes(X,Y) <= likes(X,bob)"), [], unseen=5).confidence is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("likes(X,Y) <= hates(X,Y)", "relation"),
        ("likes(X,ana) <= parent(X,zoe)", "constant"),
        ("likes(X,zoe) <= hates(X,zoe)", "relation"),
        ("likes(X,ana) <= parent(X,ana)", "no match"),
        ("likes(X,Y) <= parent(X,A), parent(A,B), parent(B,Y)", "no match"),
        ("hates(X,ana) <= ", "relation"),
        ("hates(ana,bob) <= ", "relation"),
    ],
)
def test_vacuous_says_why(text: str, reason: str) -> None:
    """A rule without predictions names what of its body the graph lacks, else that nothing fits."""
    found = check(text)
    assert (found.outcome, found.reason) == ("vacuous", reason)


def test_head_outside_the_graph_is_a_violation() -> None:
    """Only the body has to be in the graph: an unknown relation or entity of the head predicts."""
    assert heads(check("hates(X,zoe) <= parent(X,dan)")) == {("bob", "zoe"), ("cat", "zoe")}
    assert check("hates(X,zoe) <= parent(X,dan)").violation_count == 2


@pytest.mark.parametrize(
    "text",
    [
        "likes(X,Y) <= parent(X,A)",
        "likes(X,Y) <= parent(ana,bob)",
        "likes(X,W) <= parent(X,Y)",
        "likes(X,Y) <= ",
        "likes(me_myself_i,me_myself_i) <= ",
        "likes(X,ana) <= parent(me_myself_i,me_myself_i), likes(X,ana)",
    ],
)
def test_rejected(text: str) -> None:
    """Unsafe rules, zero rules of two variables and `me_myself_i` on both sides are rejected."""
    assert check(text).outcome == "rejected"


def test_ground_head_and_body() -> None:
    """Ground atoms are allowed; a ground rule predicts its head once, or nothing."""
    assert heads(check("likes(ana,dan) <= parent(ana,bob), parent(bob,dan)")) == {("ana", "dan")}
    assert heads(check("likes(ana,dan) <= parent(X,Y)", HOMOMORPHISM)) == {("ana", "dan")}
    assert check("likes(ana,dan) <= parent(X,Y)").reason == "no match"
    assert check("likes(ana,dan) <= parent(ana,bob), parent(dan,bob)").outcome == "vacuous"
    assert heads(check("likes(X,Y) <= parent(X,Y), parent(ana,cat)", HOMOMORPHISM)) == {
        ("ana", "bob"),
        ("ana", "cat"),
        ("bob", "dan"),
        ("cat", "dan"),
    }


def test_ground_body_under_object_identity() -> None:
    """The constants of a ground body atom are taken too: no variable may equal them."""
    assert heads(check("likes(X,Y) <= parent(X,Y), parent(ana,cat)")) == {("bob", "dan")}


def test_object_identity_drops_self_loops() -> None:
    """Distinct variables stand for distinct entities."""
    loops = triples("a r a\na r b")
    assert heads(check("h(X,Y) <= r(X,Y)", OBJECT_IDENTITY, loops)) == {("a", "b")}
    assert heads(check("h(X,Y) <= r(X,Y)", HOMOMORPHISM, loops)) == {("a", "a"), ("a", "b")}


def test_object_identity_holds_for_inner_variables() -> None:
    """A variable that is not in the head may not equal one that is."""
    there_and_back = triples("a r b\nb r a")
    assert check("h(X,Y) <= r(X,A), r(A,Y)", OBJECT_IDENTITY, there_and_back).reason == "no match"
    found = check("h(X,Y) <= r(X,A), r(A,Y)", HOMOMORPHISM, there_and_back)
    assert heads(found) == {("a", "a"), ("b", "b")}


def test_no_variable_equals_a_constant_of_the_head() -> None:
    """The dangling variable may not be the constant of the head."""
    only = triples("a r c\nb r c\nb r d")
    assert heads(check("h(X,c) <= r(X,A)", OBJECT_IDENTITY, only)) == {("b", "c")}
    assert heads(check("h(X,c) <= r(X,A)", HOMOMORPHISM, only)) == {("a", "c"), ("b", "c")}


def test_no_variable_equals_a_constant_of_the_body() -> None:
    """X may equal neither the constant of the body nor that of the head; those may be equal."""
    loop = triples("d r d\na r d\nc r d")
    assert heads(check("h(X,c) <= r(X,d)", OBJECT_IDENTITY, loop)) == {("a", "c")}
    assert heads(check("h(X,d) <= r(X,d)", OBJECT_IDENTITY, loop)) == {("a", "d"), ("c", "d")}
    assert len(check("h(X,c) <= r(X,d)", HOMOMORPHISM, loop).predictions) == 3


def test_reflexive_head_has_the_one_meaning() -> None:
    """h(X,X) follows object identity like every other shape, where PyClause does not."""
    loop = triples("d r d\na r d")
    assert heads(check("h(X,X) <= r(X,d)", OBJECT_IDENTITY, loop)) == {("a", "a")}
    assert heads(check("h(X,X) <= r(X,A)", OBJECT_IDENTITY, loop)) == {("a", "a")}
    assert heads(check("h(X,X) <= r(X,A)", HOMOMORPHISM, loop)) == {("a", "a"), ("d", "d")}
    assert heads(check("h(X,X) <= r(X,X)", OBJECT_IDENTITY, loop)) == {("d", "d")}


def test_head_triple_may_serve_in_the_body() -> None:
    """`r(X,Y) <= r(X,Y)` has as many true predictions as predictions."""
    found = check("parent(X,Y) <= parent(X,Y)")
    assert (found.support, len(found.predictions), found.outcome) == (4, 4, "satisfied")


def test_disconnected_parts_multiply_under_homomorphism() -> None:
    """Parts that share no variable combine freely, or as far as all entities differ."""
    graph = triples("a r c\nb r c")
    text = "h(X,Y) <= r(X,c), r(Y,c)"
    assert len(check(text, HOMOMORPHISM, graph).predictions) == 4
    assert heads(check(text, OBJECT_IDENTITY, graph)) == {("a", "b"), ("b", "a")}


def test_repeated_atoms_and_relations() -> None:
    """A body atom written twice holds by the same triple."""
    graph = triples("a r b")
    assert heads(check("h(X,Y) <= r(X,Y), r(X,Y)", OBJECT_IDENTITY, graph)) == {("a", "b")}


@pytest.mark.parametrize(
    ("text", "semantics", "expected"),
    [
        ("r(X,c) <= ", OBJECT_IDENTITY, {("a", "c"), ("b", "c")}),
        ("r(X,c) <= ", HOMOMORPHISM, {("a", "c"), ("b", "c"), ("c", "c")}),
        ("r(X,zoe) <= ", OBJECT_IDENTITY, {("a", "zoe"), ("b", "zoe"), ("c", "zoe")}),
        ("r(c,Y) <= ", OBJECT_IDENTITY, {("c", "a"), ("c", "d")}),
        ("r(c,Y) <= ", HOMOMORPHISM, {("c", "a"), ("c", "d"), ("c", "c")}),
        ("r(X,me_myself_i) <= ", OBJECT_IDENTITY, {("a", "a"), ("b", "b"), ("c", "c")}),
        ("r(me_myself_i,Y) <= ", OBJECT_IDENTITY, {("a", "a"), ("c", "c"), ("d", "d")}),
        ("r(X,X) <= ", OBJECT_IDENTITY, {("a", "a"), ("b", "b"), ("c", "c")}),
        ("r(b,zoe) <= ", OBJECT_IDENTITY, {("b", "zoe")}),
        ("r(c,me_myself_i) <= ", OBJECT_IDENTITY, {("c", "c")}),
    ],
)
def test_zero_rules(text: str, semantics: str, expected: set[tuple[str, str]]) -> None:
    """A zero rule ranges over the side of the relation on which its variable stands."""
    graph = triples("a r c\na r d\nb r c\nc r c\nb r a")
    assert heads(check(text, semantics, graph)) == expected


def test_zero_rule_has_an_empty_witness() -> None:
    """There are no body triples to show."""
    found = check("r(X,c) <= ", OBJECT_IDENTITY, triples("a r d"))
    assert found.witnesses == {("a", "r", "c"): ()}


def test_zero_rule_can_be_vacuous() -> None:
    """Where the constant is the only subject, object identity leaves nothing."""
    assert check("r(X,c) <= ", OBJECT_IDENTITY, triples("c r d")).reason == "no match"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("likes(X,me_myself_i) <= parent(X,A)", "likes(X,X) <= parent(X,A)"),
        ("likes(me_myself_i,Y) <= parent(A,Y)", "likes(Y,Y) <= parent(A,Y)"),
        ("likes(X,ana) <= likes(X,me_myself_i)", "likes(X,ana) <= likes(X,X)"),
        ("likes(X,eva) <= likes(me_myself_i,dan), parent(X,dan)",
         "likes(X,eva) <= likes(dan,dan), parent(X,dan)"),
    ],
)  # fmt: skip
def test_me_myself_i_is_the_other_term(written: str, meant: str) -> None:
    """`me_myself_i` is neither entity nor constant: the atom's other term stands there."""
    assert check(written) == check(meant)
    assert check(written).predictions


def test_examples_are_the_first_by_id() -> None:
    """Entities are numbered by first appearance, subject before object; a cap takes the first."""
    graph = triples("z r m\na r z\nm r a")
    rule = parse_rule("h(X,Y) <= r(X,Y)")
    found = evaluate(rule, graph, max_examples=2)
    assert found.violations == (("z", "h", "m"), ("m", "h", "a"))
    assert (found.violation_count, len(found.predictions), len(found.witnesses)) == (3, 3, 2)


def test_witness_is_the_least_grounding() -> None:
    """Entity ids are compared, variables in order of first appearance in the body."""
    graph = triples("x first x\nq first q\np first p\nx r p\np s y\nx r q\nq s y")
    found = check("h(X,Y) <= r(X,A), s(A,Y)", OBJECT_IDENTITY, graph)
    assert found.witnesses["x", "h", "y"] == (("x", "r", "q"), ("q", "s", "y"))


def test_order_of_variables_decides_the_witness() -> None:
    """The variable that appears first in the body is the most significant one."""
    graph = triples("a id a\nb id b\nc id c\nd id d\nx r d\nx r c\na s d\nb s c")
    first_a = check("h(X,X) <= r(X,A), s(B,A)", HOMOMORPHISM, graph)
    first_b = check("h(X,X) <= s(B,A), r(X,A)", HOMOMORPHISM, graph)
    assert first_a.witnesses["x", "h", "x"] == (("x", "r", "c"), ("b", "s", "c"))
    assert first_b.witnesses["x", "h", "x"] == (("a", "s", "d"), ("x", "r", "d"))


def test_duplicate_triples_collapse() -> None:
    """A triple read twice is one triple."""
    found = check("r(X,Y) <= r(X,Y)", OBJECT_IDENTITY, triples("a r b\na r b"))
    assert (len(found.predictions), found.support) == (1, 1)


@pytest.mark.parametrize(
    ("text", "pyclause_differs"),
    [
        ("r(X,c) <= ", True),
        ("r(X,d) <= ", False),
        ("r(d,Y) <= ", True),
        ("r(a,Y) <= ", False),
        ("h(X,X) <= r(X,d)", True),
        ("h(X,me_myself_i) <= r(X,A)", True),
        ("h(X,d) <= r(X,A)", False),
    ],
)
def test_known_differences_from_pyclause(text: str, pyclause_differs: bool) -> None:
    """Only reflexive heads, and zero rules whose constant is on their variable's side, differ."""
    graph = Graph(triples("c r d\na r d"))
    assert differs_from_pyclause(parse_rule(text), graph) is pyclause_differs
