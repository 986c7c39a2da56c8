"""The kernel holds a process to its share, and where it cannot the reason is told."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from planner.fence import MemoryGroup, limit_data
from planner.machine import read_ahead_bytes
from tests.planner.fake_machine import MIB

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of the Linux kernel")
NAME = "planner-test"


def run(code: str) -> str:
    """The output of a fresh Python process that runs the code."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert not done.stderr
    return done.stdout.strip()


@linux
def test_private_memory_is_limited() -> None:
    """Within its share a process allocates; beyond it gets MemoryError and lives on."""
    assert run("""
        from planner.fence import limit_data
        print(limit_data(50 << 20))
        kept = bytearray(30 << 20)
        try:
            bytearray(40 << 20)
        except MemoryError:
            print("refused")
        del kept
        bytearray(40 << 20)
        print("alive")
    """).split() == ["None", "refused", "alive"]


@linux
def test_another_process_can_be_limited() -> None:
    """A parent limits its child from outside, so that the child need not import anything."""
    assert (
        run("""
        import subprocess, sys
        from planner.fence import limit_data
        code = "input()\\ntry: bytearray(90 << 20)\\nexcept MemoryError: print('refused')"
        child = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True)
        while limit_data(50 << 20, child.pid):
            pass
        print(child.communicate("\\n")[0])
    """)
        == "refused"
    )


@linux
def test_shared_memory_is_not_limited() -> None:
    """Only private memory counts: a mapping that is shared may be larger than the share."""
    assert run("""
        import mmap
        from planner.fence import limit_data
        limit_data(20 << 20)
        print(len(mmap.mmap(-1, 200 << 20)))
    """) == str(200 * MIB)


