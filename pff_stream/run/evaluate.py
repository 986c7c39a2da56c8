"""Streams the chunks of a rule file through the workers, and gathers the places of their results.

The parent sends places and receives places: no rule and no result passes through it. What it keeps
is 24 bytes a run of records, in a file where there are many. Does not cover: planning, merging, the
processes themselves (`pool`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO

from pff_stream.checkpoint.spool import UnfinishedRun, unfinished_run
from pff_stream.errors import InputError, RefusedError
from pff_stream.execute.executors import executor_named
from pff_stream.execute.interface import Executor
from pff_stream.execute.pool import Job, Poisoned, Pool
from pff_stream.files import _pages
from pff_stream.files.temporary import temporary_file
from pff_stream.inputs import RulesGiven, TriplesGiven
from pff_stream.limits.fence import hold_tree, share_bytes
from pff_stream.limits.guard import Meter
from pff_stream.observer import Observer
from pff_stream.plan.sizes import (
    BLOCKS,
    busy_workers,
    chunk_counts,
    chunks_together,
    resident_bytes,
    room_bytes,
)
from pff_stream.report.records import Outcome, Reason, Record, pack_record
from pff_stream.report.run_table import RunTable
from pff_stream.rules.file import RuleFile
from pff_stream.run.prepare import Ready, prepared, timed
from pff_stream.settings.commands import RunSettings
from pff_stream.triples.graph import verify
from pff_stream.work.rules import set_up
from pff_stream.work.tally import Evaluation
from pff_stream.work.task import (
    RESULT_BYTES,
    Answer,
    Task,
    WorkerArguments,
    append_run,
    split_task,
    together,
    whole_chunks,
)
from planner.text import refusal

GATHERED_TASKS = 8
"""With fewer tasks a worker some workers could be through before others are there at all."""


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """What is noted of a run while its chunks are evaluated, and who is told."""

    observer: Observer
    meter: Meter
    evaluation: Evaluation
    """Sums up all answers."""
    check_inputs: Callable[[], None]
    """Called again and again; the run ends with what it raises."""
    kept: UnfinishedRun | None = None
    """What it has already is not evaluated again, and what comes is noted there."""

    def look(self) -> None:
        """Whatever is to be looked at from time to time."""
        self.check_inputs()
        self.meter.tick()
        if self.kept is not None:
            self.kept.journal.tick()


def stream_chunks(
    rules: RuleFile,
    arguments: WorkerArguments,
    books: Bookkeeping,
    *,
    executor: Executor,
    workers: int,
    window: int,
) -> Generator[Answer]:
    """Evaluates every chunk, in any order; yields each answer when its records are in the spool.

    Every rule has its records when this ends.
    """
    evaluation, kept = books.evaluation, books.kept
    tasks = whole_chunks(rules)
    if kept is not None:
        books.observer.advance(kept.n_rules)
        tasks = kept.missing(tasks)
    if arguments.chunks_together > 1:
        tasks = together(tasks, arguments.chunks_together)
    job = Job(
        set_up=set_up,
        arguments=(arguments,),
        workers=workers,
        preload=("pff_stream.work.rules",),
        starts_together=len(rules.chunks) < GATHERED_TASKS * workers,
    )
    with (
        Pool(executor.crew(job), window=window, split=split_task, while_waiting=books.look) as pool,
        books.meter.guard.minding(pool),
        _blaming(books.check_inputs),
    ):
        for result in pool.imap_unordered(tasks):
            task: Task = result.task
            if isinstance(result, Poisoned):
                answer = _failed(rules, arguments.spool, task, result.cause)
                evaluation.failed_rules += task.n_rules
            else:
                answer = result.answer
            evaluation.take(answer)
            if kept is not None:
                kept.journal.add(task, answer.runs)
            yield answer
            books.observer.advance(task.n_rules)
            books.meter.tick()
        books.meter.tick(now=True)
        evaluation.retried = pool.retried
    # What threads allocated here, and what is free of the rest: the merge has a plan of its own.
    _pages.trim()


@contextmanager
def _blaming(check_inputs: Callable[[], None]) -> Iterator[None]:
    """What is wrong with an input may come of its being altered: then that is raised."""
    try:
        yield
    except InputError:
        check_inputs()
        raise


def _failed(rules: RuleFile, spool: str, task: Task, cause: str) -> Answer:
    """Records for the rules of a poisoned task, written by the parent itself."""
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


@dataclass(slots=True)
class Evaluated:
    """A run whose rules are all evaluated; results are in the spool."""

    ready: Ready
    spool: IO[bytes]
    evaluation: Evaluation
    meter: Meter
    kept: UnfinishedRun | None
    """What lies in the folder until the run is finished; None without a folder."""


@contextmanager
def evaluated(
    settings: RunSettings,
    observer: Observer,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
) -> Iterator[Evaluated]:
    """Evaluates every rule under the plan; the spool is there for as long as the block lasts."""
    with evaluating(settings, observer, rules, triples) as (done, answers):
        exhaust(done, answers)
        yield done


def exhaust(done: Evaluated, answers: Iterator[Answer]) -> None:
    """Draws all answers, and ends as an error where an input was altered meanwhile."""
    with timed(done.ready.seconds, "evaluate"):
        for _ in answers:
            pass
    done.ready.check_inputs()


@contextmanager
def evaluating(
    settings: RunSettings,
    observer: Observer,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
) -> Iterator[tuple[Evaluated, Iterator[Answer]]]:
    """The same, one answer at a time: rules are evaluated while the caller draws answers."""
    with prepared(settings, observer, rules, triples) as ready, ExitStack() as stack:
        plan = ready.plan
        if not plan.fits:
            raise RefusedError(refusal(plan))
        in_blocks = plan.settings.get("backing") == BLOCKS
        if ready.graph.opened is not None:
            with timed(ready.seconds, "encode"):
                verify(ready.graph.name, ready.graph.opened.path, drops=in_blocks)
        elif in_blocks:
            ready.graph.store.drop_cached()
        hold_tree(plan)
        for note in plan.notes:
            observer.note(note)
        kept = None
        if settings.output.out is None:
            spool, spool_path = stack.enter_context(temporary_file(ready.folder))
        else:
            kept = stack.enter_context(unfinished_run(settings, ready.rules, ready.graph, observer))
            spool, spool_path = kept.spool, kept.spool_path
        reserve_bytes = settings.resources.reserve_bytes
        meter = Meter(observer, plan.peak_bytes, plan.budget_bytes, reserve_bytes)
        observer.phase("evaluate", ready.rules.file.rules - ready.rules.file.rejected)
        runs = RunTable((), ready.folder) if kept is None else kept.runs
        stack.callback(runs.close)
        evaluation = Evaluation(runs)
        answers = stream_chunks(
            ready.rules.file,
            _worker_arguments(ready, spool_path),
            Bookkeeping(observer, meter, evaluation, ready.check_inputs, kept),
            executor=executor_named(str(plan.settings["start_method"])),
            workers=busy_workers(ready.sizes, plan.settings),
            window=int(plan.settings["window"] or 1),
        )
        stack.callback(answers.close)
        yield Evaluated(ready, spool, evaluation, meter, kept), answers


def _worker_arguments(ready: Ready, spool_path: str) -> WorkerArguments:
    evaluation = ready.settings.evaluation
    return WorkerArguments(
        graph=ready.graph.name,
        rules=ready.rules.path,
        spool=spool_path,
        semantics=ready.semantics,
        wide=bool(ready.plan.settings["wide"]),
        max_examples=evaluation.max_examples,
        min_support=evaluation.min_support or 0,
        min_confidence=evaluation.min_confidence or 0.0,
        max_work=evaluation.max_work,
        n_rules=ready.rules.file.rules,
        max_body_atoms=ready.rules.file.max_body_atoms,
        buffer_bytes=RESULT_BYTES,
        chunk_bytes=ready.sizes.max_chunk_bytes,
        chunk_counts=chunk_counts(ready.sizes),
        room_bytes=room_bytes(ready.sizes, chunks_together(ready.plan.settings)),
        resident_bytes=resident_bytes(ready.plan.settings),
        chunks_together=chunks_together(ready.plan.settings),
        share_bytes=share_bytes(ready.plan, ready.settings.resources.fence),
        source=ready.rules.source,
    )
