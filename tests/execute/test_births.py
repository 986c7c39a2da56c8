"""Many workers at once: all are there, and whoever is missing comes later."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import psutil
import pytest

from pff_stream.execute.births import Birth
from pff_stream.execute.job import Job
from pff_stream.execute.launch import Child, SharingForkStarter
from pff_stream.execute.pool import Completed, Pool
from pff_stream.execute.processes import MANY, ProcessCrew
from tests.execute import pool_tasks
from tests.execute.pool_processes import make_pool, nothing_left, within

pytestmark = pytest.mark.thorough


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Every test ends in time and leaves nothing behind."""
    with nothing_left(60.0):
        yield


def answers(results: Iterable[Any]) -> list[Any]:
    """What was answered."""
    return [one.answer for one in results if isinstance(one, Completed)]


@pytest.mark.parametrize("workers", [MANY, 13])
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_all_are_there(method: str, workers: int) -> None:
    """With ids of their own, and with no end of another's."""
    told = {"workers": workers, "starts_together": True, "window": 4 * workers}
    with make_pool(method, pool_tasks.describes, **told) as pool:
        held = answers(pool.imap_unordered(["descriptors"] * 3 * workers))
        pids = pool.pids
        assert len(set(pids)) == workers
        if method == "fork":
            assert {psutil.Process(pid).ppid() for pid in pids} == {os.getpid()}
        else:
            assert len({psutil.Process(pid).ppid() for pid in pids}) == 1
    assert len({len(descriptors) for descriptors in held}) == 1


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_each_is_replaced(method: str) -> None:
    """By how it ended: whoever started it collects it."""
    with make_pool(method, pool_tasks.sleeps, workers=6, window=24, starts_together=True) as pool:
        results = pool.imap_unordered([0.001] * 40 + [0.3] * 24)
        assert answers([next(results)])[0] in pool.pids
        before = pool.pids
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert len(list(results)) == 63
        assert not set(before) & set(pool.pids)
        assert within(5, lambda: not any(map(psutil.pid_exists, before)))


class HalfStarter(SharingForkStarter):
    """As where the system has not as many processes at once."""

    def start_all(
        self, children: Sequence[Child], births: Sequence[Birth], meanwhile: Callable[[], None]
    ) -> None:
        """Starts half of them."""
        half = len(births) // 2
        super().start_all(children[:half], births[:half], meanwhile)


def test_missing_ones_come_one_by_one() -> None:
    """Until all are there."""
    crew = ProcessCrew[int, int](Job(set_up=pool_tasks.squares, workers=7), HalfStarter)
    with Pool(crew, window=28, split=pool_tasks.whole) as pool:
        assert sorted(answers(pool.imap_unordered(range(50)))) == [n * n for n in range(50)]
        assert len(pool.pids) == 7
