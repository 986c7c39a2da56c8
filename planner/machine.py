"""Finds what this process may really use: the smallest of all limits, each with its source.

A budget is a bound on the peak of the whole process tree, in memory that cannot be reclaimed:
anonymous pages, shared memory, page tables. Most limits tell instead what is free *besides* the
memory that is already in use, the process's own included. So its own present share (Pss_Anon +
Pss_Shmem + VmPTE of smaps_rollup and status) is added back to those; `--budget` is absolute and
taken as it is. Clean pages of files count as free, because the kernel takes them back; swap never
counts, because a machine that swaps stands still. Of a control group's limit as much is left alone
as the kernel reads ahead: pages of code are charged to the group too, and where less than one such
piece finds room, code is read and taken back without end.

Covers control groups v1 and v2 along the process's own path up to the mount point, also hybrid
and namespaced; RLIMIT_AS and RLIMIT_DATA; strict overcommit; MemAvailable less a reserve. Does not
cover limits of other users of the machine that come into force later.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from planner import procfs
from planner.cgroups import own_groups
from planner.model import Limit, Setting
from planner.sizes import format_size

_UNLIMITED_BYTES = 2**62  # v1 writes 2**63 less one page; pages have 4, 16 or 64 KiB


class UnknownBudgetError(RuntimeError):
    """Nothing on this machine says how much memory there is."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the process may use, as it was when it was read."""

    budget_bytes: int
    """The bound on the peak of the process tree: the smallest of `limits`."""
    budget_source: str
    """Where the budget comes from, for people."""
    limits: tuple[Limit, ...]
    """Every limit found, the deciding one marked."""
    cores: int
    """Cores that may be used at once, at least 1."""
    cores_source: str
    """Where that number comes from."""
    own_bytes: int
    """What the process itself held, as it was added back to the limits."""

    def with_limits(self, limits: Sequence[Limit]) -> Machine:
        """The same machine under other limits; the smallest decides. ValueError without any."""
        if not limits:
            raise ValueError("a machine needs at least one limit")
        marked = _mark(list(limits))
        deciding = next(limit for limit in marked if limit.deciding)
        return replace(
            self, limits=marked, budget_bytes=deciding.bytes, budget_source=deciding.source
        )


_CLASSES = ((1 << 30, "tiny"), (4 << 30, "small"), (16 << 30, "medium"), (64 << 30, "large"))


def profile(machine: Machine, reserve_bytes: int) -> dict[str, Setting]:
    """What a plan tells about the machine: cores and memory that may be used, and what is left.

    The memory is the smallest limit but the user's own; its class is a word for its size: tiny
    under 1 GiB, small under 4, medium under 16, large under 64, huge from there.
    """
    others = [limit.bytes for limit in machine.limits if limit.kind != "budget"]
    memory_bytes = min(others, default=machine.budget_bytes)
    return {
        "cores": machine.cores,
        "cores_source": machine.cores_source,
        "memory_class": next((word for least, word in _CLASSES if memory_bytes < least), "huge"),
        "memory_bytes": memory_bytes,
        "reserve_bytes": reserve_bytes,
    }


class _Place(NamedTuple):
    """Where to read: `root` before every path, and the process's folder under /proc."""

    root: str
    pid: str

    @property
    def process(self) -> str:
        return f"{self.root}/proc/{self.pid}"

    @property
    def is_self(self) -> bool:
        return not self.root and self.pid in ("self", str(os.getpid()))


def _own_bytes(place: _Place) -> int:
    process = place.process
    return (
        procfs.anon_share_bytes(process)
        + procfs.shared_share_bytes(process)
        + procfs.page_table_bytes(process)
    )


def _headroom(
    kind: str,
    name: str,
    limit_bytes: int,
    used_bytes: int,
    own_bytes: int,
    used: str = "in use",
    code_bytes: int = 0,
) -> Limit:
    """A limit of which `used_bytes` are taken already, `own_bytes` of that by the process itself.

    Never more than the limit as it is set: memory charged to another group does not widen it.
    `code_bytes` of it are left for pages of code.
    """
    bound_bytes = max(0, min(limit_bytes, limit_bytes - used_bytes + own_bytes) - code_bytes)
    source = f"{name} {format_size(limit_bytes)} - {format_size(used_bytes)} {used}"
    if code_bytes:
        source += f" - {format_size(code_bytes)} for code"
    if own_bytes:
        source += f" + {format_size(own_bytes)} held by this process"
    return Limit(kind, bound_bytes, source)


