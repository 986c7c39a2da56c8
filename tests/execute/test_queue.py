"""The pool's bookkeeping by itself: window, order, suspicion and poison."""

from __future__ import annotations

import random
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from pff_stream.execute.queue import Completed, Item, Poisoned, TaskQueue
from tests.execute.pool_tasks import Span, halves


def make_queue(spans: list[Span], window: int = 4) -> TaskQueue[Span, str]:
    """A tasks of spans that are split into halves."""
    return TaskQueue(spans, window, halves)


def test_window() -> None:
    """No more is drawn than the window allows, and consuming opens it again."""
    tasks = make_queue([(n, n + 1) for n in range(5)], window=2)
    first, second = tasks.take(), tasks.take()
    assert first and second
    assert tasks.take() is None and not tasks.has_work()
    tasks.answered(second, "b", 0.0)
    assert tasks.take() is None
    assert tasks.consume() == Completed((1, 2), "b", 0.0)
    assert tasks.has_work()


def test_given_back_comes_next() -> None:
    """An item that was not begun is the next one to be taken, and not suspected."""
    tasks = make_queue([(0, 8), (8, 16)])
    first = tasks.take()
    assert first
    tasks.give_back(first)
    assert tasks.take() is first and not first.suspect
    assert tasks.retried == 0


def test_ahead_takes_what_fits() -> None:
    """Only an item that fits goes ahead, and a suspect never does."""
    tasks = make_queue([(0, 8), (8, 16)])
    suspect = tasks.take()
    assert suspect
    tasks.died(suspect, "x")
    assert tasks.take_ahead(lambda item: False) is None
    ahead = tasks.take_ahead(lambda item: True)
    assert ahead and ahead.task == (8, 16)
    assert tasks.take_ahead(lambda item: True) is None
    assert tasks.take() is suspect


def test_first_death_is_forgiven_second_splits() -> None:
    """A task is tried twice as a whole; a part of it once."""
    tasks = make_queue([(0, 2)])
    item = tasks.take()
    assert item
    tasks.died(item, "first")
    assert tasks.take() is item
    tasks.died(item, "second")
    left, right = tasks.take(), tasks.take()
    assert left and right
    assert (left.task, right.task) == ((0, 1), (1, 2))
    tasks.died(left, "third")
    tasks.answered(right, "fine", 0.5)
    assert tasks.consume() == Poisoned((0, 1), "third")
    assert not tasks.finished
    assert tasks.consume() == Completed((1, 2), "fine", 0.5)
    assert not tasks.has_work() and tasks.finished


def test_no_tasks() -> None:
    """Nothing to do is finished as soon as that is known."""
    tasks = make_queue([])
    assert not tasks.finished
    assert not tasks.has_work() and tasks.finished


@given(
    st.lists(st.integers(1, 9), max_size=8),
    st.sets(st.integers(0, 40), max_size=4),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_every_unit_is_accounted_for(
    sizes: list[int], poison: set[int], window: int, chance: random.Random
) -> None:
    """Whatever the order of events, each unit is answered or, if poisonous, poisoned; once."""
    spans, start = [], 0
    for size in sizes:
        spans.append((start, start + size))
        start += size
    tasks = make_queue(spans, window)
    in_flight: deque[Item[Span]] = deque()
    good: list[int] = []
    bad: list[int] = []
    while True:
        if len(in_flight) < 3 and (item := tasks.take()):
            in_flight.append(item)
        elif in_flight:
            in_flight.rotate(chance.randrange(3))
            item = in_flight.popleft()
            if chance.random() < 0.2:
                tasks.give_back(item)
            elif poison.intersection(range(*item.task)):
                tasks.died(item, "poison")
            else:
                tasks.answered(item, "", 0.0)
        while tasks.has_result and chance.random() < 0.7:
            result = tasks.consume()
            (good if isinstance(result, Completed) else bad).extend(range(*result.task))
        if not in_flight and not tasks.has_result and not tasks.has_work():
            break
    assert tasks.finished
    assert set(bad) == poison.intersection(range(start))
    assert sorted(good + bad) == list(range(start))
