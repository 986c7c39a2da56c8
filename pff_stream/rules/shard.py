"""The chunks of a rule file that one part of a run is of, when a run is done in parts.

Chunks are dealt like cards, there and back again: the heavy bodies come first in the file, and each
part gets its share of them. Chunks that have rules of one body go to one part, so that rules of
the same text do. Every part finds the same by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pff_stream.rules.chunk import piece

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pff_stream.rules.chunk import RuleChunk
    from pff_stream.rules.file import RuleFile


class Shard(NamedTuple):
    """One of so many parts; the only one is the whole."""

    number: int = 0
    """From 0."""
    parts: int = 1

    def __str__(self) -> str:
        return f"{self.number + 1}/{self.parts}"

    def has(self, place: int) -> bool:
        """Whether it gets what is at this place of a list that is dealt out."""
        turn, at = divmod(place, self.parts)
        return self.number == (self.parts - 1 - at if turn % 2 else at)

    def chunks(self, file: RuleFile) -> NDArray[np.int64]:
        """Which chunks of the file it is of, in their order."""
        if self.parts == 1:
            return np.arange(len(file.chunks))
        turns, at = np.divmod(_groups(file), self.parts)
        of_part = np.where(turns % 2, self.parts - 1 - at, at)
        return np.flatnonzero(of_part == self.number)

    @classmethod
    def of(cls, text: str | None) -> Shard:
        """That of `I/N`, counted from 1; None: the whole."""
        if text is None:
            return cls()
        number, _, parts = text.partition("/")
        return cls(int(number) - 1, int(parts))


def _groups(file: RuleFile) -> NDArray[np.int64]:
    """For each chunk the number of its group: chunks side by side that share a body."""
    chunks = file.chunks
    numbers = np.arange(len(chunks))
    if int(chunks["bodies"].sum(dtype=np.uint64)) == file.bodies:  # each body is in one chunk
        return numbers
    goes_on = np.fromiter(_goes_on(file), bool, len(chunks))
    numbers -= np.add.accumulate(goes_on, dtype=np.int64)
    return numbers


def _goes_on(file: RuleFile) -> Iterator[bool]:
    """Of each chunk whether its first body is the last one of the chunk before."""
    buffer = bytearray(file.max_chunk_bytes)
    before: tuple[object, ...] = ()
    for index in range(len(file.chunks)):
        chunk = file.read_chunk(index, buffer)
        yield _body(chunk, 0) == before
        before = _body(chunk, chunk.n_bodies - 1)


def _body(chunk: RuleChunk, body: int) -> tuple[object, ...]:
    """The atoms of a body by names: the same in every chunk."""
    start = int(chunk.body_ends[body - 1]) if body else 0
    numbers = chunk.atoms[3 * start : 3 * int(chunk.body_ends[body])].tolist()
    found: list[object] = []
    for place, number in enumerate(numbers):
        if place % 3 == 0:  # a relation; an inequality has none
            found.append(_name(chunk, number) if number >= 0 else number)
        else:  # a variable, or a constant
            found.append(number if number >= 0 else _name(chunk, -1 - number))
    return tuple(found)


def _name(chunk: RuleChunk, index: int) -> bytes:
    return piece(chunk.names, chunk.name_ends, index)
