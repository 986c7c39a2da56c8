"""Measures a command from outside: what its whole tree of processes held, and what its group did.

Three figures. The sum of Pss_Anon, VmPTE and shared memory, sampled. What a control group was seen
to hold that has the command in it and nothing else, where one can be made: memory that nobody maps
and kernel memory are in it, and pages of files up to a bound, since the kernel takes those back
when they are in the way. And the kernel's own mark of that group: it misses no moment, and may have
pages of files in it that no sample saw. Does not judge them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from planner import procfs
from planner.cgroups import own_groups
from planner.watch import Reading, TreeWatch

_INTERVAL_SECONDS = 0.004
_ENTER = "import os, sys; open(sys.argv[1], 'w').write('0'); os.execv(sys.argv[2], sys.argv[2:])"


class Group:
    """A control group below our own, for one command; `reason` says why there is none."""

    def __init__(self, limit_bytes: int | None = None) -> None:
        self.path = ""
        self.version = 0
        self.reason = "no control group of memory is mounted"
        for group in own_groups("memory"):
            try:
                self._make(group.directory, group.version, limit_bytes)
            except OSError as error:
                self.reason = f"cgroup v{group.version}: {error}"
                self.remove()
            else:
                break

    def _make(self, base: str, version: int, limit_bytes: int | None) -> None:
        folder = f"{base}/plan-grid-{os.getpid()}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        self.path, self.version = folder, version
        if version == 1:
            # The group that ran before it had this name, perhaps; its peak is not ours.
            Path(folder, "memory.max_usage_in_bytes").write_text("0")
        elif not os.path.exists(f"{folder}/memory.peak"):
            raise OSError("memory is not delegated to groups below ours")
        if limit_bytes is not None:
            name = "memory.limit_in_bytes" if version == 1 else "memory.max"
            Path(folder, name).write_text(str(limit_bytes))

    @property
    def peak_bytes(self) -> int | None:
        """The most that was charged; None without a group."""
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        return int(procfs.read_text(f"{self.path}/{name}") or 0) if self.path else None

    def statistics(self) -> dict[str, int]:
        """The group's memory.stat; version 1 has the groups below it under `total_` names."""
        lines = (procfs.read_text(f"{self.path}/memory.stat") or "").splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines)}

    @property
    def oom_kills(self) -> int:
        """How many processes the kernel killed for memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        for line in (procfs.read_text(f"{self.path}/{name}") or "").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0

    def command(self, command: Sequence[str]) -> list[str]:
        """The command, entering the group first; what enters it is gone when the command begins."""
        if not self.path:
            return list(command)
        return [sys.executable, "-I", "-S", "-c", _ENTER, f"{self.path}/cgroup.procs", *command]

    def remove(self) -> None:
        """Removes the group, when its processes are gone."""
        for _ in range(100):
            if not self.path:
                return
            with contextlib.suppress(OSError):
                os.rmdir(self.path)
                self.path = ""
            time.sleep(0.01)


class SameMemory:
    """Asks the kernel whether two processes have one address space; False where it cannot tell."""

    _NUMBERS: ClassVar = {"x86_64": 312, "aarch64": 272}

    def __init__(self) -> None:
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._number = self._NUMBERS.get(os.uname().machine)
        self._apart: set[int] = set()

    def __call__(self, pid: int, parent: int) -> bool:
        """Whether it is so; who has an address space of its own keeps it, and is asked once."""
        if self._number is None or pid in self._apart:
            return False
        if self._call(self._number, pid, parent, 1, 0, 0) == 0:
            return True
        self._apart.add(pid)
        return False


@dataclass(slots=True)
class Peak:
    """What a command held."""

    tree_bytes: int
    """Sampled: anonymous memory, page tables, shared memory."""
    group_bytes: int | None
    """The most that the group was seen to hold, pages of files up to a bound; None where no group
    could be made."""
    mark_bytes: int
    """The kernel's mark of the group, less the pages of files beyond that bound that were seen
    before or behind it; 0 without a group."""
    file_bytes: int
    """The most pages of files that were seen charged to the group."""
    kernel_bytes: int
    """The most kernel memory that was seen charged to the group (page tables and stacks apart)."""
    exit_code: int
    seconds: float
    output: str
    oom_kills: int = 0
    highest_bytes: int = 0
    """The kernel's mark as it was read last."""
    last_file_bytes: int = 0
    """Pages of files in the last sample."""
    at_peak: tuple[Reading, ...] = ()
    samples: list[tuple[float, int, int, tuple[Reading, ...]]] = field(default_factory=list)
    """Seconds, bytes of the tree, page cache of the group, processes; kept where asked for."""

    @property
    def bytes(self) -> int:
        """What was seen: by the group where there is one, for it holds all that the tree holds."""
        return self.tree_bytes if self.group_bytes is None else self.group_bytes

    @property
    def at_most_bytes(self) -> int:
        """With what may have been held between two samples."""
        return max(self.bytes, self.mark_bytes)


