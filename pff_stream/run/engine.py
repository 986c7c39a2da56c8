"""The run from end to end: inputs, plan, workers, merge; each stage in a module of its own.

The order is the way of the data: `ready`, `evaluated`, `outputs`; over a manifest `task_plan` and
`tasks`. Everything that is opened is closed on every way out, and nothing big is allocated before
the plan has said that it fits.
"""

from __future__ import annotations

from contextlib import ExitStack

from pff_stream.report.progress import Observer
from pff_stream.run.evaluated import evaluating, exhaust
from pff_stream.run.fence import threads_held
from pff_stream.run.outputs import Result, check_outputs, write_outputs
from pff_stream.run.ready import prepared
from pff_stream.run.settings import RunSettings
from planner.plan import Plan


def make_plan(settings: RunSettings, observer: Observer) -> Plan:
    """The plan that `run` would make; nothing is evaluated."""
    if settings.manifest is not None:
        from pff_stream.run.task_plan import prepare

        with ExitStack() as stack:
            return prepare(settings, observer, stack)[1]
    with prepared(settings, observer) as ready:
        return ready.plan


def run(settings: RunSettings, observer: Observer) -> Result:
    """Validates; raises `RefusedError` where the plan does not fit."""
    if settings.manifest is not None:
        from pff_stream.run.tasks import run_tasks

        return run_tasks(settings, observer)
    check_outputs(settings)
    with evaluating(settings, observer) as (done, answers):
        with threads_held(done.ready.plan, settings.fence):
            exhaust(done, answers)
        result = write_outputs(done, settings.out, observer)
        if done.kept is not None:
            done.kept.finish()
        return result
