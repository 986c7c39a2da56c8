"""A watch of a tree counts what cannot be reclaimed, every page once."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from planner.watch import PhasePeak, Reading, TreeWatch, whole
from tests.planner.fake_machine import MIB

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def write_process(
    root: Path, pid: int, parent: int, anon_kib: int, shared_kib: int = 0, table_kib: int = 4
) -> None:
    """A process of a made-up /proc."""
    folder = root / "proc" / str(pid)
    folder.mkdir(parents=True, exist_ok=True)
    children = root / "proc" / str(parent) / "task" / str(parent) / "children"
    if children.is_file():
        children.write_text(children.read_text() + f"{pid} ")
    (folder / "task" / str(pid)).mkdir(parents=True, exist_ok=True)
    (folder / "task" / str(pid) / "children").write_text("")
    (folder / "stat").write_text(f"{pid} (a) b) S {parent} " + "0 " * 17 + f"{pid * 10} 0 0\n")
    (folder / "status").write_text(f"Name:\ta\nVmPTE:\t{table_kib} kB\nRssAnon:\t99 kB\n")
    (folder / "smaps_rollup").write_text(f"Pss_Anon: {anon_kib} kB\nPss_Shmem: {shared_kib} kB\n")


@contextmanager
def child(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that runs the code, says a line when done, and waits for its input."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}\nprint(flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_sums_a_tree_once(tmp_path: Path) -> None:
    """Anonymous memory, page tables and shared memory of a tree are summed, others' are not."""
    write_process(tmp_path, 10, 1, 1000, 50)
    write_process(tmp_path, 11, 10, 200, 50)
    write_process(tmp_path, 12, 11, 30)
    write_process(tmp_path, 13, 1, 9999)
    watch = TreeWatch(10, root=str(tmp_path))
    assert watch.sample() == (1000 + 200 + 30 + 3 * 4 + 100) * 1024
    assert watch.processes == 3
    assert watch.descendants() == [10, 11, 12]


def test_kernels_that_do_not_list_children(tmp_path: Path) -> None:
    """Where the kernel lists no children, all processes are looked at for their parents."""
    for pid, parent in ((10, 1), (11, 10), (12, 11), (13, 1)):
        write_process(tmp_path, pid, parent, 1)
        (tmp_path / f"proc/{pid}/task/{pid}/children").unlink()
    assert TreeWatch(10, root=str(tmp_path)).descendants() == [10, 11, 12]


def test_the_peak_stays(tmp_path: Path) -> None:
    """The peak is the largest sample, the present figure the last one."""
    watch = TreeWatch(10, root=str(tmp_path))
    for anon in (100, 300, 200):
        write_process(tmp_path, 10, 1, anon)
        watch.sample()
    assert (watch.now_bytes, watch.peak_bytes) == (204 * 1024, 304 * 1024)


def test_shared_memory_is_bounded_by_what_there_is(tmp_path: Path) -> None:
    """Shares that were read at different instants never count more than there is."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("Shmem: 70 kB\n")
    write_process(tmp_path, 10, 1, 1, 60, 0)
    write_process(tmp_path, 11, 10, 2, 60, 0)
    assert TreeWatch(10, root=str(tmp_path)).sample() == 73 * 1024
    assert TreeWatch(10, shared_bytes=64 * 1024, root=str(tmp_path)).sample() == 67 * 1024


def test_a_child_that_borrows_its_parents_memory_counts_once(tmp_path: Path) -> None:
    """Between vfork and exec a child shows its parent's figures, which are not counted twice."""
    write_process(tmp_path, 10, 1, 1000, 0, 4)
    write_process(tmp_path, 11, 10, 1000, 0, 4)
    assert TreeWatch(10, root=str(tmp_path)).sample() == 1004 * 1024


def test_an_orphan_stays_in_the_tree(tmp_path: Path) -> None:
    """A descendant whose parent died is still counted; a new process with its id is not."""
    write_process(tmp_path, 10, 1, 1)
    write_process(tmp_path, 11, 10, 2)
    watch = TreeWatch(10, root=str(tmp_path))
    watch.sample()
    (tmp_path / "proc/10/task/10/children").write_text("")
    assert watch.descendants() == [10, 11]
    stat = tmp_path / "proc/11/stat"
    stat.write_text(stat.read_text().replace(" 110 ", " 999 "))
    assert watch.descendants() == [10]


def test_a_tree_that_ended_holds_nothing(tmp_path: Path) -> None:
    """A process that is not there, or is a zombie, holds nothing."""
    write_process(tmp_path, 10, 1, 1000)
    assert TreeWatch(99, root=str(tmp_path)).sample() == 0
    stat = tmp_path / "proc/10/stat"
    stat.write_text(stat.read_text().replace(" S ", " Z "))
    assert TreeWatch(10, root=str(tmp_path)).sample() == 0


def test_what_may_not_be_read_is_estimated(tmp_path: Path) -> None:
    """Where smaps_rollup may not be read, the resident anonymous memory stands for the share."""
    write_process(tmp_path, 10, 1, 1000)
    (tmp_path / "proc/10/smaps_rollup").unlink()
    assert TreeWatch(10, root=str(tmp_path)).sample() == (99 + 4) * 1024


