"""Findings of one document as data: of each what was packed, made an object when it is asked for.

Can be sent to other processes, with the graph that it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pff_stream.findings._joined import Joined
from pff_stream.findings._made import contained
from pff_stream.findings.found import Described, FoundFindings, ToldRule
from pff_stream.findings.order import RankedRule, RankedSource
from pff_stream.triples._graph import GraphView

if TYPE_CHECKING:
    from pff_stream.findings.catalogue import RuleCatalogue
    from pff_stream.report.streams import Finding

_TRIPLE_BYTES = 12


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
    is_contained: bool = False
    """Whether entries say all that is told of the graph, so that it is not needed."""
    spots: bytes | None = None
    """Where what they tell places of stands in the document's text, see `triples._spots`."""

    def objects(self, graph: Callable[[], GraphView], catalogue: RuleCatalogue) -> list[Finding]:
        """All of them, by the graph and the rules that they are about."""

        def told(rank: int) -> ToldRule:
            rule = self.rules[rank]
            if isinstance(rule, RankedRule):
                line, text = rule.line, rule.text
                confidence, own = rule.confidence, rule.own_confidence
            else:
                source, confidence, own, *_ = rule
                line, text = catalogue.line(source), catalogue.text(source)
            return line, text.decode("utf-8", "surrogateescape"), own, confidence

        joined = None if self.is_contained else self._joined(graph())
        return FoundFindings(joined, told, self.described).of(self.entries)

    def contained(self, graph: GraphView) -> PackedFindings:
        """The same with all that they say of the graph."""
        entries = contained(self._joined(graph), self.entries, self.described.by_score)
        return self._replace(entries=entries, names=([], []), is_contained=True)

    def with_spots(
        self, graph: GraphView, spots: Callable[[memoryview], bytes | None]
    ) -> PackedFindings:
        """The same with what `spots` says of the triples whose places they tell."""
        asked = self._joined(graph).wanted(self.entries, self.described.by_score)
        shape = [len(asked) // _TRIPLE_BYTES, 3]
        return self._replace(spots=spots(memoryview(asked).cast("I", shape)))

    def _joined(self, graph: GraphView) -> Joined:
        joined = Joined(graph.n_entities, graph.n_relations, None, None, 0)
        joined.know(*self.names)
        joined.look_at(graph)
        return joined
