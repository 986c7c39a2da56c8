"""The run from end to end: inputs, plan, workers, merge; each stage in a module of its own.

The order is the way of the data: `ready`, `evaluated`, `outputs`; over a manifest `task_plan` and
`tasks`. Everything that is opened is closed on every way out, and nothing big is allocated before
the plan has said that it fits.
"""

from __future__ import annotations

from contextlib import ExitStack

from pff_stream.errors import UsageError
from pff_stream.limits.fence import threads_held
from pff_stream.observer import Observer
from pff_stream.plan.sweep import Sweep, parse_sweep
from pff_stream.run.conclude import Result
from pff_stream.run.evaluate import evaluating, exhaust
from pff_stream.run.outputs import check_outputs, write_outputs
from pff_stream.run.prepare import prepared
from pff_stream.settings.commands import RunSettings
from planner.plan import Plan


def make_plan(settings: RunSettings, observer: Observer) -> Plan:
    """The plan that `run` would make; nothing is evaluated."""
    if settings.inputs.manifest is not None:
        from pff_stream.plan.documents import prepare

        with ExitStack() as stack:
            return prepare(settings, observer, stack)[1]
    with prepared(settings, observer) as ready:
        return ready.plan


def run(settings: RunSettings, observer: Observer) -> Result:
    """Validates; raises `RefusedError` where the plan does not fit."""
    if settings.inputs.manifest is not None:
        from pff_stream.run.documents import run_tasks

        return run_tasks(settings, observer)
    check_outputs(settings.output)
    with evaluating(settings, observer) as (done, answers):
        with threads_held(done.ready.plan, settings.resources.fence):
            exhaust(done, answers)
        result = write_outputs(done, settings.output.out, observer)
        if done.kept is not None:
            done.kept.finish()
        return result


def make_sweep(settings: RunSettings, text: str, observer: Observer) -> Sweep:
    """A plan for each number of workers; inputs are prepared once. Nothing is evaluated."""
    counts = parse_sweep(text)
    for name in ("workers", "plan"):
        if getattr(settings.resources, name) is not None:
            raise UsageError(f"--sweep: found together with --{name}, expected one of the two")
    with ExitStack() as stack:
        if settings.inputs.manifest is not None:
            from pff_stream.plan.documents import prepare

            contract = prepare(settings, observer, stack)[0]
        else:
            from pff_stream.run.prepare import prepared

            contract = stack.enter_context(prepared(settings, observer)).contract
        return Sweep(tuple(contract.sweep(counts)))
