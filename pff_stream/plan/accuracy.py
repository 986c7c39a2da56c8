"""Holds what a run was planned to take against what it took, by terms or groups of terms.

What each process held is known, not for what; what a worker took for its arrays it says itself.
Pages that workers share with this process after a fork belong to both, so the processes' own terms
are one group. Does not measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pff_stream.evaluate.terms import CHUNKS, SCRATCH
from pff_stream.execute.executors import executor_of
from pff_stream.triples.terms import GRAPH
from pff_stream.work.task import Held
from planner.model import KERNEL, PROCESSES
from planner.plan import Plan
from planner.sizes import format_size
from planner.watch import Reading

TELLING_BYTES = 1 << 20
"""A group of less is not worth a line."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One group of terms."""

    name: str
    planned_bytes: int
    measured_bytes: int | None
    """None where nothing measured it."""
    terms: tuple[str, ...]


def compared(plan: Plan, readings: Sequence[Reading], workers: int, held: Held) -> list[Compared]:
    """The terms of evaluating in groups, beside what was held when evaluating held most.

    `readings` are of the processes at that moment, `held` is what each of so many workers took.
    Threads set up side by side in one process, which cannot tell whose memory is whose: their
    arrays count with the process.

    Kernel memory and page cache are charged to a control group from outside, if at all: a run
    cannot see them from within (the first pages of it were charged before it could enter one).
    """
    terms = next((phase.terms for phase in plan.phases if phase.name == "evaluate"), plan.terms)
    executor = executor_of(plan.settings)
    of_workers = all(held) and not executor.shares_memory
    arrays = {
        SCRATCH: workers * held.evaluator_bytes,
        CHUNKS: workers * held.chunk_bytes,
    }
    anonymous = sum(one.anon_bytes + one.page_table_bytes for one in readings)
    measured: dict[str, int | None] = {PROCESSES: anonymous}
    if of_workers:
        measured = {PROCESSES: max(0, anonymous - sum(arrays.values())), **arrays}
    measured |= {GRAPH: sum(one.shared_bytes for one in readings), KERNEL: None}
    found = []
    for name, bytes_held in measured.items():
        # What is not measured by itself is memory of the processes, page tables included.
        group = [
            term for term in terms if (term.group if term.group in measured else PROCESSES) == name
        ]
        planned = sum(term.bytes for term in group)
        found.append(Compared(name, planned, bytes_held, tuple(term.name for term in group)))
    return found


def accuracy_lines(
    plan: Plan, measured: Mapping[str, int], groups: Sequence[Compared]
) -> list[str]:
    """A line for each phase that was measured, for people; below evaluating its groups of terms.

    `measured` are bytes by phase.
    """
    lines = []
    for phase in plan.phases:
        if phase.name not in measured:
            continue
        bound = "at most " * phase.at_most
        found = format_size(measured[phase.name])
        lines.append(f"  {phase.name}: planned {bound}{format_size(phase.bytes)}, measured {found}")
        if phase.name == "evaluate":
            lines += _group_lines(groups)
    return lines


def _group_lines(groups: Sequence[Compared]) -> list[str]:
    """A line for each group of which something can be told; none where that is one only."""
    lines = [
        f"    {one.name} ({', '.join(one.terms)}): planned {format_size(one.planned_bytes)}, "
        f"measured {format_size(one.measured_bytes)}"
        for one in groups
        if one.measured_bytes is not None and one.planned_bytes >= TELLING_BYTES
    ]
    return lines if len(lines) > 1 else []
