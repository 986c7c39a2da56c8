"""Findings of a graph: the order of rules, a round that lists their violations, the join, places.

The order comes of the merge (`findings.rule_order`). Rules are chosen in it until they have as many
violations as findings are wanted; workers list those (`listing`); the join counts distinct triples,
and where there are too few, more rules are chosen. All of it lies in temporary files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeAlias

from pff_stream.checkpoint.texts import texts_of
from pff_stream.errors import RefusedError
from pff_stream.evaluate.options import EVERYTHING, Page
from pff_stream.files import _pages
from pff_stream.files.temporary import IN_MEMORY_BYTES, room_on_disk, temporary_file
from pff_stream.findings._joined import Joined
from pff_stream.findings._sorted import Sorter
from pff_stream.findings.choose import choose
from pff_stream.findings.confidence import ranked_by
from pff_stream.findings.found import Described, FoundFindings, told_by
from pff_stream.findings.order import ChosenRules
from pff_stream.findings.places import PlaceSources
from pff_stream.findings.rule_order import RuleOrder
from pff_stream.findings.terms import batches, holds_last, kept_bytes, page_bytes, violation_bytes
from pff_stream.findings.where import Places
from pff_stream.inputs import GraphInput
from pff_stream.limits.fence import planned_phase_held
from pff_stream.pipeline.cut import CarryOut, ListedTasks, Ready
from pff_stream.pipeline.large_rule import LargeRules
from pff_stream.pipeline.listing import SpoolFile
from pff_stream.report.found import FoundTotals
from pff_stream.report.streams import Finding
from pff_stream.settings.models import FindingsOptions
from pff_stream.triples.graph import attach
from pff_stream.triples.options import encode_options
from planner.mounts import is_memory
from planner.sizes import format_size

AHEAD = 2
"""Times as many violations are listed first as findings are wanted: it mostly saves a round."""
MakesListing: TypeAlias = "Callable[[ChosenRules, int, SpoolFile, Page], ListedTasks]"
"""Of the rules that were chosen, those from a rank on; the spool for their violations; which."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings are looked for."""

    n: int | None
    """The first so many; None: all."""
    options: FindingsOptions
    kind: int
    """Of confidence."""
    described: Described

    @property
    def limit(self) -> int | None:
        """Distinct triples with which enough rules are in force; None: all rules are."""
        return None if self.options.floor is not None else self.n


def wanted_findings(ready: Ready, document: str) -> Wanted | None:
    """The findings that are looked for, for a file or for people; None: none."""
    options, evaluation = ready.settings.findings, ready.settings.evaluation
    n = ready.settings.number_of_findings(ready.settings.keeps_findings)
    if n == 0:
        return None
    kind = ready.ranking.kind
    ranked = ranked_by(kind, options.score, evaluation.assumption)
    described = Described(ranked, options.floor, options.score != "max", document)
    return Wanted(n, options, kind, described)


class WithdrawnError(Exception):
    """Rules killed their workers when their violations were listed: their counts are void."""

    def __init__(self, failed: dict[int, str]) -> None:
        super().__init__()
        self.failed = failed


class GraphFindings:
    """Makes the findings of one graph, from the merge of its counts on."""

    def __init__(
        self, wanted: Wanted, ready: Ready, listing: MakesListing, sources: PlaceSources | None
    ) -> None:
        self._wanted = wanted
        self._ready = ready
        self._listing = listing
        self.by_pages = True
        """Whether a rule that the disk has no room for may be listed page by page."""
        self._places = Places(sources)
        self._order: RuleOrder

    @contextmanager
    def ranked(self) -> Iterator[RuleOrder]:
        """What puts the rules in order while they are merged."""
        wanted, ready = self._wanted, self._ready
        floor = wanted.options.floor
        chunks = ready.rules.file.all_source_chunks
        self._order = RuleOrder(wanted.kind, floor, wanted.limit, ready.folder, chunks)
        try:
            yield self._order
        finally:
            self._order.close()

    def make(
        self, graph: GraphInput, carry_out: CarryOut, take: Callable[[Finding], None]
    ) -> FoundTotals:
        """Finds, and gives `take` as many as are wanted, in order.

        The graph is attached when workers have listed: its tables are not held twice.
        """
        wanted = self._wanted
        totals = FoundTotals(wanted.described.ranked_by, wanted.options.floor)
        totals.note = self._ready.ranking.note
        totals.without_value = self._order.without_value
        with ExitStack() as stack:
            listed = self._listed(graph, carry_out, stack)
            chosen, joined, cut = listed.chosen, listed.joined, listed.cut
            view = stack.enter_context(attach(graph.name)).view
            joined.look_at(view)
            if cut < 0:
                totals.is_all = chosen.is_all
                totals.cut_by_max_disk = not chosen.is_all
                if self._ready.baseline is not None:
                    totals.compare(self._ready.baseline.gone(view))
                return totals
            stack.enter_context(
                planned_phase_held(self._ready.plan, "join", self._ready.settings.resources)
            )
            by_score = wanted.described.by_score
            totals.total = joined.rank(cut, chosen.logs() if by_score else None)
            totals.rules_in_force = cut + 1
            totals.confidence = chosen.rule(cut).confidence
            totals.is_all = chosen.is_all and cut + 1 == chosen.n
            is_short = wanted.limit is not None and totals.total < wanted.limit
            totals.cut_by_max_disk = is_short and not chosen.is_all
            findings = islice(FoundFindings(joined, told_by(chosen), wanted.described), wanted.n)
            baseline = self._ready.baseline
            for batch in batches(findings):
                for finding in self._places.of(batch):
                    if baseline is not None:
                        finding = replace(finding, new=baseline.is_new(finding))
                    totals.take(finding)
                    take(finding)
            if baseline is not None:
                totals.compare(baseline.gone(view))
            totals.disk_bytes = listed.disk_bytes
        return totals

    def list_part(
        self, graph: GraphInput, carry_out: CarryOut, keep: Callable[[ChosenRules], None]
    ) -> None:
        """Lists what a part of the rules has for all, and nothing else: `keep` is given the rules.

        A part has as many findings as are wanted with its own rules alone, at the latest where the
        whole has them: what it lists is enough.
        """
        with ExitStack() as stack:
            keep(self._listed(graph, carry_out, stack).chosen)

    def _listed(self, graph: GraphInput, carry_out: CarryOut, stack: ExitStack) -> _Listed:
        """Chooses rules, and has their violations listed, until there are enough."""
        wanted, folder, file = self._wanted, self._ready.folder, self._ready.rules.file
        chosen = ChosenRules(self._order, file.rules, folder, stack)
        listed, found = Sorter(folder), Sorter(folder)
        stack.callback(listed.close)
        stack.callback(found.close)
        numbers = graph.n_entities, graph.n_relations
        joined = Joined(*numbers, listed, found, wanted.options.max_reasons)
        disk = _Disk(wanted, file.max_body_atoms, self._ready)

        def list_rules(first: int, page: Page = EVERYTHING) -> None:
            disk.check(chosen)
            for sorter in (listed, found):  # not held beside the workers
                sorter.rest()
            self._list(chosen, first, joined, carry_out, page)

        def list_large(missing: int) -> bool:
            large = LargeRules(chosen, joined, graph, folder, list_rules, disk.page)
            return self.by_pages and large.list_next(missing)

        cut = choose(chosen, joined, wanted.limit, list_rules, disk.room, AHEAD, list_large)
        return _Listed(chosen, joined, cut, disk, (listed, found))

    def _list(
        self,
        chosen: ChosenRules,
        first: int,
        joined: Joined,
        carry_out: CarryOut,
        page: Page = EVERYTHING,
    ) -> None:
        """Has the violations of the rules from rank `first` on listed, and takes them in."""
        meter = self._ready.meter
        _pages.trim()  # what putting all rules in order left free is not there beside the workers
        with ExitStack() as stack:
            spool = stack.enter_context(temporary_file(self._ready.folder))
            listing = self._listing(chosen, first, spool, page)
            stack.callback(listing.close)
            meter.begin("list")
            carry_out(listing)
            if listing.failed:
                raise WithdrawnError(listing.failed)
            meter.begin("join", quick=True)
            for run in meter.over(listing.listed()):
                joined.add(run)


