"""The plan of joining parts: what a run does behind its evaluation, by this process alone."""

from __future__ import annotations

from collections.abc import Sequence

from pff_stream.execute.executors import Threads
from pff_stream.plan import process_terms as processes
from pff_stream.plan.by_document import DocumentSizes, DocumentsWorkload, sums_term
from pff_stream.plan.by_rules import RulesWorkload
from pff_stream.plan.choose import MARGIN_BYTES
from pff_stream.plan.costs import Costs
from pff_stream.plan.sizes import RunSizes
from pff_stream.plan.terms import report_phase, run_phases
from pff_stream.rules.sizes import RuleSizes
from planner.machine import Machine
from planner.model import Phase, Setting, Settings, Term, peak_bytes
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
    return _plan(machine, *(fitting or found[-1:])[0])


def plan_joined_documents(
    machine: Machine,
    rules: RuleSizes,
    reports: Sequence[Term],
    costs: Costs,
    before: Sequence[Phase],
) -> Plan:
    """What is summed by rule, and what reports hold."""
    of_this = costs.of_this_process
    merge = [processes.parent(of_this), sums_term(rules, 1), processes.kernel_memory(1, 1)]
    phases = [*before, *costs.phases, Phase("merge", merge), *report_phase(of_this, reports)]
    settings = DocumentsWorkload(DocumentSizes(0, 0, 0), rules).leanest(1, Threads.name)
    return _plan(machine, phases, settings)


def _plan(machine: Machine, phases: Sequence[Phase], settings: Settings) -> Plan:
    peak = peak_bytes(phases)
    return Plan(
        phases=phases,
        budget_bytes=machine.budget_bytes,
        budget_source=machine.budget_source,
        limits=machine.limits,
        settings=settings,
        least_bytes=None if peak <= machine.budget_bytes else peak,
        margin_bytes=MARGIN_BYTES,
    )
