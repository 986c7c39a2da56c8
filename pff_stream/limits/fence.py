"""Has the kernel hold a run to its plan: each worker to its share, the whole tree to the budget.

The second line of defence: what the plan says is what the code allocates, and a mistake in either
is a clean failure of one task here, instead of a machine that stands still. Does not cover: the
limits themselves (`planner.fence`), the one that a worker sets (`work.rules.hold_to`), the
encoder's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pff_stream.errors import UsageError
from pff_stream.execute.call import usual_method
from pff_stream.execute.executors import executor_of
from pff_stream.settings.models import ResourceOptions
from planner.fence import MemoryGroup, data_limit, limit_data, restore_data_limit
from planner.machine import Machine, UnknownBudgetError, read_ahead_bytes, read_machine

if TYPE_CHECKING:
    from pff_stream.execute.interface import Executor
    from planner.plan import Plan

GROUP_NAME = "pff-stream"
PARENT = "parent"
"""Name of the term that stands for this process."""
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


def share_bytes(plan: Plan, resources: ResourceOptions) -> int | None:
    """What a worker process may map beyond its set-up; None where it is not fenced by itself.

    Its part of every term that is counted by workers, in the phase that has most of them.
    """
    if resources.fence == "none" or not _executor(plan).fences_workers:
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
def threads_held(plan: Plan, resources: ResourceOptions) -> Iterator[None]:
    """Holds this whole process to what its workers may take, where they are threads of it.

    The limit is taken back at the end: the merge has a plan of its own.
    """
    if resources.fence == "none" or not _executor(plan).shares_memory:
        yield
        return
    workers = int(plan.settings.get("workers") or 1)
    with _held(workers * (worker_bytes(plan) + THREAD_BYTES) + SLACK_BYTES):
        yield


@contextmanager
def phase_held(share_bytes: int, resources: ResourceOptions, threads: int = 0) -> Iterator[None]:
    """Holds this process to `share_bytes` more than it has now, beside what allocators keep.

    `threads` will be started meanwhile. A process that has threads of its own is left alone: what
    they allocate is none of ours, and would fail by our limit. The limit is taken back at the end.
    """
    if resources.fence == "none" or usual_method() != "fork":
        yield
        return
    with _held(share_bytes + threads * THREAD_BYTES + SLACK_BYTES):
        yield


@contextmanager
def _held(share_bytes: int) -> Iterator[None]:
    before = data_limit()
    reason = limit_data(max(0, share_bytes))
    if reason is not None:
        _log.debug("this process is not fenced: %s", reason)
    elif before is not None and 0 <= before < (data_limit() or 0):
        restore_data_limit(before)  # what is set from outside stays the lower one
    try:
        yield
    finally:
        if before is not None and reason is None:
            restore_data_limit(before)


def fenced_bytes(share_bytes: int, resources: ResourceOptions) -> int | None:
    """What a process of its own is held to; None where nothing is."""
    return None if resources.fence == "none" else share_bytes


@contextmanager
def planned_phase_held(plan: Plan, name: str, resources: ResourceOptions) -> Iterator[None]:
    """The same by what the plan has for a phase, beside this process; without one nothing."""
    for phase in plan.phases:
        if phase.name == name:
            own = sum(term.bytes for term in phase.terms if term.name != PARENT)
            with phase_held(own, resources):
                yield
            return
    yield


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
    machine = without_own_group(read_machine(resources.reserve_bytes, resources.budget_bytes))
    if _group is not None and _group.active:
        _hold_group(_group, max(machine.budget_bytes, PREPARATION_BYTES))
    return machine


def without_own_group(machine: Machine) -> Machine:
    """The machine without the limit of the group that this process made for itself."""
    if _group is None or not _group.active:
        return machine
    own = f" {_group.path}/memory."
    return machine.with_limits([x for x in machine.limits if own not in x.source])


def hold_tree(budget_bytes: int) -> None:
    """Lowers the limit of the whole tree, where it has one, to the budget of an accepted plan."""
    if _group is not None and (reason := _hold_group(_group, budget_bytes)):
        _log.debug("the control group keeps its limit: %s", reason)


def _hold_group(group: MemoryGroup, budget_bytes: int) -> str | None:
    """Limits the group to a budget, and room for code; the reason where that cannot be."""
    return group.set_limit(budget_bytes + read_ahead_bytes())
