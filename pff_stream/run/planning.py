"""Plans a run from the headers of its inputs: the best settings that fit, or why none does.

Processes are measured here, on this machine; the arithmetic is in `memory`, the search in the
`planner` library.
"""

from __future__ import annotations

import gc
import os
import platform
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pff_stream.run.ceiling import too_many, why_fewer
from pff_stream.run.memory import ProcessCosts, RunSizes, run_phases
from pff_stream.run.settings import RunSettings
from planner.machine import Machine
from planner.model import Phase, Setting, Settings
from planner.plan import Plan
from planner.probe import ProbeError, WorkerMemory, measure_self, probe_worker
from planner.search import as_options, choose, nearest

PARENT_GROWTH_BYTES = 3 << 19
"""What the parent still grows by after it was measured: pipes, tasks, what a merge opens."""
WORKER_GROWTH_BYTES = 1 << 20
"""What a worker grows by at its first tasks, beside what is planned by name."""
WIDE_SPEED = 2.5
"""How much faster large graphs are evaluated with 512 sources at once (see docs/performance.md)."""


@dataclass(slots=True)
class Costs:
    """Costs of processes, probed once per start method when they are asked for."""

    parent_bytes: int
    _probed: dict[str, WorkerMemory]

    def of(self, start_method: str) -> ProcessCosts:
        """What the parent and one worker cost under a start method."""
        if start_method == "thread":
            return ProcessCosts(self.parent_bytes, 0, 0, "measured here")
        if start_method not in self._probed:
            self._probed[start_method] = probe_worker(
                start_method,
                prepare_worker,
                cache_path=_cache_path(),
                key=_cache_key(),
            )
        probed = self._probed[start_method]
        return ProcessCosts(
            self.parent_bytes,
            probed.worker.bytes + WORKER_GROWTH_BYTES,
            probed.helpers_bytes,
            "measured here by a probe",
        )


def prepare_worker() -> object:
    """What a worker does before its first task, for the probe: the imports."""
    gc.disable()
    import pff_stream.run.worker

    return pff_stream.run.worker


def measure_costs() -> Costs:
    """The parent as it is now; workers are probed when a start method is considered."""
    gc.collect()
    return Costs(measure_self().bytes + PARENT_GROWTH_BYTES, {})


def _cache_path() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "pff-stream", "probe.json")


def _cache_key() -> dict[str, str]:
    import msgpack
    import numpy as np

    return {
        "python": sys.version,
        "numpy": np.__version__,
        "msgpack": ".".join(map(str, msgpack.version)),
        "kernel": platform.release(),
        "machine": platform.machine(),
    }


def start_methods(settings: RunSettings) -> list[str]:
    """The start methods to consider, best first: the one that was asked for, or what is safe here.

    Fork is the lightest and quickest, but only a process of one thread can be forked safely.
    """
    if settings.start_method is not None:
        return [settings.start_method]
    methods = ["forkserver", "spawn"]
    if sys.platform == "linux" and threading.active_count() == 1:
        methods.insert(0, "fork")
    return methods


def plan_run(
    settings: RunSettings,
    machine: Machine,
    sizes: RunSizes,
    costs: Costs,
    before: Sequence[Phase],
    fixed: Settings | None = None,
) -> Plan:
    """The plan of a run; one that does not fit carries what would.

    `fixed` are the settings of a saved plan, which are taken or refused as they are.
    """
    methods = start_methods(settings) if fixed is None else [str(fixed["start_method"])]

    def build(candidate: Settings) -> list[Phase]:
        return [*before, *run_phases(sizes, costs.of(str(candidate["start_method"])), candidate)]

    ceiling = worker_ceiling(settings, machine, sizes)
    chosen = None
    for method in methods:
        try:
            candidates = [fixed] if fixed else _candidates(settings, ceiling, method)
            chosen = choose(build, candidates, machine.budget_bytes)
        except ProbeError:
            if method == methods[-1]:
                raise
            continue
        if chosen is not None:
            break
    free = chosen.settings if chosen and fixed is None else None
    notes = _notes(settings, machine, sizes.n_chunks, free)
    if chosen is not None:
        return _plan(machine, chosen.phases, chosen.settings, (), notes, None)
    wanted = int((fixed or {}).get("workers") or settings.workers or ceiling)
    wish = dict(fixed) if fixed else _candidate(wanted, methods[0], wide=False)
    axes: dict[str, Sequence[Setting]] = {
        "workers": list(range(wanted - 1, 0, -1)),
        "start_method": [methods[0], "thread"],
    }
    near = nearest(build, wish, axes, machine.budget_bytes)
    suggestions = [
        as_options({name: option[name] for name in ("workers", "start_method")})
        for option in (candidate.settings for candidate in near.fitting)
    ]
    return _plan(machine, tuple(build(wish)), wish, suggestions, notes, near.least.peak_bytes)


def worker_ceiling(settings: RunSettings, machine: Machine, sizes: RunSizes) -> int:
    """As many workers as there are cores, tasks, and --max-workers allows; at least one."""
    return max(1, min(machine.cores, settings.max_workers or machine.cores, sizes.n_chunks))


def _candidates(settings: RunSettings, ceiling: int, method: str) -> Iterator[Settings]:
    """Settings by expected throughput, best first."""
    counts = [settings.workers] if settings.workers else list(range(ceiling, 0, -1))
    options = [(n * (WIDE_SPEED if wide else 1.0), n, wide) for n in counts for wide in (1, 0)]
    for _, n, wide in sorted(options, reverse=True):
        yield _candidate(n, method, wide=bool(wide))


def _candidate(workers: int, method: str, *, wide: bool) -> dict[str, Setting]:
    return {"workers": workers, "start_method": method, "window": 4 * workers, "wide": wide}


def _notes(
    settings: RunSettings,
    machine: Machine,
    n_chunks: int,
    chosen: Settings | None,
) -> list[str]:
    notes = too_many(settings, machine)
    notes += why_fewer(settings, machine, n_chunks, "chunks of rules", chosen)
    if chosen is not None and not chosen["wide"]:
        notes.append("one source at a time: the vectors for 512 at once do not fit the budget")
    return notes


def _plan(
    machine: Machine,
    phases: Sequence[Phase],
    settings: Settings,
    suggestions: Sequence[str],
    notes: Sequence[str],
    least_bytes: int | None,
) -> Plan:
    return Plan(
        phases=phases,
        budget_bytes=machine.budget_bytes,
        budget_source=machine.budget_source,
        limits=machine.limits,
        settings=settings,
        suggestions=suggestions,
        notes=notes,
        least_bytes=least_bytes,
    )
