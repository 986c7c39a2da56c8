"""A first look at chunks: about what their bodies take on this graph, from sizes alone.

A worker reads each chunk and divides it into pieces of whole bodies. How heavy a piece is, is right
to a factor only; no result depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pff_stream.rules.chunk_reader import Place
from pff_stream.work._look import body_work

if TYPE_CHECKING:
    from pff_stream.rules.chunk import RuleChunk
    from pff_stream.triples._graph import GraphView

PIECES = 32
"""Of a chunk, at most four times as many, each of which a body or more."""


class Look(NamedTuple):
    """A task: some chunks, and where they lie."""

    chunks: tuple[int, ...]
    places: tuple[Place, ...]


class Pieces(NamedTuple):
    """A chunk divided; in one piece, since many of them come to one process at the same time."""

    table: bytes = b""
    """`COLUMNS` float64 for each: the rules before its end, its work, its weight beside what is
    light, and into how many parts the sources of its body may be divided (1: not at all)."""

    @classmethod
    def of(cls, *columns: ArrayLike) -> Pieces:
        """Of columns."""
        return cls(np.column_stack(columns).astype(np.float64).tobytes())

    @property
    def rows(self) -> NDArray[np.float64]:
        """A row of `COLUMNS` for each."""
        return rows_of((self,))


COLUMNS = 4


def rows_of(pieces: Iterable[Pieces]) -> NDArray[np.float64]:
    """The rows of many, one behind the other."""
    return np.frombuffer(b"".join(one.table for one in pieces)).reshape(-1, COLUMNS)


def pieces_of(graph: GraphView, chunk: RuleChunk) -> Pieces:
    """Pieces that end with a body; one that is more than a share of the chunk is a body alone."""
    work, weight, parts = body_work(graph, chunk)
    n = len(work)
    if not n:
        return Pieces()
    share = max(float(work.sum()) / PIECES, 1.0)
    before = np.concatenate(([0.0], np.add.accumulate(work)))
    is_heavy = work >= share
    # A piece ends where the next share begins, in front of a heavy body, and behind it. A share is
    # of bodies, too: beside one that seems to be most of the work all others seem to be nothing.
    number = np.floor(before[:-1] / share)
    of_bodies = np.diff(np.arange(n) * PIECES // n) > 0
    ends = np.flatnonzero((np.diff(number) > 0) | of_bodies | is_heavy[1:] | is_heavy[:-1]) + 1
    ends = np.append(ends, n)
    stops = np.searchsorted(chunk.rule_body, ends, "left")
    is_alone = np.diff(ends, prepend=0) == 1
    return Pieces.of(
        stops,
        np.diff(before[ends], prepend=0.0),
        np.diff(np.add.accumulate(weight)[ends - 1], prepend=0.0),
        np.where(is_alone, parts[ends - 1], 1),
    )


def looked(graph: GraphView, chunks: Iterable[RuleChunk]) -> tuple[Pieces, ...]:
    """The answer of a look."""
    return tuple(pieces_of(graph, chunk) for chunk in chunks)
