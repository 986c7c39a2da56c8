"""What the evaluator found of a chunk, read back by the format's slow reader."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pff_stream.evaluate._kernel import Evaluator
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.report.records import ExampleIds, Record
from pff_stream.report.records import read_records as read_run
from pff_stream.rules.chunk import RuleChunk
from pff_stream.triples._graph import GraphView
from tests.reference import Triple

OUTCOMES = ("satisfied", "violated", "vacuous", "filtered", "too-large")

REASONS = (
    "",
    "relation",
    "constant",
    "no match",
    "support",
    "confidence",
    "work",
    "",
    "all unknown",
    "head relation",
)

WAYS = {"chosen": 0, "forward": 1, "backward": 2, "wide forward": 3, "wide backward": 4}


@dataclass
class Result:
    """The records of one rule, joined, names put in."""

    predictions: int
    support: int
    unknown: int
    outcome: str
    reason: str
    examples: list[Example] = field(default_factory=list)
    parts: int = 0


def told(options: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an evaluator: those of `EvaluatorOptions` as one, the others as they are."""
    of_rules = {name: options[name] for name in EvaluatorOptions._fields if name in options}
    others = {name: value for name, value in options.items() if name not in of_rules}
    return {"options": EvaluatorOptions(**of_rules), **others}


def run(
    graph: GraphView,
    chunk: RuleChunk,
    semantics: str,
    **options: Any,
) -> tuple[dict[int, Result], bytes]:
    """Evaluates a whole chunk; results by source ordinal, and all bytes handed out.

    `options` are those of the evaluator; by default it is wide, with small bounds.
    """
    small: dict[str, Any] = {"wide": True, "max_examples": 3, "buffer_bytes": 4096}
    handed = handed_out(Evaluator(graph, semantics, **told(small | options)), chunk)
    results: dict[int, Result] = {}
    for records in handed:
        read_records(records, graph, results)
    return results, b"".join(handed)


def handed_out(evaluator: Evaluator, chunk: RuleChunk) -> list[bytes]:
    """The runs that it hands out for a whole chunk."""
    handed: list[bytes] = []
    evaluator.evaluate(chunk, 0, chunk.n_rules, lambda view: handed.append(bytes(view)))
    return handed


def in_every_way(
    graph: GraphView, chunk: RuleChunk, semantics: str, **options: Any
) -> dict[int, Result]:
    """The results of a whole chunk, which are the same bytes in every way, wide or not."""
    results, expected = run(graph, chunk, semantics, **options)
    small: dict[str, Any] = {"max_examples": 3, "buffer_bytes": 4096}
    for name, way in WAYS.items():
        for wide in (False, True):
            more = told(small | options | {"way": way, "wide": wide})
            found = handed_out(Evaluator(graph, semantics, **more), chunk)
            assert b"".join(found) == expected, (name, wide)
    return results


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


Example = tuple[Triple, tuple[Triple, ...]]


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
