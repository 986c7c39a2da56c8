"""The compiled evaluator against the reference, on random graphs and rules of every shape."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.evaluate._kernel import Evaluator, TableCounter, scratch_bytes
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.report._rows import RuleRows
from pff_stream.report.records import Reason
from pff_stream.report.sums import ROW
from pff_stream.rules._table import RuleTable, TableBuilder
from tests import strategies
from tests.evaluate.evaluated import OUTCOMES, REASONS, Result, in_every_way, read_records, run
from tests.evaluate.test_large_graphs import chain_rules, large_graph
from tests.examples import examples
from tests.graphs import chunk_of_rules, graph_of
from tests.reference import (
    HOMOMORPHISM,
    Atom,
    Const,
    Graph,
    Rule,
    Var,
    evaluate,
    groundings,
    resolve,
    why_rejected,
)

pytestmark = pytest.mark.same_answer


@given(data=st.data())
@examples(100)
def test_equals_reference(data: st.DataObject) -> None:
    """Counts, outcomes, reasons, examples and witnesses are the definition's, in every way."""
    triples = data.draw(strategies.graphs())
    rules = data.draw(
        strategies.rule_sets(filters=True).map(
            lambda some: [r for r in some if not why_rejected(r)]
        )
    )
    semantics = data.draw(strategies.semantics)
    results = in_every_way(graph_of(triples), chunk_of_rules(rules), semantics)
    assert len(results) == len(rules)
    for source, rule in enumerate(rules):
        expected = evaluate(rule, triples, semantics, max_examples=3)
        result = results[source]
        assert (result.outcome, result.predictions, result.support) == (
            expected.outcome,
            len(expected.predictions),
            expected.support,
        )
        assert result.reason == expected.reason
        assert result.examples == [
            (violation, expected.witnesses[violation]) for violation in expected.violations
        ]


@pytest.mark.thorough
@given(data=st.data())
@examples(80)
def test_table_counts_the_same(data: st.DataObject) -> None:
    """Through the table, which leaves out what a graph cannot match, all sums are the same."""
    triples = data.draw(strategies.graphs())
    drawn = data.draw(strategies.rule_sets(filters=True))
    rules = [rule for rule in drawn if not why_rejected(rule)]
    semantics = data.draw(strategies.semantics)
    graph = graph_of(triples)
    builder = TableBuilder()
    half = len(rules) // 2
    chunks = [chunk_of_rules(part) for part in (rules[:half], rules[half:]) if part]
    for chunk in chunks:
        builder.add(chunk)
    buffer = bytearray(builder.size())
    builder.write_into(buffer)
    table = RuleTable(buffer)
    expected = [result for chunk in chunks for result in run(graph, chunk, semantics)[0].values()]
    for _ in range(2):  # a table serves one graph after the other
        handed = bytearray()
        rows = RuleRows(handed.extend)
        outcomes, sums, reasons = TableCounter(graph, semantics).count_table(table, rows)
        rows.finish_rows()
        words = [result.outcome for result in expected]
        by_reason = [REASONS[reason] for reason in Reason for _ in range(reasons[reason])]
        assert sorted(by_reason) == sorted(result.reason for result in expected)
        # Two chunks number their rules alike: what is said of a number is said of both.
        said = np.frombuffer(bytes(handed), ROW)
        assert int(said["predictions"].sum()) == sums[0]
        facts = Counter(relation for _, relation, _ in set(triples))
        by_source = Counter[int]()
        for row in said.tolist():
            by_source[row[0]] += row[3]
        wanted = Counter[int]()
        for part in (rules[:half], rules[half:]):
            for source, rule in enumerate(part):
                wanted[source] += facts[rule.head.relation]
        assert +by_source == +wanted
        assert outcomes == tuple(words.count(word) for word in OUTCOMES[:4])
        assert sums[:2] == (
            sum(result.predictions for result in expected),
            sum(result.support for result in expected),
        )
        # Neither who asks for no single rule nor who asks for the violated ones is told otherwise.
        for keeps in (False, True):
            counter = TableCounter(graph, semantics)
            told = counter.count_table(table, keeps_violated=keeps)
            assert told == (outcomes, sums, reasons)


