"""The budget is the smallest limit that binds the process, whatever the machine looks like."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from planner.machine import Machine, UnknownBudgetError, read_ahead_bytes, read_machine
from tests.planner.fake_machine import GIB, MIB, V1_UNLIMITED, FakeMachine, plain_machine

OWN = 20 * MIB


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A made-up machine with 8 GiB available and no other limit."""
    return plain_machine(tmp_path)


def read(machine: FakeMachine, reserve_bytes: int = 0, budget_bytes: int | None = None) -> Machine:
    """What the process of the made-up machine may use."""
    return read_machine(reserve_bytes, budget_bytes, root=str(machine.root), pid=machine.pid)


def of_groups(found: Machine) -> dict[str, int]:
    """Bytes of each limit of a control group, by the path of its file."""
    return {x.source.split(" ")[2]: x.bytes for x in found.limits if x.kind == "cgroup"}


def test_without_groups_the_available_memory_decides(machine: FakeMachine) -> None:
    """Available memory less the reserve, plus what the process holds already, is the budget."""
    found = read(machine, reserve_bytes=512 * MIB)
    assert found.budget_bytes == 8 * GIB - 512 * MIB + OWN
    assert found.own_bytes == OWN
    assert found.budget_source == (
        "/proc/meminfo MemAvailable 8.0 GiB - 512.0 MiB reserve + 20.0 MiB held by this process"
    )
    assert [limit.deciding for limit in found.limits] == [True]


def test_a_reserve_beyond_the_memory_leaves_nothing(machine: FakeMachine) -> None:
    """A reserve larger than the machine gives a budget of 0, not a negative one."""
    assert read(machine, reserve_bytes=99 * GIB).budget_bytes == 0


def test_the_users_budget_is_absolute(machine: FakeMachine) -> None:
    """--budget is taken as it is, and still never raises what the machine allows."""
    found = read(machine, budget_bytes=300 * MIB)
    assert (found.budget_bytes, found.budget_source) == (300 * MIB, "--budget 300.0 MiB")
    assert read(machine, budget_bytes=99 * GIB).budget_bytes == 8 * GIB + OWN


def test_v2_nested(machine: FakeMachine) -> None:
    """Every ancestor up to the mount point is read; clean file pages count as free."""
    machine.groups(["0::/a/b"], ["cgroup2 / /sys/fs/cgroup"])
    machine.v2("/sys/fs/cgroup/a/b", "max", 10 * MIB)
    machine.v2("/sys/fs/cgroup/a", str(512 * MIB), 130 * MIB, clean=100 * MIB)
    found = read(machine)
    assert of_groups(found) == {"/sys/fs/cgroup/a/memory.max": 502 * MIB}
    assert found.budget_source == (
        "cgroup v2 /sys/fs/cgroup/a/memory.max 512.0 MiB - 30.0 MiB in use "
        "+ 20.0 MiB held by this process"
    )


def test_a_group_leaves_room_for_code(machine: FakeMachine) -> None:
    """What the largest read-ahead brings in at once is left of a group's limit, of no other."""
    machine.groups(["0::/a"], ["cgroup2 / /sys/fs/cgroup"])
    machine.v2("/sys/fs/cgroup/a", str(100 * MIB), OWN)
    for disk, text in (("7:0", "128"), ("254:0", "8192"), ("0:31", "?")):
        machine.write(f"/sys/class/bdi/{disk}/read_ahead_kb", text)
    (machine.root / "sys/class/bdi/8:0").mkdir()
    assert read_ahead_bytes(str(machine.root)) == 8 * MIB
    found = read(machine)
    assert found.budget_bytes == 92 * MIB
    assert found.budget_source == (
        "cgroup v2 /sys/fs/cgroup/a/memory.max 100.0 MiB - 20.0 MiB in use - 8.0 MiB for code "
        "+ 20.0 MiB held by this process"
    )
    assert read(machine, budget_bytes=90 * MIB).budget_bytes == 90 * MIB
    machine.v2("/sys/fs/cgroup/a", str(6 * MIB), MIB)
    assert read(machine).budget_bytes == 0


def test_v1_leaves_room_for_code(machine: FakeMachine) -> None:
    """The same where the limit of an ancestor is known by the statistics only."""
    machine.groups(["4:memory:/a"], ["cgroup / /sys/fs/cgroup/memory memory"])
    machine.v1("/sys/fs/cgroup/memory/a", V1_UNLIMITED, OWN, least=100 * MIB)
    machine.write("/sys/class/bdi/8:0/read_ahead_kb", "4096")
    assert read(machine).budget_bytes == 96 * MIB


