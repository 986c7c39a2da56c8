"""The merge of a run over a graph by its workers, each of which writes blocks of rules.

First runs of the spool are merged in groups, then blocks are formatted; the parent only adds up
what they come to, and puts violated rules in order. Where an output takes its bytes in order (a
pipe, a packed file), or the plan has no room, one process merges instead, for the same bytes. Does
not cover: what a worker does (`work.merge`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, NamedTuple, NoReturn

import numpy as np

from pff_stream.errors import WorkersFailedError
from pff_stream.execute.files import InputFile, OutputFile
from pff_stream.execute.job import Job
from pff_stream.execute.queue import NOT_YET, NotYet
from pff_stream.files.temporary import temporary_file
from pff_stream.files.writers import SharedFile, Writer
from pff_stream.findings._ranked_rows import RankedRows
from pff_stream.findings.rule_order import RuleOrder
from pff_stream.inputs import GraphInput
from pff_stream.pipeline.cut import CarryOut, Ready, Tasks
from pff_stream.plan.sizes import holds_names, merge_workers
from pff_stream.report._pass import Formatter
from pff_stream.report.blocks import (
    WINDOW_BLOCKS,
    Block,
    BlockTable,
    Filling,
    Group,
    Shape,
    blocks_of,
    shape_of,
)
from pff_stream.report.formats._lines import Lines, ViolationLines
from pff_stream.report.run_table import RunTable
from pff_stream.report.spooled import MergeOptions
from pff_stream.report.terms import ROWS_BLOCK_BYTES, block_buffer_bytes
from pff_stream.report.totals import Totals, added
from pff_stream.triples._graph import GraphView
from pff_stream.triples.graph import attach
from pff_stream.work.merge import (
    BlockOutput,
    MergeArguments,
    Stretches,
    Written,
    set_up,
)
from pff_stream.work.shared_chunks import left
from planner.plan import Plan

PATIENCE_SECONDS, MOST_PATIENCE_SECONDS = 2.0, 64.0
"""A block waits so long for the one before it; then that one comes first, and it waits longer."""


class SharedOutput(NamedTuple):
    """An output that workers write blocks of: where its bytes go, and what formats them."""

    file: SharedFile
    lines: Lines


def shared_outputs(
    destinations: Sequence[Writer], formatters: Sequence[Formatter], plan: Plan
) -> list[SharedOutput] | None:
    """The outputs as workers share them; None where one cannot be, or one process merges."""
    if merge_workers(plan.settings) < 2:
        return None
    shared = []
    for destination, lines in zip(destinations, formatters, strict=True):
        if not isinstance(destination, SharedFile) or not isinstance(lines, Lines):
            return None
        if destination.shared_name() is None:
            return None
        shared.append(SharedOutput(destination, lines))
    return shared or None


@dataclass(frozen=True, slots=True)
class ToMerge:
    """What is merged."""

    graph: InputFile
    spool: OutputFile
    runs: RunTable
    options: MergeOptions


class Merging(Tasks):
    """Groups of runs to be merged, then blocks to be written."""

    phase = "merge"
    unit = "rules"

    def __init__(
        self,
        ready: Ready,
        spooled: ToMerge,
        outputs: Sequence[BlockOutput],
        files: tuple[IO[bytes], str, str],
        order: RuleOrder | None,
    ) -> None:
        """`files`: temporary ones for the table and for merged groups, with nothing in them."""
        file = ready.rules.file
        self._n_workers = merge_workers(ready.plan.settings)
        in_chunks = [int(n) for n in file.source_chunks["rules"]]
        n_files = sum(output.file is not None for output in outputs)
        shape, self._borders = shape_of(len(spooled.runs), self._n_workers, in_chunks, n_files)
        self._chunk_ends = np.add.accumulate(in_chunks).tolist()
        self.shape: Shape = shape
        self.table = BlockTable(files[0].fileno(), shape, is_new=True)
        self.table.fill(spooled.runs, self._borders)
        told = MergeArguments(
            graph=spooled.graph,
            rules=ready.rules.shared,
            spool=spooled.spool,
            merged=OutputFile(files[2]),
            table=OutputFile(files[1]),
            shape=shape,
            outputs=tuple(outputs),
            options=spooled.options,
            workers=self._n_workers,
        )
        self.job = Job(
            set_up=set_up,
            arguments=(told,),
            workers=self._n_workers,
            preload=("pff_stream.work.merge", "pff_stream.report.formats"),
        )
        self.window = WINDOW_BLOCKS * self._n_workers
        self.n_units = file.rules
        self._examples = np.zeros(shape.n_stretches, np.uint64)
        self._spooled = np.zeros(shape.n_stretches, np.uint64)
        self._before: list[int] = []
        """What is spooled of all stretches before each."""
        self._most_violations = spooled.options.max_violations
        self._filling = Filling([(one.buffer_bytes, one.has_violations) for one in outputs])
        self._again: deque[Block] = deque()
        self._left = 0
        self._order = order
        self._rows: dict[int, bytes] = {}
        self._n_whole = 0
        self.totals: Totals | None = None
        self.left_out = 0

    def tasks(self) -> Iterator[Group | Block | NotYet]:
        """Blocks come when all runs are merged; one whose turn did not come comes again."""
        groups = self.table.groups()
        self._left = len(groups)
        yield from groups
        while self._left:
            yield NOT_YET
        self._leave_out_cut()
        for block in blocks_of(
            self._borders,
            self._chunk_ends,
            self._examples.tolist(),
            self._spooled.tolist(),
            self._filling,
            PATIENCE_SECONDS,
        ):
            while self._again:
                yield self._again.popleft()
            self._left += 1
            yield block
        while self._left:
            yield self._again.popleft() if self._again else NOT_YET

    def _leave_out_cut(self) -> None:
        """What comes behind the last violation that is written makes no block longer."""
        before = np.add.accumulate(self._examples) - self._examples
        self._spooled[before >= np.uint64(self._most_violations)] = 0
        self._before = [0, *np.add.accumulate(self._spooled).tolist()]

    def split(self, task: Group | Block) -> Sequence[Group | Block]:
        """A block is as small as it gets."""
        return ()

    def poisoned(self, task: Group | Block, cause: str) -> NoReturn:
        """Without it nothing is complete."""
        raise WorkersFailedError(f"a worker that merged results ended again and again: {cause}")

    def take(self, task: Group | Block, answer: Stretches | Written | None) -> int:
        """Adds it up."""
        if isinstance(task, Block):
            if not isinstance(answer, Written):
                longer = min(MOST_PATIENCE_SECONDS, 2 * task.patience_seconds)
                self._again.append(task._replace(patience_seconds=longer))
                return 0
            self._left -= 1
            self.totals = (
                answer.totals if self.totals is None else added(self.totals, answer.totals)
            )
            self.left_out += answer.left_out
            self._learn(task, answer)
            self._rows[task.number] = answer.rows
            self._read_on()
            return answer.n_rules
        assert isinstance(answer, Stretches)
        self._left -= 1
        self._examples += np.frombuffer(answer.examples, np.uint64)
        self._spooled += np.frombuffer(answer.spooled, np.uint64)
        return 0

    def _learn(self, block: Block, answer: Written) -> None:
        """Takes how long a block that is written has become."""
        begins, ends = self.table.begins[block.number : block.number + 2].tolist()
        written = [end - begin for begin, end in zip(begins, ends, strict=True)]
        if self._order is not None:
            written.append(len(answer.rows))
        spooled = self._before[block.stop] - self._before[block.first]
        self._filling.learn(answer.n_rules, spooled, written)

    def _read_on(self) -> None:
        """Puts rules in order as far as all blocks are written."""
        while self._n_whole in self._rows:
            rows = self._rows.pop(self._n_whole)
            self._n_whole += 1
            if self._order is not None:
                self._order.read(rows)
                self.table.enough[0] = self._order.enough

    def ends(self) -> list[int]:
        """Where those blocks end in each output that were written, and all before them."""
        return [int(end) - 1 for end in self.table.begins[self._n_whole]]


def by_workers(
    ready: Ready,
    spooled: ToMerge,
    shared: Sequence[SharedOutput],
    order: RuleOrder | None,
    carry_out: CarryOut,
) -> Totals:
    """Has workers write all blocks, and puts the violated rules in order."""
    with ExitStack() as stack:
        for output in shared:
            output.lines.drain()
        begins = [output.file.written for output in shared]
        outputs = [_block_output(output) for output in shared]
        if order is not None:
            outputs.append(_rows_of(order))
        table = stack.enter_context(temporary_file(ready.folder))
        merged = stack.enter_context(temporary_file(ready.folder))[1]
        merging = Merging(ready, spooled, outputs, (table[0], table[1], merged), order)
        merging.table.begins[0] = [begin + 1 for begin in begins]
        carry_out(merging)
        for index in left(merging.table.checks):
            ready.rules.file.read_source_chunk(index)
        for output, end in zip(shared, merging.ends(), strict=True):
            output.file.took(end - output.file.written)
        if order is not None:
            order.end(merging.left_out)
    assert merging.totals is not None  # there are rules
    return merging.totals


def _block_output(output: SharedOutput) -> BlockOutput:
    name = output.file.shared_name()
    assert name is not None  # see `shared_outputs`
    lines = type(output.lines)
    return BlockOutput(
        OutputFile(name),
        output.file.name,
        lines,
        block_buffer_bytes(lines),
        has_violations=issubclass(lines, ViolationLines),
    )


def _rows_of(order: RuleOrder) -> BlockOutput:
    """The violated rules, for the order of rules."""
    told = RankedRows, ROWS_BLOCK_BYTES, (order.kind,)
    return BlockOutput(None, "the violated rules", *told)


@contextmanager
def graph_for(plan: Plan, graph: GraphInput) -> Iterator[GraphView]:
    """The graph for this process to merge with, and its names in memory where the plan has room."""
    with ExitStack() as stack:
        view = stack.enter_context(attach(graph.name)).view
        if holds_names(plan.settings):
            from pff_stream.triples._resident_names import ResidentNames

            stack.callback(ResidentNames(view, graph.name).close)
        yield view
