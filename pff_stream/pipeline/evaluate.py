"""From a plan that fits to answers: the workers at work, in a window, watched.

The parent sends places and receives places: no rule and no result passes through it. Does not
cover: how the run is cut into tasks and what becomes of answers (`cut`), the processes (`execute`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from pff_stream.errors import InputError, RefusedError
from pff_stream.execute.executors import executor_named, executor_of
from pff_stream.execute.interface import Executor
from pff_stream.execute.pool import Poisoned, Pool
from pff_stream.files import _pages
from pff_stream.limits.fence import hold_tree
from pff_stream.notes import say
from pff_stream.observer import Observer
from pff_stream.pipeline.cut import Ready, Tasks, Work, timed
from planner.text import refusal


@dataclass(slots=True)
class Running:
    """A run at work."""

    ready: Ready
    work: Work
    executor: Executor
    """Who carries the tasks out: by the plan, unless somebody gives it another one."""
    elsewhere: Executor | None = None
    """Who evaluates on other hosts; what comes behind is done on this one."""
    retried: int = 0
    """Tasks that had to be tried again."""


@contextmanager
def started(ready: Ready, observer: Observer) -> Iterator[Running]:
    """A run whose plan fits, before its first task; raises `RefusedError` where it does not."""
    plan = ready.plan
    if not plan.fits:
        raise RefusedError(refusal(plan))
    if ready.cluster is not None:
        ready.cluster.agreed()
    hold_tree(plan.budget_bytes)
    for note in plan.notes:
        observer.note(note)
    ready.meter.begin("evaluate", alone=not ready.documents.maps_large_files)
    ready.meter.promise(plan, ready.settings.resources.reserve_bytes)
    with ExitStack() as stack:
        work = ready.documents.begin(ready, observer, stack)
        say(ready.rules.notes)
        observer.phase("evaluate", work.n_units, work.unit, work.n_done)
        executor = executor_of(plan.settings)
        elsewhere = None if ready.cluster is None else ready.cluster.executor(work)
        yield Running(ready, work, executor, elsewhere)


def evaluate(run: Running, observer: Observer) -> None:
    """Has all tasks answered, and ends as an error where an input was altered meanwhile."""
    carry_out(run, run.work, "evaluate", observer, run.elsewhere)
    if run.ready.cluster is not None:
        run.ready.cluster.leave()
        if not run.executor.is_safe_here():
            run.executor = executor_named("forkserver")


def carry_out(
    run: Running, work: Tasks, phase: str, observer: Observer, executor: Executor | None = None
) -> None:
    """The same for tasks of a later phase."""
    with timed(run.ready.seconds, phase):
        for _ in answers(run, work, observer, executor or run.executor):
            pass
    run.ready.check_inputs()


def answers(run: Running, work: Tasks, observer: Observer, executor: Executor) -> Generator[Any]:
    """Has all tasks answered, in any order; yields each answer when it is kept."""
    meter = run.ready.meter
    check_inputs = run.ready.check_inputs

    def look_after() -> None:
        check_inputs()
        meter.tick()
        work.tick()

    with (
        Pool(
            executor.crew(work.job),
            window=work.window,
            split=work.split,
            while_waiting=look_after,
        ) as pool,
        meter.minding(pool),
        _blaming(check_inputs),
    ):
        for result in pool.imap_unordered(work.tasks()):
            if isinstance(result, Poisoned):
                answer = work.poisoned(result.task, result.cause)
            else:
                answer = result.answer
            n_units = work.take(result.task, answer)
            yield answer
            observer.advance(n_units)
            meter.tick()
        meter.tick(now=True)
        run.retried += pool.retried
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
