"""A list of one document: the graph that all workers share, opened, planned and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from pff_stream.checkpoint.spool import Spool, unfinished_run
from pff_stream.execute.files import OutputFile
from pff_stream.files import _pages
from pff_stream.files.temporary import temporary_file
from pff_stream.inputs import GraphInput, Rules, moved_out
from pff_stream.observer import Observer
from pff_stream.pipeline.by_rules import RulesWork
from pff_stream.pipeline.cut import Basis, Documents, Ready, timed
from pff_stream.pipeline.part_by_rules import PartOfRules
from pff_stream.plan.blocks import BlockSizes, exact, least_in_blocks
from pff_stream.plan.budget import Make
from pff_stream.plan.by_rules import RulesWorkload
from pff_stream.plan.choose import plan_run
from pff_stream.plan.client import as_client
from pff_stream.plan.preparation import LEAST_RUN_BYTES, check
from pff_stream.plan.sizes import (
    BLOCKS,
    MEMORY,
    RunSizes,
    sizes_of_graph,
    sizes_of_run,
)
from pff_stream.plan.terms import look_phase
from pff_stream.report.run_table import RunTable
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.models import ResourceOptions
from pff_stream.triples.graph import verify
from pff_stream.work.tally import Evaluation
from planner.machine import Machine
from planner.model import Phase, Settings, Term
from planner.plan import Plan
from planner.probe import measure_self

if TYPE_CHECKING:
    from pff_stream.pipeline.cluster import HostWork


RULES_OF_A_CALL = (2, 16)
"""Chunks that a host of a cluster is given at once, at least and at most."""


class OneGraph(Documents):
    """A list of one document: a graph that all workers share."""

    def __init__(self, graph: GraphInput) -> None:
        self.graph = graph
        if graph.encoded is not None:
            self.notes = graph.encoded.notes
        self.sizes: RunSizes
        """Set by `plan`."""

    @property
    def is_in_files(self) -> bool:
        """Whether the graph, or the triples that it was encoded from, went to files."""
        report = self.graph.encoded
        is_spilled = report is not None and report.memory_counts.spilled_at_bytes is not None
        return is_spilled or not self.graph.in_memory

    @property
    def hashes(self) -> Mapping[str, str]:
        """The hash of the triples."""
        return {"triples": self.graph.input_hash.hex()}

    def plan(self, basis: Basis) -> Plan:
        """Plans with the graph where it is, or in a file where it does not fit into memory."""
        budget, costs, before = basis.budget, basis.costs, [*basis.before]
        make = self._planner(basis, before)

        def measure() -> None:
            if not self.graph.in_memory:
                look = look_phase(sizes_of_graph(self.graph), costs.of_this_process)
                before.append(look)
                least = costs.parent_bytes + least_in_blocks(self.graph.n_relations)
                check(before, budget.machine, max(LEAST_RUN_BYTES, least - look.bytes))
            self.sizes = sizes_of_run(
                basis.settings,
                basis.rules,
                self.graph,
                (basis.spool_folder, basis.folder),
                budget.machine.cores,
            )

        measure()
        if self.graph.in_memory:
            wants_file = (
                not make(basis.settings.resources, budget.machine, None).fits
                if budget.fixed is None
                else budget.fixed.get("backing", MEMORY) != MEMORY
            )
            if wants_file:
                self.graph = moved_out(self.graph, basis.folder)
                measure()
        inputs = {"rules": basis.rules.source_hash.hex(), **self.hashes}
        return budget.agree(make, inputs | basis.settings.sized_by())

    def _planner(self, basis: Basis, before: Sequence[Phase]) -> Make:
        """Plans by the sizes as they are then; `before` grows until it does."""
        costs = basis.costs
        semantics = basis.settings.reading.semantics or basis.rules.file.semantics

        def look_closer(blocks: BlockSizes) -> BlockSizes:
            found = exact(blocks, self.graph.name, basis.rules.file, semantics)
            _pages.trim()
            # What looking at the rules left in this process is there in the run, too.
            costs.parent_bytes = max(costs.parent_bytes, measure_self().bytes)
            return found

        def make(resources: ResourceOptions, machine: Machine, fixed: Settings | None) -> Plan:
            work = RulesWorkload(self.sizes, look_closer)
            here, resources = as_client(work, resources, basis.settings.clustering.cluster)
            return plan_run(resources, machine, here, costs, before, fixed)

        return make

    def host_work(self, settings: RunSettings, rules: Rules) -> HostWork:
        """The graph is a file there, all of which is mapped; nothing is merged."""
        from pff_stream.pipeline.cluster import HostWork

        sizes, results = self.sizes, self.sizes.results
        answer_bytes = -(-results.n_runs // max(1, sizes.rules.n_chunks)) * results.buffer_bytes
        there = replace(
            sizes,
            graph=replace(sizes.graph, in_memory=False),
            results=replace(results, spool_in_memory_bytes=0, outputs=(), n_outputs=0, reports=()),
            findings=None,
            blocks=None,
        )
        files = self.graph.shared, rules.shared
        return HostWork(RulesWorkload(there), files, answer_bytes, RULES_OF_A_CALL, has_spool=True)

    def begin(self, ready: Ready, observer: Observer, stack: ExitStack) -> RulesWork:
        """Checks the whole graph, and opens the spool."""
        in_blocks = ready.plan.settings.get("backing") == BLOCKS
        if self.graph.opened is not None:
            with timed(ready.seconds, "encode"):
                verify(self.graph.name, self.graph.opened.path, drops=in_blocks)
        elif in_blocks:
            self.graph.store.drop_cached()
        ready.rules = ready.rules.beside(self.graph)
        work = self._work(ready, observer, stack)
        work.place_outputs(stack)
        return work

    def _work(self, ready: Ready, observer: Observer, stack: ExitStack) -> RulesWork:
        graph, sizes = self.graph, self.sizes
        if ready.settings.output.out is None:
            spool, path = stack.enter_context(temporary_file(ready.folder))
            evaluation = Evaluation(RunTable((), ready.folder))
            stack.callback(evaluation.runs.close)
            shared = Spool(spool, OutputFile(path))
            return RulesWork(ready, graph, sizes, shared, evaluation, None)
        kept = stack.enter_context(unfinished_run(ready.settings, ready.rules, graph, observer))
        evaluation = Evaluation(kept.runs)
        stack.callback(evaluation.runs.close)
        if ready.settings.sharding.is_part:
            return PartOfRules(ready, graph, sizes, evaluation, kept, stack)
        return RulesWork(ready, graph, sizes, Spool.of(kept), evaluation, kept)

    def encode_terms(self) -> list[Term] | None:
        """What the encoding held, by the counts that it reported; None where it was before."""
        return encode_terms(self.graph)

    def check(self) -> None:
        """`AlteredError` where the graph file was written to."""
        if self.graph.opened is not None:
            self.graph.opened.check()


def encode_terms(graph: GraphInput) -> list[Term] | None:
    """What the encoding held, by the counts that it reported; None where nothing was encoded."""
    report = graph.encoded
    if report is None:
        return None
    from pff_stream.triples.sizes import largest_terms

    return largest_terms(replace(report.memory_counts, graph_in_file=not graph.in_memory))
