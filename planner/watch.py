"""Measures what a process and its descendants really hold, so that a plan can be held against it.

The figure is the sum of Pss_Anon, Pss_Shmem and VmPTE: memory that the kernel cannot take back.
Pages that several processes share are counted once. Does not see shared memory that no process of
the tree maps, kernel memory (stacks, pipes; about 1 MiB in all), and peaks between two samples.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from planner import procfs

_ATTEMPTS = 3


class Reading(NamedTuple):
    """What one process held at one moment."""

    pid: int
    anon_bytes: int
    """Its share of anonymous memory."""
    shared_bytes: int
    """Its share of shared memory that it maps and has touched."""
    page_table_bytes: int
    rollup: bytes | None = None
    """The kernel's own text; two processes in one address space have the same."""
    resident_bytes: int = 0
    """Its pages in memory, of any kind, shared ones whole, of the same moments as its share."""
    high_bytes: int = 0
    """The most that this ever was (VmHWM)."""


def whole(read: Callable[[], Reading]) -> Reading:
    """What `read` says of a process; of several readings the least, where the kernel's are torn.

    A rollup is no single moment: the kernel goes over the mappings one by one, and while one is
    freed and another filled, both may be counted. Then more pages are resident in it than ever
    were, by the mark that is read behind it.
    """
    found = read()
    for _ in range(_ATTEMPTS - 1):
        if found.resident_bytes <= found.high_bytes or not found.rollup:
            break
        found = min(found, read(), key=lambda one: one.resident_bytes)
    return found


def _read(process: str, pid: int) -> Reading:
    """All figures of one process from one read of each file."""
    rollup = procfs.read_bytes(f"{process}/smaps_rollup")
    status = procfs.read_bytes(f"{process}/status")
    anon = procfs.field_bytes(rollup, b"Pss_Anon")
    shared = procfs.field_bytes(rollup, b"Pss_Shmem")
    # From the rollup, too: what it counted of this process is taken off the mark by it.
    resident = procfs.field_bytes(rollup, b"Rss")
    if anon is None:  # not readable: another user's, or an old kernel
        anon = procfs.field_bytes(status, b"RssAnon")
    if shared is None:
        shared = procfs.field_bytes(status, b"RssShmem")
    if resident is None:
        resident = procfs.field_bytes(status, b"VmRSS")
    tables = procfs.field_bytes(status, b"VmPTE")
    high = procfs.field_bytes(status, b"VmHWM")
    return Reading(pid, anon or 0, shared or 0, tables or 0, rollup, resident or 0, high or 0)


class PhasePeak:
    """The most that a tree held in one stretch of time, by what a `TreeWatch` saw at moments.

    With marks also between them: the kernel keeps the highest size of each process. By how much it
    is above the highest sample of that process, by so much the tree was above that sample. That
    is right where what is resident is memory that cannot be reclaimed, for all but a steady part
    (code): not where large files are mapped.
    """

    def __init__(self, *, with_marks: bool) -> None:
        self.readings: tuple[Reading, ...] = ()
        """What each process held at the highest sample."""
        self._sampled_bytes = self._marked_bytes = 0
        self._with_marks = with_marks
        self._before: dict[int, int] = {}
        self._highest: dict[int, tuple[int, int]] = {}

    @property
    def bytes(self) -> int:
        """The most that was held: by samples, and by marks where these are of that memory."""
        return max(self._sampled_bytes, self._marked_bytes if self._with_marks else 0)

    def drop_marks(self) -> None:
        """Large files were mapped after all: what the marks say is not of this memory."""
        self._with_marks = False

    def start(self, watch: TreeWatch) -> None:
        """What was highest before, by the last sample, is not of this stretch of time."""
        self._before = {one.pid: one.high_bytes for one in watch.readings}
        self._highest = {}

    def take(self, watch: TreeWatch) -> None:
        """Takes the last sample."""
        if watch.now_bytes > self._sampled_bytes:
            self._sampled_bytes, self.readings = watch.now_bytes, watch.readings
        if not self._with_marks:
            return
        for one in watch.readings:
            resident, total = self._highest.get(one.pid, (0, 0))
            if one.resident_bytes >= resident:
                resident, total = one.resident_bytes, watch.now_bytes
                self._highest[one.pid] = resident, total
            if one.high_bytes > max(resident, self._before.get(one.pid, 0)):
                marked_bytes = total + one.high_bytes - resident
                self._marked_bytes = max(self._marked_bytes, marked_bytes)


