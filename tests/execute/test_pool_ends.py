"""The end of a pool, however it comes: quick, complete, and with nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from pff_stream.execute.pool import Completed
from tests.execute import pool_tasks
from tests.execute.pool_processes import is_gone, make_pool, nothing_left, within

METHODS = ("fork", "spawn", "forkserver")
ROOT = Path(__file__).parents[2]

SCRIPT = """
import os, signal, sys, time
from tests.execute import pool_tasks
from tests.execute.pool_processes import make_pool

def end(number, frame):
    raise SystemExit(143)

signal.signal(signal.SIGTERM, end)
method, seconds, stall_seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
try:
    with make_pool(method, pool_tasks.ticks, workers=3, stall_seconds=stall_seconds) as pool:
        results = pool.imap_unordered([0.0] * 20 + [seconds] * 20)
        next(results)
        print(*pool.pids, flush=True)
        for result in results:
            pass
        print("retried" if pool.retried else "idle", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Every test ends in time and leaves nothing behind."""
    with nothing_left():
        yield


class Parent:
    """A process of its own that holds a pool of three workers, and a session of its own."""

    def __init__(self, method: str, seconds: float, stall_seconds: float = 60.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, method, str(seconds), str(stall_seconds)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pids = [int(pid) for pid in self.stdout.readline().split()]
        self.tree = [p.pid for p in psutil.Process(self.process.pid).children(recursive=True)]
        assert set(self.pids) <= set(self.tree)

    @property
    def stdout(self) -> IO[str]:
        """What it writes."""
        assert self.process.stdout
        return self.process.stdout

    def ended(self) -> tuple[int, str]:
        """Its exit code and standard error, once it has ended; its tree has ended, too."""
        _, errors = self.process.communicate(timeout=10)
        assert within(2.0, lambda: all(is_gone(pid) for pid in self.tree))
        return self.process.returncode, errors


def is_set_up(pid: int) -> bool:
    """Whether a worker has come to where the kernel is told to end it rather than its parent."""
    own, its = (int(Path(f"/proc/{one}/oom_score_adj").read_text()) for one in ("self", pid))
    return its >= min(1000, own + 1)


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("state", ["busy", "idle"])
def test_killed_parent_leaves_no_worker(method: str, state: str) -> None:
    """A parent killed with SIGKILL takes its workers with it, busy ones and idle ones."""
    parent = Parent(method, 60.0 if state == "busy" else 0.0)
    if state == "idle":
        assert parent.stdout.readline() == "idle\n"
    parent.process.kill()
    assert parent.ended() == (-signal.SIGKILL, "")


def test_killed_parent_leaves_no_stopped_worker() -> None:
    """Not even a worker that is stopped survives its parent."""
    parent = Parent("fork", 60.0)
    # One that is stopped as soon as it is forked has not heard yet what it depends on.
    assert within(5.0, lambda: all(map(is_set_up, parent.pids)))
    for pid in parent.pids:
        os.kill(pid, signal.SIGSTOP)
    parent.process.kill()
    assert parent.ended() == (-signal.SIGKILL, "")


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_group(method: str, number: signal.Signals, code: int) -> None:
    """Ctrl-C, or SIGTERM to the group, ends everything at once and without a word."""
    parent = Parent(method, 60.0)
    began = time.monotonic()
    os.killpg(parent.process.pid, number)
    assert parent.ended() == (code, "")
    assert time.monotonic() - began < 1.0


@pytest.mark.thorough
def test_stopped_and_continued() -> None:
    """Ctrl-Z and fg: a run that was stopped as a whole goes on where it was."""
    parent = Parent("fork", 0.05, stall_seconds=0.5)
    os.killpg(parent.process.pid, signal.SIGSTOP)
    time.sleep(1.0)  # twice what a worker may stand still
    os.killpg(parent.process.pid, signal.SIGCONT)
    assert parent.stdout.readline() == "idle\n"
    parent.process.kill()
    assert parent.ended() == (-signal.SIGKILL, "")


@pytest.mark.thorough
@pytest.mark.parametrize("method", [*METHODS, "thread"])
def test_iterator_closed_early(method: str) -> None:
    """Closing the iterator kills busy workers at once and closes the pool."""
    with make_pool(method, pool_tasks.sleeps) as pool:
        results = pool.imap_unordered([0.0] + [0.4 if method == "thread" else 60.0] * 4)
        next(results)
        time.sleep(0.05)
        began = time.monotonic()
        results.close()  # type: ignore[attr-defined]
        assert time.monotonic() - began < 0.3
        assert pool.pids == []
    if method == "thread":
        time.sleep(0.5)


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_exception_in_the_consumer(method: str, error: type[BaseException]) -> None:
    """An exception in the block that uses the pool kills busy workers at once."""
    began = 0.0
    with pytest.raises(error), make_pool(method, pool_tasks.sleeps) as pool:
        next(pool_results := pool.imap_unordered([0.0] + [60.0] * 4))
        time.sleep(0.05)
        began = time.monotonic()
        raise error
    assert time.monotonic() - began < 0.3
    del pool_results


@pytest.mark.thorough
def test_closed_while_in_use() -> None:
    """Closing a pool whose iterator is still held does not wait for the tasks at work."""
    pool = make_pool("fork", pool_tasks.sleeps)
    results = pool.imap_unordered([0.0, 60.0])
    next(results)
    began = time.monotonic()
    pool.close()
    pool.close()
    assert time.monotonic() - began < 0.3
    del results


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
def test_close_is_quick(method: str) -> None:
    """Idle workers end by themselves, and closing waits for nothing else."""
    with make_pool(method, pool_tasks.squares, workers=4) as pool:
        assert len(list(pool.imap_unordered(range(20)))) == 20
        began = time.monotonic()
        pool.close()
        assert time.monotonic() - began < 0.3


@pytest.mark.thorough
def test_idle_worker_that_is_stopped_is_killed() -> None:
    """A worker that cannot end by itself is killed after a moment."""
    with make_pool("fork", pool_tasks.squares) as pool:
        assert len(list(pool.imap_unordered(range(20)))) == 20
        os.kill(pool.pids[0], signal.SIGSTOP)
        began = time.monotonic()
        pool.close()
        assert time.monotonic() - began < 1.5


@pytest.mark.thorough
def test_unused_pool() -> None:
    """A pool that is never used starts no process."""
    for method in (*METHODS, "thread"):
        with make_pool(method, pool_tasks.squares) as pool:
            assert pool.pids == []


@pytest.mark.thorough
def test_two_forked_pools() -> None:
    """Workers forked later hold nothing of an earlier pool: closing it ends its idle workers."""
    with make_pool("fork", pool_tasks.squares) as first:
        assert len(list(first.imap_unordered(range(5)))) == 5
        with make_pool("fork", pool_tasks.squares) as second:
            assert len(list(second.imap_unordered(range(5)))) == 5
            began = time.monotonic()
            first.close()
            assert time.monotonic() - began < 0.3
            results = list(second.imap_unordered(range(5)))
    assert all(isinstance(result, Completed) for result in results)


@pytest.mark.thorough
def test_fork_server_that_is_stopped() -> None:
    """A fork server that does not answer holds up the end for a moment only."""
    with make_pool("forkserver", pool_tasks.squares) as pool:
        assert len(list(pool.imap_unordered(range(5)))) == 5
        server = psutil.Process(pool.pids[0]).ppid()
        os.kill(server, signal.SIGSTOP)
        began = time.monotonic()
        pool.close()
        assert time.monotonic() - began < 6.0
        assert within(1.0, lambda: is_gone(server))
