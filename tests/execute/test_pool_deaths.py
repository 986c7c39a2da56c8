"""The pool when workers die or stand still: seen at once, tried again, narrowed to the unit."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pff_stream.execute.pool import Completed, Poisoned, WorkersFailedError
from tests.execute import pool_tasks
from tests.execute.pool_processes import is_gone, make_pool, nothing_left, within

pytestmark = pytest.mark.thorough

METHODS = ("fork", "spawn", "forkserver")


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test ends in time and leaves nothing behind."""
    with nothing_left(300.0 if request.node.get_closest_marker("slow") else 30.0):
        yield


def numbers_of(results: Iterable[Any]) -> list[int]:
    """The numbers in all answers, sorted."""
    return sorted(n for result in results if isinstance(result, Completed) for n in result.answer)


def poisoned_of(results: Iterable[Any]) -> list[Poisoned[Any]]:
    """The poisoned among results."""
    return [result for result in results if isinstance(result, Poisoned)]


@pytest.mark.parametrize("method", METHODS)
def test_poison_is_found_alone(method: str) -> None:
    """Of a task of 64 units, the one that kills is found, and all the others are answered."""
    with make_pool(
        method, pool_tasks.spans, frozenset([37]), "SIGKILL", split=pool_tasks.halves
    ) as pool:
        results = list(pool.imap_unordered([(n, n + 64) for n in range(0, 256, 64)]))
        assert pool.retried == 7
    assert poisoned_of(results) == [Poisoned((37, 38), "killed by SIGKILL")]
    assert numbers_of(results) == [n for n in range(256) if n != 37]


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("SIGSEGV", "killed by SIGSEGV"),
        ("SIGTERM", "killed by SIGTERM"),
        ("exit", "exit code 7"),
        ("SystemExit", "exit code 3"),
        ("MemoryError", "MemoryError"),
    ],
)
def test_cause_is_told(way: str, cause: str) -> None:
    """It is said how the worker ended."""
    with make_pool(
        "fork", pool_tasks.spans, frozenset([1, 6]), way, split=pool_tasks.halves
    ) as pool:
        results = list(pool.imap_unordered([(0, 8)]))
    assert sorted(c.task for c in poisoned_of(results)) == [(1, 2), (6, 7)]
    assert {c.cause for c in poisoned_of(results)} == {cause}
    assert numbers_of(results) == [0, 2, 3, 4, 5, 7]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("way", ["SIGSTOP", "hang"])
def test_standing_still_is_a_death(method: str, way: str) -> None:
    """A worker that is stopped or makes no progress is killed, and its task poisoned."""
    options = {"stall_seconds": 0.2, "split": pool_tasks.halves}
    with make_pool(method, pool_tasks.spans, frozenset([2]), way, **options) as pool:
        results = list(pool.imap_unordered([(0, 4)]))
    assert poisoned_of(results) == [Poisoned((2, 3), "no progress for 0.2 s")]
    assert numbers_of(results) == [0, 1, 3]


def test_moving_the_counter_is_no_stall() -> None:
    """A long task that moves its counter is left alone, and so is an idle worker."""
    with make_pool("fork", pool_tasks.ticks, stall_seconds=0.2) as pool:
        assert len(list(pool.imap_unordered([0.8, 0.01]))) == 2
        assert pool.retried == 0


def test_slow_consumer_is_no_stall() -> None:
    """A worker whose answer nobody takes is not blamed for it."""
    with make_pool("fork", pool_tasks.large, stall_seconds=0.2) as pool:
        for _ in pool.imap_unordered([1 << 21] * 6):
            time.sleep(0.3)
        assert pool.retried == 0


def test_thread_that_stands_still_ends_the_run() -> None:
    """A thread cannot be killed: the run ends with an error instead of waiting for ever."""
    with make_pool("thread", pool_tasks.sleeps, stall_seconds=0.2) as pool:
        with pytest.raises(WorkersFailedError, match=r"no progress for 0\.2 s"):
            list(pool.imap_unordered([1.0]))


@pytest.mark.parametrize("method", METHODS)
def test_one_death_is_forgiven(method: str, tmp_path: Path) -> None:
    """A task whose worker dies once is tried again, and answered."""
    with make_pool(method, pool_tasks.once, str(tmp_path), 1) as pool:
        results = list(pool.imap_unordered(range(6)))
        assert pool.retried == 6
    assert sorted(r.answer for r in results if isinstance(r, Completed)) == list(range(6))


def test_death_during_the_retry_poisons(tmp_path: Path) -> None:
    """A task that cannot be split and whose worker dies twice is poisoned."""
    with make_pool("fork", pool_tasks.once, str(tmp_path), 2) as pool:
        results = list(pool.imap_unordered(range(3)))
    assert sorted(c.task for c in poisoned_of(results)) == [0, 1, 2]


def test_task_sent_ahead_is_not_suspected() -> None:
    """A task that waits in a worker behind the one that kills it is not blamed."""
    spans = [(n, n + 1) for n in range(40)]
    with make_pool(
        "fork",
        pool_tasks.spans,
        frozenset([20]),
        "SIGKILL",
        0.002,
        workers=1,
        split=pool_tasks.halves,
    ) as pool:
        results = list(pool.imap_unordered(spans))
        assert pool.retried == 1
    assert [c.task for c in poisoned_of(results)] == [(20, 21)]
    assert numbers_of(results) == [n for n in range(40) if n != 20]


