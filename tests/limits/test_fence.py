"""The kernel's limits: one worker over its share fails alone, the tree stays in its group."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pff_stream.errors import UsageError
from pff_stream.execute.pool import Completed, Poisoned
from pff_stream.limits import fence
from pff_stream.settings.models import ResourceOptions
from planner.fence import MemoryGroup
from planner.formula import given
from planner.machine import read_ahead_bytes
from planner.model import Phase, Settings, Term
from planner.plan import Plan
from tests.execute import pool_tasks
from tests.execute.pool_processes import make_pool, nothing_left

MIB = 1 << 20
ROOT = Path(__file__).parent.parent.parent
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_DATA and /proc")


def plan_of(workers: int, start_method: str) -> Plan:
    """A plan that gives each worker 30 MiB, and the graph 100."""
    terms = [
        Term("parent", 20 * MIB, ""),
        Term.of("workers", given("worker", 10 * MIB)).for_each(workers),
        Term.of("scratch", given("each", 20 * MIB)).for_each(workers),
        Term("graph", 100 * MIB, "", {"workers": workers}),
    ]
    settings: Settings = {"workers": workers, "start_method": start_method}
    return Plan([Phase("merge", []), Phase("evaluate", terms)], 1 << 30, "", settings=settings)


def test_share_is_what_the_plan_gives_a_worker() -> None:
    """The share is a worker's part of the terms and the stated slack, whatever their number."""
    for workers in (1, 3):
        share = fence.share_bytes(plan_of(workers, "fork"), ResourceOptions())
        assert share == 30 * MIB + fence.SLACK_BYTES
    assert fence.share_bytes(plan_of(2, "fork"), ResourceOptions(fence="none")) is None
    assert fence.share_bytes(plan_of(2, "thread"), ResourceOptions(fence="rlimit")) is None


@linux
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_over_allocation_poisons_one_unit(method: str) -> None:
    """What wants too much is retried, split and found by MemoryError; the rest is answered."""
    with (
        nothing_left(),
        make_pool(
            method,
            pool_tasks.hoards,
            frozenset([37]),
            64 * MIB,
            256 * MIB,
            window=4,
            split=pool_tasks.halves,
        ) as pool,
    ):
        results = list(pool.imap_unordered([(n, n + 16) for n in range(0, 64, 16)]))
        assert pool.retried == 5
    assert [r for r in results if isinstance(r, Poisoned)] == [Poisoned((37, 38), "MemoryError")]
    answered = sorted(n for r in results if isinstance(r, Completed) for n in r.answer)
    assert answered == [n for n in range(64) if n != 37]


@pytest.mark.thorough
@linux
def test_within_its_share_a_worker_is_not_hindered() -> None:
    """The same under a share that suffices."""
    with (
        nothing_left(),
        make_pool(
            "fork",
            pool_tasks.hoards,
            frozenset([3]),
            320 * MIB,
            256 * MIB,
            workers=1,
            split=pool_tasks.halves,
        ) as pool,
    ):
        assert [r.task for r in pool.imap_unordered([(0, 8)])] == [(0, 8)]
        assert pool.retried == 0


@linux
def test_threads_are_held_together_and_let_go() -> None:
    """With threads the limit is on the whole process, for as long as they work."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with fence.threads_held(plan_of(2, "thread"), ResourceOptions()):
        with pytest.raises(MemoryError):
            bytearray(1 << 30)
        bytearray(32 * MIB)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    bytearray(256 * MIB)
    for plan, kind in ((plan_of(2, "thread"), "none"), (plan_of(2, "fork"), "auto")):
        with fence.threads_held(plan, ResourceOptions(fence=kind)):
            assert resource.getrlimit(resource.RLIMIT_DATA) == before


class NoGroup(MemoryGroup):
    """A machine on which no group can be made."""

    def __enter__(self) -> MemoryGroup:
        self.reason = "not delegated"
        return self


def test_no_group_is_quiet_unless_asked_for() -> None:
    """`auto` goes on without a group, `cgroup` is an error of usage that says why."""
    for kind in ("auto", "rlimit", "none"):
        with fence.whole_tree(ResourceOptions(fence=kind), NoGroup):
            pass
    with pytest.raises(UsageError, match="--fence cgroup.*not delegated"):
        with fence.whole_tree(ResourceOptions(fence="cgroup"), NoGroup):
            pass


def why_no_group() -> str:
    """Why this process can make no control group; empty where it can."""
    code = (
        "from planner.fence import MemoryGroup\n"
        "with MemoryGroup(1 << 30, 'pff-stream-test') as group: print(group.reason or '')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


HELD = """
import json, os, sys
from pff_stream.limits import fence
from pff_stream.settings.models import ResourceOptions
from planner.formula import given
from planner.model import Phase
from planner.plan import Plan
resources = ResourceOptions(budget_bytes=200 << 20, fence="cgroup")
with fence.whole_tree(resources):
    machine = fence.read_limits(resources)
    fence.hold_tree(machine.budget_bytes)
    group = fence._group
    name = "memory.limit_in_bytes" if group.version == 1 else "memory.max"
    limit = int(open(f"{group.path}/{name}").read())
    child = os.fork()
    if child == 0:
        block = bytearray(400 << 20)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sources = [x.source for x in machine.limits]
json.dump([machine.budget_source, limit, status, group.path, sources], sys.stdout)
"""


@pytest.mark.thorough
@linux
def test_the_tree_is_held_to_the_budget() -> None:
    """In its group a child over the budget dies, the parent goes on, and the group is removed."""
    if reason := why_no_group():
        pytest.skip(reason)
    done = subprocess.run(
        [sys.executable, "-c", HELD], cwd=ROOT, capture_output=True, text=True, check=True
    )
    source, limit, status, path, sources = json.loads(done.stdout)
    assert (source, status) == ("--budget 200.0 MiB", -9)
    assert limit == 200 * MIB + read_ahead_bytes()  # room for code is not part of the budget
    assert not path
    assert not [text for text in sources if "/pff-stream-" in text]
