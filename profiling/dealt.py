"""A run with workers that are not there: the pool's own queue and dealer, by a clock of its own."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from pff_stream.execute.connection import Worker
from pff_stream.execute.dealing import Dealer
from pff_stream.execute.queue import Completed, Item, TaskQueue
from pff_stream.execute.worker_main import HELD_SECONDS
from pff_stream.plan.by_rules import WINDOW_TASKS
from pff_stream.work.task import split_task, tasks_together
from profiling.pool_costs import Costs


class Reply(NamedTuple):
    """What a task came to."""

    answer: Any
    seconds: float
    chunk: int
    """Which the worker holds from then on."""


class Dealt(NamedTuple):
    """What a run came to."""

    end: float
    """Seconds from before the first worker is started to when all are ended."""
    idle: float
    """The share of the workers' time from when they are there to the last answer."""
    tasks: int
    messages: int


@dataclass(slots=True)
class _State:
    """Of a worker."""

    free: float
    """When it has done what it was sent."""
    last: int | None = None
    """The chunk that it holds."""
    begun: bool = False


class Simulated:
    """So many workers, and one process that sends them tasks and takes answers in."""

    def __init__(
        self, costs: Costs, workers: int, n_chunks: int, done: Callable[[Any, int | None], Reply]
    ) -> None:
        self._costs, self._done = costs, done
        self._up = costs.up(workers)
        self._states = [_State(at) for at in self._up]
        self._workers = [
            Worker[Any](slot, cast(Any, None), memoryview(bytes(16)).cast("Q"), b"")
            for slot in range(workers)
        ]
        self._dealer: Dealer[Any, Any] = Dealer(tasks_together(n_chunks, workers))
        self._now = costs.first + costs.opened * workers
        self._arrivals: list[tuple[float, int, int, list[tuple[Item[Any], Reply]]]] = []
        self._sent: list[tuple[_State, int, list[Item[Any]], float]] = []
        self._busy = 0.0
        self._tasks = self._messages = 0

    def run(self, tasks: Iterable[Any], take: Callable[[Any, Any], None]) -> Dealt:
        """Has all tasks answered; `take` is what the run does with each answer, and is timed."""
        n, costs = len(self._workers), self._costs
        queue: TaskQueue[Any, Any] = TaskQueue(
            self._timed(iter(tasks)), WINDOW_TASKS * n, cast(Any, split_task)
        )
        self._now += costs.begun * n
        for worker, items in self._dealer.first_messages(self._workers, queue):
            self._send(worker, items)
        self._work()
        end, last_up = 0.0, max(self._up)
        while True:
            if self._now >= last_up:
                for worker in self._workers:
                    worker.ready = True
                for worker, items in self._dealer.messages(self._workers, queue):
                    self._send(worker, items)
                self._work()
            while queue.has_result:
                result = queue.consume()
                assert isinstance(result, Completed)
                began = time.thread_time()
                take(result.task, result.answer)
                self._now += time.thread_time() - began
                end = self._now
            if queue.finished:
                break
            if not self._arrivals:
                self._now = max(self._now, last_up)
                continue
            if self._arrivals[0][0] > self._now < last_up:
                self._now = min(last_up, self._arrivals[0][0])
                continue
            self._receive(queue)
        lasts = sum(end - at for at in self._up)
        return Dealt(
            end + costs.end * n,
            1 - self._busy / lasts if lasts else 0.0,
            self._tasks,
            self._messages,
        )

    def _timed(self, tasks: Iterator[Any]) -> Iterator[Any]:
        """The same, with what it takes this process to make them."""
        while True:
            began = time.thread_time()
            task = next(tasks, None)
            self._now += time.thread_time() - began
            if task is None:
                return
            yield task

    def _send(self, worker: Worker[Any], items: Iterable[Item[Any]]) -> None:
        """A message: half of what it and its answer take this process is before it is there."""
        sent = list(items)
        costs, state = self._costs, self._states[worker.slot]
        self._now += (costs.message + costs.task * (len(sent) - 1)) / 2
        self._messages += 1
        worker.in_flight.extend(sent)
        self._sent.append((state, worker.slot, sent, self._now))

    def _work(self) -> None:
        """Has all that was sent done: behind the sending, which it would keep out of the caches."""
        for state, slot, sent, there in self._sent:
            at = max(state.free, there)
            if not state.begun:
                state.begun, at = True, at + self._costs.warm
            held, since = [], at
            for number, item in enumerate(sent):
                reply = self._done(item.task, state.last)
                state.last = reply.chunk
                at += reply.seconds + self._costs.echo
                self._busy += reply.seconds
                self._tasks += 1
                held.append((item, reply))
                if number == len(sent) - 1 or at - since > HELD_SECONDS:
                    heapq.heappush(self._arrivals, (at, self._tasks, slot, held))
                    held, since = [], at
            state.free = at
        self._sent.clear()

    def _receive(self, queue: TaskQueue[Any, Any]) -> None:
        """Takes in the answers that came first."""
        at, _, slot, replies = heapq.heappop(self._arrivals)
        self._now = max(self._now, at)
        self._now += (self._costs.message + self._costs.task * (len(replies) - 1)) / 2
        worker = self._workers[slot]
        for item, reply in replies:
            worker.in_flight.popleft()
            self._dealer.note(worker, reply.seconds)
            queue.answered(item, reply.answer, reply.seconds)
