"""The pool's bookkeeping by itself: window, order, suspicion and conviction."""

from __future__ import annotations

import random
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from pff_stream.execute.queue import Completed, Convicted, Item, Ledger
from tests.execute.pool_tasks import Span, halves


def make_ledger(spans: list[Span], window: int = 4) -> Ledger[Span, str]:
    """A ledger of spans that are split into halves."""
    return Ledger(spans, window, halves)


def test_window() -> None:
    """No more is drawn than the window allows, and consuming opens it again."""
    ledger = make_ledger([(n, n + 1) for n in range(5)], window=2)
    first, second = ledger.take(), ledger.take()
    assert first and second
    assert ledger.take() is None and not ledger.has_work()
    ledger.answered(second, "b", 0.0)
    assert ledger.take() is None
    assert ledger.consume() == Completed((1, 2), "b", 0.0)
    assert ledger.has_work()


def test_given_back_comes_next() -> None:
    """An item that was not begun is the next one to be taken, and not suspected."""
    ledger = make_ledger([(0, 8), (8, 16)])
    first = ledger.take()
    assert first
    ledger.give_back(first)
    assert ledger.take() is first and not first.suspect
    assert ledger.retried == 0


def test_ahead_takes_what_fits() -> None:
    """Only an item that fits goes ahead, and a suspect never does."""
    ledger = make_ledger([(0, 8), (8, 16)])
    suspect = ledger.take()
    assert suspect
    ledger.died(suspect, "x")
    assert ledger.take_ahead(lambda item: False) is None
    ahead = ledger.take_ahead(lambda item: True)
    assert ahead and ahead.task == (8, 16)
    assert ledger.take_ahead(lambda item: True) is None
    assert ledger.take() is suspect


def test_first_death_is_forgiven_second_splits() -> None:
    """A task is tried twice as a whole; a part of it once."""
    ledger = make_ledger([(0, 2)])
    item = ledger.take()
    assert item
    ledger.died(item, "first")
    assert ledger.take() is item
    ledger.died(item, "second")
    left, right = ledger.take(), ledger.take()
    assert left and right
    assert (left.task, right.task) == ((0, 1), (1, 2))
    ledger.died(left, "third")
    ledger.answered(right, "fine", 0.5)
    assert ledger.consume() == Convicted((0, 1), "third")
    assert not ledger.finished
    assert ledger.consume() == Completed((1, 2), "fine", 0.5)
    assert not ledger.has_work() and ledger.finished


def test_no_tasks() -> None:
    """Nothing to do is finished as soon as that is known."""
    ledger = make_ledger([])
    assert not ledger.finished
    assert not ledger.has_work() and ledger.finished


@given(
    st.lists(st.integers(1, 9), max_size=8),
    st.sets(st.integers(0, 40), max_size=4),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_every_unit_is_accounted_for(
    sizes: list[int], poison: set[int], window: int, chance: random.Random
) -> None:
    """Whatever the order of events, each unit is answered or, if poisonous, convicted; once."""
    spans, start = [], 0
    for size in sizes:
        spans.append((start, start + size))
        start += size
    ledger = make_ledger(spans, window)
    hand: deque[Item[Span]] = deque()
    good: list[int] = []
    bad: list[int] = []
    while True:
        if len(hand) < 3 and (item := ledger.take()):
            hand.append(item)
        elif hand:
            hand.rotate(chance.randrange(3))
            item = hand.popleft()
            if chance.random() < 0.2:
                ledger.give_back(item)
            elif poison.intersection(range(*item.task)):
                ledger.died(item, "poison")
            else:
                ledger.answered(item, "", 0.0)
        while ledger.has_result and chance.random() < 0.7:
            result = ledger.consume()
            (good if isinstance(result, Completed) else bad).extend(range(*result.task))
        if not hand and not ledger.has_result and not ledger.has_work():
            break
    assert ledger.finished
    assert set(bad) == poison.intersection(range(start))
    assert sorted(good + bad) == list(range(start))
