"""What a run holds in memory, as named terms computed from the very numbers that size it.

Sizes come from the headers of the rule file and of the graph, the cost of a process from a probe
on this machine, the rest from the code that allocates (`scratch_bytes`, `merge_bytes`, ...). All
here is arithmetic: nothing is measured, read or allocated.
"""

from __future__ import annotations

from collections.abc import Sequence

from pff_stream.execute.executors import executor_named
from pff_stream.plan.sizes import (
    RECORD_BYTES,
    ProcessCosts,
    RunSizes,
    busy_workers,
    chunks_together,
    fan_in,
    holds_names,
    n_runs,
    own_bytes,
    resident_bytes,
)
from pff_stream.report._merge import merge_bytes
from pff_stream.report.formats.lines import BUFFER_BYTES
from pff_stream.report.run_table import table_bytes
from pff_stream.report.spooled import MergeOptions
from pff_stream.work.task import RESULT_BYTES
from planner.model import Input, Phase, Settings, Term

KIB, MIB = 1 << 10, 1 << 20
SPOOL_WINDOWS = 2
"""Of what a worker appends, at most two runs are in the page cache: one is written, one waits."""
SPOOL_SHARED_BYTES, SPOOL_SHARED_CHUNK_BYTES = 512 * KIB, 32 * KIB
"""Pages of the spool besides, at most and for each chunk: the cache holds a file in pieces, and one
that two workers append to stays until both parts are written."""
OUTPUT_WINDOWS = 2
"""Buffers of each output in the page cache: one is written back, one is new."""
READ_PAGES = 2
"""Pages at both ends of what is read of a run: they stay until what is beside them is read."""
PAGE_TABLE_SHARE = 512
"""Bytes of a mapping per byte of page table: 8 of 4096."""
PAGES_INDEX_SHARE = 448
"""Bytes of shared memory per byte of the kernel's index of its pages: 576 for 64 pages."""
TASK_BYTES = 2048
"""A task or an answer under way, with its pipe and its objects."""
RULE_BYTES = 78
"""What the evaluator keeps per rule of a chunk beside its columns."""
CHUNK_COPIES = 6
"""A chunk as read, as decoded, and what checks it: times its encoded bytes."""
ENCODER_PROCESS_BYTES = 4 * MIB
KERNEL_BYTES, KERNEL_PROCESS_BYTES, KERNEL_CORE_BYTES = 512 * KIB, 88 * KIB, 256 * KIB
"""Kernel memory: stacks, file tables, sockets; and what a control group's counter is ahead of the
use on each core (it charges 64 pages at a time)."""


def run_phases(sizes: RunSizes, costs: ProcessCosts, settings: Settings) -> list[Phase]:
    """The phases of a run from the moment that both inputs are ready."""
    return [
        Phase("evaluate", _evaluate_terms(sizes, costs, settings)),
        Phase("merge", _merge_terms(sizes, costs, holds_names=holds_names(settings))),
    ]