def read_ahead_bytes(root: str = "") -> int:
    """The most that the kernel reads of a file at once when one page of it is missing.

    The largest of all disks: which of them code lies on cannot be told within a container. 0 where
    nothing says so. `root` stands before the path.
    """
    folder = f"{root}/sys/class/bdi"
    try:
        disks = os.listdir(folder)
    except OSError:
        return 0
    texts = [procfs.read_text(f"{folder}/{disk}/read_ahead_kb") or "" for disk in disks]
    return max((int(text) << 10 for text in texts if text.isdigit()), default=0)


def _number(path: str) -> int | None:
    """The number in a file of a control group; None for `max`, unlimited, or no such file."""
    text = procfs.read_text(path)
    if text is None or not text.isdigit() or int(text) >= _UNLIMITED_BYTES:
        return None
    return int(text)


def _statistics(path: str) -> dict[str, int]:
    """The lines `name number` of a file such as memory.stat."""
    pairs = (line.split() for line in (procfs.read_text(path) or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _clean_file_bytes(statistics: dict[str, int], version: int) -> int:
    """Pages of files that the kernel can drop at once: neither dirty nor on their way to disk."""
    if version == 2:
        prefix, dirty, writeback = "", "file_dirty", "file_writeback"
    else:
        # total_ includes the groups below; it is absent where v1 is not hierarchical.
        prefix = "total_" if "total_inactive_file" in statistics else ""
        dirty, writeback = f"{prefix}dirty", f"{prefix}writeback"
    clean = statistics.get(f"{prefix}inactive_file", 0) + statistics.get(f"{prefix}active_file", 0)
    return max(0, clean - statistics.get(dirty, 0) - statistics.get(writeback, 0))


def _group_limits(place: _Place, own_bytes: int) -> Iterator[Limit]:
    """One limit for each file that sets one, of the own group and each visible ancestor."""
    code_bytes = read_ahead_bytes(place.root)
    for group in own_groups("memory", place.root, place.pid):
        if group.version == 2:
            current, names = "memory.current", ["memory.max", "memory.high"]
        else:
            current, names = "memory.usage_in_bytes", ["memory.limit_in_bytes"]
        unseen_bytes: int | None = None
        least_bytes = _UNLIMITED_BYTES
        for index, folder in enumerate(group.directories()):
            real = place.root + folder
            if index and procfs.read_text(f"{real}/memory.use_hierarchy") == "0":
                continue  # v1 of old: this ancestor does not charge its children
            statistics = _statistics(f"{real}/memory.stat")
            used = _number(f"{real}/{current}") or 0
            used = max(0, used - _clean_file_bytes(statistics, group.version))
            for name in names:
                limit = _number(f"{real}/{name}")
                if limit is not None:
                    least_bytes = min(least_bytes, limit)
                    title = f"cgroup v{group.version} {folder}/{name}"
                    yield _headroom("cgroup", title, limit, used, own_bytes, code_bytes=code_bytes)
            if index == 0:
                unseen_bytes, unseen_used = statistics.get("hierarchical_memory_limit"), used
        # v1 tells the smallest limit of all ancestors, those above the mount point included. How
        # much of that the neighbours use cannot be seen.
        if unseen_bytes is not None and unseen_bytes < least_bytes:
            title = f"cgroup v1 {group.directory}/memory.stat hierarchical_memory_limit"
            yield _headroom(
                "cgroup", title, unseen_bytes, unseen_used, own_bytes, code_bytes=code_bytes
            )


def _soft_limit(limits: str, name: str) -> int | None:
    """The soft limit of a line of /proc/PID/limits; None when unlimited or not there."""
    for line in limits.splitlines():
        if line.startswith(name):
            soft = line[len(name) :].split()[:1]
            return int(soft[0]) if soft and soft[0].isdigit() else None
    return None


def _resource_limits(place: _Place, own_bytes: int) -> Iterator[Limit]:
    limits = procfs.read_text(f"{place.process}/limits") or ""
    status = procfs.read_bytes(f"{place.process}/status")
    for title, name, used_name in (
        ("Max address space", "RLIMIT_AS", "VmSize"),
        ("Max data size", "RLIMIT_DATA", "VmData"),
    ):
        limit = _soft_limit(limits, title)
        if limit is not None and limit < _UNLIMITED_BYTES:
            used = procfs.field_bytes(status, used_name.encode()) or 0
            yield _headroom("rlimit", name, limit, used, own_bytes, f"{used_name} in use")


def _machine_limits(place: _Place, reserve_bytes: int, own_bytes: int) -> Iterator[Limit]:
    blob = procfs.read_bytes(f"{place.root}/proc/meminfo")
    if procfs.read_text(f"{place.root}/proc/sys/vm/overcommit_memory") == "2":
        commit = procfs.field_bytes(blob, b"CommitLimit")
        used = procfs.field_bytes(blob, b"Committed_AS") or 0
        if commit is not None:
            title = "strict overcommit, CommitLimit"
            yield _headroom("commit", title, commit, used, own_bytes, "Committed_AS")
    name = b"MemAvailable"
    available = procfs.field_bytes(blob, name)
    if available is None:  # kernels before 3.14, some containers
        name = b"MemFree"
        available = procfs.field_bytes(blob, name)
    if available is not None:
        yield _available(f"/proc/meminfo {name.decode()}", available, reserve_bytes, own_bytes)


def _available(name: str, available_bytes: int, reserve_bytes: int, own_bytes: int) -> Limit:
    """What is available to all, less what is left alone, plus what the process has already."""
    source = f"{name} {format_size(available_bytes)} - {format_size(reserve_bytes)} reserve"
    if own_bytes:
        source += f" + {format_size(own_bytes)} held by this process"
    return Limit("available", max(0, available_bytes - reserve_bytes + own_bytes), source)


def _without_proc(reserve_bytes: int) -> tuple[int, list[Limit]]:
    """(Own bytes, limits) where there is no /proc, as on macOS."""
    try:
        import psutil
    except ImportError:
        return 0, []
    own_bytes = int(psutil.Process().memory_full_info().uss)
    available = int(psutil.virtual_memory().available)
    name = "available memory by psutil (there is no /proc here)"
    return own_bytes, [_available(name, available, reserve_bytes, own_bytes)]


def _quotas(place: _Place) -> Iterator[tuple[int, str]]:
    """(Cores, source) of each quota of processor time along the process's own path."""
    for group in own_groups("cpu", place.root, place.pid):
        for folder in group.directories():
            real = place.root + folder
            if group.version == 2:
                name = "cpu.max"
                words = (procfs.read_text(f"{real}/{name}") or "").split()
            else:
                name = "cpu.cfs_quota_us"
                quota = procfs.read_text(f"{real}/{name}") or ""
                words = [quota, procfs.read_text(f"{real}/cpu.cfs_period_us") or ""]
            if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]):
                # Rounded up: a quota of 1.5 cores keeps two workers busier than one.
                cores = max(1, -(-int(words[0]) // int(words[1])))
                yield cores, f"cgroup v{group.version} {folder}/{name}"


def _count(ranges: str) -> int:
    """How many processors a list such as `0-3,8` names; 0 if it is no such list."""
    total = 0
    for part in ranges.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            return 0
        total += int(last or first) - int(first) + 1
    return total


def _affinity(place: _Place) -> tuple[int, str]:
    if place.is_self and hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)), "processors that the process may run on"
    for line in (procfs.read_text(f"{place.process}/status") or "").splitlines():
        name, _, value = line.partition(":")
        if name == "Cpus_allowed_list" and _count(value):
            return _count(value), "processors that the process may run on"
    return os.cpu_count() or 1, "processors of the machine"


