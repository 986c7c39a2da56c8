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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product

from pff_stream import _pages
from pff_stream.errors import UsageError
from pff_stream.run.blocks import (
    BLOCKS,
    FILE,
    MEMORY,
    SLACK_BYTES,
    BlockSizes,
    announced,
    does_not_fit,
)
from pff_stream.run.ceiling import too_many, why_fewer
from pff_stream.run.memory import (
    ProcessCosts,
    RunSizes,
    busy_workers,
    own_bytes,
    probe_phase,
    resident_bytes,
    run_phases,
)
from pff_stream.run.processes import WorkersFailedError
from pff_stream.run.reading import working_folder
from pff_stream.run.settings import RunSettings
from planner.machine import Machine
from planner.model import Phase, Setting, Settings
from planner.plan import Plan
from planner.probe import ProbeError, WorkerMemory, cached_probe, measure_self
from planner.search import Candidate, as_options, choose, nearest

_PROBE_VERSION = 3
"""Changes when the code of workers does, so that older answers are not taken for it."""
_ROOMY_PROBE_BYTES = {
    "fork": 14 << 20,
    "forkserver": 30 << 20,
    "spawn": 20 << 20,
    "thread": 4 << 20,
}
"""About what two probed workers take beside this process."""
THREAD_SPEED = 0.9
"""What is left where workers share an interpreter between the evaluator's calls: 128,319 rules over
FB15k-237 with two took 0.80 to 0.93 of the speed of processes."""
MARGIN_BYTES = 1 << 19
"""How much more a process may measure itself at one time than at another."""
BLOCKS_SPEED = 0.35
"""How fast a graph is evaluated that is read in blocks, of the speed with all of it in memory."""
ROOMY_SHARE, TIGHT_SPEED = 6, 0.4
"""What is left of that where a worker has room for less than this part of all relations: two with a
fortieth each took twice as long as one with a sixth (16 million triples of 40 relations)."""
TOGETHER_SHARE = 4
"""Of what the budget leaves, this part at most is for rules that are taken together."""
LEAST_TASKS = 4
"""For each worker, where tasks are of several chunks: what is done is noted task by task."""
WIDE_SPEED = 2.5
"""How much faster large graphs are evaluated with 512 sources at once (see docs/performance.md)."""


@dataclass(slots=True)
class Costs:
    """Costs of processes, probed once per start method when they are asked for."""

    parent_bytes: int
    budget_bytes: int
    folder: str
    """Where the probe's temporary files go."""
    phases: list[Phase] = field(default_factory=list)
    """What probes held that were made now and not taken from the cache."""
    _probed: dict[str, WorkerMemory] = field(default_factory=dict)

    def of(self, start_method: str) -> ProcessCosts:
        """What the parent and one worker cost under a start method."""
        if start_method not in self._probed:
            self._probed[start_method] = cached_probe(
                _cache_path(), _cache_key(start_method), partial(self._probe, start_method)
            )
        probed = self._probed[start_method]
        return ProcessCosts(
            self.parent_bytes + probed.growth_bytes,
            probed.worker.bytes,
            probed.helpers_bytes,
            "measured here by a probe",
        )

    def _probe(self, start_method: str) -> WorkerMemory:
        """Two workers where they share pages and the budget allows it, else one."""
        from pff_stream.run.probing import PROBE_OWN_BYTES, probe_pool

        roomy = self.parent_bytes + _ROOMY_PROBE_BYTES[start_method] <= self.budget_bytes
        workers = 2 if roomy and start_method != "spawn" else 1
        try:
            try:
                found = probe_pool(start_method, self.folder, workers)
            except WorkersFailedError:  # somebody's kill may have met it
                found = probe_pool(start_method, self.folder, workers)
        except WorkersFailedError as error:
            raise ProbeError(f"a worker cannot be started here: {error}") from error
        parent_bytes = self.parent_bytes + found.growth_bytes
        costs = ProcessCosts(parent_bytes, found.worker.bytes, found.helpers_bytes, "")
        # What the probe left in this process is there in the run, too.
        _pages.trim()
        self.parent_bytes = max(self.parent_bytes, measure_self().bytes - found.growth_bytes)
        self.phases.append(probe_phase(start_method, costs, workers, PROBE_OWN_BYTES))
        return found


def measure_costs(budget_bytes: int = 1 << 62, folder: str | None = None) -> Costs:
    """The parent as it is now; workers are probed when a start method is considered."""
    gc.collect()
    _pages.trim()
    return Costs(measure_self().bytes, budget_bytes, folder or working_folder())


def _cache_path() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "pff-stream", "probe.json")


