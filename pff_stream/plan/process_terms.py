"""What processes hold before they allocate anything of a run, as terms, and what passes between."""

from __future__ import annotations

from pff_stream.plan.sizes import ProcessCosts
from pff_stream.triples.terms import PAGE_TABLE_SHARE
from planner.formula import Formula, constant, given
from planner.model import KERNEL, Term

TASK_BYTES = 2048
"""A task or an answer under way, with its pipe and its objects."""
ENCODER_BYTES = {"fork": 4 << 20, "spawn": 12 << 20}
"""What the process that encodes comes to hold alone, beside what it encodes, by how it starts."""
PROBE_INPUTS_BYTES = 12 << 20
"""What the process comes to hold that makes the inputs of a probe."""
KERNEL_BYTES, KERNEL_PROCESS_BYTES, KERNEL_CORE_BYTES = 512 << 10, 160 << 10, 256 << 10
"""Kernel memory: stacks, file tables, sockets; and what a control group's counter is ahead of the
use on each core (it charges 64 pages at a time). With 8 workers and a million rules 2 MiB were
seen, 0.4 with one."""


def parent(costs: ProcessCosts) -> Term:
    """This process."""
    return Term.of("parent", given("parent", costs.parent_bytes), costs.source)


def worker(costs: ProcessCosts) -> Term:
    """One worker, before it sets up."""
    return Term.of("workers", given("worker", costs.worker_bytes), costs.source)


def helpers(costs: ProcessCosts) -> Formula:
    """What comes once with workers."""
    return given("helpers", costs.helper_bytes)


def shared_by_workers(costs: ProcessCosts, copied_bytes: int) -> Term:
    """What comes once with workers, and what is copied in a run of many tasks."""
    formula = helpers(costs) + given("copied", copied_bytes)
    return Term.of("shared by workers", formula, costs.source)


def probed_workers(costs: ProcessCosts, workers: int, own_bytes: int) -> Term:
    """Workers that were measured, with what they took by name."""
    each = given("worker", costs.worker_bytes) + given("own", own_bytes)
    one = Term.of("probed workers", each, "measured here")
    return one.for_each(workers, once=helpers(costs))


def probe_inputs() -> Term:
    """The process that makes the inputs of a probe, or this one meanwhile."""
    source = "constant: what it comes to hold"
    return Term.of("inputs of the probe", constant(PROBE_INPUTS_BYTES), source)


def encoder_process(method: str) -> Term:
    """The process that encodes, started by `fork` or `spawn`, beside what it encodes."""
    source = f"constant: what a process by {method} comes to hold alone"
    return Term.of("encoder's process", constant(ENCODER_BYTES[method]), source)


def encoder_tables(held_bytes: int) -> Term:
    """Page tables of what the process that encodes holds: 8 bytes for a page."""
    return Term.of(
        "page tables", given("held", held_bytes) / PAGE_TABLE_SHARE, "counts of the input"
    )


def kernel_memory(processes: int, cores: int) -> Term:
    """What the kernel holds for so many processes on so many cores."""
    formula = (
        KERNEL_BYTES
        + KERNEL_PROCESS_BYTES * given("processes", processes)
        + KERNEL_CORE_BYTES * given("cores", cores)
    )
    source = "constants, measured over many runs (docs/plan-grid.md)"
    return Term.of("kernel memory", formula, source, group=KERNEL)


def window(tasks: int, table: Formula) -> Term:
    """Tasks and answers under way, and the table of what was answered."""
    formula = TASK_BYTES * given("window", tasks) + table
    return Term.of("window", formula, "constants of the code")