def test_v2_the_smallest_ancestor_decides(machine: FakeMachine) -> None:
    """A parent with less room than its child is the one that decides."""
    machine.groups(["0::/a/b"], ["cgroup2 / /sys/fs/cgroup"])
    machine.v2("/sys/fs/cgroup/a/b", str(GIB), 100 * MIB)
    machine.v2("/sys/fs/cgroup/a", str(2 * GIB), 2 * GIB - 50 * MIB)
    assert read(machine).budget_bytes == 70 * MIB


def test_v2_memory_high_alone(machine: FakeMachine) -> None:
    """memory.high is a limit as well: above it the kernel slows the process to a crawl."""
    machine.groups(["0::/a"], ["cgroup2 / /sys/fs/cgroup"])
    machine.v2("/sys/fs/cgroup/a", "max", 40 * MIB, high=str(256 * MIB))
    assert of_groups(read(machine)) == {"/sys/fs/cgroup/a/memory.high": 236 * MIB}


def test_unlimited_groups_set_no_limit(machine: FakeMachine) -> None:
    """`max` of v2 and the largest number of v1 are no limits."""
    machine.groups(
        ["4:memory:/a", "0::/a"],
        ["cgroup / /sys/fs/cgroup/memory memory", "cgroup2 / /sys/fs/cgroup/unified"],
    )
    machine.v1("/sys/fs/cgroup/memory/a", V1_UNLIMITED, 10 * MIB)
    machine.v1("/sys/fs/cgroup/memory", V1_UNLIMITED, GIB)
    machine.v2("/sys/fs/cgroup/unified/a", "max", 10 * MIB)
    assert of_groups(read(machine)) == {}


def test_a_limit_below_the_present_use_leaves_nothing(machine: FakeMachine) -> None:
    """Where others use more than the limit allows, the budget is 0."""
    machine.groups(["0::/a"], ["cgroup2 / /sys/fs/cgroup"])
    machine.v2("/sys/fs/cgroup/a", str(100 * MIB), 150 * MIB)
    assert read(machine).budget_bytes == 0


def test_the_process_alone_in_a_group_may_use_all_of_it(machine: FakeMachine) -> None:
    """What the process itself holds is added back, but never above the limit as it is set."""
    machine.groups(["0::/a"], ["cgroup2 / /sys/fs/cgroup"])
    machine.v2("/sys/fs/cgroup/a", str(100 * MIB), OWN)
    assert read(machine).budget_bytes == 100 * MIB
    machine.v2("/sys/fs/cgroup/a", str(100 * MIB), 0)
    assert read(machine).budget_bytes == 100 * MIB


def test_v1_nested(machine: FakeMachine) -> None:
    """v1 limits are read along the path, with the clean file pages of the groups below."""
    machine.groups(
        ["3:cpuset:/", "4:memory:/a/b", "0::/"], ["cgroup / /sys/fs/cgroup/memory memory"]
    )
    machine.v1("/sys/fs/cgroup/memory/a/b", 400 * MIB, 100 * MIB, clean=60 * MIB)
    machine.v1("/sys/fs/cgroup/memory/a", 300 * MIB, 150 * MIB, least=300 * MIB)
    assert of_groups(read(machine)) == {
        "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": 380 * MIB,
        "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": 170 * MIB,
    }


def test_v1_without_hierarchy_parents_do_not_bind(machine: FakeMachine) -> None:
    """A parent that does not charge its children (use_hierarchy 0) sets no limit to them."""
    machine.groups(["4:memory:/a/b"], ["cgroup / /sys/fs/cgroup/memory memory"])
    machine.v1("/sys/fs/cgroup/memory/a/b", 400 * MIB, 100 * MIB)
    machine.v1("/sys/fs/cgroup/memory/a", 200 * MIB, 100 * MIB)
    machine.write("/sys/fs/cgroup/memory/a/memory.use_hierarchy", "0")
    assert list(of_groups(read(machine)).values()) == [320 * MIB]


def test_v1_tells_limits_above_the_mount_point(machine: FakeMachine) -> None:
    """Where ancestors cannot be seen, the smallest of their limits is read from memory.stat."""
    machine.groups(["4:memory:/docker/abc"], ["cgroup /docker/abc /sys/fs/cgroup/memory memory"])
    machine.v1("/sys/fs/cgroup/memory", V1_UNLIMITED, 30 * MIB, least=128 * MIB)
    found = read(machine)
    assert of_groups(found) == {"/sys/fs/cgroup/memory/memory.stat": 118 * MIB}
    assert "hierarchical_memory_limit" in found.budget_source


