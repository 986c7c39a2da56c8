"""Source chunks as several workers read them, each all of them, at about the same time.

Who comes to one first checks it, and the others leave that to it: should it find something wrong,
nothing comes of the run, and should it die, somebody checks the chunk at the end (`left`). A chunk
leaves the page cache when who read it there goes on to the next one, so that others find it there.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pff_stream.files import _pages
from pff_stream.rules.file import RuleFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pff_stream.rules.source_chunk import SourceChunk

BEGUN, CHECKED = 1, 2
"""Somebody has a chunk to check, and it was found to be right."""


def left(checks: NDArray[np.uint64]) -> list[int]:
    """Chunks that nobody has found to be right."""
    return np.flatnonzero(checks != CHECKED).tolist()


class SharedChunks(RuleFile):
    """The source chunks of a rule file, of which the last one that was read is kept."""

    def __init__(self, name: str, checks: NDArray[np.uint64]) -> None:
        """`checks`: a word for each chunk, zeros at first, which all workers share."""
        self._cached: list[tuple[int, int]] = []
        super().__init__(name)
        self._checks = checks
        self._ends = list(itertools.accumulate(self.source_chunks["rules"].tolist()))
        self._room = bytearray(self.max_source_chunk_bytes)
        self._chunk: tuple[int, SourceChunk | None] = (0, None)

    def of(self, first: int, stop: int) -> Iterator[SourceChunk]:
        """Those that have the rules of a range; the next range mostly begins in the last one."""
        index = bisect_right(self._ends, first)
        while first < stop:
            at, chunk = self._chunk
            if chunk is None or at != index:
                self._chunk = 0, None
                del chunk  # so that there are not two
                chunk = self._next(index)
                self._chunk = index, chunk
            yield chunk
            first = self._ends[index]
            index += 1

    def _next(self, index: int) -> SourceChunk:
        for offset, length in self._cached:
            _pages.drop(self.fileno(), offset, length)
        self._cached.clear()
        is_mine = not self._checks[index]
        if is_mine:
            self._checks[index] = BEGUN
        chunk = self.read_source_chunk(index, self._room, is_checked=not is_mine)
        if is_mine:
            self._checks[index] = CHECKED
        return chunk

    def _behind(self, offset: int, length: int) -> None:
        """Others are about to read it, too."""
        self._cached.append((offset, length))
