"""Has the kernel hold a run to its plan: each worker to its share, the whole tree to the budget.

The second line of defence: what the plan says is what the code allocates, and a mistake in either
is a clean failure of one task here, instead of a machine that stands still. Does not cover: the
limits themselves (`planner.fence`), the one that a worker sets (`worker.hold_to`), the encoder's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pff_stream.errors import UsageError
from pff_stream.execute.executors import executor_of
from pff_stream.execute.interface import Executor
from pff_stream.settings.models import ResourceOptions
from planner.fence import MemoryGroup, data_limit, limit_data, restore_data_limit
from planner.machine import Machine, UnknownBudgetError, read_machine
from planner.plan import Plan

GROUP_NAME = "pff-stream"
SLACK_BYTES = 16 << 20
"""Address space of a worker beyond its terms: the limit counts what is mapped, touched or not, and
an allocator keeps arenas that are partly used."""
THREAD_BYTES = 24 << 20
"""The same for a worker that is a thread: its stack of 8 MiB, and an arena of its own."""
PREPARATION_BYTES = 128 << 20
"""What the whole tree may take at least until its plan is accepted: a probe's workers, numpy."""

_log = logging.getLogger(__name__)
_group: MemoryGroup | None = None
"""The group that this process is in; one process runs one command."""


def share_bytes(plan: Plan, fence: str) -> int | None:
    """What a worker process may map beyond its set-up; None where it is not fenced by itself.

    Its part of every term that is counted by workers, in the phase that has most of them.
    """
    if fence == "none" or not _executor(plan).fences_workers:
        return None
    return worker_bytes(plan) + SLACK_BYTES


def worker_bytes(plan: Plan) -> int:
    """What the plan gives one worker."""
    workers = int(plan.settings.get("workers") or 1)
    shared = [sum(term.bytes for term in phase.terms if term.per_worker) for phase in plan.phases]
    return max(shared) // workers


def _executor(plan: Plan) -> Executor:
    return executor_of(plan.settings)


@contextmanager
def threads_held(plan: Plan, fence: str) -> Iterator[None]:
    """Holds this whole process to what its workers may take, where they are threads of it.

    The limit is taken back at the end: the merge has a plan of its own.
    """
    if fence == "none" or not _executor(plan).shares_memory:
        yield
        return
    workers = int(plan.settings.get("workers") or 1)
    before = data_limit()
    reason = limit_data(workers * (worker_bytes(plan) + THREAD_BYTES) + SLACK_BYTES)
    if reason is not None:
        _log.debug("threads are not fenced: %s", reason)
    try:
        yield
    finally:
        if before is not None and reason is None:
            restore_data_limit(before)


@contextmanager
def whole_tree(
    resources: ResourceOptions, make_group: Callable[[int, str], MemoryGroup] = MemoryGroup
) -> Iterator[None]:
    """Holds this process and all its children to the budget, in a control group where that can be.

    `make_group(limit_bytes, name)` makes the group. Memory that is charged already does not move
    into it: nothing heavy may be imported before. UsageError where `--fence cgroup` cannot be had.
    """
    if resources.fence not in ("auto", "cgroup"):
        yield
        return
    global _group
    with make_group(_first_limit(resources), GROUP_NAME) as group:
        if not group.active:
            if resources.fence == "cgroup":
                raise UsageError(f"--fence cgroup: no control group can be made: {group.reason}")
            _log.debug("no control group: %s", group.reason)
        _group = group
        try:
            yield
        finally:
            _group = None


def _first_limit(resources: ResourceOptions) -> int:
    try:
        machine = read_machine(resources.reserve_bytes, resources.budget_bytes)
    except UnknownBudgetError:
        return 2**62
    return max(machine.budget_bytes, PREPARATION_BYTES)


def read_limits(resources: ResourceOptions) -> Machine:
    """What this process may use, the group that it made for itself left out: that one follows.

    Preparing may take a little where the budget is tiny: a refusal must be heard, not killed.
    """
    machine = read_machine(resources.reserve_bytes, resources.budget_bytes)
    if _group is None or not _group.active:
        return machine
    own = f" {_group.path}/memory."
    machine = machine.with_limits([x for x in machine.limits if own not in x.source])
    _group.set_limit(max(machine.budget_bytes, PREPARATION_BYTES))
    return machine


def hold_tree(plan: Plan) -> None:
    """Lowers the limit of the whole tree, where it has one, to the budget of an accepted plan."""
    if _group is not None and (reason := _group.set_limit(plan.budget_bytes)):
        _log.debug("the control group keeps its limit: %s", reason)
