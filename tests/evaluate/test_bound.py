"""Which rules predict one triple, against the definition: an obvious search over groundings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pff_stream
from pff_stream.evaluate._kernel import BoundSearch
from pff_stream.evaluate.bound import candidates, predicted
from pff_stream.report.explanation import Explanation
from tests.examples import examples
from tests.graphs import chunk_of_rules, graph_of
from tests.reference import (
    Graph,
    Rule,
    Triple,
    evaluate,
    ground,
    groundings,
    resolve,
    rule_text,
    why_rejected,
)
from tests.reference import variables as variables_of
from tests.strategies import ENTITIES, RELATIONS, graphs, rule_sets, semantics

TRIPLES = st.tuples(
    st.sampled_from(ENTITIES), st.sampled_from(RELATIONS), st.sampled_from(ENTITIES)
)


def slow_reasons(
    rules: list[Rule], graph: Graph, triple: Triple, semantics: str
) -> dict[int, tuple[Triple, ...]]:
    """Witness by line of every rule that has a grounding whose head is the triple: the least."""
    found: dict[int, tuple[Triple, ...]] = {}
    for line, given_rule in enumerate(rules, 1):
        rule = resolve(given_rule) if given_rule.body else given_rule
        if not rule.body and rule.head.relation not in graph.by_relation:
            continue
        order = variables_of(rule.body)
        head = resolve(rule).head
        fitting = [
            one for one in groundings(rule, graph, semantics) if ground((head,), one)[0] == triple
        ]
        if fitting:
            least = min(fitting, key=lambda one: tuple(graph.ids[one[name]] for name in order))
            found[line] = ground(rule.body, least)
    return found


def explained(
    rules: list[Rule], graph: list[Triple], triple: Triple, semantics: str
) -> Explanation | None:
    """What `explain` says; None where it does not know a name."""
    texts = [rule_text(rule) for rule in rules]
    try:
        return pff_stream.explain(
            texts, graph, triple, semantics=semantics, reserve_bytes=0, fence="none"
        )
    except pff_stream.UsageError as error:
        assert "--triple" in str(error)
        return None


@pytest.mark.thorough
@given(graphs(min_triples=1), rule_sets(), TRIPLES, semantics)
@examples(60)
def test_reasons_are_those_of_the_definition(
    graph: list[Triple], rules: list[Rule], triple: Triple, semantics: str
) -> None:
    """All rules that predict the triple and no other, with the least witness and in order."""
    expected = slow_reasons(rules, Graph(graph), triple, semantics)
    found = explained(rules, graph, triple, semantics)
    if found is None:
        assert expected == {}
        return
    assert {reason.rule: reason.witness for reason in found.reasons} == expected
    assert found.in_graph == (triple in graph)
    assert found.ranked_by == "exact"
    ranks = [(-(r.confidence or 0), r.violations or 0, r.rule_text.encode()) for r in found.reasons]
    assert ranks == sorted(ranks)
    objects = sorted({o for s, r, o in graph if (s, r) == triple[:2]})
    subjects = sorted({s for s, r, o in graph if (r, o) == triple[1:]})
    assert (found.found.objects, found.found.objects_total) == (tuple(objects[:3]), len(objects))
    assert (found.found.subjects, found.found.subjects_total) == (
        tuple(subjects[:3]),
        len(subjects),
    )


@given(graphs(min_triples=1), rule_sets(6), semantics, st.data())
@examples(40)
def test_predictions_are_explained_by_their_rules(
    graph: list[Triple], rules: list[Rule], semantics: str, data: st.DataObject
) -> None:
    """A prediction of any rule is explained by exactly the rules that predict it."""
    results = [evaluate(rule, graph, semantics) for rule in rules]
    every = sorted({triple for one in results for triple in one.predictions})
    if not every:
        return
    triple = data.draw(st.sampled_from(every))
    found = explained(rules, graph, triple, semantics)
    assert found is not None
    by_line = {reason.rule: reason for reason in found.reasons}
    assert set(by_line) == {
        line for line, one in enumerate(results, 1) if triple in one.predictions
    }
    for line, reason in by_line.items():
        assert reason.confidence == results[line - 1].confidence
        assert reason.violations == results[line - 1].violation_count


@given(graphs(min_triples=1), rule_sets(filters=True), TRIPLES, semantics)
@examples(100)
def test_inequalities_hold_in_every_witness(
    triples: list[Triple], rules: list[Rule], triple: Triple, semantics: str
) -> None:
    """The rules that predict a triple, and their least witnesses, are those of the definition."""
    rules = [rule for rule in rules if not why_rejected(rule)]
    graph = graph_of(triples)
    subject, relation, object_ = (name.encode() for name in triple)
    ends = graph.entity_id(subject), graph.entity_id(object_)
    found: dict[int, tuple[Triple, ...]] = {}
    if rules:
        parts, _ = candidates(graph, chunk_of_rules(rules), (subject, relation, object_))
        for part in parts:
            for one in predicted(BoundSearch(graph, semantics), part, *ends):
                line = int(part.chunk.sources[one.place]) + 1
                found[line] = tuple(
                    (
                        graph.entity_name(s).decode(),
                        graph.relation_name(r).decode(),
                        graph.entity_name(o).decode(),
                    )
                    for s, r, o in np.frombuffer(one.witness, np.int32).reshape(-1, 3).tolist()
                )
    assert found == slow_reasons(rules, Graph(triples), triple, semantics)