@pytest.mark.parametrize("method", METHODS)
def test_busy_worker_killed(method: str) -> None:
    """A worker killed from outside is noticed at once, and its task answered by another one."""
    with make_pool(method, pool_tasks.sleeps) as pool:
        results = pool.imap_unordered([0.0, 0.3, 0.3, 0.3])
        next(results)
        time.sleep(0.1)
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        rest = list(results)
        assert time.monotonic() - killed < 2.5
        assert pool.retried
    assert [isinstance(result, Completed) for result in rest] == [True] * 3


@pytest.mark.parametrize("method", METHODS)
def test_idle_worker_killed(method: str) -> None:
    """Workers killed while they have nothing to do are replaced, and nobody is blamed."""
    with make_pool(method, pool_tasks.squares) as pool:
        assert len(list(pool.imap_unordered(range(10)))) == 10
        old = pool.pids
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
        assert len(list(pool.imap_unordered(range(10)))) == 10
        assert not set(pool.pids) & set(old)
        assert not pool.retried


def test_killed_in_the_middle_of_an_answer() -> None:
    """Half an answer is no answer: the task is tried again."""
    with make_pool("fork", pool_tasks.large) as pool:
        results = pool.imap_unordered([10, 10, 8 << 20, 8 << 20])
        seen = [next(results)]
        time.sleep(0.2)  # both large answers fill their channels, and nobody reads
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        seen += results
        assert all(isinstance(result, Completed) for result in seen)
        assert sorted(len(r.answer) for r in seen if isinstance(r, Completed)) == [
            10, 10, 8 << 20, 8 << 20,
        ]  # fmt: skip


@pytest.mark.parametrize("action", [signal.SIGKILL, signal.SIGSTOP])
def test_killed_in_the_middle_of_a_task(action: signal.Signals) -> None:
    """A worker that dies or stops while a large task is sent to it does not hold up the parent."""
    options = {"stall_seconds": 0.3, "workers": 1}
    with make_pool("fork", pool_tasks.blobs, **options) as pool:
        results = pool.imap_unordered([b"", bytes(8 << 20)])
        seen: list[Any] = []
        for result in results:
            if not seen:
                os.kill(pool.pids[0], action)
            seen.append(result)
    assert sorted(len(r.answer) for r in seen if isinstance(r, Completed)) == [0, 8 << 20]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("way", "cause"), [("SIGKILL", "killed by SIGKILL"), ("exit", "exit code 7")]
)
def test_death_at_every_start(method: str, way: str, cause: str) -> None:
    """Workers that never get to a task are not started for ever."""
    with make_pool(method, pool_tasks.fails_to_set_up, way) as pool:
        with pytest.raises(WorkersFailedError, match=f"6 workers in a row ended.*{cause}"):
            list(pool.imap_unordered([(0, 1)]))


def test_fork_server_killed() -> None:
    """A fork server that dies is started again when it is needed."""
    with make_pool("forkserver", pool_tasks.squares) as pool:
        results = pool.imap_unordered(range(200))
        next(results)
        server = psutil.Process(pool.pids[0]).ppid()
        os.kill(server, signal.SIGKILL)
        os.kill(pool.pids[0], signal.SIGKILL)
        assert len(list(results)) == 199


def run_random_kills(method: str, kills: int, seed: int, between: int) -> None:
    """Kills random workers at random moments; every number is answered or poisoned, once."""
    chance = random.Random(seed)
    spans = [(n, n + 4) for n in range(0, 4 * kills * between, 4)]
    seen: Counter[int] = Counter()
    poisoned = 0
    with make_pool(
        method, pool_tasks.spans, frozenset(), "", 0.0002, workers=3, split=pool_tasks.halves
    ) as pool:
        for count, result in enumerate(pool.imap_unordered(spans)):
            seen.update(range(*result.task))
            poisoned += isinstance(result, Poisoned)
            if count % between == between - 1:
                time.sleep(chance.random() * 0.01)
                os.kill(chance.choice(pool.pids), chance.choice([signal.SIGKILL, signal.SIGTERM]))
    assert seen == Counter(range(4 * kills * between))
    # A task can be struck twice by chance, and a part of it once more.
    assert poisoned <= kills / 20


@pytest.mark.parametrize(("method", "seed"), [("fork", 1), ("spawn", 2), ("forkserver", 3)])
def test_random_kills(method: str, seed: int) -> None:
    """Whatever is killed and when, every task is accounted for exactly once."""
    run_random_kills(method, 20, seed, 30)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_many_random_kills(method: str) -> None:
    """The same two hundred times."""
    run_random_kills(method, 200, 4, 30)


def test_death_between_two_streams() -> None:
    """A worker that dies between two streams of tasks is replaced when the next one needs it."""
    with make_pool("fork", pool_tasks.dies_idle, workers=1) as pool:
        assert len(list(pool.imap_unordered(range(2)))) == 2
        (pid,) = pool.pids
        assert within(2.0, lambda: is_gone(pid))
        assert len(list(pool.imap_unordered(range(2)))) == 2
        assert not pool.retried
