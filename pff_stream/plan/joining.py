"""The plan of joining parts: what a run does behind its evaluation, by this process alone."""

from __future__ import annotations

from collections.abc import Sequence

from pff_stream.execute.executors import Threads
from pff_stream.plan.by_rules import RulesWorkload
from pff_stream.plan.choose import MARGIN_BYTES
from pff_stream.plan.costs import Costs
from pff_stream.plan.sizes import RunSizes
from pff_stream.plan.terms import run_phases
from planner.machine import Machine
from planner.model import Phase, Setting, peak_bytes
from planner.plan import Plan

_OF_WORKERS = ("evaluate", "list")


def plan_join(machine: Machine, sizes: RunSizes, costs: Costs, before: Sequence[Phase]) -> Plan:
    """The names of a graph that lies in a file are held where there is room for them."""
    found: list[tuple[list[Phase], dict[str, Setting]]] = []
    for holds_names in (False,) if sizes.blocks is None else (True, False):
        settings = RulesWorkload(sizes).leanest(1, Threads.name)
        if sizes.blocks is not None:
            settings["names_in_memory"] = holds_names
        of_run = run_phases(sizes, costs.of_this_process, settings)
        phases = [phase for phase in of_run if phase.name not in _OF_WORKERS]
        found.append(([*before, *costs.phases, *phases], settings))
    fitting = [one for one in found if peak_bytes(one[0]) <= machine.budget_bytes]
    phases, settings = (fitting or found[-1:])[0]
    return Plan(
        phases=phases,
        budget_bytes=machine.budget_bytes,
        budget_source=machine.budget_source,
        limits=machine.limits,
        settings=settings,
        least_bytes=None if fitting else peak_bytes(phases),
        margin_bytes=MARGIN_BYTES,
    )
