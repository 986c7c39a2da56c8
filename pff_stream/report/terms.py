"""What the spool of results and its merge hold, as terms; each writer adds its own."""

from __future__ import annotations

from dataclasses import replace

from pff_stream.report._cuts import SINK_BYTES
from pff_stream.report._merge import merge_bytes
from pff_stream.report.blocks import (
    AHEAD_BYTES,
    PART_WINDOW_BYTES,
    WINDOW_BLOCKS,
    group_window_bytes,
    shape_of,
)
from pff_stream.report.formats._lines import Lines, ViolationLines, kept_bytes
from pff_stream.report.formats.lines import BUFFER_BYTES
from pff_stream.report.run_table import KEPT_RUNS, table_bytes
from pff_stream.report.sizes import ResultSizes
from pff_stream.report.spooled import MergeOptions
from pff_stream.rules.sizes import RuleSizes
from planner.formula import Formula, given, least, most
from planner.model import KERNEL, Term

SPOOL_WINDOWS = 2
"""Of what a worker appends, at most two runs are in the page cache: one is written, one waits."""
SPOOL_SHARED_BYTES, SPOOL_SHARED_CHUNK_BYTES = 512 << 10, 32 << 10
"""Pages of the spool besides, at most and for each chunk: the cache holds a file in pieces, and one
that two workers append to stays until both parts are written."""
OUTPUT_WINDOWS = 2
"""Buffers of an output in the page cache: one is written back, one is new."""
READ_PAGES, PAGE_BYTES = 2, 4096
"""Pages at both ends of what is read of a run: they stay until what is beside them is read."""
SOURCE_CHUNKS = 2
"""A source chunk as read, and its texts."""
VIOLATIONS_BLOCK_BYTES, LINES_BLOCK_BYTES = 3 << 19, 128 << 10
"""What a worker of a merge formats before it knows where that goes: violations, other lines."""
ROWS_BLOCK_BYTES = 64 << 10
"""And the violated rules, where these are put in order."""
ROWS_COPIES = 3
"""Of a block's rows of violated rules: in the buffer, taken from it, and packed for the parent."""
HEAD_NAMES_BYTES = 3 * 64 << 10
"""The names in a head. A record longer than a window of the merge is read whole: a buffer of a
worker at most, which grows only where these do not fit."""
_DROPPED = "constants of the code; page cache, dropped behind"


def run_table(results: ResultSizes) -> Formula:
    """The list of the runs in the spool."""
    return least(given("runs", results.n_runs), KEPT_RUNS) * table_bytes(1)


def spool_written(results: ResultSizes, n_chunks: int, workers: int) -> Term:
    """What is not written back yet of the runs that workers append."""
    each = SPOOL_WINDOWS * given("result_buffer", results.buffer_bytes)
    pieces = least(SPOOL_SHARED_CHUNK_BYTES * given("chunks", n_chunks), SPOOL_SHARED_BYTES)
    one = Term.of("spool being written", each, _DROPPED, group=KERNEL)
    return one.for_each(workers, once=pieces)


def spool_in_memory(results: ResultSizes) -> list[Term]:
    """The spool itself, where its folder is memory."""
    if not results.spool_in_memory_bytes:
        return []
    spool = given("spool", results.spool_in_memory_bytes)
    return [Term.of("spool in memory", spool, "the folder for temporary files is on a tmpfs")]


def merge_terms(results: ResultSizes, rules: RuleSizes) -> list[Term]:
    """The merge of all runs, with its writers, and what of its files is in the page cache."""
    at_once = min(results.n_runs, results.fan_in)
    options = MergeOptions(
        fan_in=results.fan_in, max_record_bytes=results.buffer_bytes + HEAD_NAMES_BYTES
    )
    buffers = given("runs_merged", merge_bytes(results.n_runs, options))
    terms = [
        *results.outputs,
        Term.of(
            "merge",
            buffers + SOURCE_CHUNKS * given("source_chunk", rules.source_chunk_bytes),
            "index of the rule file, constants of the code",
            also={"runs": results.n_runs},
        ),
        Term.of(
            "spool being read",
            given("runs_at_once", at_once) * (READ_PAGES * PAGE_BYTES),
            _DROPPED,
            group=KERNEL,
        ),
    ]
    # Where runs are merged first, into one file, nothing is in the outputs yet.
    n_files = max(results.n_outputs, int(results.n_runs > results.fan_in))
    return [*terms, *files_written(n_files)]


