"""Plans the memory of a bounded-pool program before it allocates anything.

    machine = read_machine(reserve_bytes=512 * 2**20)       what may be used, and why no more
    worker = measure_process(pid)                           what a worker that waits costs here
    own = Term.of("workers", given("worker", worker.bytes))
    phases = [Phase("run", [own.for_each(4)])]              named, explained, summed
    plan = Plan(phases, machine.budget_bytes, machine.budget_source, machine.limits)
    plan.fits, table(plan), refusal(plan)                   the answer, before anything is big
    nearest(build, wish, axes, machine.budget_bytes)        and what would fit instead
    with MemoryGroup(plan.peak_bytes): ...                  held to it by the kernel
    TreeWatch().sample()                                    and compared with what was really held

A library of its own: it knows sizes, not what they are the sizes of. Each name is imported from
its module on first use, so that `import planner` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from planner.fence import (
        MemoryGroup,
        data_limit,
        limit_data,
        restore_data_limit,
    )
    from planner.formula import Formula, constant, given, least, most
    from planner.machine import Machine, UnknownBudgetError, profile, read_machine
    from planner.model import Limit, Phase, Term
    from planner.plan import Plan
    from planner.probe import (
        ProbeError,
        ProcessMemory,
        WorkerMemory,
        cached_probe,
        measure_process,
        measure_self,
    )
    from planner.reserve import Neighbour, Reservation, less_pending
    from planner.search import Candidate, Nearest, as_options, choose, nearest
    from planner.sizes import format_size, option_size, parse_size
    from planner.text import refusal, table
    from planner.watch import TreeWatch

__all__ = [
    "Candidate",
    "Formula",
    "Limit",
    "Machine",
    "MemoryGroup",
    "Nearest",
    "Neighbour",
    "Phase",
    "Plan",
    "ProbeError",
    "ProcessMemory",
    "Reservation",
    "Term",
    "TreeWatch",
    "UnknownBudgetError",
    "WorkerMemory",
    "as_options",
    "cached_probe",
    "choose",
    "constant",
    "data_limit",
    "format_size",
    "given",
    "least",
    "less_pending",
    "limit_data",
    "measure_process",
    "measure_self",
    "most",
    "nearest",
    "option_size",
    "parse_size",
    "profile",
    "read_machine",
    "refusal",
    "restore_data_limit",
    "table",
]

_HOMES = {
    "fence": (
        "MemoryGroup",
        "data_limit",
        "limit_data",
        "restore_data_limit",
    ),
    "formula": ("Formula", "constant", "given", "least", "most"),
    "machine": ("Machine", "UnknownBudgetError", "profile", "read_machine"),
    "model": ("Limit", "Phase", "Term"),
    "plan": ("Plan",),
    "probe": (
        "ProbeError",
        "ProcessMemory",
        "WorkerMemory",
        "cached_probe",
        "measure_process",
        "measure_self",
    ),
    "reserve": ("Neighbour", "Reservation", "less_pending"),
    "search": ("Candidate", "Nearest", "as_options", "choose", "nearest"),
    "sizes": ("format_size", "option_size", "parse_size"),
    "text": ("refusal", "table"),
    "watch": ("TreeWatch",),
}


def __getattr__(name: str) -> object:
    """Import a public name from its module, once."""
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value: object = getattr(import_module(f"planner.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'planner' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, imported yet or not."""
    return sorted({*globals(), *__all__})
