"""What processes cost on this machine: this one as it is, workers as a probe found them."""

from __future__ import annotations

import gc
import os
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from pff_stream.errors import UsageError, WorkersFailedError
from pff_stream.execute.executors import EXECUTORS, executor_named
from pff_stream.files import _pages
from pff_stream.limits.meter import MemoryMeter
from pff_stream.plan.process_terms import PROBE_INPUTS_BYTES
from pff_stream.plan.sizes import ProcessCosts
from pff_stream.plan.terms import PROBE_INPUTS, probe_inputs_phase, probe_phase
from pff_stream.settings.models import ResourceOptions
from planner.model import Phase, Settings
from planner.probe import ProbeError, WorkerMemory, cached_probe, measure_self

_PROBE_VERSION = 4
"""Changes when the code of workers does, so that older answers are not taken for it."""


THREAD_BYTES = 128 << 10
"""A worker that is a thread, at most; measured as a few pages."""
KERNEL_BYTES = 2 << 20
"""What a probe takes of the kernel besides."""
_LIKE_BYTES = 256 << 10
"""Page tables within which two processes are alike: a fork copies them, and the pages that it then
writes grow with them. What one process found is no answer for one that is larger or smaller."""


@dataclass(slots=True)
class Costs:
    """Costs of processes, probed once per start method when they are asked for."""

    parent_bytes: int
    budget_bytes: int
    folder: str
    """Where the probe's temporary files go."""
    meter: MemoryMeter
    """Measures probes, too."""
    phases: list[Phase] = field(default_factory=list)
    """What probes held that were made now and not taken from the cache."""
    _probed: dict[str, WorkerMemory] = field(default_factory=dict)

    @property
    def of_this_process(self) -> ProcessCosts:
        """Of this one alone."""
        return ProcessCosts(self.parent_bytes, 0, 0, "measured here")

    def of(self, method: str) -> ProcessCosts:
        """What the parent and one worker cost under a start method."""
        is_tight = self.parent_bytes + PROBE_INPUTS_BYTES + KERNEL_BYTES > self.budget_bytes
        if is_tight and executor_named(method).shares_memory:
            source = "constant of the code: a probe would not fit the budget"
            return ProcessCosts(self.parent_bytes, THREAD_BYTES, 0, source)
        if method not in self._probed:
            path, probe = cache_path(), partial(self._probe, method)
            self._probed[method] = (
                cached_probe(path, _cache_key(method), probe) if path else probe()
            )
        probed = self._probed[method]
        return ProcessCosts(
            self.parent_bytes + probed.growth_bytes,
            probed.worker.bytes,
            probed.helpers_bytes,
            "measured here by a probe",
        )

    def _probe(self, method: str) -> WorkerMemory:
        """Two workers where they share pages and the budget allows it, else one."""
        from pff_stream.plan.probe import PROBE_OWN_BYTES, probe_pool

        fixed = executor_named(method).costs()
        roomy = self.parent_bytes + fixed.probe_bytes <= self.budget_bytes
        workers = fixed.probed_workers if roomy else 1
        self.meter.begin(PROBE_INPUTS, quick=True, alone=True)
        if all(phase.name != PROBE_INPUTS for phase in self.phases):
            self.phases.append(probe_inputs_phase(self.parent_bytes))
        try:
            try:
                found = probe_pool(method, self.folder, workers, self.meter)
                is_measured = found.worker.bytes > 0  # else it had ended before it was read
            except WorkersFailedError:  # somebody's kill may have met it
                is_measured = False
            if not is_measured:
                found = probe_pool(method, self.folder, workers, self.meter)
        except WorkersFailedError as error:
            raise ProbeError(f"a worker cannot be started here: {error}") from error
        finally:
            self.meter.begin("plan")
        parent_bytes = self.parent_bytes + found.growth_bytes
        costs = ProcessCosts(parent_bytes, found.worker.bytes, found.helpers_bytes, "")
        # What the probe left in this process is there in the run, too.
        _pages.trim()
        self.parent_bytes = max(self.parent_bytes, measure_self().bytes - found.growth_bytes)
        self.phases.append(probe_phase(method, costs, workers, PROBE_OWN_BYTES))
        return found


