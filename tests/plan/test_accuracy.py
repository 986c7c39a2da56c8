"""Planned against measured, by groups of terms."""

from __future__ import annotations

from pff_stream.evaluate.terms import CHUNKS, SCRATCH
from pff_stream.plan.accuracy import accuracy_lines, compared
from pff_stream.triples.terms import GRAPH
from pff_stream.work.task import Held
from planner.model import KERNEL, PROCESSES, Phase, Term
from planner.plan import Plan
from planner.watch import Reading

MIB = 1 << 20
GROUPS = {
    "parent": PROCESSES,
    "workers": PROCESSES,
    "graph": GRAPH,
    "page tables": PROCESSES,
    "scratch": SCRATCH,
    "chunks": CHUNKS,
    "results": SCRATCH,
    "kernel memory": KERNEL,
    "spool being written": KERNEL,
}


def plan_of(start_method: str) -> Plan:
    """A run of a MiB a term, whose merge is larger."""
    evaluate = Phase("evaluate", [Term(name, MIB, group=group) for name, group in GROUPS.items()])
    merge = Phase("merge", [Term("merge", 20 * MIB, "merge")])
    return Plan([evaluate, merge], 1 << 30, "test", settings={"start_method": start_method})


READINGS = (Reading(1, 3 * MIB, MIB, 4096), Reading(2, 2 * MIB, 0, 4096))
"""Of two processes."""


def test_every_term_is_in_one_group() -> None:
    """The groups sum to what evaluating was planned to take; measured stands beside planned."""
    plan = plan_of("fork")
    rows = compared(plan, READINGS, 2, Held(MIB, MIB // 2))
    found = {one.name: one for one in rows}
    assert sum(one.planned_bytes for one in rows) == plan.phases[0].bytes
    assert found[PROCESSES].terms == ("parent", "workers", "page tables")
    assert found[PROCESSES].measured_bytes == 2 * MIB + 8192
    assert found[SCRATCH].terms == ("scratch", "results")
    assert found[SCRATCH].measured_bytes == 2 * MIB
    assert found[CHUNKS].measured_bytes == MIB
    assert found[GRAPH].measured_bytes == MIB
    assert found[KERNEL].measured_bytes is None


def test_a_line_for_each_phase_that_was_measured() -> None:
    """Below evaluating its groups, but those that nothing measured or that are next to nothing."""
    plan = plan_of("fork")
    rows = compared(plan, READINGS, 2, Held(MIB, MIB // 2))
    evaluate, *groups, merge = accuracy_lines(
        plan, {"evaluate": 6 * MIB, "merge": 19 * MIB, "start": MIB}, rows
    )
    assert evaluate == "  evaluate: planned 9.0 MiB, measured 6.0 MiB"
    assert [line.split(" (")[0] for line in groups] == [f"    {one.name}" for one in rows[:-1]]
    assert groups[-1] == "    graph in memory (graph): planned 1.0 MiB, measured 1.0 MiB"
    assert merge == "  merge: planned 20.0 MiB, measured 19.0 MiB"
    assert accuracy_lines(plan, {}, rows) == []


def test_a_bound_is_said_to_be_one() -> None:
    """What is planned before it is read is not what was expected."""
    bound = Term("documents", MIB, "documents", at_most=True)
    plan = Plan([Phase("evaluate", [bound])], 1 << 30, "test")
    (line,) = accuracy_lines(plan, {"evaluate": 2048}, [])
    assert line == "  evaluate: planned at most 1.0 MiB, measured 2.0 KiB"


def test_arrays_of_threads_count_with_the_process() -> None:
    """Where a worker cannot say what it took, the groups still sum to the same."""
    plan = plan_of("thread")
    for held in (Held(MIB, MIB), Held(0, 0)):
        rows = compared(plan, READINGS, 2, held)
        assert [one.name for one in rows] == [PROCESSES, GRAPH, KERNEL]
        assert sum(one.planned_bytes for one in rows) == plan.phases[0].bytes
        assert rows[0].measured_bytes == 5 * MIB + 8192
