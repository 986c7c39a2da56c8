"""The journal of a run: which tasks are done, and where their results lie in the spool.

An append-only file of records of 40 bytes behind a header of the same size, each with a checksum of
its own. A task is written with all its runs or it does not count. Results are on the disk before
the record that speaks of them: the spool is synchronised, then records are written, then they are
synchronised, together for all tasks of a second or two. What a crash cuts is found and dropped.

Room is taken beforehand, so that a disk that the results have filled still takes the record of
them. Zeros are where nothing was written yet. Does not cover: what the folder holds besides
(`resume`).
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pff_stream.files.durable import naming, synchronise
from pff_stream.work.task import Run, Task

RECORD = struct.Struct("<IIIIIQIII")
"""chunk, start, stop, place of the run among those of the task, how many there are, offset, length,
CRC-32 of the run, CRC-32 of the 36 bytes before. Where a task is of several ranges, those behind
the first follow the runs, as runs of no length with their own chunk, start and stop."""
_NAME = "the journal of the run"
HEADER = b"pff-stream journal 1\n".ljust(RECORD.size, b"\0")
EMPTY = bytes(RECORD.size)

SYNC_SECONDS = 2.0
SYNC_BYTES = 64 << 20
"""Results that are not on the disk yet are never older, nor more, than this (one task over)."""
_ROOM_RECORDS = 256
_READ_RECORDS = 1024


@dataclass(frozen=True, slots=True)
class Done:
    """A task as the journal has it."""

    task: Task
    runs: tuple[Run, ...]


class Journal:
    """The journal of a run that is under way; `place` is where the next record goes."""

    def __init__(self, journal: int, spool: int, place: int, room_records: int) -> None:
        """Takes room in the file of descriptor `journal`; `spool` is the spool's descriptor."""
        self.sync_seconds = SYNC_SECONDS
        """Results that are not on the disk yet are never older."""
        self._journal = journal
        self._spool = spool
        self._place = place
        self._pending = bytearray()
        self._unsynchronised_bytes = 0
        self._since = time.monotonic()
        with naming(_NAME):
            if not place:
                self._place = os.pwrite(journal, HEADER, 0)
            room = self._place + (_ROOM_RECORDS + 2 * room_records) * RECORD.size
            _take_room(journal, room)
            os.fsync(journal)

    def add(self, task: Task, runs: Sequence[Run]) -> None:
        """Notes a task whose runs are in the spool; it is kept for good a little later."""
        records = [(task, run) for run in runs]
        records += [(one, Run(0, 0, 0)) for one in task.more]
        for place, (one, run) in enumerate(records):
            head = RECORD.pack(*one[:3], place, len(records), *run, 0)[:-4]
            self._pending += head + zlib.crc32(head).to_bytes(4, "little")
            self._unsynchronised_bytes += run.length
        if self._unsynchronised_bytes >= SYNC_BYTES:
            self.flush()
        else:
            self.tick()

    def tick(self) -> None:
        """Synchronises if the last time is long enough ago."""
        if time.monotonic() - self._since >= self.sync_seconds:
            self.flush()

    def flush(self) -> None:
        """Whatever was added is on the disk after this; `OutputError` where it cannot be."""
        if self._pending:
            with naming(_NAME):
                synchronise(self._spool)
                done = 0
                while done < len(self._pending):  # what fails stays pending, as a whole
                    done += os.pwrite(self._journal, self._pending[done:], self._place + done)
                synchronise(self._journal)
            self._place += len(self._pending)
            self._pending.clear()
        self._unsynchronised_bytes = 0
        self._since = time.monotonic()


class JournalReader:
    """The tasks of a journal, in order; afterwards `place` and `cut_bytes` say how it ended."""

    def __init__(self, journal: int) -> None:
        self._journal = journal
        self.place = 0
        """End of the last task that is whole; new records go here."""
        self.cut_bytes = 0
        """Bytes behind it that are no whole task: what a crash tore off."""

    def __iter__(self) -> Iterator[Done]:
        size = os.fstat(self._journal).st_size
        if os.pread(self._journal, len(HEADER), 0) != HEADER:
            self.cut_bytes = size
            return
        self.place = len(HEADER)
        task = Task(0, 0, 0)
        runs: list[Run] = []
        more: list[Task] = []
        for at, record in self._records():
            *head, place, n_runs, offset, length, crc32, check = RECORD.unpack(record)
            found = Task(*head)
            if check != zlib.crc32(record[:-4]) or place != len(runs) + len(more):
                break
            if runs and not length:
                more.append(found)
            elif more or (runs and found != task):
                break
            else:
                task = found
                runs.append(Run(offset, length, crc32))
            if len(runs) + len(more) == n_runs:
                self.place = at + RECORD.size
                yield Done(task._replace(more=tuple(more)), tuple(runs))
                runs = []
                more = []
        self.cut_bytes = self._written_end(size) - self.place

    def _records(self) -> Iterator[tuple[int, bytes]]:
        """Places and bytes of whole records up to the first that was never written."""
        at = len(HEADER)
        while window := os.pread(self._journal, _READ_RECORDS * RECORD.size, at):
            for begin in range(0, len(window) - RECORD.size + 1, RECORD.size):
                record = window[begin : begin + RECORD.size]
                if record == EMPTY:
                    return
                yield at + begin, record
            at += len(window) - len(window) % RECORD.size
            if len(window) < RECORD.size:
                return

    def _written_end(self, size: int) -> int:
        """Behind the last byte that is not zero."""
        end = size
        while end > self.place:
            begin = max(self.place, end - _READ_RECORDS * RECORD.size)
            window = os.pread(self._journal, end - begin, begin).rstrip(b"\0")
            if window:
                return begin + len(window)
            end = begin
        return self.place

    def cut(self) -> None:
        """Drops what is behind `place`."""
        with naming(_NAME):
            os.ftruncate(self._journal, self.place)


def run_is_whole(spool: int, run: Run) -> bool:
    """Whether the spool holds exactly the bytes that the journal speaks of."""
    data = os.pread(spool, run.length, run.offset)
    return len(data) == run.length and zlib.crc32(data) == run.crc32


def _take_room(descriptor: int, size_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        # Where the file system cannot, a full disk costs the records that did not fit.
        with contextlib.suppress(OSError):
            os.posix_fallocate(descriptor, 0, size_bytes)
