"""Planned against measured, by groups of terms."""

from __future__ import annotations

from pff_stream.run.compared import GRAPH, KERNEL, PROCESSES, compared, compared_lines
from planner.model import Phase, Term
from planner.plan import Plan
from planner.watch import Reading, TreeWatch

MIB = 1 << 20


def test_every_term_is_in_one_group() -> None:
    """The groups sum to the peak, and what was held stands beside what was planned."""
    names = ("parent", "workers", "graph", "page tables", "kernel memory", "spool being written")
    plan = Plan([Phase("evaluate", [Term(name, MIB, name) for name in names])], 1 << 30, "test")
    watch = TreeWatch()
    watch.at_peak = (Reading(1, 2 * MIB, MIB, 4096), Reading(2, MIB, 0, 4096))
    found = {one.name: one for one in compared(plan, watch)}
    assert sum(one.planned_bytes for one in found.values()) == plan.peak_bytes
    assert found[PROCESSES].terms == ("parent", "workers", "page tables")
    assert found[PROCESSES].measured_bytes == 3 * MIB + 8192
    assert found[GRAPH].measured_bytes == MIB
    assert found[KERNEL].measured_bytes is None
    assert compared_lines(list(found.values()))[1:] == [
        "  graph in memory: planned 1.0 MiB, measured 1.0 MiB",
        "  kernel and page cache: planned 2.0 MiB, not seen from within",
    ]
