"""What the memory of a run depends on, from the headers of its inputs and from its settings."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from pff_stream.files.temporary import room_on_disk
from pff_stream.findings.places import reading_terms
from pff_stream.findings.terms import BATCH
from pff_stream.inputs import GraphInput, Rules
from pff_stream.plan.blocks import BlockSizes, bounded
from pff_stream.report.formats.findings import NameSizes, line_bytes
from pff_stream.report.outputs import (
    found_outputs,
    merged_outputs,
    merged_terms,
    report_outputs,
)
from pff_stream.report.sizes import ResultSizes, result_sizes
from pff_stream.report.streams import OutputSizes
from pff_stream.rules.shard import Shard
from pff_stream.rules.sizes import RuleSizes
from pff_stream.settings.commands import RunSettings
from pff_stream.triples._places import POINTER_BYTES
from pff_stream.triples.graph import attach
from pff_stream.triples.terms import GraphSizes
from pff_stream.work.task import RESULT_BYTES
from planner.model import Settings, Term
from planner.mounts import is_memory

MEMORY, FILE, BLOCKS = "memory", "file", "file, in blocks"
"""Backings of a graph: shared memory, a mapped file that fits beside the run, a file in blocks."""

MOST_LOOKED_AT = 1 << 24
"""Entities whose names are looked at for the longest of them: that takes milliseconds."""
_SHORT_PLACE_BYTES = 40
"""Of an input that has no path."""


@dataclass(frozen=True, slots=True)
class RunSizes:
    """Sizes of a run over one graph, part by part."""

    graph: GraphSizes
    rules: RuleSizes
    results: ResultSizes
    bounds_work: bool
    """Whether the work of a body is bounded before it is begun (--max-work)."""
    findings: FindingSizes | None
    """What findings depend on; None: none are looked for."""
    cores: int
    """Cores that the processes may use."""
    blocks: BlockSizes | None
    """What reading the graph in blocks depends on; None where it is in memory."""


@dataclass(frozen=True, slots=True)
class FindingSizes:
    """Sizes of what findings are made of and written to."""

    n: int
    """Findings that are written; `BATCH` where all are."""
    limit: int | None
    """Findings that are enough to know which rules are in force; None: all rules are."""
    max_reasons: int
    outputs: tuple[Term, ...]
    """What their writers hold."""
    reading: tuple[Term, ...] = ()
    """What reading the inputs again for places takes."""
    texts_bytes: int | None = None
    """Texts of the rules, where temporary files are memory; None: they are on a disk."""
    room_bytes: int = 0
    """What the violations of rules may take of that memory."""


@dataclass(frozen=True, slots=True)
class ProcessCosts:
    """Unreclaimable bytes of processes on this machine, as measured."""

    parent_bytes: int
    worker_bytes: int
    """One worker before it attaches and allocates anything of this run."""
    helper_bytes: int
    """What comes once with workers: a fork server, pages that this process no longer shares."""
    source: str


def sizes_of_run(
    settings: RunSettings,
    rules: Rules,
    graph: GraphInput,
    folders: tuple[str, str],
    cores: int,
) -> RunSizes:
    """The sizes of a run over one graph; the spool and temporary files are in `folders`."""
    of_rules = RuleSizes.of(rules.file)
    if settings.sharding.is_part:
        chunks = Shard.of(settings.sharding.shard).chunks(rules.file)
        of_rules = replace(of_rules, n_chunks=len(chunks))
    evaluation, output = settings.evaluation, settings.results
    findings = _finding_sizes(settings, rules, graph, folders[1])
    return RunSizes(
        graph=sizes_of_graph(graph),
        rules=of_rules,
        results=result_sizes(
            of_rules,
            merged_outputs(output),
            report_outputs(output.report),
            written=_written_sizes(settings, rules, graph, findings) if output.report else None,
            max_examples=settings.max_examples,
            buffer_bytes=RESULT_BYTES,
            in_memory=is_memory(folders[0]),
        ),
        bounds_work=evaluation.max_work is not None,
        findings=findings,
        cores=cores,
        blocks=_block_sizes(graph, of_rules.body_atoms),
    )


def sizes_of_graph(graph: GraphInput) -> GraphSizes:
    """By its header alone."""
    return GraphSizes(
        graph.total_bytes, graph.in_memory, graph.n_entities, graph.n_relations, graph.n_triples
    )


def _finding_sizes(
    settings: RunSettings, rules: Rules, graph: GraphInput, folder: str
) -> FindingSizes | None:
    outputs = found_outputs(settings.results)
    n = settings.number_of_findings(settings.keeps_findings)
    if n == 0:
        return None
    terms = merged_terms(outputs, OutputSizes(rules=rules.file.rules))
    file, in_memory = rules.file, is_memory(folder)
    room_bytes, _ = room_on_disk(folder, settings.resources.max_disk_bytes)
    return FindingSizes(
        n=BATCH if n is None else n,
        limit=n if settings.findings.floor is None else None,
        max_reasons=settings.findings.max_reasons,
        outputs=tuple(terms),
        reading=tuple(reading_terms(graph.encoded.memory_counts)) if graph.encoded else (),
        texts_bytes=len(file.source_chunks) * file.max_source_chunk_bytes if in_memory else None,
        room_bytes=room_bytes if in_memory else 0,
    )


def _written_sizes(
    settings: RunSettings, rules: Rules, graph: GraphInput, findings: FindingSizes | None
) -> OutputSizes:
    """What reports depend on: how many findings there may be, and how long each."""
    if findings is None:
        return OutputSizes(
            rules.file.rules,
            findings=0,
            line_bytes=0,
            text_bytes=rules.file.max_text_bytes,
            source_bytes=0,
        )
    longest = None
    if graph.n_entities <= MOST_LOOKED_AT:
        with attach(graph.name) as attached:
            names = NameSizes(
                *attached.view.longest_names, rules.file.max_text_bytes, _place_bytes(graph)
            )
        longest = line_bytes(names, findings.max_reasons, rules.file.max_body_atoms)
    return OutputSizes(
        rules.file.rules,
        findings=settings.number_of_findings(settings.keeps_findings),
        line_bytes=longest,
        text_bytes=rules.file.max_text_bytes,
        source_bytes=sum(term.bytes for term in findings.reading),
    )


def _place_bytes(graph: GraphInput) -> int:
    """Of the longest place of a triple: of the input that it stands in, and of a pointer."""
    if graph.encoded is None:
        return 0
    paths = [os.fspath(one) for one in graph.inputs if isinstance(one, (str, os.PathLike))]
    named = max((len(os.fsencode(path)) for path in paths), default=0)
    return _SHORT_PLACE_BYTES + named + (POINTER_BYTES if graph.of_documents else 0)


def _block_sizes(graph: GraphInput, max_body_atoms: int) -> BlockSizes | None:
    """What reading the graph in blocks would need; None where it is in memory already."""
    if graph.in_memory:
        return None
    with attach(graph.name) as attached:
        return bounded(attached.view, max_body_atoms)


def busy_workers(sizes: RunSizes, settings: Settings) -> int:
    """Workers that are started: no more than there are chunks, or tasks of several."""
    n_tasks = -(-sizes.rules.n_chunks // chunks_together(settings))
    return max(1, min(int(settings["workers"] or 1), n_tasks))


def merge_workers(settings: Settings) -> int:
    """Processes that merge: 1 is this one alone."""
    return max(1, int(settings.get("merge_workers") or 1))


def resident_bytes(settings: Settings) -> int | None:
    """A worker's room for relations; None where the graph is not read in blocks."""
    return int(settings.get("resident_bytes") or 0) if settings.get("backing") == BLOCKS else None


def chunks_together(settings: Settings) -> int:
    """How many chunks a task is of: more than one only where the graph is read in blocks."""
    return int(settings.get("chunks_together") or 1) if settings.get("backing") == BLOCKS else 1


def holds_names(settings: Settings) -> bool:
    """Whether the merge holds the names of a graph that is read in blocks."""
    return settings.get("backing") == BLOCKS and bool(settings.get("names_in_memory"))
