"""Measures what a process holds, and keeps answers, since no constant holds for every Python build.

What a worker costs is what it adds to the tree: all of its anonymous memory after `spawn`, only
the pages that it no longer shares with its parent after `fork` (or with the server, `forkserver`).
Does not start the workers: a program measures those that it really starts.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from typing import NamedTuple

from planner import procfs

_CACHE_VERSION = 2
_CACHE_BYTES = 1 << 20
_MOST_BYTES = 1 << 36
_MOST_SECONDS = 3600.0


class ProbeError(RuntimeError):
    """No worker could be measured."""


class ProcessMemory(NamedTuple):
    """What a process holds that cannot be reclaimed, and what a limit on its data would count."""

    anon_bytes: int
    """Anonymous memory: the share of the tree (`measure_self`), or what is private (a worker)."""
    page_table_bytes: int
    """Page tables."""
    data_bytes: int
    """Private writable address space (VmData), touched or not: what RLIMIT_DATA counts."""

    @property
    def bytes(self) -> int:
        """What the process adds to the tree."""
        return self.anon_bytes + self.page_table_bytes


class WorkerMemory(NamedTuple):
    """What workers of one start method cost."""

    worker: ProcessMemory
    """What each worker adds to the tree, the largest of those that were started."""
    helpers_bytes: int
    """What comes once, whether it ran before or not: the resource tracker and fork server that the
    start method needs, pages that workers share among themselves, what the parent gained."""
    start_seconds: float
    """From the first start until the last worker was ready."""
    growth_bytes: int = 0
    """What the parent keeps when its workers are gone."""


def measure_self() -> ProcessMemory:
    """What this process holds now; without /proc (macOS) its private memory by psutil."""
    process = f"{procfs.PROC}/self"
    if not os.path.isdir(process):
        import psutil

        full = psutil.Process().memory_full_info()
        return ProcessMemory(int(full.uss), 0, int(full.vms))
    return ProcessMemory(
        procfs.anon_share_bytes(process),
        procfs.page_table_bytes(process),
        procfs.data_bytes(process),
    )


def measure_process(pid: int) -> ProcessMemory:
    """What another process of this user holds alone; as `measure_self` where there is no /proc.

    Zeros where it has ended.
    """
    process = f"{procfs.PROC}/{pid}"
    if not os.path.isdir(procfs.PROC):
        import psutil

        try:
            full = psutil.Process(pid).memory_full_info()
        except psutil.NoSuchProcess:
            return ProcessMemory(0, 0, 0)
        return ProcessMemory(int(full.uss), 0, int(full.vms))
    return ProcessMemory(
        procfs.private_anon_bytes(process),
        procfs.page_table_bytes(process),
        procfs.data_bytes(process),
    )


def cached_probe(
    cache_path: str | os.PathLike[str],
    key: Mapping[str, str],
    measure: Callable[[], WorkerMemory],
) -> WorkerMemory:
    """The answer that `measure` gave for `key` before, else the one that it gives now.

    `key` is whatever changes the cost: versions, the start method. A cache that cannot be read or
    written is ignored; its folder is not made where it is missing.
    """
    path = os.fspath(cache_path)
    place = _cache_key(key)
    cached = _read_cache(path).get(place)
    if cached is None:
        cached = measure()
        _write_cache(path, {**_read_cache(path), place: cached})
    return cached


def _cache_key(parts: Mapping[str, str]) -> str:
    import json

    return json.dumps(dict(parts), sort_keys=True)


def _read_cache(path: str) -> dict[str, WorkerMemory]:
    """All answers of a cache file; none where it cannot be read or is not what was written."""
    import json

    try:
        saved = json.loads(_cache_text(path))
        if saved["format_version"] != _CACHE_VERSION:
            return {}
        return {
            str(place): WorkerMemory(
                ProcessMemory(**{name: _bytes(size) for name, size in entry["worker"].items()}),
                _bytes(entry["helpers_bytes"]),
                _seconds(entry["start_seconds"]),
                _bytes(entry["growth_bytes"]),
            )
            for place, entry in saved["probes"].items()
            if _bytes(sum(entry["worker"].values()))  # no worker takes nothing
        }
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
    ):
        return {}


def _cache_text(path: str) -> bytes:
    """The whole file; ValueError where it is none of this user's, or longer than a cache."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            raise ValueError(f"{path}: not a file of this user")
        if found.st_size > _CACHE_BYTES:
            raise ValueError(f"{path}: {found.st_size} bytes")
        return os.pread(descriptor, _CACHE_BYTES, 0)
    finally:
        os.close(descriptor)


def _bytes(value: object) -> int:
    """What a process can hold; ValueError for anything else."""
    if type(value) is not int or not 0 <= value <= _MOST_BYTES:
        raise ValueError(f"{value!r}: expected bytes")
    return value


def _seconds(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= value < _MOST_SECONDS:  # type: ignore[operator]
        raise ValueError(f"{value!r}: expected seconds")
    return float(value)  # type: ignore[arg-type]


def _as_json(probe: WorkerMemory) -> dict[str, object]:
    return {**probe._asdict(), "worker": probe.worker._asdict()}


def _write_cache(path: str, probes: Mapping[str, WorkerMemory]) -> None:
    """Replace the cache file in one step, so that nobody ever reads half of it."""
    import json

    text = json.dumps(
        {
            "format_version": _CACHE_VERSION,
            "probes": {place: _as_json(probe) for place, probe in probes.items()},
        },
        indent=1,
    )
    beside = f"{path}.{os.getpid()}"
    try:
        try:
            with open(beside, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(beside, path)
        except OSError:
            os.unlink(beside)
    except OSError:
        pass