def work_bound(rule: Rule, graph: Graph) -> int:
    """Homomorphisms of each prefix of the body, summed, cycles broken by fresh variables."""
    parts: list[set[Var]] = []
    atoms: list[Atom] = []
    total = 0
    body = resolve(rule).body if rule.body else ()
    for number, atom in enumerate(body):
        left, right = atom.left, atom.right
        if isinstance(left, Var) and isinstance(right, Var):
            together = any({left, right} <= part for part in parts)
            if left == right or together:
                right = Var(f"fresh {number}")
        new = {term for term in (left, right) if isinstance(term, Var)}
        joined = [part for part in parts if part & new]
        parts = [part for part in parts if not part & new] + [new.union(*joined)]
        atoms.append(Atom(atom.relation, left, right))
        prefix = Rule(Atom("head", Const("x"), Const("x")), tuple(atoms))
        found = {tuple(sorted(g.items())) for g in groundings(prefix, graph, HOMOMORPHISM)}
        total += len(found)
    return total


@given(data=st.data())
@examples(150)
def test_work_bound_is_that_of_the_definition(data: st.DataObject) -> None:
    """`--max-work` leaves out exactly the rules whose bound is over it, in every semantics."""
    triples = data.draw(strategies.graphs(max_triples=12))
    rules = [
        rule
        for rule in data.draw(strategies.rule_sets(max_rules=4, filters=True))
        if not why_rejected(rule) and len(rule.body) <= 4
    ]
    graph = Graph(triples)
    bounds = [work_bound(rule, graph) for rule in rules]
    limit = data.draw(st.sampled_from([*bounds, *(b - 1 for b in bounds if b), 0]))
    chunk = chunk_of_rules(rules)
    results, _ = run(graph_of(triples), chunk, data.draw(strategies.semantics), max_work=limit)
    for source, bound in enumerate(bounds):
        assert (results[source].outcome == "too-large") is (bound > limit)
        if bound > limit:
            assert (results[source].predictions, results[source].reason) == (0, "work")


def test_filters_use_the_miners_columns() -> None:
    """A rule below the thresholds is filtered; a rule without columns passes."""
    from pff_stream.rules.chunk import build_chunk
    from pff_stream.rules.rule import Atom, Rule, Variable

    atom = Atom("r", Variable("X"), Variable("Y"))
    chunk = build_chunk(
        [Rule(atom, (atom,))] * 4,
        miner_support=[1, 9, 9, -1],
        miner_confidence=[0.9, 0.1, 0.9, float("nan")],
    )
    options = EvaluatorOptions(min_support=2, min_confidence=0.5)
    evaluator = Evaluator(graph_of([("a", "r", "b")]), "object-identity", options)
    handed: list[bytes] = []
    evaluator.evaluate(chunk, 0, 4, lambda view: handed.append(bytes(view)))
    results: dict[int, Result] = {}
    read_records(b"".join(handed), graph_of([("a", "r", "b")]), results)
    assert [(results[i].outcome, results[i].reason) for i in range(4)] == [
        ("filtered", "support"),
        ("filtered", "confidence"),
        ("satisfied", ""),
        ("satisfied", ""),
    ]


def test_progress_moves_and_edges_are_counted() -> None:
    """The caller's counter moves while rules are evaluated, and edges are reported."""
    graph = graph_of(large_graph(seed=1, n_entities=100, n_triples=500))
    progress = bytearray(8)
    evaluator = Evaluator(graph, "object-identity", progress=progress)
    chunk = chunk_of_rules(chain_rules(2))
    evaluator.evaluate(chunk, 0, chunk.n_rules, lambda view: None)
    assert int.from_bytes(progress, "little") > 0
    assert evaluator.edges > 0


def test_a_failing_flush_stops_the_evaluation() -> None:
    """An error of the sink (a full disk) reaches the caller."""
    graph = graph_of([("a", "r", "b")])
    chunk = chunk_of_rules([Rule(Atom("r", Var("X"), Var("Y")), (Atom("r", Var("X"), Var("Y")),))])

    def full(view: memoryview) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        Evaluator(graph, "object-identity").evaluate(chunk, 0, 1, full)


def test_scratch_is_what_the_plan_says() -> None:
    """The wide way costs 284 bytes an entity more than the 24 of the narrow one."""
    assert scratch_bytes(1000, False) == 24_000 + 8
    assert scratch_bytes(1000, True) == 24_000 + 284_000 + 20