def _cache_key(start_method: str) -> dict[str, str]:
    import msgpack
    import numpy as np

    return {
        "start": start_method,
        "program": f"{_PROBE_VERSION} {os.path.basename(sys.argv[0])}",
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
    look_closer: Callable[[BlockSizes], BlockSizes] | None = None,
) -> Plan:
    """The plan of a run; one that does not fit carries what would.

    `fixed` are the settings of a saved plan, which are taken or refused as they are. `look_closer`
    finds what reading in blocks needs exactly: it is asked before such a plan is refused, and where
    a bound on it leaves little room.
    """
    plan = _plan_run(settings, machine, sizes, costs, before, fixed)
    if sizes.blocks is None or look_closer is None:
        return plan
    if plan.fits and (fixed is not None or not _is_tight(plan, sizes.blocks)):
        return plan
    sizes = replace(sizes, blocks=look_closer(sizes.blocks))
    return _plan_run(settings, machine, sizes, costs, before, fixed)


def _is_tight(plan: Plan, blocks: BlockSizes) -> bool:
    """Whether what is read in blocks has little more room than a bound on what it needs."""
    resident = resident_bytes(plan.settings)
    return resident is not None and resident < min(2 * blocks.needed_bytes, blocks.rows_bytes)


def _plan_run(
    settings: RunSettings,
    machine: Machine,
    sizes: RunSizes,
    costs: Costs,
    before: Sequence[Phase],
    fixed: Settings | None,
) -> Plan:
    if fixed is not None:
        if fixed.get("backing") == BLOCKS and sizes.blocks is None:
            raise UsageError(
                "the saved plan reads the graph from a file in blocks, and here it lies in memory: "
                "make a new plan"
            )
        method = str(fixed["start_method"])
        kinds = [method]
    else:
        method = _usable_method(settings, costs)
        kinds = [method] if settings.start_method else [method, "thread"]

    def build(candidate: Settings) -> list[Phase]:
        found = _probed(costs, str(candidate["start_method"]))
        return [*before, *costs.phases, *run_phases(sizes, found, candidate)]

    ceiling = worker_ceiling(settings, machine, sizes)
    candidates = [fixed] if fixed else _candidates(settings, ceiling, kinds, sizes)
    chosen = choose(
        build,
        (one for one in candidates if _has_room(one, build, sizes, machine.budget_bytes)),
        machine.budget_bytes,
    )
    if chosen is not None and fixed is None:
        chosen = _made_roomy(chosen, build, sizes, machine.budget_bytes)
    free = chosen.settings if chosen and fixed is None else None
    notes = _notes(settings, machine, sizes, free)
    if chosen is not None:
        resident = resident_bytes(chosen.settings)
        if resident is not None and sizes.blocks is not None:
            notes.append(announced(sizes.graph_bytes, resident, sizes.blocks))
        return _plan(machine, chosen.phases, chosen.settings, (), notes, None)
    wanted = int((fixed or {}).get("workers") or settings.workers or ceiling)
    wish = dict(fixed) if fixed else _last_resort(wanted, method, sizes)
    if sizes.blocks is not None:
        notes += does_not_fit(sizes.blocks)
    axes: dict[str, Sequence[Setting]] = {
        "workers": list(range(wanted - 1, 0, -1)),
        "start_method": [method, "thread"],
    }
    near = nearest(build, wish, axes, machine.budget_bytes - MARGIN_BYTES)
    suggestions = [
        as_options({name: option[name] for name in ("workers", "start_method")})
        for option in (candidate.settings for candidate in near.fitting)
    ]
    return _plan(machine, tuple(build(wish)), wish, suggestions, notes, near.least.peak_bytes)


def _usable_method(settings: RunSettings, costs: Costs) -> str:
    """The best start method by which a worker can be started here."""
    *better, last = start_methods(settings)
    for method in better:
        try:
            costs.of(method)
        except ProbeError:
            continue
        return method
    _probed(costs, last)
    return last


def _probed(costs: Costs, method: str) -> ProcessCosts:
    try:
        return costs.of(method)
    except ProbeError as error:
        raise WorkersFailedError(str(error)) from error


def predicted_speed(settings: Settings, blocks: BlockSizes | None = None) -> float:
    """How fast a run with these settings should be, in units of one narrow worker process.

    Of all settings that fit, those with most of it are chosen. `blocks`: sizes of a graph file.
    """
    speed = float(int(settings["workers"] or 1))
    if settings["wide"]:
        speed *= WIDE_SPEED
    if settings.get("backing") == BLOCKS:
        speed *= BLOCKS_SPEED
        if blocks is not None and int(settings["resident_bytes"] or 0) < _roomy_bytes(blocks):
            speed *= TIGHT_SPEED
    return speed * THREAD_SPEED if settings["start_method"] == "thread" else speed


