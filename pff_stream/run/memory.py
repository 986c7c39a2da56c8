"""What a run holds in memory, as named terms computed from the very numbers that size it.

Sizes come from the headers of the rule file and of the graph, the cost of a process from a probe
on this machine, the rest from the code that allocates (`scratch_bytes`, `merge_bytes`, ...). All
here is arithmetic: nothing is measured, read or allocated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pff_stream.evaluate._kernel import scratch_bytes
from pff_stream.report._merge import merge_bytes
from planner.model import Phase, Settings, Term

MIB = 1 << 20
RESULT_BYTES = MIB
"""Result buffer of a worker; a run in the spool is at most this long."""
PAGE_TABLE_SHARE = 512
"""Bytes of a mapping per byte of page table: 8 of 4096."""
TASK_BYTES = 2048
"""A task or an answer under way, with its pipe and its objects."""
RUN_BYTES = 24
INDEX_BYTES = 32
RULE_BYTES = 78
"""What the evaluator keeps per rule of a chunk beside its columns."""
CHUNK_COPIES = 6
"""A chunk as read, as decoded, and what checks it: times its encoded bytes."""


@dataclass(frozen=True, slots=True)
class RunSizes:
    """Counts and bytes from the headers of both inputs."""

    graph_bytes: int
    graph_in_memory: bool
    n_entities: int
    n_chunks: int
    n_source_chunks: int
    max_chunk_bytes: int
    max_chunk_rules: int
    max_source_chunk_bytes: int
    work_bytes: int
    """What bounding the work holds in each evaluator; 0 without --max-work."""
    spool_in_memory_bytes: int
    """A bound on the spool where its folder is memory (tmpfs), else 0."""


@dataclass(frozen=True, slots=True)
class ProcessCosts:
    """Unreclaimable bytes of processes on this machine, as measured."""

    parent_bytes: int
    worker_bytes: int
    """One worker before it attaches and allocates anything of this run."""
    helper_bytes: int
    """Fork server and resource tracker, where the start method has them."""
    source: str


def run_phases(sizes: RunSizes, costs: ProcessCosts, settings: Settings) -> list[Phase]:
    """The phases of a run from the moment that both inputs are ready."""
    return [
        Phase("evaluate", _evaluate_terms(sizes, costs, settings)),
        Phase("merge", _merge_terms(sizes, costs)),
    ]


def _evaluate_terms(sizes: RunSizes, costs: ProcessCosts, settings: Settings) -> list[Term]:
    workers = int(settings["workers"] or 1)
    window = int(settings["window"] or 1)
    wide = bool(settings["wide"])
    in_threads = settings["start_method"] == "thread"
    processes = 1 if in_threads else workers + 1
    terms = [_parent(costs)]
    if not in_threads:
        terms.append(
            Term(
                "workers",
                workers * costs.worker_bytes + costs.helper_bytes,
                "workers x worker + helpers",
                {
                    "workers": workers,
                    "worker": costs.worker_bytes,
                    "helpers": costs.helper_bytes,
                },
                costs.source,
            )
        )
    terms += _graph_terms(sizes, processes)
    terms += [
        Term(
            "scratch",
            workers * scratch_bytes(sizes.n_entities, wide),
            "workers x entities x (24, or 304 with 512 sources at once)",
            {"workers": workers, "entities": sizes.n_entities, "wide": int(wide)},
            "header of the graph, constants of the evaluator",
        ),
        Term(
            "chunks",
            workers
            * (
                CHUNK_COPIES * sizes.max_chunk_bytes
                + RULE_BYTES * sizes.max_chunk_rules
                + INDEX_BYTES * (sizes.n_chunks + sizes.n_source_chunks)
            ),
            "workers x (6 x chunk_bytes + 78 x chunk_rules + 32 x chunks)",
            {
                "workers": workers,
                "chunk_bytes": sizes.max_chunk_bytes,
                "chunk_rules": sizes.max_chunk_rules,
                "chunks": sizes.n_chunks + sizes.n_source_chunks,
            },
            "index of the rule file",
        ),
        Term(
            "results",
            workers * RESULT_BYTES,
            "workers x result_buffer",
            {"workers": workers, "result_buffer": RESULT_BYTES},
            "constant of the code",
        ),
        Term(
            "window",
            window * TASK_BYTES + 2 * RUN_BYTES * sizes.n_chunks,
            "window x 2048 + chunks x 48",
            {"window": window, "chunks": sizes.n_chunks},
            "constants of the code",
        ),
    ]
    if sizes.work_bytes:
        inputs = {"workers": workers, "work": sizes.work_bytes}
        source = "header of the graph, index of the rule file"
        terms.append(
            Term("work bounds", workers * sizes.work_bytes, "workers x work", inputs, source)
        )
    return terms + _spool_term(sizes)


def _merge_terms(sizes: RunSizes, costs: ProcessCosts) -> list[Term]:
    terms = [_parent(costs), *_graph_terms(sizes, 1)]
    terms.append(
        Term(
            "merge",
            merge_bytes(2 * sizes.n_chunks) + 3 * sizes.max_source_chunk_bytes,
            "merge of the runs + 3 x source_chunk",
            {"runs": 2 * sizes.n_chunks, "source_chunk": sizes.max_source_chunk_bytes},
            "index of the rule file, constants of the code",
        )
    )
    return terms + _spool_term(sizes)


def _parent(costs: ProcessCosts) -> Term:
    return Term(
        "parent", costs.parent_bytes, "parent", {"parent": costs.parent_bytes}, costs.source
    )


def _graph_terms(sizes: RunSizes, processes: int) -> list[Term]:
    """The graph, once, and the page tables of all who map it."""
    tables = Term(
        "page tables of the graph",
        processes * (sizes.graph_bytes // PAGE_TABLE_SHARE + 4096),
        "processes x (graph / 512 + 4096)",
        {"processes": processes, "graph": sizes.graph_bytes},
        "header of the graph",
    )
    source = "header of the graph"
    if sizes.graph_in_memory:
        graph = Term("graph", sizes.graph_bytes, "graph", {"graph": sizes.graph_bytes}, source)
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
                        "constant of the code",
                    ),
                ],
            )
        )
    if encode_terms is not None:
        phases.append(Phase("encode", [_parent(costs), *encode_terms]))
    return phases