@pytest.mark.parametrize(("read", "wanted"), [([90, 70], 70), ([90, 85, 60], 60), ([80], 80)])
def test_what_was_never_there_together_is_read_again(read: list[int], wanted: int) -> None:
    """A rollup that counts more than ever was resident is torn; one that does not is whole."""
    readings = iter(Reading(1, one, 0, 0, b"rollup", one, 80) for one in [*read, 0])
    assert whole(partial(next, readings)).anon_bytes == wanted


def test_marks_that_the_kernel_keeps_loosely_are_borne() -> None:
    """Where all readings are above the mark, the least is taken, and nothing waited for."""
    readings = iter(Reading(1, one, 0, 0, b"rollup", one, 80) for one in (90, 82, 85))
    assert whole(partial(next, readings)).anon_bytes == 82
    assert next(readings, None) is None


@linux
def test_memory_of_a_child_is_seen() -> None:
    """40 MiB that a child touches raise the sum by 40 MiB and its own weight."""
    watch = TreeWatch()
    before = watch.sample()
    with child("") as bare:
        weight = watch.sample() - before
        assert bare.pid in watch.descendants()
    with child("x = bytearray(b'1') * (40 << 20)"):
        assert abs(watch.sample() - before - weight - 40 * MIB) < MIB
    watch.sample()
    assert abs(watch.now_bytes - before) < MIB
    assert watch.peak_bytes > before + 40 * MIB


@linux
def test_shared_memory_is_counted_once() -> None:
    """A mapping of 20 MiB that two processes touch is counted once, plus its page tables."""
    watch = TreeWatch()
    with mmap.mmap(-1, 20 * MIB) as shared:
        before = watch.sample()
        for _ in range(20):
            shared.write(b"1" * MIB)  # all at once, the allocator would keep 20 MiB
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            sum(shared[i] for i in range(0, 20 * MIB, 4096))
            os.write(told, b"1")
            signal.pause()
        try:
            os.read(ready, 1)
            grown = watch.sample() - before
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(ready)
            os.close(told)
    assert 20 * MIB <= grown < 24 * MIB


@linux
def test_a_sample_is_cheap() -> None:
    """Sampling a small tree takes milliseconds of CPU time, and the watch says how long it took."""
    watch = TreeWatch()
    began = time.process_time()
    for _ in range(5):
        watch.sample()
    assert (time.process_time() - began) / 5 < 0.25
    assert watch.sample_seconds > 0


def test_without_proc_psutil_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS the private memory of the processes is summed, with the shared memory as told."""

    class GoneError(Exception):
        """What psutil raises for a process that ended."""

    class Process:
        """A process with one living child and one that ended."""

        def __init__(self, pid: int) -> None:
            self.pid = pid

        def children(self, recursive: bool) -> list[Process]:
            assert recursive
            return [Process(2), Process(3)]

        def memory_full_info(self) -> types.SimpleNamespace:
            if self.pid == 3:
                raise GoneError
            return types.SimpleNamespace(uss=100 * self.pid)

    fake = types.ModuleType("psutil")
    fake.Process, fake.Error = Process, GoneError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "psutil", fake)
    watch = TreeWatch(1, shared_bytes=7, root=str(tmp_path))
    assert watch.sample() == 307
    assert watch.processes == 2


def reading(pid: int, resident: int, high: int) -> Reading:
    """Of a process, in MiB."""
    return Reading(pid, resident * MIB, 0, 0, None, resident * MIB, high * MIB)


def seen(peak: PhasePeak, total: int, *readings: Reading) -> None:
    """A sample of the tree, in MiB."""
    watch = TreeWatch()
    watch.now_bytes, watch.readings = total * MIB, readings
    peak.take(watch)


def started(*readings: Reading, with_marks: bool = True) -> PhasePeak:
    """A phase that begins with these processes."""
    peak, watch = PhasePeak(with_marks=with_marks), TreeWatch()
    watch.readings = readings
    peak.start(watch)
    return peak


def test_a_mark_is_added_to_the_highest_sample_of_its_process() -> None:
    """The tree was above it by as much as the process was."""
    peak = started(reading(1, 20, 50))
    seen(peak, 60, reading(1, 20, 50), reading(2, 40, 40))
    assert peak.bytes == 60 * MIB
    seen(peak, 30, reading(1, 20, 50), reading(2, 10, 47))
    assert peak.bytes == 67 * MIB
    assert [one.pid for one in peak.readings] == [1, 2]


def test_what_was_higher_before_is_not_of_this_phase() -> None:
    """Nor is anything without marks."""
    peak = started(reading(1, 20, 50))
    seen(peak, 25, reading(1, 25, 50))
    assert peak.bytes == 25 * MIB
    seen(peak, 20, reading(1, 20, 51))
    assert peak.bytes == 51 * MIB
    peak = started(reading(1, 20, 50), with_marks=False)
    seen(peak, 25, reading(1, 25, 90))
    assert peak.bytes == 25 * MIB
