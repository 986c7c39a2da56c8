"""Streams the chunks of a rule file through the workers, and gathers the places of their results.

The parent sends places and receives places: no rule and no result passes through it. What it keeps
is 24 bytes a run of records, in a file where there are many. Does not cover: planning, merging, the
processes themselves (`pool`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from pff_stream import _pages
from pff_stream.errors import InputError
from pff_stream.report.progress import Observer
from pff_stream.report.records import Outcome, Reason, Record, Run, pack_record
from pff_stream.report.run_table import RunTable
from pff_stream.rules.file import RuleFile
from pff_stream.run.guard import Guard
from pff_stream.run.pool import Convicted, Pool
from pff_stream.run.unfinished import UnfinishedRun
from pff_stream.run.worker import (
    NOTHING_HELD,
    Answer,
    Held,
    Task,
    WorkerArguments,
    append_run,
    join_tasks,
    set_up,
    split_task,
)
from planner.watch import TreeWatch

SAMPLE_SECONDS = 0.25
GATHERED_TASKS = 8
"""With fewer tasks a worker some workers could be through before others are there at all."""


@dataclass(slots=True)
class Evaluation:
    """What evaluating all chunks came to."""

    runs: RunTable = field(default_factory=RunTable)
    """Places of all results, as the merge takes them."""
    cpu_seconds: float = 0.0
    """CPU time of the evaluators' calls, summed over workers."""
    edges: int = 0
    """Edges of the graph that were touched."""
    spooled_bytes: int = 0
    held: Held = NOTHING_HELD
    """What a worker took when it set up, at most."""
    failed_rules: int = 0
    """Rules convicted of killing their worker."""
    retried: int = 0
    """Tasks that had to be tried again."""

    def take(self, answer: Answer) -> None:
        """Adds the answer of one task."""
        self.runs.add(Run(0, run.crc32, run.offset, run.length) for run in answer.runs)
        self.cpu_seconds += answer.cpu_seconds
        self.edges += answer.edges
        self.spooled_bytes += sum(run.length for run in answer.runs)
        self.held = Held(*map(max, self.held, answer.held))


class Meter:
    """Samples the memory of the process tree, at most so often, and tells the observer."""

    def __init__(
        self, observer: Observer, planned_bytes: int, budget_bytes: int, reserve_bytes: int = 0
    ) -> None:
        self.watch = TreeWatch()
        self.guard = Guard(reserve_bytes, budget_bytes, self.watch, note=observer.note)
        self._observer = observer
        self._planned_bytes = planned_bytes
        self._budget_bytes = budget_bytes
        self._last = float("-inf")

    def tick(self, *, now: bool = False) -> None:
        """Samples if the last sample is old enough, or `now`."""
        time_now = time.monotonic()
        if now or time_now - self._last >= SAMPLE_SECONDS:
            self._last = time_now
            held_bytes = self.watch.sample()
            self._observer.memory(held_bytes, self._planned_bytes, self._budget_bytes)
            self.guard.look(held_bytes)


def whole_chunks(rules: RuleFile) -> Iterator[Task]:
    """One task a chunk, in the order of the file: it puts the heavy bodies first."""
    for chunk, count in enumerate(rules.chunks["rules"]):
        yield Task(chunk, 0, int(count), rules.place(chunk))


def together(tasks: Iterator[Task], n_chunks: int) -> Iterator[Task]:
    """So many tasks at a time as one."""
    while ranges := tuple(islice(tasks, n_chunks)):
        yield join_tasks(ranges)


def stream_chunks(
    rules: RuleFile,
    arguments: WorkerArguments,
    *,
    start_method: str,
    workers: int,
    window: int,
    observer: Observer,
    meter: Meter,
    evaluation: Evaluation,
    look: Callable[[], None],
    kept: UnfinishedRun | None = None,
) -> Generator[Answer]:
    """Evaluates every chunk, in any order; yields each answer when its records are in the spool.

    Sums up in `evaluation`; calls `look` again and again, and ends with what it raises. Every rule
    has its records when this ends; what `kept` has already is not evaluated again, what comes is
    noted there.
    """
    tasks = whole_chunks(rules)
    if kept is not None:
        observer.advance(kept.n_rules)
        tasks = kept.missing(tasks)
    if arguments.chunks_together > 1:
        tasks = together(tasks, arguments.chunks_together)

    def look_after() -> None:
        look()
        meter.tick()
        if kept is not None:
            kept.journal.tick()

    with (
        Pool(
            start_method=start_method,
            workers=workers,
            window=window,
            setup=set_up,
            arguments=(arguments,),
            split=split_task,
            preload=("pff_stream.run.worker",),
            while_waiting=look_after,
            gather=len(rules.chunks) < GATHERED_TASKS * workers,
        ) as pool,
        meter.guard.minding(pool),
        _blaming(look),
    ):
        for result in pool.imap_unordered(tasks):
            task: Task = result.task
            if isinstance(result, Convicted):
                answer = _failed(rules, arguments.spool, task, result.cause)
                evaluation.failed_rules += task.n_rules
            else:
                answer = result.answer
            evaluation.take(answer)
            if kept is not None:
                kept.journal.add(task, answer.runs)
            yield answer
            observer.advance(task.n_rules)
            meter.tick()
        meter.tick(now=True)
        evaluation.retried = pool.retried
    # What threads allocated here, and what is free of the rest: the merge has a plan of its own.
    _pages.trim()


@contextmanager
def _blaming(look: Callable[[], None]) -> Iterator[None]:
    """What is wrong with an input may come of what `look` says: then that is raised."""
    try:
        yield
    except InputError:
        look()
        raise


def _failed(rules: RuleFile, spool: str, task: Task, cause: str) -> Answer:
    """Records for the rules of a convicted task, written by the parent itself."""
    sources = sorted(
        int(source)
        for one in task.ranges
        for source in rules.read_chunk(one.chunk).sources[one.start : one.stop]
    )
    reason = f"killed its worker: {cause}"
    records = b"".join(
        pack_record(Record(source, Outcome.FAILED, Reason.TEXT, text=reason)) for source in sources
    )
    descriptor = os.open(spool, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        run = append_run(descriptor, memoryview(records))
    finally:
        os.close(descriptor)
    return Answer((run,), 0.0, 0)