def _evaluate_terms(sizes: RunSizes, costs: ProcessCosts, settings: Settings) -> list[Term]:
    workers = busy_workers(sizes, settings)
    window = int(settings["window"] or 1)
    wide = bool(settings["wide"])
    executor = executor_named(str(settings["start_method"]))
    shared_pieces = min(SPOOL_SHARED_BYTES, sizes.n_chunks * SPOOL_SHARED_CHUNK_BYTES)
    resident = resident_bytes(settings)
    together = chunks_together(settings)
    own = own_bytes(sizes, wide=wide, resident_bytes=resident, together=together)
    terms = [
        _parent(costs),
        Term(
            "workers",
            workers * costs.worker_bytes,
            "workers x worker",
            {"workers": workers, "worker": costs.worker_bytes},
            costs.source,
        ),
        _shared_term(costs, executor.costs().copied_bytes),
    ]
    terms += _graph_terms(sizes, workers, sum(own.values()))
    if resident is not None:
        terms += _block_terms(sizes, workers, own)
    terms += [
        Term(
            "scratch",
            workers * own["scratch"],
            "workers x entities x (24, or 304 with 512 sources at once)",
            {"workers": workers, "entities": sizes.n_entities, "wide": int(wide)},
            "header of the graph, constants of the evaluator",
        ),
        Term(
            "chunks",
            workers * own["chunks"],
            "workers x ((1 + chunks) x chunk_bytes + rules and names + what checks them)",
            {
                "workers": workers,
                "chunks": together,
                "chunk_bytes": sizes.max_chunk_bytes,
                "chunk_rules": sizes.max_chunk_rules,
                "chunk_names": sizes.max_chunk_names,
                "chunk_atoms": sizes.max_chunk_atoms,
                "chunk_bodies": sizes.max_chunk_bodies,
            },
            "index of the rule file",
        ),
        Term(
            "results",
            workers * own["results"],
            "workers x result_buffer",
            {"workers": workers, "result_buffer": RESULT_BYTES},
            "constant of the code",
        ),
        Term(
            "window",
            window * TASK_BYTES + table_bytes(n_runs(sizes)),
            "window x 2048 + the least of runs and 2048 x 27",
            {"window": window, "runs": n_runs(sizes)},
            "constants of the code",
        ),
        Term(
            "spool being written",
            workers * SPOOL_WINDOWS * RESULT_BYTES + shared_pieces,
            "workers x 2 x result_buffer + shared pieces",
            {"workers": workers, "result_buffer": RESULT_BYTES, "shared pieces": shared_pieces},
            "constants of the code; page cache, dropped behind",
        ),
        _kernel(
            1 + executor.n_processes(workers),
            min(1 + workers, sizes.cores),
        ),
    ]
    if sizes.work_bytes:
        inputs = {"workers": workers, "work": sizes.work_bytes}
        source = "header of the graph, index of the rule file"
        terms.append(
            Term("work bounds", workers * sizes.work_bytes, "workers x work", inputs, source)
        )
    return terms + _spool_term(sizes)


def _block_terms(sizes: RunSizes, workers: int, own: dict[str, int]) -> list[Term]:
    """What workers hold of a graph that is read in blocks."""
    assert sizes.blocks is not None  # it is a file
    needed: dict[str, Input] = {"least": sizes.blocks.needed_bytes}
    if sizes.blocks.largest:
        needed = {"for one rule": sizes.blocks.largest}
    return [
        Term(
            "relations resident",
            workers * own["relations resident"],
            "workers x resident",
            {"workers": workers, "resident_bytes": own["relations resident"], **needed},
            "header of the graph, what the budget leaves",
        ),
        Term(
            "reading in blocks",
            workers * own["reading in blocks"],
            "workers x (names, relations and results in order)",
            {"workers": workers, "relations": sizes.blocks.n_relations},
            "headers, constants of the code",
        ),
    ]


def _merge_terms(sizes: RunSizes, costs: ProcessCosts, *, holds_names: bool) -> list[Term]:
    terms = [_parent(costs), *_graph_terms(sizes, 1, 0)]
    if holds_names and sizes.blocks is not None:
        terms.append(
            Term(
                "names",
                sizes.blocks.names_bytes,
                "names of the entities",
                {"names": sizes.blocks.names_bytes},
                "header of the graph",
            )
        )
    runs_read = min(n_runs(sizes), fan_in(sizes))
    options = MergeOptions(fan_in=fan_in(sizes), max_record_bytes=RECORD_BYTES)
    buffers = merge_bytes(n_runs(sizes), options)
    # Where runs are merged first, into one file, nothing is in the outputs yet.
    files = max(sizes.n_outputs, int(n_runs(sizes) > fan_in(sizes)))
    terms += sizes.outputs
    terms.append(
        Term(
            "merge",
            buffers + 2 * sizes.max_source_chunk_bytes,
            "merge of the runs + 2 x source_chunk",
            {"runs": n_runs(sizes), "source_chunk": sizes.max_source_chunk_bytes},
            "index of the rule file, constants of the code",
        )
    )
    terms.append(
        Term(
            "spool being read",
            runs_read * READ_PAGES * 4096,
            "runs at once x 2 pages",
            {"runs at once": runs_read},
            "constants of the code; page cache, dropped behind",
        )
    )
    if files:
        terms.append(
            Term(
                "files being written",
                files * OUTPUT_WINDOWS * BUFFER_BYTES,
                "files x 2 x buffer",
                {"files": files, "buffer": BUFFER_BYTES},
                "constants of the code; page cache, dropped behind",
            )
        )
    terms.append(_kernel(1, 1))
    return terms + _spool_term(sizes)