@linux
def test_a_process_that_is_gone_is_a_reason() -> None:
    """Limiting a process that has ended gives a reason, not an error."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert "VmData" in (limit_data(MIB, child.pid) or "")
    with pytest.raises(ValueError, match="negative"):
        limit_data(-1)


@linux
def test_a_hard_limit_is_kept() -> None:
    """A share beyond the hard limit is cut to it."""
    assert (
        run("""
        import resource
        from planner.fence import limit_data
        resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
        print(limit_data(8 << 30), resource.getrlimit(resource.RLIMIT_DATA)[0])
    """)
        == f"None {2**30}"
    )


def can_make_a_group() -> str | None:
    """The reason why no group can be made here, if so; asked in a process of its own."""
    code = f"""
        from planner.fence import MemoryGroup
        with MemoryGroup(1 << 28, "{NAME}") as group:
            print(group.reason or "")
    """
    return run(code) or None if sys.platform == "linux" else "not Linux"


@pytest.fixture
def real_group() -> None:
    """Skips the test where no control group can be made."""
    reason = can_make_a_group()
    if reason:
        pytest.skip(reason)


@pytest.mark.usefixtures("real_group")
def test_a_group_is_entered_left_and_removed() -> None:
    """Inside the group the limit is the budget; afterwards everything is as it was."""
    lines = run(f"""
        import os
        from planner.fence import MemoryGroup
        from planner.machine import read_machine
        before = open("/proc/self/cgroup").read()
        with MemoryGroup(100 << 20, "{NAME}") as group:
            path = group.path
            machine = read_machine(0)
            print(group.active, path.endswith("-" + str(os.getpid())))
            print(machine.budget_bytes, path in machine.budget_source)
            print(group.peak_bytes is not None, group.oom_kills)
        print(os.path.exists(path), open("/proc/self/cgroup").read() == before, group.active)
        print(group.close(), group.peak_bytes, group.oom_kills)
    """).splitlines()
    assert lines == [
        "True True",
        f"{100 * MIB - read_ahead_bytes()} True",
        "True 0",
        "False True False",
        "True None None",
    ]


@pytest.mark.usefixtures("real_group")
def test_a_group_kills_what_passes_its_limit() -> None:
    """A child that passes the limit is killed, is counted, and leaves the parent unharmed."""
    assert (
        run(f"""
        import subprocess, sys
        from planner.fence import MemoryGroup
        with MemoryGroup(60 << 20, "{NAME}") as group:
            code = "open('/proc/self/oom_score_adj', 'w').write('900'); b'1' * (90 << 20)"
            print(subprocess.run([sys.executable, "-c", code]).returncode, group.oom_kills)
    """)
        == "-9 1"
    )


@pytest.mark.usefixtures("real_group")
def test_a_group_of_a_dead_process_is_removed() -> None:
    """What a killed process left is removed when the next group of that name is made."""
    left = run(f"""
        import os, signal, sys
        from planner.fence import MemoryGroup
        child = os.fork()
        if not child:
            group = MemoryGroup(1 << 26, "{NAME}").__enter__()
            os.write(1, (group.path + "\\n").encode())
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
    """)
    assert os.path.isdir(left)
    assert can_make_a_group() is None
    assert not os.path.exists(left)


@pytest.mark.usefixtures("real_group")
def test_a_group_in_use_is_left_alone() -> None:
    """While a child still lives in it a group cannot be removed; the next start does that."""
    assert run(f"""
        import os, subprocess, sys
        from planner.fence import MemoryGroup
        group = MemoryGroup(1 << 28, "{NAME}").__enter__()
        path = group.path
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
        print(group.close(0.05), os.path.isdir(path))
        child.communicate(b"\\n")
        print(group.close(), os.path.isdir(path))
    """).split() == ["False", "True", "True", "False"]


def fake(root: Path, mounts: str, members: str = "", controllers: str = "memory") -> Path:
    """A made-up hierarchy in which this process is in group /a; returns the folder of the group."""
    process = root / "proc" / "self"
    process.mkdir(parents=True)
    (root / "proc" / str(os.getpid())).mkdir()
    (process / "cgroup").write_text("4:memory:/a\n" if mounts.endswith("memory") else "0::/a\n")
    (process / "mountinfo").write_text(f"1 2 3 / /cg rw - {mounts}\n")
    base = root / "cg" / "a"
    base.mkdir(parents=True)
    (base / "cgroup.procs").write_text(members or f"{os.getpid()}\n")
    (base / "cgroup.controllers").write_text(controllers)
    (base / "cgroup.subtree_control").write_text("")
    return base


@pytest.fixture
def _plain_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up groups are removed with their files, as the kernel does."""
    remove = os.rmdir

    def remove_with_files(path: str) -> None:
        for entry in Path(path).iterdir():
            remove(entry) if entry.is_dir() else entry.unlink()
        remove(path)

    monkeypatch.setattr(os, "rmdir", remove_with_files)


