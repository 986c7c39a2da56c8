"""A worker that does nothing, and tells what it took to be there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pff_stream.work.rules import set_up
from pff_stream.work.task import WorkerArguments


def worker(progress: Any, told: WorkerArguments | None) -> Callable[[Any], tuple[float, ...]]:
    """Sets up as a worker does; tells its CPU time before that, behind it, and up to now."""
    begun = time.process_time()
    held = None if told is None else set_up(progress, told)
    done = time.process_time()
    return lambda task: (begun, done, time.process_time(), float(held is None))
