"""Partial completeness against its definition and an oracle, in every way of the evaluator.

Heads h(X,X), `me_myself_i` and ground heads are in no oracle: for them there is the slow evaluator
alone.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.evaluate._kernel import TableCounter
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.rules._table import RuleTable, TableBuilder
from pff_stream.triples._graph import GraphView
from pff_stream.triples._resident import ResidentRelations
from tests import strategies
from tests.completeness import evaluate_partial
from tests.evaluate import test_blocks
from tests.evaluate.evaluated import OUTCOMES, WAYS, Result, in_every_way, run
from tests.examples import examples
from tests.graphs import chunk_of_rules, graph_of
from tests.reference import (
    HOMOMORPHISM,
    OBJECT_IDENTITY,
    Rule,
    Triple,
    evaluate,
    parse_rule,
    why_rejected,
)

pytestmark = pytest.mark.same_answer

DATA = Path(__file__).parents[1] / "data"
PLACES = {"subject": 0, "object": 2}

good_rules = strategies.rule_sets(filters=True).map(
    lambda some: [r for r in some if not why_rejected(r)]
)
given_places: st.SearchStrategy[dict[str, str]] = st.one_of(
    st.just({}), st.dictionaries(st.sampled_from(strategies.RELATIONS), st.sampled_from([*PLACES]))
)


def functional(places: dict[str, str]) -> list[tuple[bytes, str]]:
    """Given places as the evaluator takes them."""
    return [(relation.encode(), place) for relation, place in places.items()]


def agrees(
    results: dict[int, Result],
    rules: list[Rule],
    triples: list[Triple],
    semantics: str,
    places: dict[str, str],
    *,
    partial: bool,
) -> None:
    """Unknown predictions are those of the definition, and so is all that follows from them."""
    assert len(results) == len(rules)
    by_place = {relation: PLACES[place] for relation, place in places.items()}
    for source, rule in enumerate(rules):
        expected = evaluate_partial(rule, triples, semantics, by_place)
        closed = evaluate(rule, triples, semantics, max_examples=3)
        result = results[source]
        assert result.unknown == expected.unknown <= result.predictions - result.support
        assert (result.predictions, result.support) == (len(closed.predictions), closed.support)
        meant = expected if partial else closed
        assert (result.outcome, result.reason) == (meant.outcome, meant.reason)
        assert result.examples == [
            (triple, expected.witnesses[triple]) for triple in meant.violations[:3]
        ]


@given(data=st.data())
@examples(150)
def test_equals_reference(data: st.DataObject) -> None:
    """Every shape of rule in every way, both semantics, both assumptions, loops and ties.

    So are sums and outcomes of a table, and results where only rows that are wanted alone are in
    memory, or some relations, or all.
    """
    triples, rules = data.draw(strategies.graphs(min_triples=1)), data.draw(good_rules)
    semantics, places = data.draw(strategies.semantics), data.draw(given_places)
    partial, room = data.draw(st.booleans()), test_blocks.PAGE * data.draw(st.integers(0, 6))
    options: dict[str, Any] = {"partial": partial, "functional": functional(places)}
    graph, chunk = graph_of(triples), chunk_of_rules(rules)
    results = in_every_way(graph, chunk, semantics, **options)
    agrees(results, rules, triples, semantics, places, partial=partial)
    table_agrees(graph, rules, semantics, options, list(results.values()))
    with test_blocks.graph_file(triples) as (mapped, path):
        resident, wide = ResidentRelations(mapped, path, room), data.draw(st.booleans())
        in_blocks, handed, _ = test_blocks.run(
            mapped, chunk, semantics, resident, wide=wide, **options
        )
    assert test_blocks.without_parts(in_blocks) == test_blocks.without_parts(results)
    for records in handed:
        sources = list(test_blocks.sources_of(records))
        assert sources == sorted(sources)


def table_agrees(
    graph: GraphView,
    rules: list[Rule],
    semantics: str,
    options: dict[str, Any],
    found: list[Result],
) -> None:
    """A table's sums and outcomes are those of its rules."""
    builder = TableBuilder()
    if rules:
        builder.add(chunk_of_rules(rules))
    buffer = bytearray(builder.size())
    builder.write_into(buffer)
    counter = TableCounter(graph, semantics, EvaluatorOptions(**options))
    outcomes, counts, _ = counter.count_table(RuleTable(buffer))
    words = [result.outcome for result in found]
    assert outcomes == tuple(words.count(word) for word in OUTCOMES[:4])
    assert counts == (
        sum(result.predictions for result in found),
        sum(result.support for result in found),
        sum(result.unknown for result in found),
    )