def _parent(costs: ProcessCosts) -> Term:
    return Term(
        "parent",
        costs.parent_bytes,
        "parent",
        {"parent": costs.parent_bytes},
        costs.source,
    )


def _shared_term(costs: ProcessCosts, copied: int) -> Term:
    """What comes once with workers, and what is copied in a run of many tasks."""
    return Term(
        "shared by workers",
        costs.helper_bytes + copied,
        "helpers + copied",
        {"helpers": costs.helper_bytes, "copied": copied},
        costs.source,
    )


def _kernel(processes: int, cores: int) -> Term:
    return Term(
        "kernel memory",
        KERNEL_BYTES + processes * KERNEL_PROCESS_BYTES + cores * KERNEL_CORE_BYTES,
        "524288 + processes x 90112 + cores x 262144",
        {"processes": processes, "cores": cores},
        "constants, measured over many runs (docs/plan-grid.md)",
    )


def _graph_terms(sizes: RunSizes, mappings: int, own: int) -> list[Term]:
    """The graph, once, and the page tables of all who map it."""
    tables = Term(
        "page tables",
        mappings * (-(-(sizes.graph_bytes + own) // PAGE_TABLE_SHARE) + 2 * 4096),
        "mappings x ((graph + own) / 512 + 8192)",
        {"mappings": mappings, "graph": sizes.graph_bytes, "own": own},
        "header of the graph",
    )
    source = "header of the graph"
    if sizes.graph_in_memory:
        held = sizes.graph_bytes + sizes.graph_bytes // PAGES_INDEX_SHARE
        graph = Term("graph", held, "graph x 449/448", {"graph": sizes.graph_bytes}, source)
    else:
        formula = "none: the pages of its file are reclaimable"
        graph = Term("graph", 0, formula, {"graph": sizes.graph_bytes}, source)
    return [graph, tables]


def _spool_term(sizes: RunSizes) -> list[Term]:
    if not sizes.spool_in_memory_bytes:
        return []
    return [
        Term(
            "spool in memory",
            sizes.spool_in_memory_bytes,
            "spool",
            {"spool": sizes.spool_in_memory_bytes},
            "the folder for temporary files is on a tmpfs",
        )
    ]


def probe_phase(start_method: str, costs: ProcessCosts, workers: int, own: int) -> Phase:
    """What a probe held that was made for this plan."""
    each = costs.worker_bytes + own
    return Phase(
        f"probe of {start_method}",
        [
            _parent(costs),
            Term(
                "probed workers",
                workers * each + costs.helper_bytes,
                "workers x worker + helpers",
                {"workers": workers, "worker": each, "helpers": costs.helper_bytes},
                "measured here",
            ),
            _kernel(2 + workers, 1 + workers),
        ],
    )


def preparation_phases(
    costs: ProcessCosts, compile_bytes: int | None, encode_terms: Sequence[Term] | None
) -> list[Phase]:
    """What compiling text and encoding raw triples hold, before the run."""
    phases = []
    if compile_bytes is not None:
        phases.append(
            Phase(
                "compile",
                [
                    _parent(costs),
                    Term(
                        "compiler",
                        compile_bytes,
                        "compiler",
                        {"compiler": compile_bytes},
                        "what the compile came to use of its share",
                    ),
                ],
            )
        )
    if encode_terms is not None:
        own = Term(
            "encoder's process",
            ENCODER_PROCESS_BYTES,
            "4194304",
            {},
            "constant: what a forked process comes to hold alone",
        )
        phases.append(Phase("encode", [_parent(costs), own, *encode_terms, _kernel(2, 2)]))
    return phases
