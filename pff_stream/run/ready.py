"""From settings to inputs that are compiled and encoded, and the plan made from their headers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from pff_stream import _pages
from pff_stream.report.progress import Observer
from pff_stream.run.blocks import MEMORY, BlockSizes, bounded, exact
from pff_stream.run.contract import Contract
from pff_stream.run.inputs import (
    GraphInput,
    Rules,
    RulesGiven,
    TriplesGiven,
    is_memory,
    moved_out,
    open_graph,
    open_rules,
)
from pff_stream.run.memory import RESULT_BYTES, RunSizes, preparation_phases
from pff_stream.run.planning import measure_costs, plan_run
from pff_stream.run.reading import working_folder
from pff_stream.run.settings import RunSettings
from pff_stream.run.shares import alone, encoder_bytes, share_to_prepare
from pff_stream.triples.graph import attach
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
        return self.settings.semantics or self.rules.file.semantics

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
    folder = working_folder(settings.out)
    seconds: dict[str, float] = {}
    with ExitStack() as stack:
        contract = stack.enter_context(Contract(settings))
        machine = contract.machine
        costs = measure_costs(machine.budget_bytes, folder)
        before = [preparation_phases(alone(costs), None, None)]
        compile_bytes = share_to_prepare(settings, machine, costs, rules, triples)
        observer.phase("compile", None)
        with timed(seconds, "compile"):
            opened = stack.enter_context(open_rules(settings, folder, compile_bytes, rules))
        observer.phase("encode", None, "triples")
        with timed(seconds, "encode"):
            graph = stack.enter_context(
                open_graph(settings, folder, encoder_bytes(machine.budget_bytes, costs), triples)
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

        semantics = settings.semantics or opened.file.semantics

        def look_closer(blocks: BlockSizes) -> BlockSizes:
            found = exact(blocks, graph.name, opened.file, semantics)
            _pages.trim()
            # What looking at the rules left in this process is there in the run, too.
            costs.parent_bytes = max(costs.parent_bytes, measure_self().bytes)
            return found

        def make(settings: RunSettings, machine: Machine, fixed: Settings | None) -> Plan:
            return plan_run(settings, machine, sizes, costs, phases, fixed, look_closer)

        sizes = _sizes(settings, opened, graph, folder, machine.cores)
        if graph.in_memory and _wants_file(contract, partial(make, settings)):
            graph = moved_out(graph, folder)
            sizes = _sizes(settings, opened, graph, folder, machine.cores)
        hashes = {"rules": opened.source_hash.hex(), "triples": graph.input_hash.hex()}
        plan = contract.agree(make, hashes)
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
    from pff_stream.triples.sizes import encode_memory

    counts = replace(report.memory_counts, graph_in_file=not graph.in_memory)
    phases = encode_memory(counts)
    name = max(phases, key=lambda phase: sum(phases[phase].values()))
    return [
        Term(f"encoder, {part}", size, part, {part: size}, f"counts of the input, while {name}")
        for part, size in phases[name].items()
    ]


def _sizes(
    settings: RunSettings, rules: Rules, graph: GraphInput, folder: str, cores: int
) -> RunSizes:
    file = rules.file
    example_bytes = 8 + 12 * file.max_body_atoms
    record_bytes = 68 + min(settings.max_examples, 1 << 20) * example_bytes
    results_bytes = file.rules * record_bytes
    return RunSizes(
        graph_bytes=graph.total_bytes,
        graph_in_memory=graph.in_memory,
        n_entities=graph.n_entities,
        n_chunks=len(file.chunks),
        n_source_chunks=len(file.source_chunks),
        max_chunk_bytes=file.max_chunk_bytes,
        max_chunk_rules=file.max_chunk_rules,
        max_source_chunk_bytes=file.max_source_chunk_bytes,
        work_bytes=(
            0 if settings.max_work is None else 8 * graph.n_entities * (file.max_body_atoms + 1)
        ),
        results_bytes=results_bytes,
        spool_in_memory_bytes=results_bytes if is_memory(settings.out or folder) else 0,
        # A file that does not say is bounded by what fits into a chunk.
        max_chunk_names=file.work.get("max_chunk_names", file.max_chunk_bytes // 12),
        max_chunk_atoms=file.work.get("max_chunk_atoms", file.max_chunk_bytes // 12),
        max_chunk_bodies=file.work.get("max_chunk_bodies", file.max_chunk_bytes // 4),
        # A run ends where the next record does not fit behind it any more.
        max_chunk_runs=1 + -(-2 * file.max_chunk_rules * record_bytes // RESULT_BYTES),
        cores=cores,
        writes_files=settings.out is not None or settings.violations is not None,
        blocks=_block_sizes(graph, file.max_body_atoms),
    )


def _block_sizes(graph: GraphInput, max_body_atoms: int) -> BlockSizes | None:
    """What reading the graph in blocks would need; None where it is in memory already."""
    if graph.in_memory:
        return None
    with attach(graph.name) as attached:
        return bounded(attached.view, max_body_atoms)
