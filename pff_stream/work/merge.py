"""What a worker of a merge does: it merges runs of the spool, then formats blocks and writes them.

A block is formatted into buffers while others are at theirs. When the one before it is formatted it
is known where this one goes; it is said where the next one goes, and then it is written there. The
same block always comes to the same bytes: whatever dies, it can be written again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from mmap import PAGESIZE
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pff_stream.execute.files import InputFile, OutputFile
from pff_stream.files import _pages
from pff_stream.files.durable import naming
from pff_stream.findings._ranked_rows import RankedRows
from pff_stream.report._cuts import RunCutter
from pff_stream.report._merge import write_block
from pff_stream.report.blocks import (
    AHEAD_BYTES,
    PART_WINDOW_BYTES,
    Block,
    BlockTable,
    Group,
    Shape,
    group_window_bytes,
)
from pff_stream.report.run_table import PackedRuns
from pff_stream.report.spooled import MergeOptions, Spooled
from pff_stream.report.totals import Totals
from pff_stream.triples.graph import attach
from pff_stream.work.rules import KEPT_BYTES, MAPPED_BYTES, hold_to
from pff_stream.work.shared_chunks import SharedChunks

if TYPE_CHECKING:
    from pff_stream.execute.pool import Progress
    from pff_stream.report.formats._lines import Lines

LOOK_SECONDS, MOST_LOOK_SECONDS = 0.0001, 0.0005
"""Between two looks at whether it is known where a block goes: at first, and after some."""


class BlockOutput(NamedTuple):
    """An output of which each worker writes blocks."""

    file: OutputFile | None
    """None: its bytes come with the answer."""
    shown: str
    """What errors call it."""
    lines: Callable[..., Lines]
    """What formats it: made with a sink, the bytes of its buffer, and `arguments`."""
    buffer_bytes: int
    arguments: tuple[int, ...] = ()
    has_violations: bool = False
    """Whether these are what makes it long, or lines by rule."""


class MergeArguments(NamedTuple):
    """Everything a worker of a merge is told once."""

    graph: InputFile
    rules: InputFile
    spool: OutputFile
    merged: OutputFile
    """Where groups of runs go, as long as all runs."""
    table: OutputFile
    shape: Shape
    outputs: tuple[BlockOutput, ...]
    options: MergeOptions
    workers: int
    share_bytes: int | None = None
    """See `WorkerArguments`."""


class Stretches(NamedTuple):
    """What stretches have of the runs of a group: u64 each."""

    examples: bytes
    spooled: bytes


class Written(NamedTuple):
    """A block that is in all outputs."""

    totals: Totals
    left_out: int
    """Violated rules that are not in force."""
    n_rules: int
    rows: bytes
    """Of the output that has no file."""


class NotItsTurnError(Exception):
    """It is not known in time where a block goes: what is before it is not at work."""


def set_up(
    progress: Progress, told: MergeArguments
) -> Callable[[Group | Block], Stretches | Written | None]:
    """Opens everything once and returns what answers a task; None: a block is not written."""
    _pages.fix_thresholds(MAPPED_BYTES, KEPT_BYTES)
    descriptor = os.open(told.table.name, os.O_RDWR | os.O_CLOEXEC)
    table = BlockTable(descriptor, told.shape)
    os.close(descriptor)
    turn = _Turn(progress, table)
    groups = _Groups(told, table, turn)
    blocks = _Blocks(told, table, turn)
    if told.share_bytes is not None:
        hold_to(told.share_bytes)

    def answer(task: Group | Block) -> Stretches | Written | None:
        return blocks.write(task) if isinstance(task, Block) else groups.merge(task)

    return answer


class _Groups:
    """Merges groups of runs."""

    def __init__(self, told: MergeArguments, table: BlockTable, turn: _Turn) -> None:
        self._options = told.options
        self._table = table
        self._spool = os.open(told.spool.name, os.O_RDONLY | os.O_CLOEXEC)
        self._place = _Place(told.merged, "temporary file", turn)

    def merge(self, group: Group) -> Stretches:
        """Merges the runs of a group and notes where stretches begin."""
        options, table = self._options, self._table
        n = table.shape.n_stretches
        examples, spooled = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
        begins = np.zeros(n + 1, np.uint64)
        heap = RunCutter(
            [self._spool],
            PackedRuns(table.runs(group.first, group.stop)),
            fan_in=options.fan_in,
            window_bytes=group_window_bytes(group.stop - group.first),
            max_record_bytes=options.max_record_bytes,
            temporary_dir=options.temporary_dir,
        )
        try:
            self._place.begin(group.offset)
            withdrawn = options.withdrawn
            heap.merge(self._place, table.borders, begins, examples, spooled, withdrawn)
            self._place.start_writing()
        finally:
            heap.close()
            # Its windows were small pieces; blocks are planned without what is free between them.
            del heap
            _pages.trim()
        table.cuts[:, group.number] = begins + np.uint64(group.offset)
        return Stretches(examples.tobytes(), spooled.tobytes())


class _Blocks:
    """Formats blocks one by one, in buffers that stay."""

    def __init__(self, told: MergeArguments, table: BlockTable, turn: _Turn) -> None:
        self._graph = attach(told.graph.name, told.graph.shown)
        self._chunks = SharedChunks(told.rules.name, table.checks)
        self._table, self._turn = table, turn
        self._ahead = told.workers
        self._merged = os.open(told.merged.name, os.O_RDONLY | os.O_CLOEXEC)
        self._options = replace(told.options, window_bytes=PART_WINDOW_BYTES)
        self._rows = _Rows()
        self._in_files: list[tuple[_Place, Lines]] = []
        self._lines: list[Lines] = []
        self._ranked: list[RankedRows] = []
        for one in told.outputs:
            place = None if one.file is None else _Place(one.file, one.shown, turn)
            lines = one.lines(place or self._rows, one.buffer_bytes, *one.arguments)
            self._lines.append(lines)
            if isinstance(lines, RankedRows):
                self._ranked.append(lines)
            if place is not None:
                self._in_files.append((place, lines))

    def write(self, block: Block) -> Written | None:
        """Formats a block and writes it; None where its turn did not come."""
        self._turn.begin(block)
        for rows in self._ranked:
            rows.enough = int(self._table.enough[0])
        self._read_ahead(block)
        for number, (place, _) in enumerate(self._in_files):
            place.begin(number=number)
        try:
            totals = self._formatted(block)
            for place, _ in self._in_files:
                place.make_room()
            for lines in self._lines:
                lines.drain()
            # Behind it: two that write to one file would only wait for each other, and be busy so.
            self._turn.hand_on([place.written for place, _ in self._in_files])
            for place, _ in self._in_files:
                place.start_writing()
            first, stop = self._table.borders[[block.first, block.stop]]
            left_out = sum(lines.left_out for lines in self._lines)
            return Written(totals, left_out, int(stop - first), self._rows.taken())
        except NotItsTurnError:
            return None
        finally:
            for lines in self._lines:
                lines.discard()
            self._rows.taken()

    def _read_ahead(self, block: Block) -> None:
        """Has the system read what a next block is likely to be of, while others are formatted."""
        length, n = block.stop - block.first, self._table.shape.n_stretches
        first, stop = (min(n, block.stop + at * length) for at in (self._ahead - 1, self._ahead))
        parts = self._table.places_of(first, stop)
        for begin, end in parts:
            _pages.read_ahead(self._merged, begin, min(end - begin, AHEAD_BYTES // len(parts)))

    def _formatted(self, block: Block) -> Totals:
        first, stop = (int(self._table.borders[at]) for at in (block.first, block.stop))
        left = max(0, self._options.max_violations - block.examples_before)
        spooled = Spooled(
            self._graph.view,
            [self._merged],
            PackedRuns(self._table.parts_of(block.first, block.stop)),
            self._chunks.of(first, stop),
            first,
            stop,
            is_checked=True,
        )
        return write_block(spooled, self._lines, self._options, left)


class _Turn:
    """Waits until it is known where a block goes, and says where the next one does."""

    def __init__(self, progress: Progress, table: BlockTable) -> None:
        self._progress = progress
        self._begins = table.begins
        self._block = Block(0, 0, 0, 0, 0.0)
        self._found: list[int] = []

    def begin(self, block: Block) -> None:
        """Goes to a block."""
        self._block, self._found = block, []

    def begins(self) -> list[int]:
        """Where the block begins in each output; waits for it."""
        if self._found:
            return self._found
        row = self._begins[self._block.number]
        waited, pause = 0.0, LOOK_SECONDS
        while 0 in (begins := row.tolist()):
            if waited >= self._block.patience_seconds:
                raise NotItsTurnError
            time.sleep(pause)
            waited += pause
            pause = min(1.25 * pause, MOST_LOOK_SECONDS)
            self._progress.tick()
        self._found = [begin - 1 for begin in begins]
        return self._found

    def hand_on(self, sizes: list[int]) -> None:
        """Says where the next block begins."""
        ends = zip(self.begins(), sizes, strict=True)
        # In any order: whoever waits goes on when all of them are there.
        self._begins[self._block.number + 1] = [begin + size + 1 for begin, size in ends]

    def moved(self) -> None:
        """Says that work goes on."""
        self._progress.tick()


class _Rows:
    """Takes bytes that go with the answer."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, view: memoryview, /) -> None:
        """Takes them."""
        self._pieces.append(bytes(view))

    def taken(self) -> bytes:
        """All that came since the last time."""
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Place:
    """Takes the bytes of a block and writes them where they go."""

    def __init__(self, file: OutputFile, shown: str, turn: _Turn) -> None:
        self._shown = shown
        with naming(shown):
            self._descriptor = os.open(file.name, os.O_WRONLY | os.O_CLOEXEC)
        self._number = 0
        self._turn = turn
        self._at = -1
        self._new = self._before = (0, 0)
        """What is written, and what is being written back."""
        self.written = 0
        """Bytes that were written since it was begun."""

    def begin(self, at: int = -1, *, number: int = 0) -> None:
        """Goes to a place, or to where the present block has to go in the output of this number."""
        self._at, self._number, self.written = at, number, 0

    def write(self, view: memoryview, /) -> None:
        """Writes all of it when it is known where.

        More than one write of a block is begun to be written back at once.
        """
        is_more = self.written > 0
        self.make_room()
        if self._at < 0:
            self._at = self._turn.begins()[self._number]
        rest, begin = view, self._at
        with naming(self._shown):
            while len(rest):
                n = os.pwrite(self._descriptor, rest, self._at)
                self._at += n
                rest = rest[n:]
        self._new = begin, self._at
        self.written += len(view)
        if is_more:
            self.start_writing()
        self._turn.moved()

    def start_writing(self) -> None:
        """Has what was written be written back, while more is formatted."""
        begin, end = self._new
        if begin < end:
            _pages.start_writing(self._descriptor, begin, end - begin)
            self._new, self._before = (0, 0), self._new

    def make_room(self) -> None:
        """Has what was written leave the page cache, when it is written back."""
        self.start_writing()
        begin, end = self._before
        # Others write to the pages at both ends, too: those leave it with what is behind them.
        begin, end = -(-begin // PAGESIZE) * PAGESIZE, end // PAGESIZE * PAGESIZE
        if begin < end:
            _pages.drop(self._descriptor, begin, end - begin)
        self._before = (0, 0)
