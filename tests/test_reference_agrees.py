"""The reference evaluator against properties that must hold, and against another implementation."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given

from tests.examples import examples
from tests.reference import (
    HOMOMORPHISM,
    OBJECT_IDENTITY,
    Graph,
    Rule,
    Triple,
    constants,
    differs_from_pyclause,
    evaluate,
    ground,
    groundings,
    parse_rule,
    resolve,
    rule_text,
    variables,
)
from tests.strategies import graphs, rules, semantics, unsafe_rules


@given(graphs(), rules(), semantics)
@examples(150)
def test_witnesses_are_groundings(graph: list[Triple], rule: Rule, semantics: str) -> None:
    """Every triple of a witness is in the graph, and its own rule predicts the violation."""
    found = evaluate(rule, graph, semantics)
    assert len(found.predictions) == found.support + found.violation_count
    for violation, witness in found.witnesses.items():
        assert set(witness) <= set(graph)
        assert violation in evaluate(rule, witness or graph, semantics).predictions


@given(graphs(max_triples=12), rules(max_atoms=3), semantics)
@examples(60)
def test_groundings_are_all_assignments(graph: list[Triple], rule: Rule, semantics: str) -> None:
    """The join finds what trying every assignment of entities finds."""
    rule = resolve(rule)
    names = variables(rule.body)
    if not rule.body or len(names) > 4:
        return
    indexed = Graph(graph)
    tried: list[dict[str, str]] = [{}]
    for name in names:
        tried = [{**one, name: entity} for one in tried for entity in indexed.ids]
    if semantics == OBJECT_IDENTITY:
        taken = constants(rule.atoms)
        tried = [one for one in tried if len({*one.values(), *taken}) == len(one) + len(taken)]
    holding = [one for one in tried if set(ground(rule.body, one)) <= set(graph)]

    def key(one: dict[str, str]) -> tuple[str, ...]:
        return tuple(one[name] for name in names)

    assert set(map(key, groundings(rule, indexed, semantics))) == set(map(key, holding))


@given(graphs(), rules())
@examples(100)
def test_object_identity_is_a_part_of_homomorphism(graph: list[Triple], rule: Rule) -> None:
    """Under object identity a rule never predicts more."""
    strict = evaluate(rule, graph, OBJECT_IDENTITY)
    assert strict.predictions <= evaluate(rule, graph, HOMOMORPHISM).predictions


@given(graphs(), unsafe_rules(), semantics)
@examples(50)
def test_unsafe_rules_are_rejected(graph: list[Triple], rule: Rule, semantics: str) -> None:
    """A head variable that nothing binds is never evaluated."""
    assert evaluate(rule, graph, semantics).outcome == "rejected"


@given(rules())
@examples(100)
def test_text_round_trip(rule: Rule) -> None:
    """Rule text of plain names reads back as the same rule."""
    assert parse_rule(rule_text(rule)) == rule


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["nations", "umls"])
def test_equals_pyclause(name: str, data: Path) -> None:
    """Counts of real rules on real triples equal those of an independent implementation."""
    with gzip.open(data / name / "train.tsv.gz", "rt", encoding="utf-8") as file:
        graph = Graph([tuple(line.rstrip("\n").split("\t")) for line in file])  # type: ignore[misc]
    with gzip.open(data / name / "oracle_pyclause.tsv.gz", "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    for predictions, support, text in rows[::7]:
        rule = parse_rule(text)
        found = evaluate(rule, graph, OBJECT_IDENTITY, max_examples=0)
        same = (len(found.predictions), found.support) == (int(predictions), int(support))
        assert same or differs_from_pyclause(rule, graph), text