@pytest.mark.usefixtures("_plain_folders")
def test_v2_delegated_scope(tmp_path: Path) -> None:
    """In a v2 group of its own the process moves down first, then the limit and no swap are set."""
    base = fake(tmp_path, "cgroup2 x rw")
    stale = base / f"{NAME}-4000000"
    stale.mkdir()
    with MemoryGroup(MIB, NAME, root=str(tmp_path)) as group:
        folder = Path(group.path)
        assert (group.reason, group.version, folder.parent) == (None, 2, base)
        assert (folder / "memory.max").read_text() == str(MIB)
        assert (folder / "memory.swap.max").read_text() == "0"
        assert (folder / "cgroup.procs").read_text() == str(os.getpid())
        assert (base / "cgroup.subtree_control").read_text() == "+memory"
        (folder / "memory.peak").write_text("123\n")
        (folder / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")
        assert (group.peak_bytes, group.oom_kills) == (123, 1)
        assert not stale.exists()
    assert not folder.exists()
    assert (base / "cgroup.subtree_control").read_text() == "-memory"
    assert (base / "cgroup.procs").read_text() == str(os.getpid())


def test_v2_shared_scope_is_a_reason(tmp_path: Path) -> None:
    """A v2 group that holds other processes as well cannot be divided."""
    base = fake(tmp_path, "cgroup2 x rw", members=f"1\n{os.getpid()}\n2\n")
    with MemoryGroup(MIB, NAME, root=str(tmp_path)) as group:
        assert group.reason == "cgroup v2: /cg/a holds 2 other processes"
        assert not group.active
    assert sorted(path.name for path in base.iterdir()) == [
        "cgroup.controllers",
        "cgroup.procs",
        "cgroup.subtree_control",
    ]


def test_v2_without_memory_is_a_reason(tmp_path: Path) -> None:
    """Where v2 does not have the memory controller nothing is tried."""
    fake(tmp_path, "cgroup2 x rw", controllers="cpu pids")
    with MemoryGroup(MIB, NAME, root=str(tmp_path)) as group:
        assert group.reason == "cgroup v2: /cg/a has no memory controller"


def test_v1_without_hierarchy_is_a_reason(tmp_path: Path) -> None:
    """A v1 group whose children are not charged to it would be a way around its limit."""
    base = fake(tmp_path, "cgroup x rw,memory")
    (base / "memory.use_hierarchy").write_text("0\n")
    with MemoryGroup(MIB, NAME, root=str(tmp_path)) as group:
        assert "free of the limits of its parents" in (group.reason or "")


def test_a_group_that_is_not_visible_is_a_reason(tmp_path: Path) -> None:
    """A process that cannot see its own group does not escape from its limits into another one."""
    fake(tmp_path, "cgroup2 x rw", members="1\n")
    with MemoryGroup(MIB, NAME, root=str(tmp_path)) as group:
        assert group.reason == "cgroup v2: our own group is not visible here"


@pytest.mark.usefixtures("_plain_folders")
def test_what_the_kernel_refuses_is_undone(tmp_path: Path) -> None:
    """A limit that cannot be written gives the reason, and the group is gone again."""
    base = fake(tmp_path, "cgroup2 x rw")
    (base / f"{NAME}-{os.getpid()}" / "memory.max").mkdir(parents=True)
    with MemoryGroup(MIB, NAME, root=str(tmp_path)) as group:
        assert (group.reason or "").startswith("cgroup v2: Is a directory")
        assert group.path == ""
    assert not (base / f"{NAME}-{os.getpid()}").exists()


@pytest.mark.usefixtures("_plain_folders")
@pytest.mark.parametrize("number", range(6))
def test_an_interrupt_leaves_no_group(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at any write to the hierarchy, going in or out: the group is gone all the same."""
    base = fake(tmp_path, "cgroup2 x rw")
    write, left = os.write, [number]

    def interrupted(descriptor: int, data: bytes) -> int:
        written = write(descriptor, data)
        left[0] -= 1
        if left[0] == -1:
            raise KeyboardInterrupt
        return written

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        with MemoryGroup(MIB, NAME, root=str(tmp_path)):
            pass
    assert not [path for path in base.iterdir() if path.is_dir()]
    assert (base / "cgroup.procs").read_text() == str(os.getpid())


def test_every_reason_is_told(tmp_path: Path) -> None:
    """With v1 and v2 at once, it is said of both why neither will do."""
    base = fake(tmp_path, "cgroup2 x rw", controllers="cpu")
    (base / "memory.use_hierarchy").write_text("0\n")
    process = tmp_path / "proc/self"
    (process / "cgroup").write_text("4:memory:/a\n0::/a\n")
    (process / "mountinfo").write_text(
        "1 2 3 / /cg rw - cgroup2 x rw\n1 2 3 / /cg rw - cgroup x rw,memory\n"
    )
    with MemoryGroup(MIB, NAME, root=str(tmp_path)) as group:
        assert group.reason == (
            "cgroup v1: a child would be free of the limits of its parents; "
            "cgroup v2: /cg/a has no memory controller"
        )


def test_no_groups_at_all_is_a_reason(tmp_path: Path) -> None:
    """Without control groups the process goes on without that fence."""
    with MemoryGroup(MIB, NAME, root=str(tmp_path)) as group:
        assert group.reason == "no control group of memory is mounted"
    with MemoryGroup(MIB, "a/b") as group:
        assert "cannot name a control group" in (group.reason or "")
    with pytest.raises(ValueError, match="negative"):
        MemoryGroup(-1)
