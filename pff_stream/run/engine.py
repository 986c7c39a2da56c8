"""The run from end to end: inputs, plan, workers, merge; each stage in a module of its own.

The order here is the way of the data. Everything that is opened is closed on every way out, and
nothing big is allocated before the plan has said that it fits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import IO

from pff_stream import _pages
from pff_stream.errors import RefusedError
from pff_stream.report.progress import Observer
from pff_stream.report.run_table import RunTable
from pff_stream.run.blocks import BLOCKS, MEMORY, BlockSizes, bounded, exact
from pff_stream.run.contract import Contract
from pff_stream.run.fence import hold_tree, share_bytes, threads_held
from pff_stream.run.inputs import (
    GraphInput,
    Rules,
    RulesGiven,
    TriplesGiven,
    is_graph_file,
    is_memory,
    is_rule_file,
    moved_out,
    open_graph,
    open_rules,
    temporary_file,
)
from pff_stream.run.memory import (
    RESULT_BYTES,
    ProcessCosts,
    RunSizes,
    busy_workers,
    chunk_counts,
    chunks_together,
    preparation_phases,
    resident_bytes,
    room_bytes,
)
from pff_stream.run.outputs import Result, check_outputs, write_outputs
from pff_stream.run.planning import Costs, measure_costs, plan_run
from pff_stream.run.reading import working_folder
from pff_stream.run.settings import RunSettings
from pff_stream.run.stream import Evaluation, Meter, stream_chunks
from pff_stream.run.unfinished import UnfinishedRun, unfinished_run
from pff_stream.run.worker import Answer, WorkerArguments
from pff_stream.triples.graph import attach, verify
from planner.machine import Machine
from planner.model import Settings, Term, peak_bytes
from planner.plan import Plan, refusal
from planner.probe import measure_self

__all__ = [
    "Ready",
    "evaluated",
    "evaluating",
    "make_plan",
    "prepared",
    "run",
]

COMPILE_BYTES = 32 << 20
LEAST_RUN_BYTES = 2 << 20
"""How much more the smallest run takes, by one thread, than encoding the smallest graph."""


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


@dataclass(slots=True)
class Evaluated:
    """A run whose rules are all evaluated; results are in the spool."""

    ready: Ready
    spool: IO[bytes]
    evaluation: Evaluation
    meter: Meter
    kept: UnfinishedRun | None
    """What lies in the folder until the run is finished; None without a folder."""


def make_plan(settings: RunSettings, observer: Observer) -> Plan:
    """The plan that `run` would make; nothing is evaluated."""
    if settings.manifest is not None:
        from pff_stream.run.task_plan import prepare

        with ExitStack() as stack:
            return prepare(settings, observer, stack)[1]
    with prepared(settings, observer) as ready:
        return ready.plan


def run(settings: RunSettings, observer: Observer) -> Result:
    """Validates; raises `RefusedError` where the plan does not fit."""
    if settings.manifest is not None:
        from pff_stream.run.tasks import run_tasks

        return run_tasks(settings, observer)
    check_outputs(settings)
    with evaluating(settings, observer) as (done, answers):
        with threads_held(done.ready.plan, settings.fence):
            _exhaust(done, answers)
        result = write_outputs(done, settings.out, observer)
        if done.kept is not None:
            done.kept.finish()
        return result


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
        before = [preparation_phases(_alone(costs), None, None)]
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
                _alone(costs),
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
def evaluated(
    settings: RunSettings,
    observer: Observer,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
) -> Iterator[Evaluated]:
    """Evaluates every rule under the plan; the spool is there for as long as the block lasts."""
    with evaluating(settings, observer, rules, triples) as (done, answers):
        _exhaust(done, answers)
        yield done


def _exhaust(done: Evaluated, answers: Iterator[Answer]) -> None:
    with timed(done.ready.seconds, "evaluate"):
        for _ in answers:
            pass
    done.ready.check_inputs()


@contextmanager
def evaluating(
    settings: RunSettings,
    observer: Observer,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
) -> Iterator[tuple[Evaluated, Iterator[Answer]]]:
    """The same, one answer at a time: rules are evaluated while the caller draws answers."""
    with prepared(settings, observer, rules, triples) as ready, ExitStack() as stack:
        plan = ready.plan
        if not plan.fits:
            raise RefusedError(refusal(plan))
        in_blocks = plan.settings.get("backing") == BLOCKS
        if ready.graph.opened is not None:
            with timed(ready.seconds, "encode"):
                verify(ready.graph.name, ready.graph.opened.path, drops=in_blocks)
        elif in_blocks:
            ready.graph.store.drop_cached()
        hold_tree(plan)
        for note in plan.notes:
            observer.note(note)
        kept = None
        if settings.out is None:
            spool, spool_path = stack.enter_context(temporary_file(ready.folder))
        else:
            kept = stack.enter_context(unfinished_run(ready, observer))
            spool, spool_path = kept.spool, kept.spool_path
        reserve_bytes = ready.settings.reserve_bytes
        meter = Meter(observer, plan.peak_bytes, plan.budget_bytes, reserve_bytes)
        observer.phase("evaluate", ready.rules.file.rules - ready.rules.file.rejected)
        runs = RunTable((), ready.folder) if kept is None else kept.runs
        stack.callback(runs.close)
        evaluation = Evaluation(runs)
        answers = stream_chunks(
            ready.rules.file,
            _worker_arguments(ready, spool_path),
            start_method=str(plan.settings["start_method"]),
            workers=busy_workers(ready.sizes, plan.settings),
            window=int(plan.settings["window"] or 1),
            observer=observer,
            meter=meter,
            evaluation=evaluation,
            look=ready.check_inputs,
            kept=kept,
        )
        stack.callback(answers.close)
        yield Evaluated(ready, spool, evaluation, meter, kept), answers


def _worker_arguments(ready: Ready, spool_path: str) -> WorkerArguments:
    settings = ready.settings
    return WorkerArguments(
        graph=ready.graph.name,
        rules=ready.rules.path,
        spool=spool_path,
        semantics=ready.semantics,
        wide=bool(ready.plan.settings["wide"]),
        max_examples=settings.max_examples,
        min_support=settings.min_support or 0,
        min_confidence=settings.min_confidence or 0.0,
        max_work=settings.max_work,
        n_rules=ready.rules.file.rules,
        max_body_atoms=ready.rules.file.max_body_atoms,
        buffer_bytes=RESULT_BYTES,
        chunk_bytes=ready.sizes.max_chunk_bytes,
        chunk_counts=chunk_counts(ready.sizes),
        room_bytes=room_bytes(ready.sizes, chunks_together(ready.plan.settings)),
        resident_bytes=resident_bytes(ready.plan.settings),
        chunks_together=chunks_together(ready.plan.settings),
        share_bytes=share_bytes(ready.plan, settings.fence),
        source=ready.rules.source,
    )


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Adds the wall time of the block to a phase."""
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - began


