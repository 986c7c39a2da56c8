"""What the pool's tests ask of the machine: an end to every test, and nothing left behind it."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import psutil


@contextmanager
def nothing_left(seconds: float = 30.0) -> Iterator[None]:
    """Bounds the time of a test, and checks that it leaves no process and no open descriptor."""

    def too_late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"the test took more than {seconds:g} s")

    gc.collect()
    frozen = gc.get_freeze_count()  # some of the interpreter's own are, in 3.12
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
    assert gc.get_freeze_count() <= frozen


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
