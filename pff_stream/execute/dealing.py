"""Which worker is sent which tasks, and how many in a message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic

from pff_stream.execute.connection import Worker, is_small
from pff_stream.execute.queue import Answer, Item, Task, TaskQueue

QUICK_SECONDS = 0.02
"""A task is sent ahead only after one that was over sooner: behind a long one it would wait while
other workers idle."""
MESSAGE_SECONDS = 0.004
"""A message is of no more tasks than take about so long, as the last ones did."""
TYPICAL_OF = 16
"""About so many of the last tasks say how long one takes."""


class Dealer(Generic[Task, Answer]):
    """Deals the tasks of a queue to workers, at most `together` in a message.

    0: one at a time, and none to who has another.
    """

    def __init__(self, together: int) -> None:
        self._together = together
        self._typical_seconds = MESSAGE_SECONDS

    def note(self, worker: Worker[Task], seconds: float) -> None:
        """Takes in how long a task took."""
        worker.quick = seconds < QUICK_SECONDS
        self._typical_seconds += (seconds - self._typical_seconds) / TYPICAL_OF

    def first_messages(
        self, workers: Sequence[Worker[Task] | None], queue: TaskQueue[Task, Answer]
    ) -> Iterator[tuple[Worker[Task], Sequence[Item[Task]]]]:
        """A task for each worker that has none, whether it is set up or not."""
        for worker in workers:
            if worker and not worker.in_flight:
                if (item := queue.take()) is None:
                    break
                yield worker, [item]

    def messages(
        self, workers: Sequence[Worker[Task] | None], queue: TaskQueue[Task, Answer]
    ) -> Iterator[tuple[Worker[Task], Sequence[Item[Task]]]]:
        """A task for each worker that has none, then more for those that are quick.

        Who gets one that is to be alone gets no more.
        """
        most = self._most()
        given: dict[int, tuple[Worker[Task], list[Item[Task]]]] = {}
        ready = [worker for worker in workers if worker and worker.ready]
        for worker, items in self.first_messages(ready, queue):
            if items[0].alone:
                yield worker, items
            else:
                given[worker.slot] = worker, [*items]
        if self._together and queue.has_work():
            for worker in ready:
                if worker.quick and 0 < len(worker.in_flight) <= most:
                    given.setdefault(worker.slot, (worker, []))
            _add(list(given.values()), queue, most)
        for worker, items in given.values():
            for first in range(0, len(items), most):
                yield worker, items[first : first + most]

    def _most(self) -> int:
        """How many tasks a message may be of."""
        enough = int(MESSAGE_SECONDS / max(self._typical_seconds, 1e-6))
        return max(1, min(self._together, enough))


def _add(
    given: list[tuple[Worker[Task], list[Item[Task]]]], queue: TaskQueue[Task, Answer], most: int
) -> None:
    """Adds tasks ahead, one each in turn: to workers that have a message of them, another one."""
    more = [one for one in given if _may_have_more(*one, most)]
    while more:
        left = []
        for worker, items in more:
            if (item := queue.take_ahead(_may_go_ahead)) is None:
                return
            items.append(item)
            if len(worker.in_flight) + len(items) < 2 * most:
                left.append((worker, items))
        more = left


def _may_have_more(worker: Worker[Task], items: Sequence[Item[Task]], most: int) -> bool:
    """Whether it is quick and has little to do, and nothing that somebody has died of."""
    has = len(worker.in_flight) + len(items)
    return (
        worker.quick and has <= most and not any(one.suspect for one in (*worker.in_flight, *items))
    )


def _may_go_ahead(item: Item[Task]) -> bool:
    """Whether a task may wait behind another."""
    return not item.alone and is_small(item)
