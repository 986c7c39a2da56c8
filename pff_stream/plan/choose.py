"""Chooses the settings of a run: the best that fit the budget, or why none does and what would.

Processes are measured here, on this machine (`costs`); what the work needs says the workload, and
the search is in the `planner` library.
"""

from __future__ import annotations

from collections.abc import Sequence

from pff_stream.execute.executors import executor_of
from pff_stream.plan.costs import Costs, probed, safe_here, spare_methods, usable_method
from pff_stream.plan.workload import Workload
from pff_stream.settings.models import ResourceOptions
from pff_stream.words import counted
from planner.machine import Machine
from planner.model import Phase, Setting, Settings
from planner.plan import Plan
from planner.search import as_options, choose, nearest

MARGIN_BYTES = 1 << 19
"""How much more a process may measure itself at one time than at another."""


def plan_run(
    resources: ResourceOptions,
    machine: Machine,
    workload: Workload,
    costs: Costs,
    before: Sequence[Phase],
    fixed: Settings | None = None,
) -> Plan:
    """The plan of a run; one that does not fit carries what would.

    `before` are the phases that are over by now. `fixed` are the settings of a saved plan, which
    are taken or refused as they are.
    """
    plan = _plan_run(resources, machine, workload, costs, before, fixed)
    refined = workload.refined(plan, is_saved=fixed is not None)
    if refined is None:
        return plan
    return _plan_run(resources, machine, refined, costs, before, fixed)


def _plan_run(
    resources: ResourceOptions,
    machine: Machine,
    workload: Workload,
    costs: Costs,
    before: Sequence[Phase],
    fixed: Settings | None,
) -> Plan:
    budget_bytes = machine.budget_bytes
    if fixed is not None:
        workload.check_saved(fixed)
        method = executor_of(fixed).name
        methods = [method]
    else:
        method = usable_method(resources, costs)
        methods = [method, *spare_methods(resources)]

    def build(candidate: Settings) -> list[Phase]:
        found = probed(costs, executor_of(candidate).name)
        return [*before, *costs.phases, *workload.phases(found, candidate)]

    def has_room(candidate: Settings) -> bool:
        mapped = workload.mapped_bytes(candidate)
        return not mapped or max(phase.bytes for phase in build(candidate)) + mapped <= budget_bytes

    ceiling = worker_ceiling(resources, machine, workload.n_tasks)
    counts = [resources.workers] if resources.workers else list(range(ceiling, 0, -1))
    candidates = [fixed] if fixed else workload.candidates(counts, methods)
    chosen = choose(build, filter(has_room, candidates), budget_bytes)
    if chosen is not None and fixed is None:
        chosen = workload.improved(chosen, build, budget_bytes)
    free = chosen.settings if chosen and fixed is None else None
    notes = _notes(resources, machine, workload, free)
    notes += workload.notes(chosen.settings if chosen else None)
    if chosen is not None:
        return _plan(machine, chosen.phases, chosen.settings, (), notes, None)
    wanted = int((fixed or {}).get("workers") or resources.workers or ceiling)
    wish = dict(fixed) if fixed else workload.leanest(wanted, method)
    axes: dict[str, Sequence[Setting]] = {
        "workers": list(range(wanted - 1, 0, -1)),
        "start_method": [method, *safe_here(shares_memory=True)],
    }
    near = nearest(build, wish, axes, budget_bytes - MARGIN_BYTES)
    suggestions = [
        as_options({name: option[name] for name in ("workers", "start_method")})
        for option in (candidate.settings for candidate in near.fitting)
    ]
    return _plan(machine, tuple(build(wish)), wish, suggestions, notes, near.least.peak_bytes)


def worker_ceiling(resources: ResourceOptions, machine: Machine, n_tasks: int) -> int:
    """As many workers as there are cores, tasks, and --max-workers allows; at least one."""
    return max(1, min(machine.cores, resources.max_workers or machine.cores, n_tasks))


def _notes(
    resources: ResourceOptions, machine: Machine, workload: Workload, chosen: Settings | None
) -> list[str]:
    notes = too_many(resources, machine)
    notes += why_fewer(resources, machine, workload.n_tasks, workload.unit, chosen)
    if chosen is not None and executor_of(chosen).name in spare_methods(resources):
        notes.append("threads instead of processes: as many processes do not fit the budget")
    return notes


def why_fewer(
    resources: ResourceOptions, machine: Machine, pieces: int, unit: str, chosen: Settings | None
) -> list[str]:
    """A note where `chosen` has fewer workers than --max-workers or the cores would allow.

    `pieces` is what there is to share out, in `unit`s. None where the number was asked for.
    """
    if chosen is None or resources.workers is not None:
        return []
    workers = int(chosen["workers"] or 1)
    asked = resources.max_workers or machine.cores
    said = f"{workers} instead of {counted(asked, 'worker')}"
    if workers < min(asked, machine.cores, max(1, pieces)):
        return [f"{said}: more do not fit the budget"]
    if resources.max_workers is None or workers >= asked:
        return []
    if workers == machine.cores:
        return [f"{said}: {counted(machine.cores, 'core')} may be used ({machine.cores_source})"]
    return [f"{said}: there is no more work to share out than {pieces} {unit}"]


def too_many(resources: ResourceOptions, machine: Machine) -> list[str]:
    """A warning where more workers are asked for than cores may be used."""
    if resources.workers is None or resources.workers <= machine.cores:
        return []
    cores = f"{counted(machine.cores, 'core')} ({machine.cores_source})"
    return [f"{counted(resources.workers, 'worker')} on {cores}: more than can work at once"]


def _plan(
    machine: Machine,
    phases: Sequence[Phase],
    settings: Settings,
    suggestions: Sequence[str],
    notes: Sequence[str],
    least_bytes: int | None,
) -> Plan:
    return Plan(
        phases=phases,
        budget_bytes=machine.budget_bytes,
        budget_source=machine.budget_source,
        limits=machine.limits,
        settings=settings,
        suggestions=suggestions,
        notes=notes,
        least_bytes=least_bytes,
        margin_bytes=MARGIN_BYTES,
    )
