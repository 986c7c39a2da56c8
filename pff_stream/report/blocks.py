"""A merge cut into blocks of rules, which several processes write at once, each at its place.

The runs of the spool are merged in groups first. A table in a file that all map says where the runs
lie, where each stretch of rules begins in each group, and where each block begins in each output:
whoever has formatted a block knows from the one before it where it goes, and says where the next
one does. So no output is written twice, and nothing passes through one process. Stretches are known
before; blocks are some of them, as many as fill the buffers of whoever formats them. Does not
cover: who does it (`work.merge`, `pipeline.merging`), formatting.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pff_stream.files.durable import naming
from pff_stream.report._runs import FAN_IN, WINDOW_BYTES
from pff_stream.report.records import RUN
from pff_stream.report.run_table import RunTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_TABLE_BYTES = 16 << 20
"""Of where stretches begin in runs: with more runs there are fewer stretches."""
PARTS = 128
"""Stretches of a source chunk, where the table has room for them."""
FULL_SHARE, LEAST_SHARE = 0.85, 0.25
"""How full a block makes the buffer that it fills most, and from where on it rather ends with a
source chunk: which block is larger than was expected is not known before it is written."""
RULE_BYTES, SPOOLED_SHARE = 192, 24
"""What is expected before any block is written: the line of a rule, and the violations by what is
spooled of them, where four bytes stand for a name."""
GROUPS = 2
"""Groups of runs for each worker, each of which becomes one run."""
WINDOW_BLOCKS = 4
"""For each worker, begun or waiting to be."""
PART_WINDOW_BYTES = 32 << 10
"""Read ahead of each group."""
AHEAD_BYTES = 128 << 10
"""Of what a block is made of, read ahead at most."""
GROUP_WINDOWS_BYTES, GROUP_WINDOW_BYTES = 3 << 20, 64 << 10
"""Read ahead of the runs of a group together, and of each of them at most."""
_READ_RUNS = 1024


def group_window_bytes(n_runs: int) -> int:
    """Read ahead of each of so many runs that become one."""
    fair = GROUP_WINDOWS_BYTES // max(1, n_runs)
    return max(WINDOW_BYTES, min(GROUP_WINDOW_BYTES, fair & ~4095))


class Shape(NamedTuple):
    """How large the parts of a table are."""

    n_runs: int
    n_groups: int
    n_stretches: int
    n_outputs: int
    n_chunks: int
    """Source chunks."""

    @property
    def n_bytes(self) -> int:
        """Of the file."""
        return sum(self.parts)

    @property
    def parts(self) -> tuple[int, int, int, int, int]:
        """Bytes of borders, begins in outputs, places of runs, begins in groups, and marks."""
        borders = self.n_stretches + 1
        return (
            8 * borders,
            8 * borders * self.n_outputs,
            RUN.size * self.n_runs,
            8 * borders * self.n_groups,
            8 * (1 + self.n_chunks),
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
        marks: NDArray[np.uint64] = views[4].view(np.uint64)
        self.enough = marks[:1]
        """What the parent has enough of; 0: of nothing (`RankedRows`)."""
        self.checks = marks[1:]
        """How far each source chunk is checked (`SharedChunks`)."""

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

    def places_of(self, first: int, stop: int) -> list[tuple[int, int]]:
        """Where the parts of the merged groups that some stretches have begin and end."""
        places = zip(self.cuts[first].tolist(), self.cuts[stop].tolist(), strict=True)
        return [(begin, end) for begin, end in places if begin < end]

    def parts_of(self, first: int, stop: int) -> bytes:
        """These parts, packed as runs."""
        parts = self.places_of(first, stop)
        return b"".join(RUN.pack(0, 0, begin, end - begin) for begin, end in parts)


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
    parts = min(PARTS, most // max(1, len(in_chunks)))
    if parts:
        for n in in_chunks:
            begin = borders[-1]
            borders += [begin + n * part // parts for part in range(1, parts + 1)]
    else:
        at_once = -(-len(in_chunks) // most)
        for first in range(0, len(in_chunks), at_once):
            borders.append(borders[-1] + sum(in_chunks[first : first + at_once]))
    return Shape(n_runs, n_groups, len(borders) - 1, n_outputs, len(in_chunks)), borders


class Filling:
    """How full a block makes the buffers that outputs are formatted in, by what blocks came to."""

    def __init__(self, buffers: Sequence[tuple[int, bool]]) -> None:
        """`buffers`: the bytes of each, and whether violations go there, or lines by rule."""
        self._buffers = buffers
        self._written = [0] * len(buffers)
        self._rules = self._spooled = 0
        self._for_each()

    def share(self, n_rules: int, spooled: int) -> float:
        """Of the buffer that so many rules with so many bytes of violations fill most."""
        return max(self._of_rule * n_rules, self._of_spooled * spooled)

    def learn(self, n_rules: int, spooled: int, written: Sequence[int]) -> None:
        """Takes what a block came to in each output."""
        self._rules += n_rules
        self._spooled += spooled
        self._written = [sum(both) for both in zip(self._written, written, strict=True)]
        self._for_each()

    def _for_each(self) -> None:
        """Shares that a rule and a byte of violations take."""
        of_rule, of_spooled = [0.0], [0.0]
        for (n_bytes, has_violations), written in zip(self._buffers, self._written, strict=True):
            if has_violations:
                each = written / self._spooled if self._spooled else SPOOLED_SHARE
                of_spooled.append(each / n_bytes)
            else:
                each = written / self._rules if self._rules else RULE_BYTES
                of_rule.append(each / n_bytes)
        self._of_rule, self._of_spooled = max(of_rule), max(of_spooled)


def blocks_of(
    borders: Sequence[int],
    chunk_ends: Sequence[int],
    examples: Sequence[int],
    spooled: Sequence[int],
    filling: Filling,
    patience_seconds: float,
) -> Iterator[Block]:
    """All blocks in order, each of as many stretches as fill a buffer, or as end a source chunk.

    `examples` and `spooled` are of the stretches. Each block is made when it is asked for, by what
    is known then.
    """
    ends = set(chunk_ends)
    n = len(spooled)
    number = first = before = 0
    while first < n:
        stop, n_bytes, end = first, 0, first
        while stop < n:
            share = filling.share(borders[stop + 1] - borders[first], n_bytes + spooled[stop])
            if share > FULL_SHARE and stop > first:
                break
            n_bytes += spooled[stop]
            stop += 1
            if borders[stop] in ends:
                end = stop
                if share >= LEAST_SHARE:
                    break
        stop = end if end > first else stop
        yield Block(number, first, stop, before, patience_seconds)
        before += sum(examples[first:stop])
        number, first = number + 1, stop
