"""What passes between the parent and its workers: tasks, answers, and what a worker is told once.

A task is a range of the rules of one chunk; an answer says where its records lie in the spool.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.execute.files import InputFile, OutputFile
from pff_stream.files.durable import naming
from pff_stream.rules.chunk_reader import Place
from pff_stream.rules.file import RuleFile

TASKS_TOGETHER, MESSAGES = 4, 8
"""Tasks that are sent to a worker in one message at most, where they are quick; and messages that
each worker is to have at least, since what waits in one cannot be done by another."""


def tasks_together(n_tasks: int, workers: int) -> int:
    """How many of so many quick tasks a message may be of; 0: none is sent to who has another."""
    return min(TASKS_TOGETHER, n_tasks // (MESSAGES * workers))


NOWHERE = Place(0, 0, 0, 0, 0)


class Listed(NamedTuple):
    """Which rules of a file are evaluated, and what their records say in place of the source."""

    ranks: InputFile
    """u32 for each rule of the file: 0, or its rank and 1."""
    first: int
    """The least rank that is listed."""


class WorkerArguments(NamedTuple):
    """Everything a worker is told once; files and sizes, so that any executor can send it."""

    graph: InputFile
    """The encoded graph."""
    rules: InputFile
    """The compiled rules."""
    spool: OutputFile
    """Where the records go."""
    semantics: str
    wide: bool
    """Whether the evaluator holds vectors for 512 sources at once."""
    options: EvaluatorOptions
    n_rules: int
    """Rules of the file, rejected ones included."""
    max_body_atoms: int
    """Of the longest body."""
    buffer_bytes: int
    """Size of the result buffer, from the plan."""
    chunk_bytes: int
    """Size of the buffer that chunks are read into, from the plan."""
    chunk_counts: tuple[int, int, int]
    """Names, atoms and rules of a chunk at most."""
    room_bytes: int
    """What the heap holds for decoding and checking a chunk, from the plan."""
    resident_bytes: int | None = None
    """Room for relations where the graph is read in blocks; None: all of it is mapped."""
    chunks_together: int = 1
    """How many chunks a task is of at most, where the graph is read in blocks."""
    share_bytes: int | None = None
    """Private memory that it may map beyond what it holds when it is set up; None: no fence."""
    listed: Listed | None = None
    """The rules that are evaluated, to list their violations; None: all of them."""


class Task(NamedTuple):
    """A range of the rules of one chunk, and ranges of others that are evaluated with it."""

    chunk: int
    start: int
    stop: int
    place: Place = NOWHERE
    """Where the chunk lies in the file; a journal does not say."""
    more: tuple[Task, ...] = ()
    """The others, which have none themselves."""
    counts: bytes = b""
    """`COUNTS_BYTES` of each rule, where parts were counted before; then nothing is counted."""

    @property
    def ranges(self) -> tuple[Task, ...]:
        """All ranges, each by itself."""
        return self._replace(more=()), *self.more

    @property
    def n_rules(self) -> int:
        """Rules of all ranges."""
        return sum(one.stop - one.start for one in (self, *self.more))


COUNTS_BYTES = 40
"""What `Evaluator.count_part` tells of a rule."""


class Part(NamedTuple):
    """Some rules of one body, which are counted by one of so many parts of its sources."""

    rules: Task
    part: int
    n_parts: int


class Run(NamedTuple):
    """Sorted records in the spool: offset and length in bytes, CRC-32 of those bytes."""

    offset: int
    length: int
    crc32: int


class Held(NamedTuple):
    """Private memory that a worker took when it set up, in bytes, for the summary; 0: unknown."""

    evaluator_bytes: int
    """Scratch memory, the result buffer, bounds of the work."""
    chunk_bytes: int
    """What chunks are read, decoded and checked in, and what the evaluator keeps of one."""


NOTHING_HELD = Held(0, 0)


class Answer(NamedTuple):
    """What a task left in the spool, and what it took."""

    runs: tuple[Run, ...]
    cpu_seconds: float
    """CPU time of the evaluator's calls, by the thread's clock, without writing what they find."""
    edges: int
    """Edges touched."""
    held: Held = NOTHING_HELD
    counts: bytes = b""
    """Of a part: `COUNTS_BYTES` of each rule; none where it came to nothing."""


def split_task(task: Task) -> tuple[Task, ...]:
    """Halves of a task; none where it is a single rule already."""
    if task.more:
        ranges = task.ranges
        half = len(ranges) // 2
        return join_tasks(ranges[:half]), join_tasks(ranges[half:])
    middle = (task.start + task.stop) // 2
    if middle == task.start:
        return ()
    known = COUNTS_BYTES * (middle - task.start)
    return (
        task._replace(stop=middle, counts=task.counts[:known]),
        task._replace(start=middle, counts=task.counts[known:]),
    )


def join_tasks(ranges: tuple[Task, ...]) -> Task:
    """One task of several ranges."""
    return ranges[0]._replace(more=ranges[1:])


def append_run(spool: int, records: memoryview) -> Run:
    """Appends one run and says where it is.

    All workers share the file: the kernel appends each write whole, and leaves this descriptor's
    own position behind it.
    """
    length = len(records)
    crc32 = zlib.crc32(records)
    rest = records
    while True:
        with naming("the spool of results"):
            written = os.write(spool, rest)
        if written == len(rest):
            break
        # Interrupted in the middle (a signal, a file nearly full): begin again behind it, since
        # another worker's run may stand in between. A full file raises at the next write.
        rest = records
    return Run(os.lseek(spool, 0, os.SEEK_CUR) - length, length, crc32)


RESULT_BYTES = 128 << 10
"""Result buffer of a worker; a run in the spool is at most this long."""


def whole_chunks(rules: RuleFile, chunks: Iterable[int] | None = None) -> Iterator[Task]:
    """One task a chunk, in the order of the file: it puts the heavy bodies first.

    `chunks`: which ones; None: all.
    """
    counts = rules.chunks["rules"]
    for chunk in map(int, range(len(counts)) if chunks is None else chunks):
        yield Task(chunk, 0, int(counts[chunk]), rules.place(chunk))


def together(tasks: Iterator[Task], n_chunks: int) -> Iterator[Task]:
    """So many tasks at a time as one."""
    while ranges := tuple(islice(tasks, n_chunks)):
        yield join_tasks(ranges)
