"""From settings to inputs that are compiled and encoded, and the plan made from their headers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from pff_stream.files import _pages
from pff_stream.files.temporary import working_folder
from pff_stream.inputs import (
    GraphInput,
    Rules,
    RulesGiven,
    TriplesGiven,
    moved_out,
    open_graph,
    open_rules,
)
from pff_stream.observer import Observer
from pff_stream.plan.budget import Contract, alone, encoder_bytes, share_to_prepare
from pff_stream.plan.by_rules import RulesWorkload
from pff_stream.plan.choose import plan_run
from pff_stream.plan.costs import measure_costs
from pff_stream.plan.sizes import MEMORY, BlockSizes, RunSizes, _sizes, exact
from pff_stream.plan.terms import preparation_phases
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.models import ResourceOptions
from planner.machine import Machine
from planner.model import Settings, Term
from planner.plan import Plan
from planner.probe import measure_self


@dataclass(slots=True)
class Ready:
    """Inputs that are compiled and encoded, and the plan made from their headers."""

    settings: RunSettings
    contract: Contract
    folder: str
    """Where temporary files go."""
    rules: Rules
    graph: GraphInput
    sizes: RunSizes
    plan: Plan
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time by phase."""

    @property
    def semantics(self) -> str:
        """What the run's semantics are: as asked for, else by the rule file."""
        return self.settings.reading.semantics or self.rules.file.semantics

    def check_inputs(self) -> None:
        """`AlteredError` where a file that workers read was written to since it was opened."""
        for opened in (self.rules.opened, self.graph.opened):
            if opened is not None:
                opened.check()


@contextmanager
def prepared(
    settings: RunSettings,
    observer: Observer,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
) -> Iterator[Ready]:
    """Compiles, encodes and plans; given rules and triples stand in for the settings' paths."""
    inputs, reading, resources = settings.inputs, settings.reading, settings.resources
    folder = working_folder(settings.output.out)
    seconds: dict[str, float] = {}
    with ExitStack() as stack:
        contract = stack.enter_context(Contract(resources))
        machine = contract.machine
        costs = measure_costs(machine.budget_bytes, folder)
        before = [preparation_phases(alone(costs), None, None)]
        compile_bytes = share_to_prepare(inputs, machine, costs, rules, triples)
        observer.phase("compile", None)
        with timed(seconds, "compile"):
            opened = stack.enter_context(
                open_rules(inputs.rules, reading, folder, compile_bytes, rules)
            )
        observer.phase("encode", None, "triples")
        with timed(seconds, "encode"):
            graph = stack.enter_context(
                open_graph(
                    inputs.triples if triples is None else triples,
                    reading,
                    folder,
                    encoder_bytes(machine.budget_bytes, costs),
                    fenced=resources.fence != "none",
                )
            )
        before.append(
            preparation_phases(
                alone(costs),
                None if opened.compiled is None else opened.compiled.touched_bytes,
                _encode_terms(graph),
            )
        )
        costs = measure_costs(machine.budget_bytes, folder)
        phases = [phase for phases in before for phase in phases]

        semantics = reading.semantics or opened.file.semantics

        def look_closer(blocks: BlockSizes) -> BlockSizes:
            found = exact(blocks, graph.name, opened.file, semantics)
            _pages.trim()
            # What looking at the rules left in this process is there in the run, too.
            costs.parent_bytes = max(costs.parent_bytes, measure_self().bytes)
            return found

        def make(resources: ResourceOptions, machine: Machine, fixed: Settings | None) -> Plan:
            workload = RulesWorkload(sizes, look_closer)
            return plan_run(resources, machine, workload, costs, phases, fixed)

        size = partial(_sizes, settings.evaluation, settings.output, opened)
        sizes = size(graph, folder, machine.cores)
        if graph.in_memory and _wants_file(contract, partial(make, resources)):
            graph = moved_out(graph, folder)
            sizes = size(graph, folder, machine.cores)
        hashes = {"rules": opened.source_hash.hex(), "triples": graph.input_hash.hex()}
        plan = contract.agree(make, hashes | settings.result_options())
        yield Ready(settings, contract, folder, opened, graph, sizes, plan, seconds)


def _wants_file(contract: Contract, make: Callable[[Machine, None], Plan]) -> bool:
    """Whether a graph in memory should be in a file: no plan fits with it, or the saved one has."""
    if contract.fixed is not None:
        return contract.fixed.get("backing", MEMORY) != MEMORY
    return not make(contract.machine, None).fits


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Adds the wall time of the block to a phase."""
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - began


def _encode_terms(graph: GraphInput) -> list[Term] | None:
    """What the encoding held, by the counts that it reported; None where nothing was encoded."""
    report = graph.encoded
    if report is None:
        return None
    from pff_stream.triples.sizes import largest_terms

    return largest_terms(replace(report.memory_counts, graph_in_file=not graph.in_memory))
