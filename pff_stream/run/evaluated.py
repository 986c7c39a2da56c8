"""From a plan that fits to a run whose rules are all evaluated: workers, spool, journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO

from pff_stream.errors import RefusedError
from pff_stream.report.progress import Observer
from pff_stream.report.run_table import RunTable
from pff_stream.run.blocks import BLOCKS
from pff_stream.run.fence import hold_tree, share_bytes
from pff_stream.run.inputs import RulesGiven, TriplesGiven, temporary_file
from pff_stream.run.memory import (
    RESULT_BYTES,
    busy_workers,
    chunk_counts,
    chunks_together,
    resident_bytes,
    room_bytes,
)
from pff_stream.run.ready import Ready, prepared, timed
from pff_stream.run.settings import RunSettings
from pff_stream.run.stream import Evaluation, Meter, stream_chunks
from pff_stream.run.unfinished import UnfinishedRun, unfinished_run
from pff_stream.run.worker import Answer, WorkerArguments
from pff_stream.triples.graph import verify
from planner.text import refusal


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
        if settings.out is None:
            spool, spool_path = stack.enter_context(temporary_file(ready.folder))
        else:
            kept = stack.enter_context(unfinished_run(settings, ready.rules, ready.graph, observer))
            spool, spool_path = kept.spool, kept.spool_path
        reserve_bytes = ready.settings.reserve_bytes
        meter = Meter(observer, plan.peak_bytes, plan.budget_bytes, reserve_bytes)
        observer.phase("evaluate", ready.rules.file.rules - ready.rules.file.rejected)
        runs = RunTable((), ready.folder) if kept is None else kept.runs
        stack.callback(runs.close)
        evaluation = Evaluation(runs)
        answers = stream_chunks(
            ready.rules.file,
            _worker_arguments(ready, spool_path),
            start_method=str(plan.settings["start_method"]),
            workers=busy_workers(ready.sizes, plan.settings),
            window=int(plan.settings["window"] or 1),
            observer=observer,
            meter=meter,
            evaluation=evaluation,
            look=ready.check_inputs,
            kept=kept,
        )
        stack.callback(answers.close)
        yield Evaluated(ready, spool, evaluation, meter, kept), answers


def _worker_arguments(ready: Ready, spool_path: str) -> WorkerArguments:
    settings = ready.settings
    return WorkerArguments(
        graph=ready.graph.name,
        rules=ready.rules.path,
        spool=spool_path,
        semantics=ready.semantics,
        wide=bool(ready.plan.settings["wide"]),
        max_examples=settings.max_examples,
        min_support=settings.min_support or 0,
        min_confidence=settings.min_confidence or 0.0,
        max_work=settings.max_work,
        n_rules=ready.rules.file.rules,
        max_body_atoms=ready.rules.file.max_body_atoms,
        buffer_bytes=RESULT_BYTES,
        chunk_bytes=ready.sizes.max_chunk_bytes,
        chunk_counts=chunk_counts(ready.sizes),
        room_bytes=room_bytes(ready.sizes, chunks_together(ready.plan.settings)),
        resident_bytes=resident_bytes(ready.plan.settings),
        chunks_together=chunks_together(ready.plan.settings),
        share_bytes=share_bytes(ready.plan, settings.fence),
        source=ready.rules.source,
    )