class TreeWatch:
    """The memory of a tree of processes, read whenever `sample` is called.

    Descendants stay in the tree when their parent dies before them. A sample costs about 10 ms per
    GiB that each process maps, so call it no more often than `sample_seconds` suggests.
    """

    def __init__(
        self,
        pid: int | None = None,
        shared_bytes: int | None = None,
        root: str = "/",
        is_same_memory: Callable[[int, int], bool] | None = None,
    ) -> None:
        """Watch `pid` (this process by default).

        `shared_bytes` is a bound on the shared memory of the tree where the caller knows it: the
        shares of several processes are not read at one instant, and while they first touch a
        segment the sum can exceed it. `is_same_memory(child, parent)` tells for certain whether a
        process still runs in its parent's address space (between vfork and exec); without it, two
        readings that are the same to the byte do.
        """
        self._is_same_memory = is_same_memory
        self.pid = os.getpid() if pid is None else pid
        self.now_bytes = 0
        self.peak_bytes = 0
        self.processes = 0
        self.at_peak: tuple[Reading, ...] = ()
        """What each process held when the peak was seen, the watched one first."""
        self.sample_seconds = 0.0
        self.readings: tuple[Reading, ...] = ()
        """What each process held at the last sample."""
        self._shared_bytes = shared_bytes
        self._proc = f"{root.rstrip('/')}/proc"
        self._known: dict[int, int] = {}

    def sample(self) -> int:
        """Read the tree now; returns and keeps `now_bytes`, and raises `peak_bytes` to it."""
        began = time.perf_counter()
        if os.path.isdir(self._proc):
            self.now_bytes = self._sample_proc()
        else:
            self.now_bytes = self._sample_psutil()
        if self.now_bytes > self.peak_bytes:
            self.peak_bytes, self.at_peak = self.now_bytes, self.readings
        self.sample_seconds = time.perf_counter() - began
        return self.now_bytes

    def descendants(self) -> list[int]:
        """The ids of the living processes of the tree, the watched one first if it lives."""
        return list(self._parents())

    def _parents(self) -> dict[int, int]:
        """Living processes of the tree with their parents; remembers when each was started."""
        parents: dict[int, int] = {}
        stack = [self.pid, *self._known]
        started: dict[int, int] = {}
        scanned: dict[int, list[int]] | None = None
        while stack:
            pid = stack.pop(0)
            if pid in parents:
                continue
            stat = procfs.start_and_parent(f"{self._proc}/{pid}")
            if stat is None or self._known.get(pid, stat[0]) != stat[0]:
                continue  # ended, or its id was given to another process
            started[pid], parents[pid] = stat
            children = None if scanned is not None else procfs.children(f"{self._proc}/{pid}")
            if children is None:
                scanned = self._scan() if scanned is None else scanned
                children = scanned.get(pid, [])
            stack += children
        self._known = started
        return parents

    def _scan(self) -> dict[int, list[int]]:
        """Children by parent of every process, for kernels that do not list them."""
        found: dict[int, list[int]] = {}
        for name in os.listdir(self._proc):
            stat = procfs.start_and_parent(f"{self._proc}/{name}") if name.isdigit() else None
            if stat is not None:
                found.setdefault(stat[1], []).append(int(name))
        return found

    def _sample_proc(self) -> int:
        """The sum over the tree; read again when a process came or went meanwhile.

        Its share of shared pages then moves to processes that were read already, or not yet, and
        is counted twice or not at all.
        """
        least: int | None = None
        for _ in range(_ATTEMPTS):
            parents = self._parents()
            total, complete = self._sum(parents)
            least = total if least is None else min(least, total)
            if complete and self._parents().keys() == parents.keys():
                return total
        return least or 0

    def _sum(self, parents: dict[int, int]) -> tuple[int, bool]:
        """(Bytes of these processes, whether all of them could be read)."""
        anon = shared = tables = 0
        complete = True
        readings: dict[int, Reading] = {}
        for pid, parent in parents.items():
            # Between vfork and exec a child runs in its parent's address space: every figure is the
            # same, to the byte, and counting both would count the parent twice. Asked before it is
            # read, since it may leave that space in between.
            above = readings.get(parent)
            if above and self._is_same_memory and self._is_same_memory(pid, parent):
                continue
            reading = whole(partial(_read, f"{self._proc}/{pid}", pid))
            if above is not None and reading.rollup and above.rollup == reading.rollup:
                continue
            readings[pid] = reading
            complete = complete and bool(reading.rollup)
            anon += reading.anon_bytes
            shared += reading.shared_bytes
            tables += reading.page_table_bytes
        self.processes = len(readings)
        self.readings = tuple(readings.values())
        bounds = [shared]
        if self._shared_bytes is not None:
            bounds.append(self._shared_bytes)
        machine = procfs.field_bytes(procfs.read_bytes(f"{self._proc}/meminfo"), b"Shmem")
        if machine is not None:
            bounds.append(machine)
        return anon + min(bounds) + tables, complete

    def _sample_psutil(self) -> int:
        """The private memory of every process (macOS); shared memory is added as it was told."""
        import psutil

        total = 0
        count = 0
        try:
            top = psutil.Process(self.pid)
            tree = [top, *top.children(recursive=True)]
        except psutil.Error:
            tree = []
        for process in tree:
            try:
                total += int(process.memory_full_info().uss)
                count += 1
            except psutil.Error:
                continue  # ended meanwhile, or not ours to look into
        self.processes = count
        return total + ((self._shared_bytes or 0) if count else 0)
