"""What reading a graph in blocks needs: which relations must be in memory at once, and how large.

Where a graph does not fit the budget its file is read relation by relation, one direction at a
time. What a rule goes through in the order of the file (the first step of its body, and its head)
can stay there; what it looks up in any order has to be in memory together, and the largest such set
is the least that a worker holds. A bound on it follows from the headers; the exact one takes a look
at the rules, chunk by chunk, and is found only where the bound does not fit, or leaves little room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from pff_stream.evaluate._kernel import chunk_room_bytes, largest_need, scratch_bytes
from pff_stream.files.temporary import is_memory
from pff_stream.inputs import GraphInput, Rules
from pff_stream.report._runs import FAN_IN
from pff_stream.report.outputs import merged_outputs
from pff_stream.report.records import EXAMPLES, RECORD
from pff_stream.report.streams import OutputSizes
from pff_stream.rules._format import SEMANTICS
from pff_stream.rules.file import RuleFile
from pff_stream.settings.models import EvaluationOptions, OutputOptions
from pff_stream.triples._graph import GraphView
from pff_stream.triples.graph import attach
from pff_stream.work.task import RESULT_BYTES
from planner.model import Settings, Term
from planner.sizes import format_size

MEMORY, FILE, BLOCKS = "memory", "file", "file, in blocks"
"""Backings of a graph: shared memory, a mapped file that fits beside the run, a file in blocks."""
SLACK_BYTES = 16 << 20
"""Of the budget, left to the page cache (program code, files in windows) when the room for
relations is made as large as can be."""
_MODULES_BYTES = 64 << 10
"""Private pages of the modules that only reading in blocks imports; 48 KiB were measured."""
_NAMED = 8
"""Relations of the largest body that are named at most."""


@dataclass(frozen=True, slots=True)
class BlockSizes:
    """Sizes of a graph file that may be read in blocks."""

    n_relations: int
    rows_bytes: int
    """All relations together."""
    names_bytes: int
    """Names of the entities, which the merge reads in the order of the rules."""
    needed_bytes: int
    """What of the relations of one body must be there together, at most."""
    largest: str = ""
    """These relations with their sizes, in words; empty where `needed_bytes` is a bound."""


def bounded(view: GraphView, max_body_atoms: int) -> BlockSizes:
    """The sizes by the headers alone: no body has more relations than the longest has atoms."""
    from pff_stream.triples._resident import side_bytes
    from pff_stream.triples._resident_names import names_bytes

    sizes = side_bytes(view)
    return BlockSizes(
        n_relations=view.n_relations,
        rows_bytes=sum(sizes),
        names_bytes=names_bytes(view),
        needed_bytes=_at_most(sizes, max_body_atoms),
    )


def _at_most(sizes: Sequence[int], n_atoms: int) -> int:
    """What a body of so many atoms can look up in any order: a single one nothing, see `_needs`."""
    relations = sorted(map(sum, zip(sizes[::2], sizes[1::2], strict=True)), reverse=True)
    return sum(relations[:n_atoms]) if n_atoms > 1 else 0


def exact(sizes: BlockSizes, graph: str, rules: RuleFile, semantics: str) -> BlockSizes:
    """The same with the largest set that a rule of the file needs.

    Rules with long bodies come first in a file: it is read until no shorter one can need more.
    """
    from pff_stream.triples._resident import side_bytes

    with attach(graph) as attached:
        view = attached.view
        by_side = np.array(side_bytes(view), np.int64)
        at_most = cache(partial(_at_most, by_side.tolist()))
        distinct = semantics == SEMANTICS[0]
        most, best = 0, list[int]()
        buffer = bytearray(rules.max_chunk_bytes)
        for index in range(len(rules.chunks)):
            chunk = rules.read_chunk(index, buffer)
            longest = int(np.diff(chunk.body_ends, prepend=np.uint32(0)).max(initial=0))
            if at_most(longest) <= most:
                break
            found, sides = largest_need(view, chunk, distinct, by_side, most)
            if sides:
                most, best = found, sides
        by_relation: dict[int, int] = {}
        for side in best:
            by_relation[side // 2] = by_relation.get(side // 2, 0) + int(by_side[side])
        words = [
            f"{view.relation_name(relation).decode('utf-8', 'replace')} {format_size(n_bytes)}"
            for relation, n_bytes in sorted(by_relation.items(), key=lambda item: -item[1])
        ]
    if len(words) > _NAMED:
        words[_NAMED:] = [f"{len(words) - _NAMED} more"]
    return replace(sizes, needed_bytes=most, largest=", ".join(words))


def announced(graph_bytes: int, resident_bytes: int, sizes: BlockSizes) -> str:
    """What a plan says of a graph that is read in blocks, in one line."""
    return (
        f"the graph ({format_size(graph_bytes)}) is larger than the budget leaves room for: its "
        f"relations are read from the file in blocks, {format_size(resident_bytes)} of "
        f"{format_size(sizes.rows_bytes)} at a time in each worker"
    )


def does_not_fit(sizes: BlockSizes) -> Sequence[str]:
    """Which relations would have to be in memory at once, where that is known."""
    if not sizes.largest:
        return []
    together = f"memory together, {format_size(sizes.needed_bytes)} in each worker: {sizes.largest}"
    said = "the graph is larger than the budget, and what one rule looks up in any order must be in"
    return [f"{said} {together}"]


RECORD_BYTES = RESULT_BYTES + (3 * 64 << 10)
"""A record that is longer than a window of the merge is read whole: a buffer of a worker at most,
which grows only where the names in a head (64 KiB each) do not fit."""

LEAST_FAN_IN = 8
"""Runs that a merge of few chunks reads at once."""

LEAN_FAN_IN, LEAN_RESULTS_BYTES = 16, 16 << 20
"""And one of so few results: to copy some of them twice takes next to no time."""

CHECK_ATOM_BYTES, CHECK_BODY_BYTES, CHECK_RULE_BYTES = 120, 24, 60

CHECK_BYTES = 48 << 10
"""What checking a decoded chunk takes for a while (see `rules.chunk`): the largest of its steps."""


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
    results_bytes: int
    """A bound on the results of all rules in the spool."""
    spool_in_memory_bytes: int
    """The same where the folder of the spool is memory (tmpfs), else 0."""
    max_chunk_names: int = 0
    max_chunk_atoms: int = 0
    max_chunk_bodies: int = 0
    max_chunk_runs: int = 2
    """Runs in the spool that the results of a chunk come to, at most."""
    cores: int = 1
    """Cores that the processes may use."""
    outputs: tuple[Term, ...] = ()
    """What the writer of each output of the merge holds."""
    n_outputs: int = 0
    blocks: BlockSizes | None = None
    """What reading the graph in blocks depends on; None where it is in memory."""


@dataclass(frozen=True, slots=True)
class ProcessCosts:
    """Unreclaimable bytes of processes on this machine, as measured."""

    parent_bytes: int
    worker_bytes: int
    """One worker before it attaches and allocates anything of this run."""
    helper_bytes: int
    """What comes once with workers: a fork server, pages that this process no longer shares."""
    source: str


def room_bytes(sizes: RunSizes, together: int = 1) -> int:
    """What a worker's heap holds to decode and check a chunk in, beside those of the same task."""
    checks = (
        CHECK_ATOM_BYTES * sizes.max_chunk_atoms
        + CHECK_BODY_BYTES * sizes.max_chunk_bodies
        + CHECK_RULE_BYTES * sizes.max_chunk_rules
    )
    return together * sizes.max_chunk_bytes + checks + CHECK_BYTES


