"""Findings of one document as data: of each what was packed, made an object when it is asked for.

Can be sent to other processes, with the graph that it is about.
"""

from __future__ import annotations

from typing import NamedTuple

from pff_stream.findings._joined import Joined
from pff_stream.findings.found import Described, FoundFindings
from pff_stream.findings.order import RankedRule
from pff_stream.triples._graph import GraphView


class PackedFindings(NamedTuple):
    """What `DocumentFindings` came to."""

    described: Described
    entries: list[bytes]
    """One each, best first."""
    rules: dict[int, RankedRule]
    """Those that the entries tell of, by rank."""
    names: tuple[list[bytes], list[bytes]]
    """Entities and relations that only heads of rules have."""
    total: int
    """Triples that rules in force predict and the graph does not have."""
    is_all: bool
    rules_in_force: int
    confidence: float | None

    def rule(self, rank: int) -> RankedRule:
        """The rule of a rank, from 0."""
        return self.rules[rank]

    def on(self, graph: GraphView) -> FoundFindings:
        """What makes objects of the entries, by the graph that they are about."""
        joined = Joined(graph.n_entities, graph.n_relations, None, None, 0)
        joined.know(*self.names)
        joined.look_at(graph)
        return FoundFindings(joined, self, self.described)
