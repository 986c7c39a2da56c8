"""Violations that parts of a run listed, in place of those that workers would list.

A part numbered its rules by their order among themselves. Here each record gets the rank that its
rule has among all; records of rules that were not chosen are left out. Memory does not grow.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from pff_stream.checkpoint.part_files import LISTED, LISTED_RUNS, RANKS
from pff_stream.files.temporary import temporary_file
from pff_stream.pipeline.cut import ListedTasks
from pff_stream.report.records import RECORD, RUN, Run

if TYPE_CHECKING:
    from pff_stream.checkpoint.parts import Part
    from pff_stream.findings.order import ChosenRules

_BLOCK_RULES = 1 << 16
_FRONT = struct.Struct("<QII")
"""Of a record: source, part, bytes of what follows it."""
_SOURCE = struct.Struct("<Q")
_MOST_BYTES = 1 << 26
"""No run of records is longer."""


class PartListing(ListedTasks):
    """Of each part what it listed of the chosen rules, from rank `first` on."""

    unit = "rules"

    def __init__(
        self, parts: Sequence[Part], chosen: ChosenRules, first: int, n_rules: int, folder: str
    ) -> None:
        self.failed = {}
        self.n_units = self.window = 0
        self._parts, self._chosen, self._first = parts, chosen, first
        self._n_rules, self._folder = n_rules, folder
        self.first_missing = self._missing()
        """The least rank of a chosen rule that no part listed; None: there is none."""

    def tasks(self) -> Iterator[Any]:
        """None."""
        return iter(())

    def split(self, task: Any) -> Sequence[Any]:
        """None."""
        return ()

    def poisoned(self, task: Any, cause: str) -> Any:
        """Never asked: there are no tasks that a worker could die of."""
        raise AssertionError("what was listed before has no tasks")

    def take(self, task: Any, answer: Any) -> int:
        """Never asked: there are no tasks, and so no answers."""
        raise AssertionError("what was listed before has no tasks")

    def listed(self) -> Iterator[memoryview]:
        """All runs of records, with their ranks among all rules; `InputError` for damage."""
        for part in self._parts:
            yield from self._of(part)

    def close(self) -> None:
        """Nothing is open."""

    def _missing(self) -> int | None:
        """The least rank that is chosen here and in no part."""
        least: int | None = None
        with ExitStack() as stack:
            files = [stack.enter_context(part.open(RANKS)) for part in self._parts if _lists(part)]
            ranks = stack.enter_context(_opened(self._chosen.path))
            for at in range(0, self._n_rules, _BLOCK_RULES):
                wanted = _block(ranks.fileno(), at, self._n_rules)
                is_missing = wanted > self._first
                for file in files:
                    is_missing &= _block(file.fileno(), at, self._n_rules) == 0
                if is_missing.any():
                    rank = int(wanted[is_missing].min()) - 1
                    least = rank if least is None else min(least, rank)
        return least

    def _of(self, part: Part) -> Iterator[memoryview]:
        if not _lists(part):
            return
        with ExitStack() as stack:
            ranks = self._ranks(part, stack)
            runs, listed = (stack.enter_context(part.open(one)) for one in (LISTED_RUNS, LISTED))
            while packed := runs.read(RUN.size):
                if len(packed) < RUN.size:
                    raise part.damaged(f"{LISTED_RUNS} ends in the middle")
                run = Run._make(RUN.unpack(packed))
                length = min(run.length, _MOST_BYTES)
                records = bytearray(os.pread(listed.fileno(), length, run.offset))
                if len(records) != run.length or zlib.crc32(records) != run.crc32:
                    raise part.damaged(f"{LISTED}, byte {run.offset}: other bytes than written")
                try:
                    yield memoryview(self._ranked(records, ranks))
                except (struct.error, IndexError) as error:
                    raise part.damaged(f"{LISTED}, byte {run.offset}: no records") from error

    def _ranks(self, part: Part, stack: ExitStack) -> Any:
        """By the rank that a rule has in the part: its rank among all and 1, 0 where not chosen."""
        file, _ = stack.enter_context(temporary_file(self._folder))
        own = stack.enter_context(part.open(RANKS))
        chosen = stack.enter_context(_opened(self._chosen.path))
        file.truncate(4 * max(1, self._n_rules))
        ranks = np.memmap(file, np.uint32, "r+")
        for at in range(0, self._n_rules, _BLOCK_RULES):
            of_part = _block(own.fileno(), at, self._n_rules)
            places = np.flatnonzero(of_part)
            if len(places) and int(of_part.max()) > self._n_rules:
                raise part.damaged(f"{RANKS} has more ranks than there are rules")
            ranks[of_part[places] - 1] = _block(chosen.fileno(), at, self._n_rules)[places]
        return ranks

    def _ranked(self, records: bytearray, ranks: Any) -> bytearray:
        """The records of rules that were chosen, by their ranks among all."""
        found = bytearray()
        at = 0
        while at < len(records):
            rank, _, more = _FRONT.unpack_from(records, at)
            end = at + RECORD.size + more
            chosen = int(ranks[rank])
            if chosen > self._first:
                _SOURCE.pack_into(records, at, chosen - 1)
                found += memoryview(records)[at:end]
            at = end
        return found


def _lists(part: Part) -> bool:
    """Whether it listed anything: nobody looks for findings where `--findings` is 0."""
    return RANKS in part.head["files"]


def _opened(path: str) -> IO[bytes]:
    return open(path, "rb", buffering=0)


def _block(descriptor: int, at: int, n_rules: int) -> Any:
    """The ranks of rules from `at` on."""
    n = min(_BLOCK_RULES, n_rules - at)
    data = os.pread(descriptor, 4 * n, 4 * at)
    return np.frombuffer(data.ljust(4 * n, b"\0"), np.uint32)
