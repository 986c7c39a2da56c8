"""The guard: pauses, sheds, stops, and names who took the memory, on made-up machines."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pytest

from pff_stream.errors import RefusedError
from pff_stream.execute.pool import Completed, Pool
from pff_stream.limits import guard as guard_module
from pff_stream.limits.guard import Guard, Other, ProcReader
from planner.watch import TreeWatch
from tests.execute import pool_tasks
from tests.execute.pool_processes import make_pool, nothing_left

MIB = 1 << 20
RESERVE, BUDGET = 512 * MIB, 1024 * MIB


@dataclass
class FakeMachine:
    """A machine whose memory and time the test sets."""

    available: int | None = 2048 * MIB
    now: float = 100.0

    def available_bytes(self) -> int | None:
        """As set."""
        return self.available

    def largest(self, count: int, besides: Collection[int]) -> list[Other]:
        """One large process."""
        return [Other("browser\x1b", 4242, 3 << 30)][:count]


@dataclass
class FakeFeed:
    """A pool of so many workers."""

    workers: int = 3
    paused: bool = False

    def retire(self) -> bool:
        """Ends one unless it is the last."""
        if self.workers == 1:
            return False
        self.workers -= 1
        return True


@dataclass
class Stage:
    """A guard on a made-up machine."""

    machine: FakeMachine
    feed: FakeFeed
    said: list[str]
    guard: Guard

    def look(self, seconds: float = 0.0, held: int = 100 * MIB) -> None:
        """Time passes, then the guard looks."""
        self.machine.now += seconds
        self.guard.look(held)


@pytest.fixture
def stage() -> Stage:
    """A guard before anything happened."""
    machine, said = FakeMachine(), list[str]()
    guard = Guard(
        RESERVE, BUDGET, TreeWatch(), reader=machine, clock=lambda: machine.now, note=said.append
    )
    return Stage(machine, FakeFeed(), said, guard)


def test_nothing_happens_while_there_is_memory(stage: Stage) -> None:
    """Above the reserve, and where nothing tells, the pool is left alone."""
    with stage.guard.minding(stage.feed):
        for available in (2048 * MIB, RESERVE, None):
            stage.machine.available = available
            stage.look(100.0)
    assert (stage.feed.paused, stage.said) == (False, [])


def test_a_short_pause_ends_by_itself(stage: Stage) -> None:
    """Below the reserve nothing is fed; when it passes, it is fed again with all workers."""
    with stage.guard.minding(stage.feed):
        stage.machine.available = RESERVE - 1
        stage.look()
        assert stage.feed.paused
        stage.look(guard_module.PAUSE_SECONDS - 0.1)
        assert stage.feed.workers == 3
        stage.machine.available = RESERVE
        stage.look()
    assert not stage.feed.paused
    assert (stage.guard.pauses, stage.guard.shed, len(stage.said)) == (1, 0, 2)


def test_it_sheds_and_then_stops(stage: Stage) -> None:
    """The pause is bounded: workers are ended one by one, and at last the run stops."""
    with stage.guard.minding(stage.feed):
        stage.machine.available = RESERVE - 1
        stage.look()
        stage.look(guard_module.PAUSE_SECONDS)
        assert stage.feed.workers == 2
        stage.look(guard_module.SHED_SECONDS - 0.1)
        assert stage.feed.workers == 2
        for _ in range(2):
            stage.look(guard_module.SHED_SECONDS)
        assert stage.feed.workers == 1
        stage.look(guard_module.STOP_SECONDS - 0.1)
        with pytest.raises(RefusedError, match=r"browser\? \(4242\) 3.0 GiB") as stopped:
            stage.look(0.2)
    assert stopped.value.exit_code == 3
    assert "less than the reserve of 512.0 MiB" in str(stopped.value)


def test_with_hardly_anything_left_it_stops_at_once(stage: Stage) -> None:
    """There is no time to wait when nearly all of the reserve is gone."""
    with stage.guard.minding(stage.feed):
        stage.machine.available = RESERVE // guard_module.CRITICAL_PART - 1
        with pytest.raises(RefusedError, match="stopped"):
            stage.look()


def test_over_its_budget_it_slows_down_too(stage: Stage) -> None:
    """A run that holds more than it may is paused, whatever the machine has left."""
    with stage.guard.minding(stage.feed):
        stage.look(held=BUDGET + guard_module.TOLERANCE_BYTES)
        assert not stage.feed.paused
        stage.look(held=BUDGET + guard_module.TOLERANCE_BYTES + 1)
    assert stage.feed.paused
    assert "more than its budget of 1.0 GiB" in stage.said[0]


def test_without_a_pool_it_does_nothing(stage: Stage) -> None:
    """Before and after the workers there is nothing that it could slow."""
    stage.machine.available = 0
    stage.look()
    assert stage.said == []


def test_the_real_machine_is_read() -> None:
    """Available memory, and processes by size with the run's own left out."""
    reader = ProcReader()
    available = reader.available_bytes()
    assert available is None or available > 0
    found = reader.largest(5, {1})
    assert 1 not in [other.pid for other in found]
    sizes = [other.resident_bytes for other in found]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "thread"])
def test_a_paused_pool_draws_nothing(method: str) -> None:
    """While it is paused no task is drawn; then all are answered."""
    drawn: list[int] = []
    waits = 0

    def tasks() -> object:
        for number in range(20):
            drawn.append(number)
            yield number

    def waiting() -> None:
        nonlocal waits
        if pool.paused:
            waits += 1
            assert len(drawn) <= 4
            pool.paused = waits < 3

    pool: Pool[int, int]
    with (
        nothing_left(),
        make_pool(method, pool_tasks.squares, window=4, while_waiting=waiting) as pool,
    ):
        answers = []
        for result in pool.imap_unordered(tasks()):  # type: ignore[arg-type]
            assert isinstance(result, Completed)
            answers.append(result.answer)
            if len(answers) == 1:
                pool.paused = True
    assert sorted(answers) == [n * n for n in range(20)]
    assert waits >= 3


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_retired_worker_is_not_replaced(method: str) -> None:
    """Workers are ended at work, what they had is answered by others, the last one stays."""
    pool: Pool[tuple[int, int], list[int]]
    with (
        nothing_left(),
        make_pool(
            method,
            pool_tasks.spans,
            frozenset(),
            "exit",
            0.002,
            workers=3,
            window=12,
            split=pool_tasks.halves,
        ) as pool,
    ):
        numbers: list[int] = []
        retired: list[bool] = []
        for result in pool.imap_unordered([(n, n + 10) for n in range(0, 400, 10)]):
            assert isinstance(result, Completed)
            numbers += result.answer
            if len(retired) < 3:
                retired.append(pool.retire())
            assert len(pool.pids) <= max(1, 3 - len(retired))
        assert retired == [True, True, False]
        assert pool.retried == 0
        assert pool.retire() is False
    assert sorted(numbers) == list(range(400))
