"""A merge cut into blocks of rules, which several processes write at once, each at its place.

The runs of the spool are merged in groups first. A table in a file that all map says where the runs
lie, where each stretch of rules begins in each group, and where each block begins in each output:
whoever has formatted a block knows from the one before it where it goes, and says where the next
one does. So no output is written twice, and nothing passes through one process. Stretches are known
before; blocks are some of them, as many as their results allow. Does not cover: who does it
(`work.merge`, `pipeline.merging`), formatting.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pff_stream.files.durable import naming
from pff_stream.report._runs import FAN_IN
from pff_stream.report.records import RUN
from pff_stream.report.run_table import RunTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_TABLE_BYTES = 16 << 20
"""Of where stretches begin in runs: with more runs there are fewer stretches."""
PARTS = 4
"""Stretches of a source chunk, where the table has room for them."""
BLOCK_BYTES, LEAST_BLOCK_BYTES = 1 << 20, 256 << 10
"""What a block may come to in one output, and what makes one of several source chunks."""
RULE_BYTES, SPOOLED_SHARE = 64, 12
"""About what a rule and its examples come to in an output: its text and a few numbers; and a
multiple of its records, where four bytes stand for a name."""
GROUPS = 4
"""Groups of runs for each worker, each of which becomes one run."""


PIECE_BYTES = 256 << 10
"""Of a block, written together; two of these are in the page cache, one of which leaves it."""
PART_WINDOW_BYTES = 32 << 10
"""Read ahead of each group."""
_READ_RUNS = 1024


class Shape(NamedTuple):
    """How large the parts of a table are."""

    n_runs: int
    n_groups: int
    n_stretches: int
    n_outputs: int

    @property
    def n_bytes(self) -> int:
        """Of the file."""
        return sum(self.parts)

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """Bytes of borders, of begins in outputs, of places of runs, and of begins in groups."""
        borders = self.n_stretches + 1
        return (
            8 * borders,
            8 * borders * self.n_outputs,
            RUN.size * self.n_runs,
            8 * borders * self.n_groups,
        )


class BlockTable:
    """The table, mapped; `OutputError` where the file cannot be made so long."""

    def __init__(self, descriptor: int, shape: Shape, *, is_new: bool = False) -> None:
        self.shape = shape
        if is_new:
            with naming("the table of a merge"):
                os.truncate(descriptor, shape.n_bytes)
        mapped = mmap.mmap(descriptor, shape.n_bytes)
        views, at = [], 0
        for n_bytes in shape.parts:
            views.append(np.frombuffer(mapped, np.uint8, n_bytes, at))
            at += n_bytes
        rows = shape.n_stretches + 1
        self.borders: NDArray[np.uint64] = views[0].view(np.uint64)
        """Ordinals of the rules that begin a stretch, and the number of all rules."""
        self.begins: NDArray[np.uint64] = views[1].view(np.uint64).reshape(rows, shape.n_outputs)
        """Of each block in each output, and 1; 0: not known yet."""
        self._places: NDArray[np.uint8] = views[2]
        self.cuts: NDArray[np.uint64] = views[3].view(np.uint64).reshape(rows, shape.n_groups)
        """Where each stretch begins in the file of merged groups, and where the group ends."""

    def fill(self, runs: RunTable, borders: Sequence[int]) -> None:
        """Says where the runs are, and the stretches."""
        self.borders[:] = borders
        for first in range(0, self.shape.n_runs, _READ_RUNS):
            packed = runs.read(first, _READ_RUNS)
            begin = first * RUN.size
            self._places[begin : begin + len(packed)] = np.frombuffer(packed, np.uint8)

    def runs(self, first: int, stop: int) -> bytes:
        """Places of runs, packed."""
        return self._places[first * RUN.size : stop * RUN.size].tobytes()

    def groups(self) -> list[Group]:
        """The groups, each with as many runs as any other, or one less."""
        n_runs, n_groups = self.shape.n_runs, self.shape.n_groups
        found, offset = [], 0
        for number in range(n_groups):
            first, stop = number * n_runs // n_groups, (number + 1) * n_runs // n_groups
            found.append(Group(number, first, stop, offset))
            offset += sum(run[3] for run in RUN.iter_unpack(self.runs(first, stop)))
        return found

    def parts_of(self, first: int, stop: int) -> bytes:
        """The parts of the merged groups that some stretches have, packed as runs."""
        parts = zip(self.cuts[first].tolist(), self.cuts[stop].tolist(), strict=True)
        return b"".join(RUN.pack(0, 0, begin, end - begin) for begin, end in parts if begin < end)


class Group(NamedTuple):
    """A task: some of the runs, to be merged into one."""

    number: int
    first: int
    stop: int
    offset: int
    """Where they go in the file of merged groups."""


class Block(NamedTuple):
    """A task: the rules of some stretches, which all outputs get."""

    number: int
    first: int
    """Stretch."""
    stop: int
    examples_before: int
    """Of the rules before it, as they were spooled."""
    patience_seconds: float
    """How long it may wait for the block before it."""


def shape_of(
    n_runs: int, workers: int, in_chunks: Sequence[int], n_outputs: int
) -> tuple[Shape, list[int]]:
    """The table for so many runs, and its borders: within source chunks, or between some."""
    n_groups = min(n_runs, max(GROUPS * workers, -(-n_runs // FAN_IN)))
    most = max(1, MOST_TABLE_BYTES // (8 * max(1, n_groups)))
    borders = [0]
    if PARTS * len(in_chunks) <= most:
        for n in in_chunks:
            borders += [borders[-1] + n * part // PARTS for part in range(1, PARTS)]
            borders.append(borders[-PARTS] + n)
    else:
        at_once = -(-len(in_chunks) // most)
        for first in range(0, len(in_chunks), at_once):
            borders.append(borders[-1] + sum(in_chunks[first : first + at_once]))
    return Shape(n_runs, n_groups, len(borders) - 1, n_outputs), borders


def blocks_of(
    borders: Sequence[int],
    chunk_ends: Sequence[int],
    examples: Sequence[int],
    spooled: Sequence[int],
    patience_seconds: float,
) -> Iterator[Block]:
    """All blocks in order: whole source chunks, or less where they come to more than `BLOCK_BYTES`.

    `examples` and `spooled` are of the stretches.
    """
    ends = set(chunk_ends)
    estimates = [
        RULE_BYTES * (borders[i + 1] - borders[i]) + SPOOLED_SHARE * spooled[i]
        for i in range(len(spooled))
    ]
    number = first = before = 0
    while first < len(estimates):
        stop, n_bytes, end = first, 0, first
        while stop < len(estimates) and (n_bytes + estimates[stop] <= BLOCK_BYTES or stop == first):
            n_bytes += estimates[stop]
            stop += 1
            if borders[stop] in ends:
                end = stop
                if n_bytes >= LEAST_BLOCK_BYTES:
                    break
        stop = end if end > first else stop
        yield Block(number, first, stop, before, patience_seconds)
        before += sum(examples[first:stop])
        number, first = number + 1, stop