def _mark(limits: list[Limit]) -> tuple[Limit, ...]:
    """The limits with the first of the smallest marked as the one that decides."""
    least = min(range(len(limits)), key=lambda index: limits[index].bytes)
    return tuple(replace(limit, deciding=i == least) for i, limit in enumerate(limits))


def read_machine(
    reserve_bytes: int, budget_bytes: int | None = None, root: str = "/", pid: str = "self"
) -> Machine:
    """Read every limit that binds the process `pid`, now.

    `reserve_bytes` of the available memory are left alone; `budget_bytes` is the user's own bound.
    `root` stands before every path that is read, for made-up machines. Raises ValueError on
    negative sizes, UnknownBudgetError where nothing tells a limit and none is given.
    """
    if reserve_bytes < 0 or (budget_bytes is not None and budget_bytes < 0):
        raise ValueError("reserve and budget cannot be negative")
    place = _Place(root.rstrip("/"), pid)
    limits: list[Limit] = []
    if budget_bytes is not None:
        limits.append(Limit("budget", budget_bytes, f"--budget {format_size(budget_bytes)}"))
    if os.path.isdir(f"{place.root}/proc"):
        own_bytes = _own_bytes(place)
        limits += _group_limits(place, own_bytes)
        limits += _resource_limits(place, own_bytes)
        limits += _machine_limits(place, reserve_bytes, own_bytes)
    else:
        own_bytes, found = _without_proc(reserve_bytes)
        limits += found
    if not limits:
        raise UnknownBudgetError(
            "nothing tells how much memory may be used here (no /proc/meminfo, no psutil): "
            "give --budget"
        )
    marked = _mark(limits)
    deciding = next(limit for limit in marked if limit.deciding)
    cores, cores_source = min([_affinity(place), *_quotas(place)], key=lambda found: found[0])
    return Machine(deciding.bytes, deciding.source, marked, max(1, cores), cores_source, own_bytes)