def block_buffer_bytes(lines: type[Lines]) -> int:
    """What a worker of a merge formats lines of that kind into."""
    return VIOLATIONS_BLOCK_BYTES if issubclass(lines, ViolationLines) else LINES_BLOCK_BYTES


def blocks_terms(
    results: ResultSizes, rules: RuleSizes, workers: int, *, ranked: bool
) -> list[Term]:
    """A merge by so many workers beside their processes; `ranked`: rules are put in order, too.

    A bound: how much of their blocks results fill is not known before there are any.
    """
    options = MergeOptions(
        fan_in=results.fan_in, max_record_bytes=results.buffer_bytes + HEAD_NAMES_BYTES
    )
    chunks = [1] * rules.n_source_chunks
    shape = shape_of(results.n_runs, workers, chunks, results.n_outputs)[0]
    parts = replace(options, window_bytes=PART_WINDOW_BYTES)
    merged = given("groups_merged", merge_bytes(shape.n_groups, parts))
    n_cut = -(-results.n_runs // max(1, shape.n_groups))
    cutting = replace(options, window_bytes=group_window_bytes(n_cut))
    cut = given("runs_merged", merge_bytes(n_cut, cutting)) + given("sink", SINK_BYTES)
    texts = SOURCE_CHUNKS * given("source_chunk", rules.source_chunk_bytes)
    others = given("outputs", results.n_outputs) * given("lines_block", LINES_BLOCK_BYTES)
    written = given("violations_block", VIOLATIONS_BLOCK_BYTES) + others
    formatted = merged + texts + written + kept_bytes()
    if ranked:
        formatted += ROWS_COPIES * given("rows", ROWS_BLOCK_BYTES)
    at_once = min(results.n_runs, results.fan_in)
    reading = given("runs_at_once", at_once) * (READ_PAGES * PAGE_BYTES)
    ahead = 2 * given("read_ahead", AHEAD_BYTES)  # for this block and for the next one
    source = "index of the rule file, constants of the code"
    rows = []
    if ranked:
        waiting = given("blocks", WINDOW_BLOCKS * workers) * given("rows", ROWS_BLOCK_BYTES)
        rows = [Term.of("rules to be put in order", waiting, "constants of the code", at_most=True)]
    return [
        *results.outputs,
        *rows,
        # Runs are merged first, and then blocks are made.
        Term.of("merge", most(cut, formatted), source, at_most=True).for_each(workers),
        # They leave the page cache when all have read them: one in which some are, and the next.
        Term.of(
            "source chunks",
            SOURCE_CHUNKS * given("source_chunk", rules.source_chunk_bytes),
            source,
            group=KERNEL,
        ),
        Term.of(
            "table of blocks", given("table", shape.n_bytes), "index of the rule file", group=KERNEL
        ),
        # What is written has left the page cache before the next is.
        Term.of(
            "files being written",
            most(reading + given("sink", SINK_BYTES), ahead + written),
            _DROPPED,
            group=KERNEL,
        ).for_each(workers),
    ]


def files_written(n_files: int) -> list[Term]:
    """What of outputs that are open is in the page cache, written to or not.

    A buffer of each is written back, with the page that it begins in; one of them has a new one.
    """
    if not n_files:
        return []
    each = given("buffer", BUFFER_BYTES) + PAGE_BYTES
    files = given("files", n_files) * each + given("new", BUFFER_BYTES)
    return [Term.of("files being written", files, _DROPPED, group=KERNEL)]
