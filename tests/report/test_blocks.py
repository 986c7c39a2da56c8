"""A merge in blocks comes to the same bytes and totals as one, wherever it is cut."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from typing import IO

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.report._cuts import RunCutter
from pff_stream.report._merge import write_block, write_results
from pff_stream.report.blocks import (
    FULL_SHARE,
    BlockTable,
    Filling,
    blocks_of,
    shape_of,
)
from pff_stream.report.formats._lines import Lines, OutcomeLines, RuleLines, ViolationLines
from pff_stream.report.formats._metrics import MetricLines
from pff_stream.report.run_table import PackedRuns
from pff_stream.report.spooled import MergeOptions, Spooled
from pff_stream.report.totals import Totals, added
from tests.report.by_hand import Collected
from tests.report.cases import Case, Stored, cases, stored

KINDS: tuple[type[Lines], ...] = (ViolationLines, RuleLines, OutcomeLines, MetricLines)


class ToFile:
    """A sink that is a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, view: memoryview, /) -> None:
        """Appends the bytes."""
        self._file.write(view)


def whole(there: Stored, options: MergeOptions) -> tuple[Totals, list[bytes]]:
    """The merge by one process."""
    outs = [Collected() for _ in KINDS]
    formatters = [kind(out, 200) for kind, out in zip(KINDS, outs, strict=True)]
    return write_results(there.spooled, formatters, options), [out.data for out in outs]


def in_blocks(
    there: Stored, options: MergeOptions, cuts: list[int], n_groups: int
) -> tuple[Totals | None, list[bytes]]:
    """The same in groups of runs, and in blocks that are cut at some rules."""
    n_rules = sum(len(chunk.lines) for chunk in there.chunks)
    borders = [0, *sorted(cut for cut in cuts if cut < n_rules), n_rules]
    examples, spooled = np.zeros((2, len(borders) - 1), np.uint64)
    outs = [Collected() for _ in KINDS]
    formatters = [kind(out, 200) for kind, out in zip(KINDS, outs, strict=True)]
    totals: Totals | None = None
    with tempfile.TemporaryFile() as table_file, tempfile.TemporaryFile(buffering=0) as merged:
        n_runs = len(there.runs)
        shape = shape_of(n_runs, 1, [1] * (len(borders) - 1), 1)[0]
        shape = shape._replace(n_groups=min(n_runs, n_groups), n_stretches=len(borders) - 1)
        table = BlockTable(table_file.fileno(), shape, is_new=True)
        table.fill(there.runs, borders)
        for group in table.groups():
            begins = np.zeros(len(borders), np.uint64)
            runs = PackedRuns(table.runs(group.first, group.stop))
            heap = RunCutter(there.files, runs, fan_in=options.fan_in)
            sums = examples, spooled
            assert merged.seek(0, 2) == group.offset
            heap.merge(ToFile(merged), table.borders, begins, *sums, options.withdrawn)
            heap.close()
            table.cuts[:, group.number] = begins + np.uint64(group.offset)
        before = 0
        for at, (first, stop) in enumerate(pairwise(borders)):
            chunks = [
                chunk
                for chunk in there.chunks
                if chunk.first < stop and chunk.first + len(chunk.lines) > first
            ]
            parts = PackedRuns(table.parts_of(at, at + 1))
            some = Spooled(
                there.graph, [merged.fileno()], parts, chunks, first, stop, is_checked=True
            )
            left = max(0, options.max_violations - before)
            found = write_block(some, formatters, options, left)
            before += int(examples[at])
            totals = found if totals is None else added(totals, found)
        for lines in formatters:
            lines.drain()
    return totals, [out.data for out in outs]


@given(
    case=cases(),
    assignment=st.lists(st.integers(0, 6), min_size=1, max_size=12),
    chunk_rules=st.integers(1, 5),
    cuts=st.lists(st.integers(0, 12), max_size=5),
    n_groups=st.integers(1, 4),
    withdrawn=st.lists(st.integers(0, 6), max_size=2),
    options=st.builds(
        MergeOptions,
        unseen=st.sampled_from((0, 5)),
        max_violations=st.sampled_from((0, 1, 3, 10**6)),
        fan_in=st.sampled_from((2, 3, 128)),
    ),
)
def test_blocks_come_to_the_whole(
    case: Case,
    assignment: list[int],
    chunk_rules: int,
    cuts: list[int],
    n_groups: int,
    withdrawn: list[int],
    options: MergeOptions,
) -> None:
    """However runs are grouped and rules are cut, and exactly so many violations are written."""
    rejected = {at for at, line in enumerate(case.lines) if line.rejected}
    void = {source: "died" for source in withdrawn if source not in rejected}
    options = MergeOptions(
        unseen=options.unseen,
        max_violations=options.max_violations,
        fan_in=options.fan_in,
        withdrawn=void,
    )
    with stored(case, assignment, chunk_rules) as there:
        totals, outs = whole(there, options)
        found, in_parts = in_blocks(there, options, cuts, n_groups)
    assert in_parts == outs
    assert found is None or found == totals


@given(
    in_chunks=st.lists(st.integers(0, 2000), max_size=40),
    n_runs=st.integers(0, 5000),
    spooled=st.lists(st.integers(0, 3 << 20), min_size=1, max_size=40),
)
def test_blocks_have_all_rules_once(in_chunks: list[int], n_runs: int, spooled: list[int]) -> None:
    """In order, without a gap; none is too long that could be shorter."""
    shape, borders = shape_of(n_runs, 2, in_chunks, 3)
    assert borders[0] == 0 and borders[-1] == sum(in_chunks) and borders == sorted(borders)
    assert len(borders) == shape.n_stretches + 1
    n_bytes = [spooled[at % len(spooled)] for at in range(shape.n_stretches)]
    ends = np.cumsum(in_chunks).tolist()
    filling = Filling([(1 << 20, True), (1 << 17, False)])
    blocks = list(blocks_of(borders, ends, [1] * shape.n_stretches, n_bytes, filling, 1.0))
    assert [block.number for block in blocks] == list(range(len(blocks)))
    at = 0
    for block in blocks:
        assert (block.first, block.examples_before) == (at, at) and block.stop > at
        at = block.stop
        n_rules = borders[block.stop] - borders[block.first]
        share = filling.share(n_rules, sum(n_bytes[block.first : block.stop]))
        assert share <= FULL_SHARE or block.stop == block.first + 1
    assert at == shape.n_stretches


@given(
    each=st.tuples(st.integers(1, 400), st.integers(1, 500)),
    spooled=st.lists(st.integers(0, 2000), min_size=512, max_size=512),
)
def test_blocks_fit_their_buffers(each: tuple[int, int], spooled: list[int]) -> None:
    """However long the lines of an input are: what blocks came to says how long the next may be."""
    of_violations, of_rule = each
    buffers = (1 << 20, True), (1 << 17, False)
    filling = Filling(buffers)
    borders = [20 * at for at in range(len(spooled) + 1)]
    made = blocks_of(borders, [borders[-1]], [1] * len(spooled), spooled, filling, 1.0)
    for block in made:
        n_rules, n_bytes = 20 * (block.stop - block.first), sum(spooled[block.first : block.stop])
        written = of_violations * n_bytes, of_rule * n_rules
        full = max(one / room for one, (room, _) in zip(written, buffers, strict=True))
        assert block.number == 0 or full <= 1 or block.stop == block.first + 1
        if block.number and block.stop < len(spooled):
            more = filling.share(n_rules + 20, n_bytes + spooled[block.stop])
            assert more > FULL_SHARE, "it could have been longer"
        filling.learn(n_rules, n_bytes, written)
