"""Chains that are counted together: both directions of one, and those that begin alike.

Each rule is evaluated in a chunk with all others and in one of its own, in every way; the graph has
more sources than are taken at once.
"""

from __future__ import annotations

import random
from itertools import pairwise, product

import pytest

from pff_stream.evaluate._kernel import Evaluator, TableCounter
from pff_stream.evaluate.options import COUNTS_ONLY
from pff_stream.rules._table import RuleTable, TableBuilder
from pff_stream.rules.chunk import build_chunk
from pff_stream.rules.rule import Atom, Rule, Variable
from pff_stream.triples._graph import GraphView
from tests.evaluate.evaluated import WAYS, Result, run
from tests.graphs import graph_of
from tests.reference import HOMOMORPHISM, OBJECT_IDENTITY

pytestmark = pytest.mark.same_answer

ENDS = Variable("X"), Variable("Y")
MIDDLE = Variable("A"), Variable("B")
STEPS = [(relation, turned) for relation in "pqr" for turned in (False, True)]


def chain(steps: list[tuple[str, bool]]) -> tuple[Atom, ...]:
    """The atoms from X to Y."""
    nodes = (ENDS[0], *MIDDLE[: len(steps) - 1], ENDS[1])
    return tuple(
        Atom(relation, *(pair[::-1] if turned else pair))
        for (relation, turned), pair in zip(steps, pairwise(nodes), strict=True)
    )


def seen_from_the_other_end(rule: Rule) -> Rule:
    """The same rule with the atoms of its body from the last to the first."""
    return Rule(rule.head, rule.body[::-1])


@pytest.fixture(scope="module")
def graph() -> GraphView:
    """1,300 entities; one relation leads back often, one has hubs, one has few sources."""
    made = random.Random(5)
    pairs = {(f"e{made.randrange(1300)}", f"e{made.randrange(1300)}") for _ in range(2600)}
    triples = [(left, "p", right) for left, right in sorted(pairs)]
    triples += [(right, "q", left) for left, right in sorted(pairs) if made.random() < 0.5]
    triples += [(f"e{made.randrange(1300)}", "q", f"e{made.randrange(4)}") for _ in range(900)]
    triples += [(f"e{made.randrange(60)}", "r", f"e{made.randrange(1300)}") for _ in range(500)]
    triples += [(f"e{i}", "r", f"e{i}") for i in range(20)]
    return graph_of(triples)


@pytest.fixture(scope="module")
def rules() -> list[Rule]:
    """Chains that share beginnings, each from both ends, with heads in both directions."""
    made = random.Random(3)
    found = []
    for steps in [*product(STEPS, repeat=2), *made.sample(list(product(STEPS, repeat=3)), 60)]:
        relation, turned = made.choice([*STEPS, ("absent", False)])
        head = Atom(relation, *(ENDS[::-1] if turned else ENDS))
        rule = Rule(head, chain(list(steps)))
        found += [rule, Rule(Atom("p", *ENDS), seen_from_the_other_end(rule).body)]
    return found


@pytest.fixture(scope="module")
def alone(graph: GraphView, rules: list[Rule]) -> dict[str, list[Result]]:
    """Every rule in a chunk of its own, one source at a time."""
    return {
        semantics: [
            run(graph, build_chunk([rule]), semantics, way=1, wide=False)[0][0] for rule in rules
        ]
        for semantics in (OBJECT_IDENTITY, HOMOMORPHISM)
    }


@pytest.mark.parametrize("semantics", [OBJECT_IDENTITY, HOMOMORPHISM])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_rules_together_are_as_alone(
    graph: GraphView, rules: list[Rule], alone: dict[str, list[Result]], semantics: str, way: int
) -> None:
    """Counts, outcomes and examples, whichever chains are counted at once."""
    together = run(graph, build_chunk(rules), semantics, way=way, buffer_bytes=1 << 20)[0]
    assert [together[i] for i in range(len(rules))] == alone[semantics]


@pytest.mark.parametrize("semantics", [OBJECT_IDENTITY, HOMOMORPHISM])
def test_a_table_counts_them_as_a_chunk_does(
    graph: GraphView, rules: list[Rule], alone: dict[str, list[Result]], semantics: str
) -> None:
    """Sums of a table."""
    builder = TableBuilder()
    builder.add(build_chunk(rules))
    buffer = bytearray(builder.size())
    builder.write_into(buffer)
    counter = TableCounter(graph, semantics, COUNTS_ONLY)
    _, sums, _ = counter.count_table(RuleTable(buffer))
    expected = alone[semantics]
    assert sums == tuple(
        sum(getattr(one, name) for one in expected)
        for name in ("predictions", "support", "unknown")
    )


def test_both_directions_take_the_edges_of_one(graph: GraphView, rules: list[Rule]) -> None:
    """What is counted for one direction is not gone through again for the other."""

    def edges(some: list[Rule]) -> int:
        evaluator = Evaluator(graph, OBJECT_IDENTITY, COUNTS_ONLY, way=1)
        evaluator.evaluate(build_chunk(some), 0, len(some), lambda records: None)
        return int(evaluator.edges)

    one = rules[-2]
    both = [one, seen_from_the_other_end(one)]
    assert edges(both) in {edges([rule]) for rule in both}
    assert edges(both) > 0


def test_both_directions_in_a_table_take_the_edges_of_one(
    graph: GraphView, rules: list[Rule]
) -> None:
    """The same of sums of a table."""

    def edges(some: list[Rule]) -> int:
        builder = TableBuilder()
        builder.add(build_chunk(some))
        buffer = bytearray(builder.size())
        builder.write_into(buffer)
        counter = TableCounter(graph, OBJECT_IDENTITY, COUNTS_ONLY, way=1)
        counter.count_table(RuleTable(buffer))
        return int(counter.edges)

    one = rules[-2]
    both = [one, seen_from_the_other_end(one)]
    assert edges(both) in {edges([rule]) for rule in both}
    assert edges(both) > 0
