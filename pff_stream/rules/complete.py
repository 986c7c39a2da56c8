"""Whether the chunks of a rule file hold every rule that could be read, exactly once.

The columns of a chunk cannot tell by themselves. The merge of a run's results notices a rule that
is missing or stands twice; this says whether the file is to blame for it, and is asked beforehand
where no such merge follows. Reads the whole file, holds one chunk at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pff_stream.errors import InputError

if TYPE_CHECKING:
    from pff_stream.rules.chunk import RuleChunk
    from pff_stream.rules.file import RuleFile

WINDOW_RULES = 1 << 20
"""Rules that are counted at a time, a byte each, to name the one that is wrong."""

_BLOCK_RULES = 1 << 14
"""Ordinals at a time where every rule could be read."""

_Ordinals = npt.NDArray[np.uint64]


class Completeness:
    """Told of all evaluation chunks, says whether every rule that was read is in one, and no other.

    The two lists are compared by sums under a random key: no file can be made to pass.
    """

    def __init__(self, file: RuleFile) -> None:
        self._file = file
        self._key = int.from_bytes(os.urandom(8), "little")
        self._found = 0

    def take(self, chunk: RuleChunk) -> None:
        """The next evaluation chunk."""
        self._found += _sum(chunk.sources, self._key)

    def check(self) -> None:
        """`InputError` that tells which rule is not there exactly once; all chunks were taken."""
        expected = sum(_sum(ordinals, self._key) for ordinals in _readable(self._file))
        if (self._found - expected) % (1 << 64):
            raise InputError(_what_is_wrong(self._file))


def check_complete(file: RuleFile) -> None:
    """`InputError` unless every rule that was read is in one evaluation chunk, and in no other."""
    completeness = Completeness(file)
    for index in range(len(file.chunks)):
        completeness.take(file.read_chunk(index))
    completeness.check()


def _readable(file: RuleFile) -> Iterator[_Ordinals]:
    """Ordinals of the rules that could be read, ascending."""
    if not file.rejected:
        for begin in range(0, file.rules, _BLOCK_RULES):
            yield np.arange(begin, min(begin + _BLOCK_RULES, file.rules), dtype=np.uint64)
        return
    for index in range(len(file.source_chunks)):
        chunk = file.read_source_chunk(index)
        is_read = np.diff(chunk.rejected, prepend=np.uint32(0)) == 0
        yield np.flatnonzero(is_read).astype(np.uint64) + np.uint64(chunk.first)


def _sum(ordinals: _Ordinals, key: int) -> int:
    """The sum of the ordinals' hashes under `key`, modulo 2**64."""
    mixed = ordinals + np.uint64(key)  # splitmix64's finish, with a secret start
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor ^ (key << 1 & (1 << 64) - 1))
    mixed ^= mixed >> np.uint64(31)
    return int(mixed.sum(dtype=np.uint64))


def _what_is_wrong(file: RuleFile) -> str:
    """The first rule that is not there exactly as often as it should be, and where."""
    for begin in range(0, file.rules, WINDOW_RULES):
        counts = np.zeros(min(WINDOW_RULES, file.rules - begin), np.uint8)
        for index in range(len(file.chunks)):
            _count(counts, file.read_chunk(index).sources, begin)
        wanted = np.zeros(len(counts), np.uint8)
        for ordinals in _readable(file):
            _count(wanted, ordinals, begin)
        wrong = np.flatnonzero(counts != wanted)
        if len(wrong):
            at = int(wrong[0])
            return _placed(file, begin + at, int(counts[at]), int(wanted[at]))
    return f"{file.path}: found rules more than once or not at all, expected each once"


def _count(counts: npt.NDArray[np.uint8], ordinals: _Ordinals, begin: int) -> None:
    inside = ordinals[(ordinals >= begin) & (ordinals < begin + len(counts))] - np.uint64(begin)
    np.add.at(counts, inside.astype(np.intp), np.uint8(1))


def _placed(file: RuleFile, rule: int, times: int, wanted: int) -> str:
    """The message, with the last chunk that has the rule, or the source chunk that tells of it."""
    ends = np.add.accumulate(file.source_chunks["rules"], dtype=np.uint64)
    own = int(np.searchsorted(ends, rule, side="right"))
    source = file.read_source_chunk(own)
    offset = int(file.source_chunks[own]["offset"])
    for index in range(len(file.chunks)):
        if times and bool((file.read_chunk(index).sources == rule).any()):
            offset = int(file.chunks[index]["offset"])
    line = int(source.lines[rule - source.first])
    return (
        f"{file.path}: byte {offset}: found the rule of line {line} in {times} places, "
        f"expected it in {wanted}"
    )
