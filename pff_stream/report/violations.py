"""Violations of a result record by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pff_stream.report.records import LITERAL, Violation

if TYPE_CHECKING:
    from pff_stream.report.records import Record
    from pff_stream.triples._graph import GraphView


def violations_of(record: Record, graph: GraphView) -> Iterator[Violation]:
    """The examples of a record, with the names that the graph has for their ids."""

    def entity(identifier: int, literal: bytes) -> str:
        name = literal if identifier == LITERAL else graph.entity_name(identifier)
        return name.decode("utf-8", "surrogateescape")

    relation_name = record.relation
    if record.head_relation != LITERAL:
        relation_name = graph.relation_name(record.head_relation)
    relation = relation_name.decode("utf-8", "surrogateescape")
    for example in record.examples:
        yield Violation(
            (
                entity(example.subject, record.subject),
                relation,
                entity(example.object, record.object),
            ),
            tuple(
                (
                    graph.entity_name(subject).decode("utf-8", "surrogateescape"),
                    graph.relation_name(name).decode("utf-8", "surrogateescape"),
                    graph.entity_name(object_).decode("utf-8", "surrogateescape"),
                )
                for subject, name, object_ in example.witness
            ),
        )
