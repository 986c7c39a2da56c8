"""Pools for tests, and what they ask of the machine: an end, and nothing left behind it."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import psutil

from pff_stream.execute.executors import executor_named
from pff_stream.execute.pool import Job, Pool
from tests.execute import pool_tasks


def make_pool(method: str, set_up: Any, *arguments: object, **changes: Any) -> Pool[Any, Any]:
    """A pool of two workers whose tasks cannot be split, with what a test says otherwise."""
    ways: dict[str, Any] = {"window": 8, "split": pool_tasks.whole}
    ways |= {
        name: changes.pop(name) for name in ("window", "split", "while_waiting") if name in changes
    }
    job = Job(set_up=set_up, arguments=arguments, **{"workers": 2} | changes)
    return Pool(executor_named(method).crew(job), **ways)


@contextmanager
def nothing_left(seconds: float = 30.0) -> Iterator[None]:
    """Bounds the time of a test, and checks that it leaves no process and no open descriptor."""

    def too_late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"the test took more than {seconds:g} s")

    gc.collect()
    old = [None]
    descriptors = set(os.listdir("/proc/self/fd"))
    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert psutil.Process().children(recursive=True) == []
    assert set(os.listdir("/proc/self/fd")) == descriptors
    assert any(one is old for one in gc.get_objects()), "what was frozen stays so"


def is_gone(pid: int) -> bool:
    """Whether a process has ended; that nobody has collected it is not its fault."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
