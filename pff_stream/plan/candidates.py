"""The settings that a plan may choose from, best first, by the speed that is expected of them.

Speeds are ratios that were measured on one machine; only their order matters here.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from itertools import product

from pff_stream.plan.sizes import BLOCKS, FILE, MEMORY, BlockSizes, RunSizes
from pff_stream.settings.models import RunSettings
from planner.machine import Machine
from planner.model import Setting, Settings

THREAD_SPEED = 0.9
"""What is left where workers share an interpreter between the evaluator's calls: 128,319 rules over
FB15k-237 with two took 0.80 to 0.93 of the speed of processes."""

BLOCKS_SPEED = 0.35
"""How fast a graph is evaluated that is read in blocks, of the speed with all of it in memory."""

ROOMY_SHARE, TIGHT_SPEED = 6, 0.4
"""What is left of that where a worker has room for less than this part of all relations: two with a
fortieth each took twice as long as one with a sixth (16 million triples of 40 relations)."""

WIDE_SPEED = 2.5
"""How much faster large graphs are evaluated with 512 sources at once (see docs/performance.md)."""


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


def why_fewer(
    settings: RunSettings, machine: Machine, pieces: int, word: str, chosen: Settings | None
) -> list[str]:
    """A note where `chosen` has fewer workers than --max-workers or the cores would allow.

    `pieces` is what there is to share out, in `word`s. None where the number was asked for.
    """
    if chosen is None or settings.workers is not None:
        return []
    workers = int(chosen["workers"] or 1)
    asked = settings.max_workers or machine.cores
    said = f"{workers} instead of {asked} workers"
    if workers < min(asked, machine.cores, max(1, pieces)):
        return [f"{said}: more do not fit the budget"]
    if settings.max_workers is None or workers >= asked:
        return []
    if workers == machine.cores:
        return [f"{said}: {machine.cores} cores may be used ({machine.cores_source})"]
    return [f"{said}: there is no more work to share out than {pieces} {word}"]


def too_many(settings: RunSettings, machine: Machine) -> list[str]:
    """A warning where more workers are asked for than cores may be used."""
    if settings.workers is None or settings.workers <= machine.cores:
        return []
    cores = f"{machine.cores} cores ({machine.cores_source})"
    return [f"{settings.workers} workers on {cores}: more than can work at once"]
