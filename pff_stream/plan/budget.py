"""Makes the plan of a run under all that binds it: the machine, other runs, a saved plan.

The machine is read before anything is prepared, and the plan made when the inputs are ready. What
other runs of this user planned meanwhile is taken off, and what this one planned is told to them.
Does not cover: what a run needs (`terms`, `choose`), what the kernel enforces (`limits.fence`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from pff_stream.closing import Closing
from pff_stream.errors import InputError, UsageError
from pff_stream.files.saved import saved_json
from pff_stream.limits.fence import read_limits
from pff_stream.plan.sizes import BLOCKS, FILE, MEMORY
from pff_stream.settings.models import (
    EvaluationOptions,
    FindingsOptions,
    InputOptions,
    ResourceOptions,
)
from pff_stream.settings.options import OPTIONS
from pff_stream.settings.shards import ShardOptions
from pff_stream.words import counted
from planner.machine import Machine, profile
from planner.model import Settings
from planner.plan import Plan
from planner.reserve import Reservation, less_pending
from planner.saved import MOST

Make = Callable[[ResourceOptions, Machine, "Settings | None"], Plan]
"""Plans for resources on a machine; the settings of a saved plan, where there is one, are fixed."""

SIZED_BY = tuple(
    name
    for group in (InputOptions, EvaluationOptions, FindingsOptions, ShardOptions)
    for name in group.names()
)
"""Options that change what a run finds and holds, beside those that a plan chooses."""
_INPUTS = ("rules", "triples", "manifest", "documents")

_log = logging.getLogger(__name__)


class MemoryBudget(Closing):
    """The memory that one run may use, from when it begins until it has ended.

    Other runs are told of it when a plan is agreed to (`agree`), not before.
    """

    def __init__(self, resources: ResourceOptions, machine: Machine | None = None) -> None:
        """Reads the machine, where none is given, and the saved plan, if one is to be honoured."""
        self._saved = None if resources.plan is None else read_plan(resources.plan)
        self.fixed = None if self._saved is None else self._saved.settings
        """Settings of the saved plan; whether it is of these inputs, `agree` looks at."""
        self._resources = resources
        self._reservation = Reservation("pff-stream")
        with self._reservation.alone():
            self._read = read_limits(resources) if machine is None else machine
            self._before = self._reservation.neighbours()
        self.machine = less_pending(self._read, self._before)
        """What may be used, as it was at the beginning."""
        self._make: Make | None = None
        self._identity: Settings = {}

    def close(self) -> None:
        """Takes the reservation back."""
        self._reservation.close()

    def agree(self, make: Make, identity: Settings) -> Plan:
        """The plan, and where it fits, the reservation of it.

        `identity` is what the plan is for: hashes of the inputs, and the options in `SIZED_BY`.
        Raises where a saved plan is for another.
        """
        self._make = make
        self._identity = identity
        if self._saved is not None:
            check_identity(str(self._resources.plan), self._saved.identity, self._identity)
            ceiling = self._resources.max_workers
            workers = int(self._saved.settings["workers"] or 1)
            if ceiling is not None and workers > ceiling:
                raise UsageError(
                    f"--plan {self._resources.plan}: found {counted(workers, 'worker')}, "
                    f"expected at most {ceiling} (--max-workers)"
                )
        with self._reservation.alone():
            neighbours = self._reservation.neighbours()
            self.machine = less_pending(self._read, neighbours, self._before)
            plan = self._planned(make(self._resources, self.machine, self.fixed))
            if plan.fits:
                self._reservation.reserve(plan.peak_bytes)
        if self._reservation.reason is not None:
            _log.debug("other runs do not see this one: %s", self._reservation.reason)
        return plan

    def sweep(self, counts: Sequence[int]) -> list[Plan]:
        """The plan for each number of workers, after `agree`; nothing is reserved by it."""
        assert self._make is not None  # there is nothing to sweep before
        return [
            self._planned(
                self._make(
                    self._resources.replace(workers=count, max_workers=None), self.machine, None
                )
            )
            for count in counts
        ]

    def _planned(self, plan: Plan) -> Plan:
        machine = profile(self.machine, self._resources.reserve_bytes)
        return replace(plan, machine=machine, identity=self._identity)


def read_plan(path: str) -> Plan:
    """A plan as `plan -o` saved it; InputError where it is none, or settles nothing."""
    try:
        plan = Plan.from_json(saved_json(path))
    except OSError as error:
        raise InputError(f"--plan {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError, OverflowError, AttributeError, TypeError) as error:
        raise InputError(f"--plan {path}: {error}") from error
    try:
        OPTIONS["workers"].read(plan.settings["workers"], path)
        OPTIONS["start_method"].read(plan.settings["start_method"], path)
        OPTIONS["workers"].read(plan.settings.get("window", 1), path)
        _check_settings(plan.settings)
    except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise InputError(f"--plan {path}: not a plan of a run: {error}") from error
    return plan


def _check_settings(settings: Settings) -> None:
    """What a plan may settle beside workers; ValueError where it is of another type."""
    kinds: dict[str, type] = {
        "workers": int,
        "window": int,
        "merge_workers": int,
        "chunks_together": int,
        "resident_bytes": int,
        "document_bytes": int,
        "wide": bool,
        "names_in_memory": bool,
        "backing": str,
    }
    for name, value in settings.items():
        if name in kinds and type(value) is not kinds[name]:
            kind = "true or false" if kinds[name] is bool else "a whole number or a word"
            raise ValueError(f"settings: {name}: found {value!r}, expected {kind}")
        if name in kinds and isinstance(value, int) and not 0 <= value <= MOST:
            raise ValueError(f"settings: {name}: found {value!r}, expected bytes or a count")
    if settings.get("backing", MEMORY) not in (MEMORY, FILE, BLOCKS):
        raise ValueError(f"settings: backing: found {settings['backing']!r}, expected {MEMORY}")


def check_identity(path: str, saved: Settings, now: Settings) -> None:
    """Raises where a saved plan is not of these inputs and settings, naming what differs."""
    for name in _INPUTS:
        if saved.get(name) != now.get(name):
            raise InputError(
                f"--plan {path}: the {name} changed since it was made; make a new plan"
            )
    for name in SIZED_BY:
        if saved.get(name) != now.get(name):
            raise UsageError(
                f"--plan {path}: found --{OPTIONS[name].name} {now.get(name)}, the plan was made "
                f"for {saved.get(name)}; make a new plan"
            )
