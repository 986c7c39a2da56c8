"""Measures what a process costs on this machine, since no constant holds for every build of Python.

What a worker costs is what it adds to the tree: all of its anonymous memory after `spawn`, only
the pages that it no longer shares with its parent after `fork` (or with the server, `forkserver`).
So that pages which the parent wrote after a fork are not counted once per worker, three workers
are started where they share, one where they do not, and all are measured while they wait.

Does not measure what a worker needs at work: `target` prepares it (imports, buffers) and returns.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from planner import procfs
from planner.probed import prepare_and_wait
from planner.watch import TreeWatch

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

_CACHE_VERSION = 2
_SHARING = {"fork": 3, "forkserver": 3, "spawn": 1}
_TRACKER, _SERVER = b"multiprocessing.resource_tracker", b"multiprocessing.forkserver"
_HELPERS: dict[str, tuple[bytes, ...]] = {
    "fork": (),
    "spawn": (_TRACKER,),
    "forkserver": (_TRACKER, _SERVER),
}


class ProbeError(RuntimeError):
    """A probed worker failed, died, or did not become ready in time."""


@dataclass(frozen=True, slots=True)
class ProcessMemory:
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


@dataclass(frozen=True, slots=True)
class WorkerMemory:
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


def _measure_other(pid: int) -> ProcessMemory:
    """What another process of ours holds alone."""
    process = f"{procfs.PROC}/{pid}"
    if not os.path.isdir(procfs.PROC):
        import psutil

        full = psutil.Process(pid).memory_full_info()
        return ProcessMemory(int(full.uss), 0, int(full.vms))
    return ProcessMemory(
        procfs.private_anon_bytes(process),
        procfs.page_table_bytes(process),
        procfs.data_bytes(process),
    )


def _running_helpers_bytes(watch: TreeWatch, start_method: str) -> int:
    """Private memory of the helpers of this start method that run already: a run uses them too."""
    total = 0
    for pid in watch.descendants():
        command = procfs.read_bytes(f"{procfs.PROC}/{pid}/cmdline") or b""
        if pid != watch.pid and any(name in command for name in _HELPERS[start_method]):
            total += _measure_other(pid).bytes
    return total


def _await_ready(connections: list[Connection], deadline: float) -> None:
    for connection in connections:
        try:
            if not connection.poll(max(0.0, deadline - time.monotonic())):
                raise ProbeError("a probed worker was not ready in time")
            failure = connection.recv()
        except (EOFError, OSError) as error:
            raise ProbeError("a probed worker died before it was ready") from error
        if failure:
            raise ProbeError(f"a probed worker failed: {failure}")


def _stop(processes: list[BaseProcess], connections: list[Connection]) -> None:
    """Let the workers go, and make sure that they have gone."""
    for connection in connections:
        connection.close()
    for process in processes:
        # They hold nothing and may have inherited each other's pipes: no use in asking them.
        if process.pid is not None:
            process.kill()
            process.join()
        process.close()


def _measure_workers(
    start_method: str, target: Callable[..., object], args: tuple[Any, ...], seconds: float
) -> WorkerMemory:
    import multiprocessing

    context = multiprocessing.get_context(start_method)
    count = _SHARING[start_method]
    processes: list[BaseProcess] = []
    connections: list[Connection] = []
    watch = TreeWatch()
    before_bytes = watch.sample() - _running_helpers_bytes(watch, start_method)
    began = time.monotonic()
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            connections.append(ours)
            # Process exists in every context; the common base class does not declare it.
            process: BaseProcess = context.Process(  # type: ignore[attr-defined]
                target=prepare_and_wait, args=(theirs, target, args, seconds), daemon=True
            )
            processes.append(process)
            process.start()
            theirs.close()
        _await_ready(connections, began + seconds)
        ready_seconds = time.monotonic() - began
        measured = [_measure_other(process.pid) for process in processes if process.pid]
        after_bytes = watch.sample()
    finally:
        _stop(processes, connections)
    worker = ProcessMemory(
        max(one.anon_bytes for one in measured),
        max(one.page_table_bytes for one in measured),
        max(one.data_bytes for one in measured),
    )
    helpers_bytes = after_bytes - before_bytes - sum(one.bytes for one in measured)
    return WorkerMemory(worker, max(0, helpers_bytes), ready_seconds)


def probe_worker(
    start_method: str,
    target: Callable[..., object],
    args: tuple[Any, ...] = (),
    *,
    cache_path: str | os.PathLike[str] | None = None,
    key: Mapping[str, str] | None = None,
    timeout_seconds: float = 60.0,
) -> WorkerMemory:
    """Start workers by `fork`, `spawn` or `forkserver` that run `target(*args)`, and measure them.

    What `target` returns is kept until the measuring is done. The helper processes of `spawn` and
    `forkserver` stay, as they do in a run. With `cache_path` an earlier answer for the same start
    method, target and `key` (versions and whatever else changes the cost) is taken instead; a
    cache that cannot be read or written is ignored. Raises ValueError on another start method,
    ProbeError when a worker fails, dies or takes longer than `timeout_seconds`.
    """
    if start_method not in _SHARING:
        raise ValueError(f"{start_method!r}: expected one of {', '.join(_SHARING)}")
    if cache_path is None:
        return _measure_workers(start_method, target, args, timeout_seconds)
    name = getattr(target, "__qualname__", type(target).__qualname__)
    return cached_probe(
        cache_path,
        {**(key or {}), "start": start_method, "target": name},
        lambda: _measure_workers(start_method, target, args, timeout_seconds),
    )


def cached_probe(
    cache_path: str | os.PathLike[str],
    key: Mapping[str, str],
    measure: Callable[[], WorkerMemory],
) -> WorkerMemory:
    """The answer that `measure` gave for `key` before, else the one that it gives now.

    A cache that cannot be read or written is ignored.
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
        with open(path, encoding="utf-8") as file:
            saved = json.load(file)
        if saved["format_version"] != _CACHE_VERSION:
            return {}
        return {
            str(place): WorkerMemory(
                ProcessMemory(**{name: int(size) for name, size in entry["worker"].items()}),
                int(entry["helpers_bytes"]),
                float(entry["start_seconds"]),
                int(entry["growth_bytes"]),
            )
            for place, entry in saved["probes"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _write_cache(path: str, probes: Mapping[str, WorkerMemory]) -> None:
    """Replace the cache file in one step, so that nobody ever reads half of it."""
    import json

    text = json.dumps(
        {
            "format_version": _CACHE_VERSION,
            "probes": {place: asdict(probe) for place, probe in probes.items()},
        },
        indent=1,
    )
    beside = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        try:
            with open(beside, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(beside, path)
        except OSError:
            os.unlink(beside)
    except OSError:
        pass
