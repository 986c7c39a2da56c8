"""The compiled evaluator against the reference, on random graphs and rules of every shape."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pff_stream.evaluate._kernel import Evaluator, TableCounter, scratch_bytes
from pff_stream.report.records import ExampleIds, Record
from pff_stream.report.records import read_records as read_run
from pff_stream.rules._table import RuleTable, TableBuilder
from pff_stream.rules.chunk import RuleChunk
from pff_stream.triples._graph import GraphView
from tests import strategies
from tests.graphs import chunk_of_rules, graph_of
from tests.reference import (
    HOMOMORPHISM,
    Atom,
    Const,
    Graph,
    Rule,
    Triple,
    Var,
    evaluate,
    groundings,
    resolve,
    why_rejected,
)

pytestmark = pytest.mark.same_answer

OUTCOMES = ("satisfied", "violated", "vacuous", "filtered", "too-large")
REASONS = ("", "relation", "constant", "no match", "support", "confidence", "work")
WAYS = {"chosen": 0, "forward": 1, "backward": 2, "wide forward": 3, "wide backward": 4}

Example = tuple[Triple, tuple[Triple, ...]]


@dataclass
class Result:
    """The records of one rule, joined, names put in."""

    predictions: int
    support: int
    outcome: str
    reason: str
    examples: list[Example] = field(default_factory=list)
    parts: int = 0


def run(
    graph: GraphView,
    chunk: RuleChunk,
    semantics: str,
    *,
    way: int = 0,
    wide: bool = True,
    max_examples: int = 3,
    max_work: int | None = None,
    buffer_bytes: int = 4096,
) -> tuple[dict[int, Result], bytes]:
    """Evaluates a whole chunk; results by source ordinal, and all bytes handed out."""
    evaluator = Evaluator(
        graph,
        semantics,
        way=way,
        wide=wide,
        max_examples=max_examples,
        max_work=max_work,
        buffer_bytes=buffer_bytes,
    )
    handed: list[bytes] = []
    evaluator.evaluate(chunk, 0, chunk.n_rules, lambda view: handed.append(bytes(view)))
    results: dict[int, Result] = {}
    for records in handed:
        read_records(records, graph, results)
    return results, b"".join(handed)


def read_records(records: bytes, graph: GraphView, results: dict[int, Result]) -> None:
    """Reads one run by the format's own slow reader; parts of a rule must follow each other."""
    for record in read_run(records):
        result = results.setdefault(
            record.source,
            Result(*record.counts, OUTCOMES[record.outcome], REASONS[record.reason]),
        )
        assert record.part == result.parts
        result.parts += 1
        result.examples += [example_of(record, each, graph) for each in record.examples]


def example_of(record: Record, example: ExampleIds, graph: GraphView) -> Example:
    """An example by name; the record's literals stand in for what the graph does not have."""

    def named(ids: tuple[int, int, int]) -> Triple:
        subject, relation, object_ = ids
        return (
            graph.entity_name(subject).decode() if subject >= 0 else record.subject.decode(),
            graph.relation_name(relation).decode() if relation >= 0 else record.relation.decode(),
            graph.entity_name(object_).decode() if object_ >= 0 else record.object.decode(),
        )

    head = named((example.subject, record.head_relation, example.object))
    return head, tuple(map(named, example.witness))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_equals_reference(way: int, data: st.DataObject) -> None:
    """Counts, outcomes, reasons, examples and witnesses are the definition's, in every way."""
    triples = data.draw(strategies.graphs())
    rules = data.draw(
        strategies.rule_sets().map(lambda some: [r for r in some if not why_rejected(r)])
    )
    semantics = data.draw(strategies.semantics)
    results, _ = run(
        graph_of(triples), chunk_of_rules(rules), semantics, way=way, wide=data.draw(st.booleans())
    )
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


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_table_counts_the_same(data: st.DataObject) -> None:
    """Through the table, which leaves out what a graph cannot match, all sums are the same."""
    triples = data.draw(strategies.graphs())
    rules = [rule for rule in data.draw(strategies.rule_sets()) if not why_rejected(rule)]
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
        outcomes, predictions, support = TableCounter(graph, semantics).count_table(table)
        words = [result.outcome for result in expected]
        assert outcomes == tuple(words.count(word) for word in OUTCOMES[:4])
        assert predictions == sum(result.predictions for result in expected)
        assert support == sum(result.support for result in expected)


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
@settings(max_examples=150, deadline=None)
def test_work_bound_is_that_of_the_definition(data: st.DataObject) -> None:
    """`--max-work` leaves out exactly the rules whose bound is over it, in every semantics."""
    triples = data.draw(strategies.graphs(max_triples=12))
    rules = [
        rule
        for rule in data.draw(strategies.rule_sets(max_rules=4))
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
def test_every_way_gives_the_same_bytes(semantics: str) -> None:
    """Direction and width change no byte, over several batches of sources."""
    graph = graph_of(large_graph(seed=3, n_entities=1600, n_triples=9000))
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
    evaluator = Evaluator(
        graph_of([("a", "r", "b")]), "object-identity", min_support=2, min_confidence=0.5
    )
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
    """The wide way costs 280 bytes an entity more than the 24 of the narrow one."""
    assert scratch_bytes(1000, False) == 24_000
    assert scratch_bytes(1000, True) == 24_000 + 280_000 + 256