def test_hybrid_reads_both(machine: FakeMachine) -> None:
    """With v1 and v2 mounted at once, whichever sets the smaller limit decides."""
    machine.groups(
        ["4:memory:/one", "0::/two"],
        ["cgroup / /sys/fs/cgroup/memory memory", "cgroup2 / /sys/fs/cgroup/unified"],
    )
    machine.v1("/sys/fs/cgroup/memory/one", 500 * MIB, 20 * MIB)
    machine.v2("/sys/fs/cgroup/unified/two", str(200 * MIB), 20 * MIB)
    found = read(machine)
    assert len(of_groups(found)) == 2
    assert found.budget_source.startswith("cgroup v2 /sys/fs/cgroup/unified/two/memory.max")


def test_namespace_shows_the_own_group_as_root(machine: FakeMachine) -> None:
    """In a namespace the path is `/` and the mount point is the process's own group."""
    machine.groups(["0::/"], ["cgroup2 / /sys/fs/cgroup"])
    machine.v2("/sys/fs/cgroup", str(256 * MIB), 20 * MIB)
    assert read(machine).budget_bytes == 256 * MIB


def test_mount_from_inside_the_hierarchy(machine: FakeMachine) -> None:
    """A path told from the host's root is cut by the group that lies at the mount point."""
    machine.groups(["0::/kube/pod/app"], ["cgroup2 /kube/pod /sys/fs/cgroup"])
    machine.v2("/sys/fs/cgroup/app", str(256 * MIB), 20 * MIB)
    machine.v2("/sys/fs/cgroup", str(GIB), 20 * MIB)
    assert list(of_groups(read(machine))) == [
        "/sys/fs/cgroup/app/memory.max",
        "/sys/fs/cgroup/memory.max",
    ]


def test_mount_from_above_the_namespace(machine: FakeMachine) -> None:
    """Where a mount starts above the namespace, the own group is found by its members."""
    machine.groups(["0::/"], ["cgroup2 /../.. /sys/fs/cgroup"])
    machine.v2("/sys/fs/cgroup/other/one", str(MIB), 0)
    machine.v2("/sys/fs/cgroup/outer/own", str(300 * MIB), 20 * MIB)
    machine.write("/sys/fs/cgroup/other/one/cgroup.procs", "1\n2")
    machine.write("/sys/fs/cgroup/outer/own/cgroup.procs", f"5\n{machine.pid}")
    assert of_groups(read(machine)) == {"/sys/fs/cgroup/outer/own/memory.max": 300 * MIB}


@pytest.mark.parametrize("path", ["/../..", "/../sibling", "/docker/abc", "/gone (deleted)"])
def test_paths_that_lead_nowhere_fall_back_on_the_mount(machine: FakeMachine, path: str) -> None:
    """A path that the mount does not show is answered by the nearest group that exists."""
    machine.groups([f"0::{path}"], ["cgroup2 / /sys/fs/cgroup"])
    machine.v2("/sys/fs/cgroup", str(256 * MIB), 20 * MIB)
    assert read(machine).budget_bytes == 256 * MIB


def test_mount_points_with_spaces(machine: FakeMachine) -> None:
    """Spaces in a mount point are written as octal in mountinfo and understood."""
    machine.groups(["0::/a:b"], [r"cgroup2 / /mnt/c\040g"])
    machine.v2("/mnt/c g/a:b", str(256 * MIB), 20 * MIB)
    assert read(machine).budget_bytes == 256 * MIB


def test_of_two_mounts_the_one_with_more_ancestors_is_read(machine: FakeMachine) -> None:
    """A second mount of the same hierarchy does not hide the limits of ancestors."""
    machine.groups(["0::/a/b"], ["cgroup2 /a/b /mnt/own", "cgroup2 / /sys/fs/cgroup"])
    machine.v2("/mnt/own", "max", 20 * MIB)
    machine.v2("/sys/fs/cgroup/a/b", "max", 20 * MIB)
    machine.v2("/sys/fs/cgroup/a", str(256 * MIB), 20 * MIB)
    assert read(machine).budget_bytes == 256 * MIB


