"""What a run holds in memory, phase by phase: terms of the modules that allocate, put together.

Sizes come from the headers of the rule file and of the graph, the cost of a process from a probe
on this machine. All here is arithmetic: nothing is measured, read or allocated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pff_stream.evaluate.terms import block_terms, checking_term, evaluator_terms, work_bounds
from pff_stream.execute.executors import executor_of
from pff_stream.findings.terms import in_memory_term, joining_terms, listing_terms, ranking_terms
from pff_stream.plan import process_terms as processes
from pff_stream.plan.sizes import (
    FindingSizes,
    ProcessCosts,
    RunSizes,
    busy_workers,
    chunks_together,
    holds_names,
    merge_workers,
    resident_bytes,
)
from pff_stream.report.terms import (
    blocks_terms,
    files_written,
    merge_terms,
    run_table,
    spool_in_memory,
    spool_written,
)
from pff_stream.triples.terms import (
    GraphSizes,
    graph_term,
    names,
    page_tables,
    relation_tables,
)
from planner.formula import given
from planner.model import Input, Phase, Settings, Term

LOOK_BYTES = 40
"""Of a relation, while it is found how large each of them is: both sides, and them again to find
the largest."""


def run_phases(sizes: RunSizes, costs: ProcessCosts, settings: Settings) -> list[Phase]:
    """The phases of a run from the moment that both inputs are ready."""
    evaluate = _evaluate_terms(sizes, costs, settings)
    merge = _merge_terms(sizes, costs, settings)
    found = sizes.findings
    if found is None:
        phases = [Phase("evaluate", evaluate), Phase("merge", merge)]
    else:
        written = [*found.outputs, *files_written(len(found.outputs))]
        n_rules = sizes.rules.n_rules
        in_memory = found.texts_bytes is not None
        listing = listing_terms(n_rules, in_memory=in_memory)
        files = _in_memory(found, n_rules)
        ranking = [*ranking_terms(found.limit), *_in_memory(replace(found, room_bytes=0), n_rules)]
        phases = [
            Phase("evaluate", evaluate),
            Phase("merge", [*merge, *ranking, *found.outputs]),
            Phase("list", [*evaluate, *listing, *files]),
            Phase("join", [*_join_terms(sizes, costs, found), *written, *files]),
        ]
    return [
        *phases,
        *report_phase(costs, sizes.results.reports, _held_behind(sizes)),
    ]


def _in_memory(found: FindingSizes, n_rules: int) -> list[Term]:
    """Temporary files of findings, where they are memory."""
    if found.texts_bytes is None:
        return []
    return [in_memory_term(n_rules, found.texts_bytes, found.room_bytes)]


def look_phase(graph: GraphSizes, costs: ProcessCosts) -> Phase:
    """What looking at the relations of a graph file holds, before a run over it can be planned."""
    sizes = LOOK_BYTES * given("relations", graph.n_relations)
    return Phase(
        "plan",
        [
            processes.parent(costs),
            relation_tables(graph),
            Term.of("relation sizes", sizes, "header of the graph"),
            page_tables(graph, 1),
            processes.kernel_memory(1, 1),
        ],
    )


def report_phase(
    costs: ProcessCosts, reports: Sequence[Term], held: Sequence[Term] = ()
) -> list[Phase]:
    """The phase in which reports are made of the results; none without reports.

    `held` is what the run still holds besides.
    """
    if not reports:
        return []
    kernel = processes.kernel_memory(1, 1)
    return [Phase("report", [processes.parent(costs), *held, *reports, kernel])]


def worker_terms(
    sizes: RunSizes,
    *,
    wide: bool,
    resident_bytes: int | None = None,
    together: int = 1,
    checks: bool = True,
) -> list[Term]:
    """What one worker takes when it sets up, beside its process and the graph.

    `resident_bytes` is its room for relations where the graph is read in blocks; then a task is of
    so many chunks `together`. `checks`: whether it has a room of its own to check a chunk in.
    """
    rules, result_bytes = sizes.rules, sizes.results.buffer_bytes
    terms = []
    if resident_bytes is not None:
        blocks = sizes.blocks
        assert blocks is not None  # it is a file
        needed: dict[str, Input] = {"least": blocks.needed_bytes}
        if blocks.largest:
            needed = {"for one rule": blocks.largest}
        terms = block_terms(
            blocks.n_relations,
            rules,
            result_bytes,
            resident_bytes=resident_bytes,
            needed=needed,
            together=together,
        )
    n_entities = sizes.graph.n_entities
    return terms + evaluator_terms(
        n_entities, rules, result_bytes, wide=wide, together=together, checks=checks
    )


def _evaluate_terms(sizes: RunSizes, costs: ProcessCosts, settings: Settings) -> list[Term]:
    workers = busy_workers(sizes, settings)
    executor = executor_of(settings)
    own = worker_terms(
        sizes,
        wide=bool(settings["wide"]),
        resident_bytes=resident_bytes(settings),
        together=chunks_together(settings),
        checks=not executor.shares_memory,
    )
    # Threads check one at a time.
    once = [checking_term(sizes.rules)] if executor.shares_memory else []
    own.append(relation_tables(sizes.graph))
    own_bytes = sum(term.bytes for term in own)
    if sizes.bounds_work:
        own.append(work_bounds(sizes.graph.n_entities, sizes.rules))
    return [
        processes.parent(costs),
        processes.worker(costs).for_each(workers),
        processes.shared_by_workers(costs, executor.costs().copied_bytes),
        graph_term(sizes.graph),
        page_tables(sizes.graph, workers, own_bytes),
        *(term.for_each(workers) for term in own),
        *once,
        processes.window(int(settings["window"] or 1), run_table(sizes.results)),
        spool_written(sizes.results, sizes.rules.n_chunks, workers),
        processes.kernel_memory(1 + executor.n_processes(workers), min(1 + workers, sizes.cores)),
        *spool_in_memory(sizes.results),
    ]


def client_terms(sizes: RunSizes, costs: ProcessCosts) -> list[Term]:
    """What this process holds while workers of other hosts evaluate."""
    return [
        processes.parent(costs),
        *_held_behind(sizes),
        relation_tables(sizes.graph),
        processes.window(0, run_table(sizes.results)),
        processes.kernel_memory(1, 1),
    ]


def _merge_terms(sizes: RunSizes, costs: ProcessCosts, settings: Settings) -> list[Term]:
    workers = merge_workers(settings)
    if workers > 1:
        return _blocks_terms(sizes, costs, settings, workers)
    has_names = holds_names(settings) and sizes.blocks
    held = [names(sizes.blocks.names_bytes)] if has_names and sizes.blocks else []
    return [
        processes.parent(costs),
        *_held_behind(sizes),
        relation_tables(sizes.graph),
        *held,
        *merge_terms(sizes.results, sizes.rules),
        processes.kernel_memory(1, 1),
    ]


def _blocks_terms(
    sizes: RunSizes, costs: ProcessCosts, settings: Settings, workers: int
) -> list[Term]:
    """The merge by workers."""
    executor = executor_of(settings)
    ranked = sizes.findings is not None
    return [
        processes.parent(costs),
        processes.worker(costs).for_each(workers),
        processes.shared_by_workers(costs, executor.costs().copied_bytes),
        graph_term(sizes.graph),
        page_tables(sizes.graph, workers),
        *spool_in_memory(sizes.results),
        relation_tables(sizes.graph).for_each(workers),
        *blocks_terms(sizes.results, sizes.rules, workers, ranked=ranked),
        processes.kernel_memory(1 + executor.n_processes(workers), min(1 + workers, sizes.cores)),
    ]


def _join_terms(sizes: RunSizes, costs: ProcessCosts, found: FindingSizes) -> list[Term]:
    rules = sizes.rules
    chunk_bytes = None if found.limit is None else rules.source_chunk_bytes
    joined = joining_terms(found.n, found.max_reasons, rules.body_atoms, chunk_bytes)
    return [
        processes.parent(costs),
        *_held_behind(sizes),
        relation_tables(sizes.graph),
        *joined,
        *found.reading,
        processes.kernel_memory(1, 1),
    ]


def _held_behind(sizes: RunSizes) -> list[Term]:
    """What stays behind the evaluation."""
    graph = [graph_term(sizes.graph), page_tables(sizes.graph, 1)]
    return [*graph, *spool_in_memory(sizes.results)]


PROBE_INPUTS = "inputs of the probe"


def probe_name(method: str) -> str:
    """The phase in which costs of a start method are found."""
    return f"probe of {method}"


def probe_inputs_phase(parent_bytes: int) -> Phase:
    """What is held while the inputs of a probe are made, before anything is measured."""
    costs = ProcessCosts(parent_bytes, 0, 0, "measured here")
    terms = [processes.parent(costs), processes.probe_inputs(), processes.kernel_memory(2, 2)]
    return Phase(PROBE_INPUTS, terms)


def probe_phase(method: str, costs: ProcessCosts, workers: int, own_bytes: int) -> Phase:
    """What a probe held that was made for this plan."""
    return Phase(
        probe_name(method),
        [
            processes.parent(costs),
            processes.probed_workers(costs, workers, own_bytes),
            processes.kernel_memory(2 + workers, 1 + workers),
        ],
    )
