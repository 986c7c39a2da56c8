"""Findings of one small graph, in the process that counted it: the same as a run over it gives.

With a rule table nothing is done for a rule that is not violated: the counter notes the violated
ones, few of them are chosen in their order, and their violations are listed from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from pff_stream.findings._joined import Joined
from pff_stream.findings._sorted import Sorter
from pff_stream.findings._table_order import TableOrder
from pff_stream.findings.choose import Order, choose
from pff_stream.findings.confidence import Kind, ranked_by
from pff_stream.findings.found import Described, FoundFindings, told_by
from pff_stream.findings.packed import PackedFindings

if TYPE_CHECKING:
    from pff_stream.evaluate._kernel import TableCounter
    from pff_stream.findings.catalogue import RuleCatalogue
    from pff_stream.findings.order import RankedRule, RankedSource
    from pff_stream.report.streams import Finding
    from pff_stream.rules._table import RuleTable
    from pff_stream.settings.models import EvaluationOptions, FindingsOptions
    from pff_stream.triples._graph import GraphView

SORT_BYTES = 256 << 10
"""What each of the sorts holds before it takes a file."""


@dataclass(frozen=True, slots=True)
class WantedOfDocument:
    """Which findings are looked for in each document."""

    n: int | None
    """The first so many; None: all."""
    kind: int
    """Of confidence."""
    ranked_by: str
    """Confidence, score and assumption, as `miner/max/closed`."""
    n_reasons: int = 10
    """Kept of each, best first."""
    floor: float | None = None
    by_score: bool = False
    """Whether they are ordered by noisy-or."""
    more_predictions: int = 0
    """Of each rule, beside those on this graph: what `--unseen` says."""
    folder: str | None = None
    """For temporary files, where sorts take them; None: the system's."""
    max_disk_bytes: int | None = None

    @classmethod
    def of(
        cls, options: FindingsOptions, evaluation: EvaluationOptions, kind: Kind, folder: str
    ) -> WantedOfDocument:
        """All that the options ask for, with rules ranked by this kind; without a cap of disk."""
        return cls(
            n=None,
            kind=kind,
            ranked_by=ranked_by(kind, options.score, evaluation.assumption),
            n_reasons=options.max_reasons,
            floor=options.floor,
            by_score=options.score != "max",
            more_predictions=evaluation.unseen,
            folder=folder,
        )

    def with_n(self, n: int | None) -> WantedOfDocument:
        """The same, but so many of them."""
        return replace(self, n=n)

    @property
    def limit(self) -> int | None:
        """Distinct triples with which enough rules are in force; None: all rules are."""
        return None if self.floor is not None else self.n


class DocumentFindings:
    """The findings of one document, best first; each is made when it is asked for."""

    def __init__(
        self,
        graph: GraphView,
        order: Order,
        wanted: WantedOfDocument,
        document: str,
        list_from: Callable[[int, Joined], None],
    ) -> None:
        """`list_from` lists the violations of the rules from a rank on."""
        self._wanted = wanted
        with ExitStack() as stack:
            listed = self._sorter(stack)
            found = self._sorter(stack)
            numbers = graph.n_entities, graph.n_relations
            joined = Joined(*numbers, listed, found, wanted.n_reasons)
            joined.look_at(graph)
            cut = choose(order, joined, wanted.limit, lambda first: list_from(first, joined))
            logs = order.logs() if wanted.by_score else None
            self.total: int = joined.rank(cut, logs) if cut >= 0 else 0
            """Triples that rules in force predict and the graph does not have."""
            self.rules_in_force = cut + 1
            self.is_all = order.is_all and cut + 1 == order.n
            """Whether all violated rules of a confidence (of the floor or more) are in force."""
            self.confidence = order.rule(cut).confidence if cut >= 0 else None
            """Of the last rule in force."""
            self.without_value = 0
            """Violated rules that have no confidence of this kind."""
            listed.close()
            self._described = Described(wanted.ranked_by, wanted.floor, wanted.by_score, document)
            self._findings = FoundFindings(joined, told_by(order), self._described)
            self._joined, self._order = joined, order
            self._stack = stack.pop_all()

    def __len__(self) -> int:
        n = self._wanted.n
        return self.total if n is None else min(n, self.total)

    def __iter__(self) -> Iterator[Finding]:
        return islice(iter(self._findings), len(self))

    def packed(self) -> PackedFindings:
        """All that is asked for, as data that stays when this is closed."""
        most, order = len(self), self._order
        entries, ranks = self._joined.packed(most, self._described.by_score)
        rules: dict[int, RankedRule | RankedSource]
        if isinstance(order, TableOrder):
            rules = {**order.packed(ranks)}
        else:
            rules = {rank: order.rule(rank) for rank in ranks}
        return PackedFindings(
            described=self._described,
            entries=entries,
            rules=rules,
            names=self._joined.names_beyond(),
            total=self.total,
            is_all=self.is_all,
            rules_in_force=self.rules_in_force,
            confidence=self.confidence,
        )

    def close(self) -> None:
        """Closes what it was sorted in; nothing can be asked any more."""
        self._stack.close()

    def _sorter(self, stack: ExitStack) -> Sorter:
        sorter = Sorter(self._wanted.folder, SORT_BYTES, max_bytes=self._wanted.max_disk_bytes)
        stack.callback(sorter.close)
        return sorter


def findings_of_table(
    graph: GraphView,
    rules: tuple[RuleTable, RuleCatalogue],
    counter: TableCounter,
    wanted: WantedOfDocument,
    document: str = "",
) -> DocumentFindings:
    """Those of a graph that `counter` has counted the table against, noting what is violated."""
    table, catalogue = rules
    order = TableOrder(catalogue, counter, wanted.kind, wanted.floor, wanted.more_predictions)

    def list_from(first: int, joined: Joined) -> None:
        counter.list_violations(table, order.places(first), first, joined.add)

    found = DocumentFindings(graph, order, wanted, document, list_from)
    found.without_value = order.without_value
    return found