def measure_costs(budget_bytes: int, folder: str, meter: MemoryMeter) -> Costs:
    """The parent as it is now; workers are probed when a start method is considered."""
    gc.collect()
    _pages.trim()
    return Costs(measure_self().bytes, budget_bytes, folder, meter)


def cache_path() -> str | None:
    """Where answers of probes are kept for later runs, in a folder that is there from now on.

    None where there is no home (or, where it is set, no XDG_CACHE_HOME): neither is made.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    # What is not absolute is to be ignored, says the specification of these folders.
    inside = [] if os.path.isabs(base) else [".cache"]
    folder = base if not inside else os.path.expanduser("~")
    # Without a home at all (HOME is empty) the answer is the root.
    if not os.path.isabs(folder) or folder == os.sep or not os.path.isdir(folder):
        return None
    try:
        for name in (*inside, "pff-stream"):
            folder = os.path.join(folder, name)
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700)
    except OSError:
        return None
    return os.path.join(folder, "probe.json")


def _cache_key(method: str) -> dict[str, str]:
    import msgpack
    import numpy as np

    return {
        "start": method,
        "program": f"{_PROBE_VERSION} {os.path.basename(sys.argv[0])}",
        "python": sys.version,
        "numpy": np.__version__,
        "msgpack": ".".join(map(str, msgpack.version)),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "parent": str(measure_self().page_table_bytes // _LIKE_BYTES),
    }


def usable_method(resources: ResourceOptions, costs: Costs) -> str:
    """The best start method by which a worker can be started here."""
    *better, last = start_methods(resources)
    for method in better:
        try:
            costs.of(method)
        except ProbeError:
            continue
        return method
    probed(costs, last)
    return last


def probed(costs: Costs, method: str) -> ProcessCosts:
    """What processes cost under a start method; `WorkersFailedError` where none can be started."""
    try:
        return costs.of(method)
    except ProbeError as error:
        raise WorkersFailedError(str(error)) from error


def start_methods(resources: ResourceOptions) -> list[str]:
    """Those to consider, best first: the one that was asked for, or the processes safe here."""
    if resources.start_method is not None:
        return [resources.start_method]
    return safe_here(shares_memory=False)


def spare_methods(resources: ResourceOptions) -> list[str]:
    """Those to fall back upon where processes do not fit; none where one was asked for."""
    return [] if resources.start_method is not None else safe_here(shares_memory=True)


def safe_here(*, shares_memory: bool) -> list[str]:
    """Executors that the plan may choose in this process, with workers of one of the two kinds."""
    return [
        executor.name
        for executor in EXECUTORS
        if executor.shares_memory == shares_memory and executor.is_safe_here()
    ]


SAFE_METHODS = ("forkserver", "spawn")
"""Ways to start workers while other threads are at work, as those of a caller may be."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Worker processes that stay, and are started whatever other threads are at."""

    workers: int
    method: str
    """By which they are started."""
    costs: ProcessCosts

    @property
    def settings(self) -> Settings:
        """What a plan says of them."""
        return {"workers": self.workers, "start_method": self.method}


def standing_crew(resources: ResourceOptions, workers: int, costs: Costs) -> Crew:
    """So many workers; a server is one process more, and its workers are there sooner.

    `UsageError` where another way to start them was asked for, `WorkersFailedError` where none can
    be started.
    """
    method = resources.start_method or ("forkserver" if workers > 1 else "spawn")
    if method not in SAFE_METHODS:
        raise UsageError(
            f"start_method: found {method} for a validator, expected {' or '.join(SAFE_METHODS)}: "
            "workers are started while threads are at work"
        )
    return Crew(workers, method, probed(costs, method))
