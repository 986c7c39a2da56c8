"""The evaluator on graphs that take every way of it, and on examples that fill its buffer."""

from __future__ import annotations

import random

import pytest

from tests.evaluate.evaluated import WAYS, run
from tests.graphs import chunk_of_rules, graph_of
from tests.reference import Atom, Const, Rule, Triple, Var, evaluate


def large_graph(seed: int, n_entities: int, n_triples: int) -> list[Triple]:
    """A seeded graph with a heavy tail, self-loops and more sources than one batch of 512 holds."""
    generator = random.Random(seed)

    def entity() -> str:
        return f"e{int(n_entities * generator.random() ** 2)}"

    triples = []
    for _ in range(n_triples):
        subject = entity()
        object_ = subject if generator.random() < 0.05 else entity()
        triples.append((subject, f"r{int(5 * generator.random() ** 2)}", object_))
    return triples


def chain_rules(n_relations: int) -> list[Rule]:
    """Closed chains of one to three atoms in many directions, sharing bodies."""
    x, y, a, b = (Var(name) for name in "XYAB")
    rules = []
    for r in range(n_relations):
        for q in range(n_relations):
            first, second, third = f"r{r}", f"r{q}", f"r{(r + q) % n_relations}"
            for head in (Atom("r0", x, y), Atom("r1", y, x), Atom("absent", x, y)):
                rules.append(Rule(head, (Atom(first, y, x),)))
                rules.append(Rule(head, (Atom(first, x, a), Atom(second, y, a))))
                rules.append(Rule(head, (Atom(first, a, x), Atom(second, a, b), Atom(third, b, y))))
                rules.append(Rule(head, (Atom(first, x, a), Atom(first, b, a), Atom(second, b, y))))
    return rules


@pytest.mark.parametrize("semantics", ["object-identity", "homomorphism"])
@pytest.mark.parametrize("size", [(1600, 9000), (40, 4000)], ids=["batches", "dense"])
def test_every_way_gives_the_same_bytes(semantics: str, size: tuple[int, int]) -> None:
    """Direction and width change no byte, over several batches of sources or a single one.

    In the dense graph there are more edges that lead back than the scratch has room to note.
    """
    n_entities, n_triples = size
    graph = graph_of(large_graph(3, n_entities, n_triples))
    chunk = chunk_of_rules(chain_rules(5))
    _, expected = run(graph, chunk, semantics, way=1, wide=False, buffer_bytes=1 << 20)
    for way in WAYS.values():
        _, found = run(graph, chunk, semantics, way=way, buffer_bytes=1 << 20)
        assert found == expected


@pytest.mark.parametrize("semantics", ["object-identity", "homomorphism"])
def test_large_graph_equals_reference(semantics: str) -> None:
    """On a graph of several batches a sample of chains has the counts of the definition."""
    triples = large_graph(seed=5, n_entities=900, n_triples=2500)
    rules = chain_rules(5)[::37]
    results, _ = run(graph_of(triples), chunk_of_rules(rules), semantics, way=3)
    for source, rule in enumerate(rules):
        expected = evaluate(rule, triples, semantics, max_examples=3)
        result = results[source]
        assert (result.predictions, result.support) == (len(expected.predictions), expected.support)
        assert result.examples == [(v, expected.witnesses[v]) for v in expected.violations]


@pytest.mark.thorough
@pytest.mark.parametrize("semantics", ["object-identity", "homomorphism"])
def test_few_members_among_many_keys(semantics: str) -> None:
    """Of two atoms that end at a constant examples are found from there: the same ones."""
    triples = large_graph(seed=9, n_entities=900, n_triples=3000)
    x, a = Var("X"), Var("A")
    rules = []
    for number in range(40):
        near, far = Const(f"e{20 * number}"), Const(f"e{number + 800}")
        onward = Atom("r0", a, far) if number % 2 else Atom("r1", far, a)
        step = Atom("r0", x, a) if number % 3 else Atom("r0", a, x)
        head = Atom("r1", x, near) if number % 5 else Atom("r0", far, x)
        rules.append(Rule(head, (step, onward) if number % 7 else (onward, step)))
    results, _ = run(graph_of(triples), chunk_of_rules(rules), semantics, max_examples=4)
    for source, rule in enumerate(rules):
        expected = evaluate(rule, triples, semantics, max_examples=4)
        result = results[source]
        assert (result.predictions, result.support) == (len(expected.predictions), expected.support)
        assert result.examples == [(v, expected.witnesses[v]) for v in expected.violations]
    assert sum(len(result.examples) for result in results.values()) > 30


@pytest.mark.thorough
def test_examples_beyond_the_buffer_are_split_into_parts() -> None:
    """A rule with more examples than the buffer holds loses none of them, and stays in order."""
    triples = large_graph(seed=7, n_entities=300, n_triples=2000)
    rule = Rule(
        Atom("no such relation", Var("X"), Var("Y")),
        (Atom("r0", Var("X"), Var("A")), Atom("r0", Var("A"), Var("Y"))),
    )
    graph = graph_of(triples)
    results, _ = run(graph, chunk_of_rules([rule]), "object-identity", max_examples=10**9)
    result = results[0]
    assert result.parts > 3
    assert len(result.examples) == result.predictions
    order = [
        (graph.entity_id(s.encode()), graph.entity_id(o.encode()))
        for (s, _, o), _ in result.examples
    ]
    assert order == sorted(set(order))
    for (subject, _, object_), witness in result.examples:
        assert witness[0][0] == subject and witness[1][2] == object_
        assert set(witness) <= set(triples)


def test_names_longer_than_the_buffer() -> None:
    """A literal head name larger than the buffer is handed out whole."""
    name = "n" * 70_000
    rule = Rule(Atom("r", Var("X"), Const(name)), (Atom("r", Var("X"), Var("A")),))
    results, _ = run(graph_of([("a", "r", "b")]), chunk_of_rules([rule]), "object-identity")
    assert results[0].examples == [(("a", "r", name), (("a", "r", "b"),))]