def test_resource_limits(machine: FakeMachine) -> None:
    """RLIMIT_DATA and RLIMIT_AS leave what is not yet mapped."""
    machine.limits(data=str(300 * MIB), space=str(2 * GIB))
    found = read(machine)
    assert {limit.source.split(" ")[0]: limit.bytes for limit in found.limits[:2]} == {
        "RLIMIT_AS": 2 * GIB - 900 * MIB + OWN,
        "RLIMIT_DATA": 300 * MIB - 100 * MIB + OWN,
    }
    assert "VmData in use" in found.budget_source


def test_strict_overcommit(machine: FakeMachine) -> None:
    """Where the kernel refuses to overcommit, what is not yet committed is a limit."""
    machine.write("proc/sys/vm/overcommit_memory", "2")
    assert read(machine).budget_bytes == 2 * GIB + OWN


def test_old_kernels_tell_free_memory_only(machine: FakeMachine) -> None:
    """Without MemAvailable the free memory stands for it."""
    machine.write("proc/meminfo", f"MemTotal: 99 kB\nMemFree: {GIB // 1024} kB")
    found = read(machine)
    assert found.budget_bytes == GIB + OWN
    assert "MemFree" in found.budget_source


def test_missing_files_are_no_errors(tmp_path: Path) -> None:
    """A machine that tells nothing but its memory still has a budget."""
    machine = FakeMachine(tmp_path)
    machine.meminfo(GIB)
    machine.groups(["rubbish", "0::/a", "4:memory"], ["cgroup2 / /sys/fs/cgroup"])
    machine.write(f"proc/{machine.pid}/mountinfo", "rubbish\n1 2 - x\n1 2 3 / /x rw - cgroup2")
    found = read(machine)
    assert (found.budget_bytes, found.own_bytes) == (GIB, 0)
    assert found.cores == os.cpu_count()


def test_nothing_known_and_no_budget_is_an_error(tmp_path: Path) -> None:
    """Where nothing is known a budget must be given, and is then enough."""
    (tmp_path / "proc").mkdir()
    machine = FakeMachine(tmp_path)
    with pytest.raises(UnknownBudgetError, match="give --budget"):
        read(machine)
    assert read(machine, budget_bytes=MIB).budget_bytes == MIB


def test_without_proc_psutil_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS, without /proc, psutil tells the available memory, and the source says so."""

    def process() -> types.SimpleNamespace:
        return types.SimpleNamespace(memory_full_info=lambda: types.SimpleNamespace(uss=OWN))

    fake = types.ModuleType("psutil")
    fake.Process = process  # type: ignore[attr-defined]
    fake.virtual_memory = lambda: types.SimpleNamespace(available=GIB)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "psutil", fake)
    found = read(FakeMachine(tmp_path), reserve_bytes=MIB)
    assert found.budget_bytes == GIB - MIB + OWN
    assert "by psutil (there is no /proc here)" in found.budget_source


def test_negative_sizes_are_refused() -> None:
    """Neither reserve nor budget can be negative."""
    for reserve, budget in ((-1, None), (0, -1)):
        with pytest.raises(ValueError, match="negative"):
            read_machine(reserve, budget)


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 5), ("150000 100000", 2), ("1000 100000", 1), ("", 5)]
)
def test_v2_quota_of_processor_time(machine: FakeMachine, quota: str, expected: int) -> None:
    """cpu.max lowers the cores below those the process may run on, rounded up."""
    machine.groups(["0::/a/b"], ["cgroup2 / /sys/fs/cgroup"])
    machine.write("/sys/fs/cgroup/a/b/x", "")
    machine.write("/sys/fs/cgroup/a/cpu.max", quota)
    assert read(machine).cores == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 5), ("250000", 3)])
def test_v1_quota_of_processor_time(machine: FakeMachine, quota: str, expected: int) -> None:
    """The quota of v1 is read where cpu is mounted together with cpuacct."""
    machine.groups(["2:cpu,cpuacct:/a"], ["cgroup / /sys/fs/cgroup/cpu cpu,cpuacct"])
    machine.write("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", quota)
    machine.write("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000")
    found = read(machine)
    assert found.cores == expected
    assert ("cfs_quota" in found.cores_source) == (expected == 3)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine() -> None:
    """Here and now there is a budget, below the memory of the machine, and cores."""
    found = read_machine(0)
    assert 0 < found.budget_bytes < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 1 <= found.cores <= len(os.sched_getaffinity(0))
    assert found.own_bytes > MIB
    assert sum(limit.deciding for limit in found.limits) == 1
