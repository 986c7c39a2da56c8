"""Findings of one document as data: of each what was packed, made an object when it is asked for.

Can be sent to other processes, with the graph that it is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pff_stream.findings._joined import Joined
from pff_stream.findings.found import Described, FoundFindings
from pff_stream.findings.order import RankedRule, RankedSource
from pff_stream.triples._graph import GraphView

if TYPE_CHECKING:
    from pff_stream.findings.catalogue import RuleCatalogue


class PackedFindings(NamedTuple):
    """What `DocumentFindings` came to."""

    described: Described
    entries: list[bytes]
    """One each, best first."""
    rules: dict[int, RankedRule | RankedSource]
    """Those that the entries tell of, by rank; of a rule table without what its catalogue knows."""
    names: tuple[list[bytes], list[bytes]]
    """Entities and relations that only heads of rules have."""
    total: int
    """Triples that rules in force predict and the graph does not have."""
    is_all: bool
    rules_in_force: int
    confidence: float | None

    def on(self, graph: GraphView, catalogue: RuleCatalogue) -> FoundFindings:
        """What makes objects of the entries, by the graph and the rules that they are about."""
        joined = Joined(graph.n_entities, graph.n_relations, None, None, 0)
        joined.know(*self.names)
        joined.look_at(graph)
        return FoundFindings(joined, _Told(self.rules, catalogue), self.described)


class _Told:
    """Rules by rank."""

    def __init__(
        self, rules: dict[int, RankedRule | RankedSource], catalogue: RuleCatalogue
    ) -> None:
        self._rules = rules
        self._catalogue = catalogue

    def rule(self, rank: int) -> RankedRule:
        """The rule of a rank, from 0."""
        found = self._rules[rank]
        if isinstance(found, RankedRule):
            return found
        source, *others = found
        line, text = self._catalogue.line(source), self._catalogue.text(source)
        return RankedRule(line, source, text, *others)  # type: ignore[arg-type]
