"""Workers that are threads of this process, for an evaluator that drops the interpreter lock.

The same tasks, answers and errors as with processes, at the cost of no process; but nothing stands
between a worker's death and this process, and a thread that stands still cannot be ended: it stops
the run instead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic

from pff_stream.errors import WorkersFailedError
from pff_stream.execute.job import CLOSE_SECONDS, Job
from pff_stream.execute.messages import ANSWER, ERROR, MEMORY, READY
from pff_stream.execute.queue import Answer, Item, Task, TaskQueue
from pff_stream.execute.worker_main import Progress
from pff_stream.files import _pages


class WorkerThread(threading.Thread):
    """One worker: it sets up, then takes items from the common queue until it is given None."""

    def __init__(
        self,
        job: Job,
        items: SimpleQueue[Item[Any] | None],
        replies: SimpleQueue[tuple[int, Item[Any] | None, Any, float]],
    ) -> None:
        # A daemon: where the parent is interrupted, it does not wait for the task at work.
        super().__init__(name="pff-stream worker", daemon=True)
        self._job = job
        self._items = items
        self._replies = replies
        self._words = memoryview(bytearray(8)).cast("Q")
        self._begun = 0
        self._mark = (0, 0)
        self.ready = False
        self.at_work = True
        self.still_since = 0.0

    def moved(self) -> bool:
        """Whether it did anything since the last time that this was asked."""
        before = self._mark
        self._mark = (self._words[0], self._begun)
        return self._mark != before

    def run(self) -> None:
        """The whole life of the worker."""
        try:
            answer = self._job.set_up(Progress(self._words), *self._job.arguments)
        except BaseException as error:
            self._replies.put((ERROR, None, error, 0.0))
            return
        self.ready = True
        self.at_work = False
        self._replies.put((READY, None, None, 0.0))
        while (item := self._items.get()) is not None:
            self._begun += 1
            self.at_work = True
            self._replies.put(self._reply(answer, item))
            self.at_work = False
            del item

    @staticmethod
    def _reply(
        answer: Callable[[Any], Any], item: Item[Any]
    ) -> tuple[int, Item[Any] | None, Any, float]:
        began = time.perf_counter()
        try:
            return ANSWER, item, answer(item.task), time.perf_counter() - began
        except MemoryError:
            return MEMORY, item, None, 0.0
        except BaseException as error:
            return ERROR, item, error, 0.0


class ThreadCrew(Generic[Task, Answer]):
    """A fixed number of threads with a common queue.

    At most two tasks a thread are handed out and not answered, which bounds both queues.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._items: SimpleQueue[Item[Any] | None] = SimpleQueue()
        self._replies: SimpleQueue[tuple[int, Item[Any] | None, Any, float]]
        self._replies = SimpleQueue()
        self._threads = [WorkerThread(job, self._items, self._replies) for _ in range(job.workers)]
        self._started = False
        self._handed_out = 0
        self._clock = 0.0

    @property
    def pids(self) -> list[int]:
        """No process of its own."""
        return []

    def dispatch(self, queue: TaskQueue[Task, Answer]) -> None:
        """Puts tasks into the common queue, as many as the threads will soon ask for."""
        if not queue.has_work():
            return
        if not self._started:
            self._started = True
            _pages.share_heap()
            for thread in self._threads:
                thread.start()
        while self._handed_out < 2 * len(self._threads) and (item := queue.take()):
            self._items.put(item)
            self._handed_out += 1

    def wait(self, queue: TaskQueue[Task, Answer], seconds: float) -> None:
        """Waits for the first reply, and deals with all that are there."""
        seconds = min(seconds, self._job.wait_seconds)
        began = time.monotonic()
        try:
            kind, item, value, took = (
                self._replies.get(timeout=seconds) if seconds else (self._replies.get_nowait())
            )
            while True:
                self._take_reply(queue, kind, item, value, took)
                kind, item, value, took = self._replies.get_nowait()
        except Empty:
            pass
        self._clock += min(time.monotonic() - began, seconds)
        self._check_stalls()

    def retire(self, queue: TaskQueue[Task, Answer] | None) -> bool:
        """A thread cannot be ended, nor does its end give memory back."""
        return False

    def close(self, *, kill: bool) -> None:
        """Ends idle threads; a thread at work ends after its task, and is not waited for."""
        try:
            while True:
                self._items.get_nowait()
        except Empty:
            pass
        for _ in self._threads:
            self._items.put(None)
        deadline = time.monotonic() + (0.1 if kill else CLOSE_SECONDS)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _take_reply(
        self,
        queue: TaskQueue[Task, Answer],
        kind: int,
        item: Item[Any] | None,
        value: Any,
        took: float,
    ) -> None:
        if kind == ERROR:
            raise value
        if item is None:
            return
        self._handed_out -= 1
        if kind == MEMORY:
            queue.died(item, "MemoryError")
        else:
            queue.answered(item, value, took)

    def _check_stalls(self) -> None:
        for thread in self._threads:
            if thread.moved() or not thread.at_work or not self._started:
                thread.still_since = self._clock
                continue
            limit = self._job.stall_limit(is_set_up=thread.ready)
            if self._clock - thread.still_since >= limit:
                raise WorkersFailedError(
                    f"a worker thread made no progress for {limit:g} s, and cannot be ended"
                )
