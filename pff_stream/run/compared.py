"""Holds what a run was planned to take against what it took, by groups of terms.

What each process held is known, not for what: pages that workers share with this process after a
fork belong to both. So terms are compared in groups that the kernel tells apart. Does not measure.
"""

from __future__ import annotations

from dataclasses import dataclass

from planner.plan import Plan
from planner.sizes import format_size
from planner.watch import TreeWatch

PROCESSES, GRAPH, KERNEL = "processes", "graph in memory", "kernel and page cache"
_GROUP_OF = {
    "graph": GRAPH,
    "kernel memory": KERNEL,
    "spool being written": KERNEL,
    "files being written": KERNEL,
}
"""Every term that is not named here is memory of the processes, their page tables included."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One group of terms."""

    name: str
    planned_bytes: int
    measured_bytes: int | None
    """None where nothing measured it."""
    terms: tuple[str, ...]


def compared(plan: Plan, watch: TreeWatch) -> list[Compared]:
    """The terms of the largest phase in groups, beside what was held when the run held most.

    Kernel memory and page cache are charged to a control group from outside, if at all: a run
    cannot see them from within (the first pages of it were charged before it could enter one).
    """
    measured: dict[str, int | None] = {
        PROCESSES: sum(one.anon_bytes + one.page_table_bytes for one in watch.at_peak),
        GRAPH: sum(one.shared_bytes for one in watch.at_peak),
        KERNEL: None,
    }
    found = []
    for name, bytes_held in measured.items():
        terms = [term for term in plan.terms if _GROUP_OF.get(term.name, PROCESSES) == name]
        planned = sum(term.bytes for term in terms)
        found.append(Compared(name, planned, bytes_held, tuple(term.name for term in terms)))
    return found


def compared_lines(found: list[Compared]) -> list[str]:
    """A line for each group, for people."""
    return [
        f"  {one.name}: planned {format_size(one.planned_bytes)}, "
        + (
            "not seen from within"
            if one.measured_bytes is None
            else f"measured {format_size(one.measured_bytes)}"
        )
        for one in found
    ]