def chunk_counts(sizes: RunSizes) -> tuple[int, int, int]:
    """Names, atoms and rules of a chunk at most: what an evaluator reserves."""
    return sizes.max_chunk_names, sizes.max_chunk_atoms, sizes.max_chunk_rules


def own_bytes(
    sizes: RunSizes, *, wide: bool, resident_bytes: int | None = None, together: int = 1
) -> dict[str, int]:
    """What one worker takes when it sets up, by name, beside its process and the graph.

    `resident_bytes` is its room for relations where the graph is read in blocks; then a task is of
    so many chunks `together`.
    """
    blocks = {}
    counts = tuple(together * count for count in chunk_counts(sizes))
    if resident_bytes is not None:
        # Here and above: what only a graph read in blocks needs is not imported for any other.
        from pff_stream.evaluate._blocks import block_room_bytes
        from pff_stream.triples._name_search import names_room_bytes
        from pff_stream.triples._resident import tables_bytes
        from pff_stream.triples._window import FILE_WINDOW_BYTES

        assert sizes.blocks is not None  # it is a file
        n_names, n_atoms, n_rules = counts
        blocks = {
            "relations resident": resident_bytes,
            "reading in blocks": (
                _MODULES_BYTES
                + FILE_WINDOW_BYTES
                + names_room_bytes(n_names)
                + tables_bytes(sizes.blocks.n_relations)
                + block_room_bytes(together, n_atoms, n_rules, RESULT_BYTES)
            ),
        }
    return blocks | {
        "scratch": scratch_bytes(sizes.n_entities, wide),
        "chunks": (sizes.max_chunk_bytes + chunk_room_bytes(*counts) + room_bytes(sizes, together)),
        "results": RESULT_BYTES,
    }


