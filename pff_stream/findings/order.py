"""The order of rules as it is gone through: those that were chosen so far, by rank.

What is chosen lies in files without a name: what is known of each rule, by its rank, and the rank
of each rule of the rule file, for the workers that list violations. Memory does not grow with the
rules.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from math import inf, log1p
from typing import IO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pff_stream.files.durable import naming
from pff_stream.files.temporary import temporary_file

_FRONT = struct.Struct(">QQ")
_TAIL = struct.Struct(">QQ")
_OWN = struct.Struct("<d??")
_DOUBLE = struct.Struct(">d")
_END = struct.Struct("<Q")
_RANK = struct.Struct("<I")
LARGE = 1 << 16
"""Violations of a rule that is listed by itself, and only if those before it are not enough."""
_ALL_BITS = (1 << 64) - 1
_BUFFER_BYTES = 1 << 16


RankedSource: TypeAlias = tuple[int, float, float, int, bool, bool]
"""Of a ranked rule all but line and text: source, confidence, own confidence, violations, repeats,
whether the functional variable is the object."""


@dataclass(frozen=True, slots=True)
class RankedRule:
    """A violated rule at its place in the order."""

    line: int
    """In the rule file, from 1."""
    source: int
    """Ordinal in the rule file."""
    text: bytes
    confidence: float
    """Of the kind that rules are ranked by; of a rule that repeats an earlier line, of that one."""
    own_confidence: float
    """What this line itself has."""
    violations: int
    repeats: bool
    """Whether an earlier line has the same text: it is a reason, and counts in no score."""
    by_object: bool
    """Whether the functional variable of its head is the object."""

    @classmethod
    def unpacked(cls, entry: bytes) -> RankedRule:
        """The rule of an entry of the order, see `_ranking`."""
        bits, violations = _FRONT.unpack_from(entry)
        tail = len(entry) - _TAIL.size - _OWN.size
        line, source = _TAIL.unpack_from(entry, tail)
        own, repeats, by_object = _OWN.unpack_from(entry, tail + _TAIL.size)
        (confidence,) = _DOUBLE.unpack((bits ^ _ALL_BITS).to_bytes(8, "big"))
        text = entry[_FRONT.size : tail - 1]
        return cls(line, source, text, confidence, own, violations, repeats, by_object)


class ChosenRules:
    """Rules of the order by rank, as many as were chosen; files are closed by `stack`."""

    def __init__(self, order: Iterable[bytes], n_rules: int, folder: str, stack: ExitStack) -> None:
        self._left: Iterator[bytes] = iter(order)
        self._next = next(self._left, None)
        self._rules, _ = stack.enter_context(temporary_file(folder))
        self._ends, _ = stack.enter_context(temporary_file(folder))
        self._ranks, self.path = stack.enter_context(temporary_file(folder))
        self.n = 0
        """Rules that were chosen."""
        self.violations = 0
        """Violations of those that repeat no other."""
        self._n_bytes = 0
        with naming("the ranks of the rules"):
            # 0: not chosen.
            self._ranks.truncate(max(1, n_rules) * _RANK.size)

    @property
    def is_all(self) -> bool:
        """Whether there are no more rules in the order."""
        return self._next is None

    def extend(self, violations: int | None, most: int | None = None) -> None:
        """Chooses the next rules, until they have so many violations (None: all of them).

        A rule and those that repeat it are chosen together. It stops before a rule with which they
        would have more than `most`, and before one of very many violations: what comes before it
        may be enough.
        """
        before = self.n
        rules, ends = bytearray(), bytearray()
        found = 0
        ranks = self._ranks.fileno()
        while self._next is not None:
            rule = RankedRule.unpacked(self._next)
            if violations is not None and found >= violations and not rule.repeats:
                break
            is_large = violations is not None and rule.violations > max(violations, LARGE)
            if is_large and self.n > before and not rule.repeats:
                break
            if most is not None and found + rule.violations > most and not rule.repeats:
                break
            self.n += 1
            found += 0 if rule.repeats else rule.violations
            self._n_bytes += len(self._next)
            rules += self._next
            ends += _END.pack(self._n_bytes)
            with naming("the ranks of the rules"):
                os.pwrite(ranks, _RANK.pack(self.n), rule.source * _RANK.size)
            if len(rules) > _BUFFER_BYTES:
                self._write(rules, ends)
            self._next = next(self._left, None)
        self._write(rules, ends)
        self.violations += found

    def ahead(self, most: int) -> tuple[int, int]:
        """Violations of the next rule, and how many rules it and those that repeat it are.

        (0, 0) where there is none, or where they are more than `most`.
        """
        if self._next is None:
            return 0, 0
        entries = []
        for entry in self._left:
            entries.append(entry)
            if len(entries) == most or not RankedRule.unpacked(entry).repeats:
                break
        self._left = chain(entries, self._left)
        repeats = [RankedRule.unpacked(entry).repeats for entry in entries]
        is_more = len(entries) == most and repeats[-1]
        return (0, 0) if is_more else (RankedRule.unpacked(self._next).violations, 1 + sum(repeats))

    def with_repeats(self, rank: int) -> int:
        """The last rank of the rules that repeat this one, or this one."""
        while rank + 1 < self.n and self.rule(rank + 1).repeats:
            rank += 1
        return rank

    def is_chosen(self, source: int, first: int) -> bool:
        """Whether the rule of this ordinal has a rank, and one from `first` on."""
        (rank,) = _RANK.unpack(os.pread(self._ranks.fileno(), _RANK.size, source * _RANK.size))
        return bool(rank > first)

    def rule(self, rank: int) -> RankedRule:
        """The rule of a rank, from 0."""
        with naming("the rules in their order"):
            if rank:
                first, end = (
                    _END.unpack_from(os.pread(self._ends.fileno(), 16, 8 * (rank - 1)), at)[0]
                    for at in (0, 8)
                )
            else:
                first, end = 0, _END.unpack(os.pread(self._ends.fileno(), 8, 0))[0]
            return RankedRule.unpacked(os.pread(self._rules.fileno(), end - first, first))

    def logs(self) -> NDArray[np.float64]:
        """log1p(-confidence) of all, by rank; 0 for one that repeats another."""
        logs = np.zeros(max(1, self.n), np.float64)
        for rank in range(self.n):
            rule = self.rule(rank)
            if not rule.repeats:
                # Of numpy the last bit depends on the machine.
                logs[rank] = log1p(-rule.confidence) if rule.confidence < 1 else -inf
        return logs

    def _write(self, rules: bytearray, ends: bytearray) -> None:
        """Appends to both files."""
        for file, data in ((self._rules, rules), (self._ends, ends)):
            _append(file, data)
            data.clear()


def _append(file: IO[bytes], data: bytearray) -> None:
    with naming("the rules in their order"), memoryview(data) as view:
        rest = view[:]
        while len(rest):
            rest = rest[file.write(rest) :]
        rest.release()
