"""Source chunks as several workers read them, each all of them, at about the same time.

Who reads one first checks it, and says so; it leaves the page cache when who read it there goes on
to the next one, so that the others find it there.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pff_stream.files import _pages
from pff_stream.rules.file import RuleFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pff_stream.rules.source_chunk import SourceChunk


class SharedChunks(RuleFile):
    """The source chunks of a rule file, of which the last one that was read is kept."""

    def __init__(self, name: str, are_checked: NDArray[np.uint64]) -> None:
        """`are_checked`: a word for each chunk, which all workers share."""
        self._cached: list[tuple[int, int]] = []
        super().__init__(name)
        self._are_checked = are_checked
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
        before, self._cached = self._cached, []
        is_checked = bool(self._are_checked[index])
        chunk = self.read_source_chunk(index, self._room, is_checked=is_checked)
        self._are_checked[index] = 1
        for offset, length in before:
            _pages.drop(self.fileno(), offset, length)
        return chunk

    def _behind(self, offset: int, length: int) -> None:
        """Others are about to read it, too."""
        self._cached.append((offset, length))
