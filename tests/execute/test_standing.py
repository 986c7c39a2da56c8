"""A pool that stands ready: answers, deaths, what is given up, what fails, and how it ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import psutil
import pytest

from pff_stream.errors import UsageError, WorkersFailedError
from pff_stream.execute.executors import executor_named
from pff_stream.execute.job import Job
from pff_stream.execute.processes import ProcessCrew
from pff_stream.execute.standing import Numbered, PoisonError, StandingPool

pytestmark = pytest.mark.thorough


def set_up(progress: Any) -> Callable[[Numbered], Any]:
    """Answers with what it was given; some words have it do something."""

    def answer(numbered: Numbered) -> Any:
        task = numbered.task
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "sleep":
            time.sleep(60)
        if task == "pid":
            return os.getpid()
        return task

    return answer


def fails(progress: Any) -> Callable[[Numbered], Any]:
    """Cannot be set up."""
    raise ValueError("no such thing")


def ends(progress: Any) -> Callable[[Numbered], Any]:
    """Ends without a word."""
    os._exit(3)


def pool_of(start: Any = set_up, workers: int = 1) -> StandingPool[Any, Any]:
    """Workers by spawn."""

    def make_crew() -> ProcessCrew[Numbered, Any]:
        crew = executor_named("spawn").crew(Job(set_up=start, workers=workers))
        assert isinstance(crew, ProcessCrew)
        return crew

    return StandingPool(make_crew)


@pytest.fixture(scope="module")
def pool() -> Iterator[StandingPool[Any, Any]]:
    """One worker."""
    made = pool_of()
    yield made
    made.close()


def test_answers_from_many_threads(pool: StandingPool[Any, Any]) -> None:
    """Each has its own, small and large."""
    found: list[bool] = []

    def ask(number: int) -> None:
        for size in (1, 10, 300_000):
            task = bytes([number]) * size
            found.append(pool.submit(task).result(60) == task)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 24


def test_a_death(pool: StandingPool[Any, Any]) -> None:
    """A task that its worker dies of twice has failed alone; what was ahead of it is answered."""
    futures = [pool.submit(task) for task in ("a", "die", "b", "c")]
    assert [futures[at].result(60) for at in (0, 2, 3)] == ["a", "b", "c"]
    with pytest.raises(PoisonError, match="killed by SIGKILL"):
        futures[1].result(60)
    assert pool.retried >= 1


def test_given_up(pool: StandingPool[Any, Any]) -> None:
    """What waits is not begun; what is at work ends with its worker, and the next goes on."""
    pid = pool.submit("pid").result(60)
    at_work, waiting = pool.submit("sleep"), pool.submit("sleep")
    while not at_work.running():
        time.sleep(0.001)
    waiting_longer = pool.submit("pid")
    for future in (waiting, at_work):
        pool.give_up(future)
    began = time.monotonic()
    assert waiting_longer.result(60) != pid
    assert time.monotonic() - began < 50
    assert not psutil.pid_exists(pid)
    with pytest.raises(PoisonError, match="given up"):
        at_work.result(60)
    with pytest.raises((CancelledError, PoisonError)):
        waiting.result(60)


def test_workers_that_cannot_be() -> None:
    """All that waits has failed; a later task tries again."""
    failing, ending = pool_of(fails), pool_of(ends)
    try:
        for _ in range(2):
            with pytest.raises(ValueError, match="no such thing"):
                failing.submit(1).result(60)
        with pytest.raises(WorkersFailedError, match="exit code 3"):
            ending.submit(1).result(60)
    finally:
        failing.close()
        ending.close()


def test_closed() -> None:
    """What is at work ends; what waits, and what comes later, has an error; no thread is left."""
    before = sum(one.name == "pff-stream workers" for one in threading.enumerate())
    pool = pool_of()
    assert pool.submit(1).result(60) == 1
    (pid,) = pool.pids
    answered = [pool.submit(number) for number in range(50)]
    pool.close()
    ended = [future.exception(60) for future in answered]
    assert all(error is None or "closed" in str(error) for error in ended)
    with pytest.raises(UsageError, match="the workers are closed"):
        pool.submit(1)
    pool.close()
    assert not psutil.pid_exists(pid) and pool.pids == []
    n_threads = sum(one.name == "pff-stream workers" for one in threading.enumerate())
    assert n_threads == before
