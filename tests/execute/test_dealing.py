"""Several small tasks in a message: how many, to whom, and who is to blame where a worker dies."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pff_stream.execute.connection import Worker
from pff_stream.execute.dealing import MESSAGE_SECONDS, QUICK_SECONDS, Dealer
from pff_stream.execute.pool import Completed, Poisoned
from pff_stream.execute.queue import Alone, TaskQueue
from tests.execute import pool_tasks
from tests.execute.pool_processes import make_pool, nothing_left


def dealt(
    seconds: float, together: int, n_tasks: int, workers: int = 2, wrapped: Any = int
) -> list[list[int]]:
    """Numbers of tasks in the messages to each worker, after tasks that took so long."""
    dealer: Dealer[int, int] = Dealer(together)
    crew = []
    for slot in range(workers):
        worker = Worker[int](slot, cast(Any, None), memoryview(bytes(16)).cast("Q"), b"")
        worker.ready = True
        for _ in range(100):
            dealer.note(worker, seconds)
        crew.append(worker)
    queue: TaskQueue[int, int] = TaskQueue(map(wrapped, range(n_tasks)), 1000, pool_tasks.whole)
    found: list[list[int]] = [[] for _ in crew]
    for worker, items in dealer.messages(crew, queue):
        found[worker.slot].append(len(items))
    return found


def test_quick_tasks_go_together() -> None:
    """As many as take a few milliseconds, and another message of them ahead."""
    assert dealt(MESSAGE_SECONDS / 4.1, 8, 100) == [[4, 4], [4, 4]]
    assert dealt(MESSAGE_SECONDS / 100, 8, 100) == [[8, 8], [8, 8]]
    assert dealt(MESSAGE_SECONDS / 100, 1, 100) == [[1, 1], [1, 1]]


def test_nothing_is_sent_ahead() -> None:
    """Where there are few tasks, and where one is to be alone."""
    assert dealt(MESSAGE_SECONDS / 100, 0, 100) == [[1], [1]]
    assert dealt(MESSAGE_SECONDS / 100, 8, 100, wrapped=Alone) == [[1], [1]]


def test_slow_tasks_go_alone() -> None:
    """And none is sent ahead behind a slow one."""
    assert dealt((MESSAGE_SECONDS + QUICK_SECONDS) / 2, 8, 100) == [[1, 1], [1, 1]]
    assert dealt(2 * QUICK_SECONDS, 8, 100) == [[1], [1]]


def test_nobody_idles_where_few_are_left() -> None:
    """Each has one before anybody has two."""
    assert dealt(MESSAGE_SECONDS / 100, 8, 3) == [[2], [1]]
    assert dealt(MESSAGE_SECONDS / 100, 8, 1) == [[1], []]


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("way", ["SIGKILL", "MemoryError"])
def test_only_the_one_at_work_is_blamed(method: str, way: str) -> None:
    """Others of its message are done again, or for the first time, and not as suspects."""
    told: dict[str, Any] = {"window": 64, "tasks_together": 8, "workers": 2}
    poison = frozenset({100, 203})
    with (
        nothing_left(60.0),
        make_pool(method, pool_tasks.spans, poison, way, **told) as pool,
    ):
        results = list(pool.imap_unordered([(n, n + 1) for n in range(300)]))
        assert pool.retried == 2  # each of the two, once
    poisoned = {one.task[0] for one in results if isinstance(one, Poisoned)}
    assert poisoned == poison
    answers = sorted(one.answer[0] for one in results if isinstance(one, Completed))
    assert answers == [n for n in range(300) if n not in poison]


@pytest.mark.thorough
def test_long_answers_do_not_wait() -> None:
    """More than is held back is sent while others of the message are still to be done."""
    with (
        nothing_left(60.0),
        make_pool("fork", pool_tasks.large, window=64, tasks_together=8) as pool,
    ):
        sizes = [0, 100, 10_000, 200_000] * 30
        results = list(pool.imap_unordered(sizes))
    found = sorted(len(one.answer) for one in results if isinstance(one, Completed))
    assert found == sorted(sizes)