def test_documents_have_functional_subjects() -> None:
    """A relation with more objects than subjects, in triples and in a graph of documents."""
    triples = [("a", "tag", "b"), ("a", "tag", "c"), ("d", "near", "b")]
    rules = [parse_rule("tag(X,Y) <= near(X,Y)"), parse_rule("tag(X,X) <= near(X,A)")]
    found = []
    for mapping in ("tsv", "json-1"):
        graph = graph_of(triples, mapping)
        results, _ = run(graph, chunk_of_rules(rules), OBJECT_IDENTITY)
        found.append([results[source].unknown for source in range(2)])
        assert graph.mapping == mapping
    assert found == [[0, 1], [1, 1]]


def is_variable(name: str) -> bool:
    """Whether a term of rule text is a variable."""
    return len(name) == 1 and name.isupper()


@pytest.mark.thorough
@pytest.mark.parametrize("way", [WAYS["chosen"], WAYS["wide backward"]])
def test_equals_oracle_on_umls(way: int) -> None:
    """6,000 mined rules: both sides of every head, by an independent evaluator."""
    oracle_agrees(DATA / "umls" / "oracle_pca.tsv.gz", way)


@pytest.mark.slow
def test_equals_full_oracle(shared_data: Path) -> None:
    """All 40,000 rules of the collection."""
    oracle_agrees(shared_data / "umls" / "oracle_pca.tsv.gz", WAYS["chosen"])


def oracle_agrees(oracle: Path, way: int) -> None:
    """Both sides of every rule; a head with a constant has only that of its variable."""
    columns = [line.split("\t") for line in lines_of(oracle)]
    rules = [parse_rule(column[4]) for column in columns]
    graph = graph_of_file(DATA / "umls" / "train.tsv.gz")
    for place, at in (("subject", 2), ("object", 3)):
        places = dict.fromkeys({rule.head.relation for rule in rules}, place)
        results, _ = run(
            graph,
            chunk_of_rules(rules),
            OBJECT_IDENTITY,
            functional=functional(places),
            max_examples=0,
            way=way,
        )
        for source, column in enumerate(columns):
            result = results[source]
            left, right = (
                is_variable(getattr(term, "name", "")) for term in rules[source].head.terms
            )
            decided = column[at if left == right else 2 if left else 3]
            assert (result.predictions, result.support) == (int(column[0]), int(column[1]))
            assert result.predictions - result.unknown == int(decided), column[4]


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["nations", "umls"])
def test_equals_amie(name: str) -> None:
    """Body size, support and PCA body size as AMIE 3.5.1 printed them."""
    columns = [line.split("\t") for line in lines_of(DATA / name / "amie_pca.tsv.gz")]
    rules = [parse_rule(column[3]) for column in columns]
    graph = graph_of_file(DATA / name / "train.tsv.gz")
    results, _ = run(graph, chunk_of_rules(rules), HOMOMORPHISM, max_examples=0)
    for source, column in enumerate(columns):
        result = results[source]
        decided = result.predictions - result.unknown
        assert [result.predictions, result.support, decided] == list(map(int, column[:3])), column[
            3
        ]


def lines_of(path: Path) -> list[str]:
    """Lines of a compressed file."""
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def graph_of_file(path: Path) -> GraphView:
    """The graph of a compressed TSV file."""
    return graph_of([tuple(line.split("\t")) for line in lines_of(path)])  # type: ignore[misc]
