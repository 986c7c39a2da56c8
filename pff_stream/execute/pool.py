"""Streams tasks through workers in a bounded window, whatever happens to the workers.

`multiprocessing.Pool.imap_unordered` waits for ever when a worker is killed, and lets answers pile
up when the consumer is slow. Here drawn minus consumed tasks never exceed the window; a dead worker
is noticed at once and replaced, its task is tried again alone, and what kills a second time is
split until the one unit that does it is found, and the rest is answered.

Does not cover: what a task is, order of answers, memory fences (a worker's set-up does its own).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Generic

from pff_stream.errors import WorkersFailedError
from pff_stream.execute.interface import Crew
from pff_stream.execute.job import Job
from pff_stream.execute.queue import Answer, Completed, Poisoned, Task, TaskQueue
from pff_stream.execute.worker_main import COLLECT_TASKS, Progress

__all__ = ["Completed", "Job", "Poisoned", "Pool", "Progress", "WorkersFailedError"]

WAIT_SECONDS = 0.25
"""The longest wait without a look at the workers' counters or a call of `while_waiting`."""
MOST_UNCOLLECTED = 8 * COLLECT_TASKS
"""As `COLLECT_TASKS`, where results keep coming."""
POLL_SECONDS = 0.001
"""While results wait to be consumed, workers are looked after at most so often."""


class Pool(Generic[Task, Answer]):
    """The workers of a crew, set up once, which answer tasks until the pool is closed.

    The crew is the pool's from here on. At most `window` tasks are drawn and not consumed.
    `split(task)` gives the parts of a task, none or one where it cannot be split. `while_waiting`
    is called in this process at least every quarter second that nothing comes.

    Raises from `imap_unordered` what the job's `set_up` or a task raises, as itself, other than a
    MemoryError of a task, which is dealt with like a death; and WorkersFailedError where workers
    cannot be started, or die before they begin any task again and again.
    """

    def __init__(
        self,
        crew: Crew[Task, Answer],
        *,
        window: int,
        split: Callable[[Task], Sequence[Task]],
        while_waiting: Callable[[], None] | None = None,
    ) -> None:
        if window < 1:
            crew.close(kill=True)
            raise ValueError(f"found a window of {window}, expected at least 1")
        self._window = window
        self._split = split
        self._while_waiting = while_waiting
        self._queue: TaskQueue[Task, Answer] | None = None
        self._retried = 0
        self.paused = False
        """While it is set no task is drawn; whoever sets it lifts it, from `while_waiting` or
        between two results."""
        self._crew: Crew[Task, Answer] | None = crew

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers there are now; none with threads."""
        return self._crew.pids if self._crew else []

    @property
    def retried(self) -> int:
        """How often a task, or a part of one, was tried again."""
        return self._retried

    def imap_unordered(
        self, tasks: Iterable[Task]
    ) -> Iterator[Completed[Task, Answer] | Poisoned[Task]]:
        """Yields a result for every task, or for each part of one that had to be split.

        Tasks are drawn when a worker can take one. Closing the iterator, and any exception in it,
        kills the workers and closes the pool; exhausting it keeps them for the next call.
        """
        if self._queue is not None or self._crew is None:
            raise ValueError("the pool is closed" if self._crew is None else "the pool is in use")
        queue: TaskQueue[Task, Answer] = TaskQueue(tasks, self._window, self._split)
        self._queue = queue
        retried_before = self._retried
        try:
            for result in self._results(self._crew, queue):
                self._retried = retried_before + queue.retried
                yield result
        except BaseException:
            self._close(kill=True)
            raise
        finally:
            self._queue = None

    def _results(
        self, crew: Crew[Task, Answer], queue: TaskQueue[Task, Answer]
    ) -> Iterator[Completed[Task, Answer] | Poisoned[Task]]:
        looked = time.monotonic()
        n_uncollected = 0
        while True:
            queue.paused = self.paused
            crew.dispatch(queue)
            if queue.has_result:
                n_uncollected += 1
                if n_uncollected == MOST_UNCOLLECTED:
                    gc.collect()
                    n_uncollected = 0
                yield queue.consume()
                if queue.has_result and time.monotonic() - looked < POLL_SECONDS:
                    continue
                if queue.has_result:
                    crew.wait(queue, 0.0)
            elif queue.finished:
                return
            else:
                if n_uncollected >= COLLECT_TASKS:
                    gc.collect()  # while there is nothing else to do
                    n_uncollected = 0
                crew.wait(queue, WAIT_SECONDS)
                if self._while_waiting and not queue.has_result:
                    self._while_waiting()
            looked = time.monotonic()

    def retire(self) -> bool:
        """Ends one worker for good, an idle one if there is one; False where it is the last.

        What it was at is done again by another. To be called from `while_waiting` or between two
        results. Threads cannot be ended: False.
        """
        return self._crew is not None and self._crew.retire(self._queue)

    def close(self) -> None:
        """Ends all workers, within a second unless the kernel holds one; busy ones are killed.

        Nothing is left behind but threads that are at work, which end after their task.
        """
        self._close(kill=self._queue is not None)

    def _close(self, *, kill: bool) -> None:
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.close(kill=kill)

    def __enter__(self) -> Pool[Task, Answer]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close(kill=self._queue is not None or error is not None)