@dataclass(frozen=True, slots=True)
class _Listed:
    """Violations of the rules that were chosen, by triple."""

    chosen: ChosenRules
    joined: Joined
    cut: int
    """The rank of the last rule in force; -1: there is none."""
    disk: _Disk
    sorters: tuple[Sorter, Sorter]

    @property
    def disk_bytes(self) -> int:
        """What it was made in, so far."""
        return self.disk.used_bytes + sum(one.spilled_bytes for one in self.sorters)


class _Disk:
    """What is on disk for findings, at most, against `--max-disk` and what is free."""

    def __init__(self, wanted: Wanted, body_atoms: int, ready: Ready) -> None:
        self._wanted = wanted
        self._body_atoms = body_atoms
        self._folder = ready.folder
        is_held = holds_last(wanted.limit, wanted.options.max_reasons)
        self._each = violation_bytes(body_atoms, is_held=is_held)
        most_bytes = ready.settings.resources.max_disk_bytes
        self._cap, self._cap_name = room_on_disk(ready.folder, most_bytes)
        self.used_bytes = 0

    def room(self, violations: int) -> int | None:
        """How many more violations may be listed; None: as many as there are, or it is refused."""
        if self._wanted.n is None or self._wanted.options.floor is not None:
            return None
        return max(0, self._cap // self._each - violations)

    def page(self, violations: int, rules: int, missing: int) -> int:
        """How many violations of each of so many rules may be listed at once.

        Beside those that are listed. `missing` triples are wanted of them; 0: there is no room.
        """
        assert self._wanted.limit is not None
        kept = rules * (missing + self._wanted.limit) * kept_bytes(self._body_atoms)
        left = self._cap - violations * self._each - kept
        return max(0, left // (rules * page_bytes(self._body_atoms)))

    def check(self, chosen: ChosenRules) -> None:
        """Refuses what does not fit, where all violations were asked for."""
        need = chosen.violations * self._each
        if need > self._cap and self.room(0) is None:
            raise RefusedError(
                f"refused: {chosen.violations:,} violations of {chosen.n:,} rules take up to "
                f"{format_size(need)} of temporary files to be listed, and {self._cap_name} is "
                f"{format_size(self._cap)}; a higher --floor, --findings N without --floor, or "
                f"{self._more_room(need)} would do"
            )
        self.used_bytes = min(need, self._cap)

    def _more_room(self, need: int) -> str:
        in_memory = self._cap == IN_MEMORY_BYTES and is_memory(self._folder)
        return "TMPDIR on a disk" if in_memory else f"--max-disk {format_size(need)}"


def place_sources(ready: Ready, graph: GraphInput) -> PlaceSources:
    """What the graph was made of, to be read again."""
    settings = ready.settings
    options = encode_options(settings.reading)
    hashes = {} if graph.encoded is None else graph.encoded.input_hashes
    made = PlaceSources(graph.inputs, options, graph.input_hash, graph.copies, input_hashes=hashes)
    if ready.began is None:
        return made
    texts = texts_of(*ready.began)
    if texts.are_objects:
        return replace(made, inputs=[()])
    return replace(made, inputs=texts.paths, copies=texts.copies, names=texts.names)