def encoder_bytes(budget_bytes: int, costs: Costs) -> int:
    """Bytes for encoding raw triples, the graph included: what is left beside the processes."""
    return budget_bytes - peak_bytes(preparation_phases(_alone(costs), None, []))


def share_to_prepare(
    settings: RunSettings,
    machine: Machine,
    costs: Costs,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
) -> int:
    """Bytes for compiling text; 0 where the rules are compiled.

    Raises `RefusedError` before anything is read where even the least that preparing takes does not
    fit. What is compiled and encoded already is planned from its headers.
    """
    compile_least = encode_terms = None
    if rules is not None or not is_rule_file(settings.rules):
        from pff_stream.rules.compile import MIN_MEMORY_BYTES

        compile_least = MIN_MEMORY_BYTES
    raw = settings.triples and not any(is_graph_file(path) for path in settings.triples)
    if raw or triples is not None:
        from pff_stream.triples.sizes import EncodeCounts, encode_memory

        reading = sum(encode_memory(EncodeCounts(0, 0, 0, 0, 0, 0))["reading"].values())
        encode_terms = [Term("encoder", reading, "blocks and tables", {}, "constants of the code")]
    phases = preparation_phases(_alone(costs), compile_least, encode_terms)
    budget = machine.budget_bytes
    if phases and peak_bytes(phases) > budget:
        source, limits = machine.budget_source, machine.limits
        plan = Plan(phases, budget, source, limits, margin_bytes=LEAST_RUN_BYTES)
        raise RefusedError(refusal(plan))
    if compile_least is None:
        return 0
    return max(compile_least, min(COMPILE_BYTES, budget - costs.parent_bytes))


def _alone(costs: Costs) -> ProcessCosts:
    """The process without workers."""
    return ProcessCosts(costs.parent_bytes, 0, 0, "measured here")


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