def busy_workers(sizes: RunSizes, settings: Settings) -> int:
    """Workers that are started: no more than there are chunks, or tasks of several."""
    n_tasks = -(-sizes.n_chunks // chunks_together(settings))
    return max(1, min(int(settings["workers"] or 1), n_tasks))


def n_runs(sizes: RunSizes) -> int:
    """Runs in the spool, at most."""
    return sizes.n_chunks * sizes.max_chunk_runs


def fan_in(sizes: RunSizes) -> int:
    """How many runs the merge reads at once: so many windows it holds."""
    most = LEAN_FAN_IN if sizes.results_bytes <= LEAN_RESULTS_BYTES else FAN_IN
    return min(most, max(LEAST_FAN_IN, 2 * sizes.n_chunks))


def resident_bytes(settings: Settings) -> int | None:
    """A worker's room for relations; None where the graph is not read in blocks."""
    return int(settings.get("resident_bytes") or 0) if settings.get("backing") == BLOCKS else None


def chunks_together(settings: Settings) -> int:
    """How many chunks a task is of: more than one only where the graph is read in blocks."""
    return int(settings.get("chunks_together") or 1) if settings.get("backing") == BLOCKS else 1


def holds_names(settings: Settings) -> bool:
    """Whether the merge holds the names of a graph that is read in blocks."""
    return settings.get("backing") == BLOCKS and bool(settings.get("names_in_memory"))


def sizes_of_run(
    evaluation: EvaluationOptions,
    output: OutputOptions,
    rules: Rules,
    graph: GraphInput,
    folder: str,
    cores: int,
) -> RunSizes:
    """The sizes of a run over one graph, from the headers of both inputs."""
    file = rules.file
    examples_bytes = min(evaluation.max_examples, 1 << 20) * (8 + 12 * file.max_body_atoms)
    record_bytes = RECORD.size + EXAMPLES.size + examples_bytes
    results_bytes = file.rules * record_bytes
    outputs = merged_outputs(output.out, output.violations)
    output_sizes = OutputSizes(rules=file.rules)
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
            0 if evaluation.max_work is None else 8 * graph.n_entities * (file.max_body_atoms + 1)
        ),
        results_bytes=results_bytes,
        spool_in_memory_bytes=results_bytes if is_memory(output.out or folder) else 0,
        # A file that does not say is bounded by what fits into a chunk.
        max_chunk_names=file.work.get("max_chunk_names", file.max_chunk_bytes // 12),
        max_chunk_atoms=file.work.get("max_chunk_atoms", file.max_chunk_bytes // 12),
        max_chunk_bodies=file.work.get("max_chunk_bodies", file.max_chunk_bytes // 4),
        # A run ends where the next record does not fit behind it any more.
        max_chunk_runs=1 + -(-2 * file.max_chunk_rules * record_bytes // RESULT_BYTES),
        cores=cores,
        outputs=tuple(term for one in outputs for term in one.writer.terms(output_sizes)),
        n_outputs=len(outputs),
        blocks=_block_sizes(graph, file.max_body_atoms),
    )


def _block_sizes(graph: GraphInput, max_body_atoms: int) -> BlockSizes | None:
    """What reading the graph in blocks would need; None where it is in memory already."""
    if graph.in_memory:
        return None
    with attach(graph.name) as attached:
        return bounded(attached.view, max_body_atoms)