def worker_ceiling(settings: RunSettings, machine: Machine, sizes: RunSizes) -> int:
    """As many workers as there are cores, tasks, and --max-workers allows; at least one."""
    return max(1, min(machine.cores, settings.max_workers or machine.cores, sizes.n_chunks))


def _candidates(
    settings: RunSettings, ceiling: int, kinds: Sequence[str], sizes: RunSizes
) -> list[Settings]:
    """Settings by expected speed, best first; of equal ones the start method named first."""
    counts = [settings.workers] if settings.workers else list(range(ceiling, 0, -1))
    backings = [MEMORY] if sizes.blocks is None else [FILE, BLOCKS]
    every = [
        _candidate(n, method, sizes, wide=wide, backing=backing)
        for method, n, wide, backing in product(kinds, counts, (True, False), backings)
    ]
    if sizes.blocks is not None:
        roomy = _roomy_bytes(sizes.blocks)
        every += [
            {**one, "resident_bytes": max(roomy, int(one["resident_bytes"] or 0))}
            for one in every
            if one["backing"] == BLOCKS
        ]
    return sorted(every, key=lambda candidate: -predicted_speed(candidate, sizes.blocks))


def _roomy_bytes(blocks: BlockSizes) -> int:
    """Room for relations with which a graph is read in blocks at full speed."""
    return blocks.rows_bytes // ROOMY_SHARE


def _last_resort(workers: int, method: str, sizes: RunSizes) -> dict[str, Setting]:
    """The settings that need least memory with so many workers."""
    backing = MEMORY if sizes.blocks is None else BLOCKS
    return _candidate(workers, method, sizes, wide=False, backing=backing)


def _candidate(
    workers: int, method: str, sizes: RunSizes, *, wide: bool, backing: str
) -> dict[str, Setting]:
    candidate: dict[str, Setting] = {
        "workers": workers,
        "start_method": method,
        "window": 4 * workers,
        "wide": wide,
        "backing": backing,
    }
    if backing == BLOCKS and sizes.blocks is not None:
        candidate["resident_bytes"] = sizes.blocks.needed_bytes
        candidate["names_in_memory"] = False
    return candidate


def _has_room(
    candidate: Settings, build: Callable[[Settings], list[Phase]], sizes: RunSizes, budget: int
) -> bool:
    """Whether a mapped file fits beside the run; where not, its pages would come and go."""
    if candidate.get("backing") != FILE:
        return True
    return max(phase.bytes for phase in build(candidate)) + sizes.graph_bytes <= budget


def _made_roomy(
    chosen: Candidate,
    build: Callable[[Settings], list[Phase]],
    sizes: RunSizes,
    budget_bytes: int,
) -> Candidate:
    """The same with as many relations resident as the budget allows, and with names if it does."""
    if sizes.blocks is None or chosen.settings.get("backing") != BLOCKS:
        return chosen
    least = int(chosen.settings["resident_bytes"] or 0)
    workers = busy_workers(sizes, chosen.settings)
    evaluate = next(phase for phase in chosen.phases if phase.name == "evaluate")
    spare = budget_bytes - SLACK_BYTES - evaluate.bytes
    # A page of page tables comes with every 512 pages.
    more = max(0, spare // workers) * 512 // 513
    together = _together(sizes, workers, more // TOGETHER_SHARE)
    more -= sum(own_bytes(sizes, wide=False, resident_bytes=0, together=together).values())
    more += sum(own_bytes(sizes, wide=False, resident_bytes=0).values())
    roomy = {
        **chosen.settings,
        "chunks_together": together,
        "resident_bytes": min(max(least, sizes.blocks.rows_bytes), least + more) & ~4095,
    }
    with_names = {**roomy, "names_in_memory": True}
    for settings in (with_names, roomy):
        candidate = Candidate(settings, tuple(build(settings)))
        if candidate.peak_bytes <= budget_bytes:
            return candidate
    return chosen


def _together(sizes: RunSizes, workers: int, room_bytes: int) -> int:
    """How many chunks a task may be of for so much memory in each worker; enough tasks are left."""
    once, twice = (
        sum(own_bytes(sizes, wide=False, resident_bytes=0, together=n).values()) for n in (1, 2)
    )
    return max(1, min(1 + room_bytes // (twice - once), sizes.n_chunks // (LEAST_TASKS * workers)))


def _notes(
    settings: RunSettings,
    machine: Machine,
    sizes: RunSizes,
    chosen: Settings | None,
) -> list[str]:
    notes = too_many(settings, machine)
    notes += why_fewer(settings, machine, sizes.n_chunks, "chunks of rules", chosen)
    if chosen is not None and chosen["start_method"] == "thread" and settings.start_method is None:
        notes.append("threads instead of processes: as many processes do not fit the budget")
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
        margin_bytes=MARGIN_BYTES,
    )