@contextlib.contextmanager
def group(limit_bytes: int | None = None) -> Iterator[Group]:
    """A group for one command, removed at the end."""
    made = Group(limit_bytes)
    try:
        yield made
    finally:
        made.remove()


def measure(
    command: Sequence[str],
    *,
    limit_bytes: int | None = None,
    keep_samples: bool = False,
    interval_seconds: float = _INTERVAL_SECONDS,
    standard_input: str | None = None,
    page_cache_bytes: int = sys.maxsize,
) -> Peak:
    """Runs the command to its end and says what it held; its output is kept, not judged.

    `standard_input` is a file that it reads there. Of pages of files so many bytes count, at most.
    """
    with group(limit_bytes) as own, open(standard_input or os.devnull, "rb") as given:
        began = time.perf_counter()
        process = subprocess.Popen(
            own.command(command), stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        watch = TreeWatch(process.pid, is_same_memory=SameMemory())
        found = Peak(0, None, 0, 0, 0, 0, 0.0, "")
        while process.poll() is None:
            watch.sample()
            if own.path:
                _note(own, watch, found, page_cache_bytes)
            if keep_samples:
                moment = time.perf_counter() - began
                files = own.statistics().get("total_cache", 0) if own.path else 0
                found.samples.append((moment, watch.now_bytes, files, watch.readings))
            time.sleep(interval_seconds)
        assert process.stdout is not None
        found.output = process.stdout.read().decode(errors="replace")
        process.stdout.close()
        found.tree_bytes, found.at_peak = watch.peak_bytes, watch.at_peak
        found.seconds = time.perf_counter() - began
        found.exit_code = process.returncode
        peak_bytes, found.oom_kills = own.peak_bytes, own.oom_kills
        if peak_bytes is not None:
            # A sum over processes is not taken at one instant: while one ends, pages that it shared
            # are counted with it and again with those that are left.
            found.group_bytes = min(found.group_bytes or 0, peak_bytes)
    return found


def page_cache_bytes(plan: Mapping[str, Any]) -> int:
    """Pages of files in the largest phase of a plan, of which each is a term that says so."""
    largest = max(plan["phases"], key=lambda phase: int(phase["bytes"]))
    return sum(int(term["bytes"]) for term in largest["terms"] if "page cache" in term["source"])


def _note(own: Group, watch: TreeWatch, found: Peak, page_cache_bytes: int) -> None:
    """Takes a sample of the group.

    Its statistics are one moment, but may be an old one; what is charged to it now has pages of
    files in it that they do not tell of yet. So it is their own sum, or that of the processes.
    """
    statistics = own.statistics()
    tables = sum(one.page_table_bytes for one in watch.readings)
    if own.version == 1:
        shared = statistics.get("total_shmem", 0)
        files = statistics.get("total_cache", 0) - shared
        anonymous = statistics.get("total_rss", 0)
        # Page tables are in it.
        kernel = int(procfs.read_text(f"{own.path}/memory.kmem.usage_in_bytes") or 0)
    else:
        shared = statistics.get("shmem", 0)
        files = statistics.get("file", 0) - shared
        anonymous, kernel = statistics.get("anon", 0), statistics.get("kernel", 0)
    held = max(anonymous + shared, watch.now_bytes - tables) + max(kernel, tables)
    found.group_bytes = max(found.group_bytes or 0, held + min(files, page_cache_bytes))
    beyond = max(0, max(files, found.last_file_bytes) - page_cache_bytes)
    if (peak := own.peak_bytes or 0) > found.highest_bytes:
        found.highest_bytes = peak
        found.mark_bytes = max(found.mark_bytes, peak - beyond)
    found.last_file_bytes = files
    found.file_bytes = max(found.file_bytes, files)
    found.kernel_bytes = max(found.kernel_bytes, kernel - tables)
