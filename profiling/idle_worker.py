"""A worker that does nothing, and tells what it took to be there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from pff_stream.work.rules import set_up
from pff_stream.work.task import Task, WorkerArguments


class Told(NamedTuple):
    """CPU time of a worker."""

    birth: float
    """Until it was set up."""
    set_up: float
    """To set up as a worker of rules does."""
    warm: float
    """Of a first task, beyond what the same task takes when another one was done meanwhile."""
    since: float
    """From then on."""


def worker(
    progress: Any, told: WorkerArguments | None, tasks: tuple[Task, ...], cores: list[int]
) -> Callable[[Any], Told]:
    """Sets up as a worker does, if it is told anything, and does these tasks."""
    birth = time.process_time()
    os.sched_setaffinity(0, cores)
    held = None if told is None else set_up(progress, told)
    done = time.process_time()
    spent = []
    if held is not None:
        for task in tasks:
            began = time.process_time()
            held(task)
            spent.append(time.process_time() - began)
    warm = max(0.0, spent[0] - spent[-1]) if spent else 0.0
    since = time.process_time()
    return lambda task: Told(birth, done - birth, warm, time.process_time() - since)
