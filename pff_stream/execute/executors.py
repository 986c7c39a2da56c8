"""All executors, and the local ones: processes by each start method, and threads.

Light, since `--start-method` takes its values from here: what starts workers is imported when a
crew is made. A new executor is a file of its own and an entry of `EXECUTORS`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pff_stream.execute.interface import Crew, Executor, FixedCosts

if TYPE_CHECKING:
    from pff_stream.execute.job import Job

KIB, MIB = 1 << 10, 1 << 20


class _Processes:
    """What workers have in common that are processes on this machine."""

    speed = 1.0
    shares_memory = False
    fences_workers = True

    def is_safe_here(self) -> bool:
        """Whatever this process is like."""
        return True

    def n_processes(self, workers: int) -> int:
        """The workers alone."""
        return workers


class Fork(_Processes):
    """A worker is a copy of this process: the lightest and quickest."""

    name = "fork"

    def is_safe_here(self) -> bool:
        """Only a process of one thread can be forked safely, and on macOS none can."""
        return sys.platform == "linux" and threading.active_count() == 1

    def costs(self) -> FixedCosts:
        """What is copied was measured over 3 to 2,442 tasks with 1 to 8 workers, all together."""
        return FixedCosts(probe_bytes=14 * MIB, copied_bytes=704 * KIB)

    def crew(self, job: Job) -> Crew[Any, Any]:
        """Worker processes."""
        from pff_stream.execute.launch import SharingForkStarter
        from pff_stream.execute.processes import ProcessCrew

        return ProcessCrew(job, SharingForkStarter)


class ForkServer(_Processes):
    """A worker is a copy of a small process that has imported what workers need, and only that."""

    name = "forkserver"

    def n_processes(self, workers: int) -> int:
        """The workers and the server."""
        return workers + 1

    def costs(self) -> FixedCosts:
        """What is copied was measured as with fork."""
        return FixedCosts(probe_bytes=30 * MIB, copied_bytes=384 * KIB)

    def crew(self, job: Job) -> Crew[Any, Any]:
        """Worker processes."""
        from pff_stream.execute.fork_server import ForkServerStarter
        from pff_stream.execute.processes import ProcessCrew

        return ProcessCrew(job, ForkServerStarter)


class Spawn(_Processes):
    """A worker is a fresh interpreter, which shares no page with any other process."""

    name = "spawn"

    def costs(self) -> FixedCosts:
        """One worker is like the other."""
        return FixedCosts(probe_bytes=20 * MIB, probed_workers=1)

    def crew(self, job: Job) -> Crew[Any, Any]:
        """Worker processes."""
        from pff_stream.execute.launch import SpawnStarter
        from pff_stream.execute.processes import ProcessCrew

        return ProcessCrew(job, SpawnStarter)


class Threads:
    """A worker is a thread of this process.

    Its speed is what is left where workers share an interpreter between the evaluator's calls:
    128,319 rules over FB15k-237 with two took 0.80 to 0.93 of the speed of processes.
    """

    name = "thread"
    speed = 0.9
    shares_memory = True
    fences_workers = False

    def is_safe_here(self) -> bool:
        """Everywhere."""
        return True

    def n_processes(self, workers: int) -> int:
        """None of its own."""
        return 0

    def costs(self) -> FixedCosts:
        """Stacks, and what each sets up."""
        return FixedCosts(probe_bytes=4 * MIB)

    def crew(self, job: Job) -> Crew[Any, Any]:
        """Worker threads."""
        from pff_stream.execute.threads import ThreadCrew

        return ThreadCrew(job)


EXECUTORS: tuple[Executor, ...] = (Fork(), ForkServer(), Spawn(), Threads())
"""In order of preference."""


def executor_of(settings: Mapping[str, object]) -> Executor:
    """The executor that the settings of a plan name."""
    return executor_named(str(settings["start_method"]))


def executor_named(name: str) -> Executor:
    """The executor of that name; ValueError where there is none."""
    for executor in EXECUTORS:
        if executor.name == name:
            return executor
    expected = ", ".join(executor.name for executor in EXECUTORS)
    raise ValueError(f"start method {name!r}: expected one of {expected}")
