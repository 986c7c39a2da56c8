"""Plans a run from the headers of its inputs: the best settings that fit, or why none does.

Processes are measured here, on this machine; the arithmetic is in `memory`, the search in the
`planner` library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pff_stream.errors import UsageError
from pff_stream.plan.candidates import (
    _candidates,
    _last_resort,
    too_many,
    why_fewer,
    worker_ceiling,
)
from pff_stream.plan.costs import Costs, _probed, _usable_method
from pff_stream.plan.sizes import (
    BLOCKS,
    FILE,
    SLACK_BYTES,
    BlockSizes,
    RunSizes,
    announced,
    busy_workers,
    does_not_fit,
    own_bytes,
    resident_bytes,
)
from pff_stream.plan.terms import run_phases
from pff_stream.settings.models import RunSettings
from planner.machine import Machine
from planner.model import Phase, Setting, Settings
from planner.plan import Plan
from planner.search import Candidate, as_options, choose, nearest

MARGIN_BYTES = 1 << 19
"""How much more a process may measure itself at one time than at another."""
TOGETHER_SHARE = 4
"""Of what the budget leaves, this part at most is for rules that are taken together."""
LEAST_TASKS = 4
"""For each worker, where tasks are of several chunks: what is done is noted task by task."""


def plan_run(
    settings: RunSettings,
    machine: Machine,
    sizes: RunSizes,
    costs: Costs,
    before: Sequence[Phase],
    fixed: Settings | None = None,
    look_closer: Callable[[BlockSizes], BlockSizes] | None = None,
) -> Plan:
    """The plan of a run; one that does not fit carries what would.

    `fixed` are the settings of a saved plan, which are taken or refused as they are. `look_closer`
    finds what reading in blocks needs exactly: it is asked before such a plan is refused, and where
    a bound on it leaves little room.
    """
    plan = _plan_run(settings, machine, sizes, costs, before, fixed)
    if sizes.blocks is None or look_closer is None:
        return plan
    if plan.fits and (fixed is not None or not _is_tight(plan, sizes.blocks)):
        return plan
    sizes = replace(sizes, blocks=look_closer(sizes.blocks))
    return _plan_run(settings, machine, sizes, costs, before, fixed)


def _is_tight(plan: Plan, blocks: BlockSizes) -> bool:
    """Whether what is read in blocks has little more room than a bound on what it needs."""
    resident = resident_bytes(plan.settings)
    return resident is not None and resident < min(2 * blocks.needed_bytes, blocks.rows_bytes)


def _plan_run(
    settings: RunSettings,
    machine: Machine,
    sizes: RunSizes,
    costs: Costs,
    before: Sequence[Phase],
    fixed: Settings | None,
) -> Plan:
    if fixed is not None:
        if fixed.get("backing") == BLOCKS and sizes.blocks is None:
            raise UsageError(
                "the saved plan reads the graph from a file in blocks, and here it lies in memory: "
                "make a new plan"
            )
        method = str(fixed["start_method"])
        kinds = [method]
    else:
        method = _usable_method(settings, costs)
        kinds = [method] if settings.start_method else [method, "thread"]

    def build(candidate: Settings) -> list[Phase]:
        found = _probed(costs, str(candidate["start_method"]))
        return [*before, *costs.phases, *run_phases(sizes, found, candidate)]

    ceiling = worker_ceiling(settings, machine, sizes)
    candidates = [fixed] if fixed else _candidates(settings, ceiling, kinds, sizes)
    chosen = choose(
        build,
        (one for one in candidates if _has_room(one, build, sizes, machine.budget_bytes)),
        machine.budget_bytes,
    )
    if chosen is not None and fixed is None:
        chosen = _made_roomy(chosen, build, sizes, machine.budget_bytes)
    free = chosen.settings if chosen and fixed is None else None
    notes = _notes(settings, machine, sizes, free)
    if chosen is not None:
        resident = resident_bytes(chosen.settings)
        if resident is not None and sizes.blocks is not None:
            notes.append(announced(sizes.graph_bytes, resident, sizes.blocks))
        return _plan(machine, chosen.phases, chosen.settings, (), notes, None)
    wanted = int((fixed or {}).get("workers") or settings.workers or ceiling)
    wish = dict(fixed) if fixed else _last_resort(wanted, method, sizes)
    if sizes.blocks is not None:
        notes += does_not_fit(sizes.blocks)
    axes: dict[str, Sequence[Setting]] = {
        "workers": list(range(wanted - 1, 0, -1)),
        "start_method": [method, "thread"],
    }
    near = nearest(build, wish, axes, machine.budget_bytes - MARGIN_BYTES)
    suggestions = [
        as_options({name: option[name] for name in ("workers", "start_method")})
        for option in (candidate.settings for candidate in near.fitting)
    ]
    return _plan(machine, tuple(build(wish)), wish, suggestions, notes, near.least.peak_bytes)


def _has_room(
    candidate: Settings, build: Callable[[Settings], list[Phase]], sizes: RunSizes, budget: int
) -> bool:
    """Whether a mapped file fits beside the run; where not, its pages would come and go."""
    if candidate.get("backing") != FILE:
        return True
    return max(phase.bytes for phase in build(candidate)) + sizes.graph_bytes <= budget


def _made_roomy(
    chosen: Candidate,
    build: Callable[[Settings], list[Phase]],
    sizes: RunSizes,
    budget_bytes: int,
) -> Candidate:
    """The same with as many relations resident as the budget allows, and with names if it does."""
    if sizes.blocks is None or chosen.settings.get("backing") != BLOCKS:
        return chosen
    least = int(chosen.settings["resident_bytes"] or 0)
    workers = busy_workers(sizes, chosen.settings)
    evaluate = next(phase for phase in chosen.phases if phase.name == "evaluate")
    spare = budget_bytes - SLACK_BYTES - evaluate.bytes
    # A page of page tables comes with every 512 pages.
    more = max(0, spare // workers) * 512 // 513
    together = _together(sizes, workers, more // TOGETHER_SHARE)
    more -= sum(own_bytes(sizes, wide=False, resident_bytes=0, together=together).values())
    more += sum(own_bytes(sizes, wide=False, resident_bytes=0).values())
    roomy = {
        **chosen.settings,
        "chunks_together": together,
        "resident_bytes": min(max(least, sizes.blocks.rows_bytes), least + more) & ~4095,
    }
    with_names = {**roomy, "names_in_memory": True}
    for settings in (with_names, roomy):
        candidate = Candidate(settings, tuple(build(settings)))
        if candidate.peak_bytes <= budget_bytes:
            return candidate
    return chosen


def _together(sizes: RunSizes, workers: int, room_bytes: int) -> int:
    """How many chunks a task may be of for so much memory in each worker; enough tasks are left."""
    once, twice = (
        sum(own_bytes(sizes, wide=False, resident_bytes=0, together=n).values()) for n in (1, 2)
    )
    return max(1, min(1 + room_bytes // (twice - once), sizes.n_chunks // (LEAST_TASKS * workers)))


def _notes(
    settings: RunSettings,
    machine: Machine,
    sizes: RunSizes,
    chosen: Settings | None,
) -> list[str]:
    notes = too_many(settings, machine)
    notes += why_fewer(settings, machine, sizes.n_chunks, "chunks of rules", chosen)
    if chosen is not None and chosen["start_method"] == "thread" and settings.start_method is None:
        notes.append("threads instead of processes: as many processes do not fit the budget")
    if chosen is not None and not chosen["wide"]:
        notes.append("one source at a time: the vectors for 512 at once do not fit the budget")
    return notes


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
