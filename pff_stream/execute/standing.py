"""A pool that stands ready: tasks come one by one, from any thread, each with a promise of its own.

One thread looks after the workers; whoever has a task is told by its future. The deaths, tries and
stalls of workers are dealt with as in `pool`; but what one task raises ends nothing for the others.
Does not cover: how many tasks there are at once, which is their callers' to bound.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, NamedTuple, TypeVar

from pff_stream.errors import UsageError
from pff_stream.execute.processes import ProcessCrew
from pff_stream.execute.queue import NOT_YET, NotYet, Poisoned, TaskQueue

Task = TypeVar("Task")
Answer = TypeVar("Answer")

BUSY_SECONDS, IDLE_SECONDS = 0.25, 30.0
"""The longest wait without a look at the workers' counters, with tasks at work and without."""
GIVE_UP_SECONDS = 1.0
"""A worker that is still at a task which nobody wants so long after is ended with it."""
CLOSE_SECONDS = 10.0
"""How long tasks that are at work may take to end when the pool is closed."""
FORKED = (
    "the workers are those of the process that opened them, of which this one is a fork: open them "
    "in each process, behind the fork"
)


class Numbered(NamedTuple):
    """A task on its way; the number finds its future again."""

    number: int
    task: Any


class PoolClosedError(UsageError):
    """The pool was closed before it came to this task."""

    def __init__(self) -> None:
        super().__init__("the workers are closed")


class PoisonError(Exception):
    """A task that its worker died of, twice."""


class StandingPool(Generic[Task, Answer]):
    """Workers that answer tasks until it is closed; they are started with the first.

    `make_crew` is called again where workers failed as a whole: what they had to do has failed with
    them then, and the next task has new ones. A task is not split: it is answered as a whole.
    """

    def __init__(self, make_crew: Callable[[], ProcessCrew[Numbered, Answer]]) -> None:
        self._make_crew = make_crew
        self._crew: ProcessCrew[Numbered, Answer] | None = None
        self._submitted: deque[tuple[Numbered, Future[Answer]]] = deque()
        self._drawn: dict[int, Future[Answer]] = {}
        self._given_up: deque[Future[Answer]] = deque()
        self._unwanted: dict[int, float] = {}
        self._n_submitted = 0
        self._retried = 0
        self._is_closing = False
        self._is_task_wanted = False
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._bell, self._ringer = os.pipe()
        for descriptor in (self._bell, self._ringer):
            os.set_blocking(descriptor, False)
        self._thread: threading.Thread | None = None
        _all.add(self)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers there are now."""
        crew = self._crew
        return crew.pids if crew and self.is_here else []

    @property
    def retried(self) -> int:
        """How often a task was tried again."""
        return self._retried

    @property
    def is_here(self) -> bool:
        """Whether this is the process that opened it, and no fork of it."""
        return self._owner == os.getpid()

    def check_owner(self) -> None:
        """`UsageError` in a fork of the process that opened the pool."""
        if not self.is_here:
            raise UsageError(FORKED)

    def submit(self, task: Task) -> Future[Answer]:
        """Its answer, when there is one. It can be cancelled until a worker is given it.

        The future raises `PoisonError` where its worker died of the task twice, what `set_up`
        raised, and `WorkersFailedError` where workers cannot be started. Raises `UsageError` where
        the pool is closed (`PoolClosedError`), or another process's.
        """
        self.check_owner()
        future: Future[Answer] = Future()
        with self._lock:
            if self._is_closing:
                raise PoolClosedError
            self._n_submitted += 1
            self._submitted.append((Numbered(self._n_submitted, task), future))
            is_waited_for, self._is_task_wanted = self._is_task_wanted, False
            if self._thread is None:
                # A daemon: a host that ends does not wait for it, and workers end with the host.
                self._thread = threading.Thread(
                    target=self._run, name="pff-stream workers", daemon=True
                )
                self._thread.start()
        if is_waited_for:  # else it comes to it as soon as a worker can take more
            self._ring()
        return future

    def give_up(self, future: Future[Answer]) -> None:
        """Nobody wants an answer any more: it is not begun, or its worker ends soon with it."""
        if not future.cancel() and not future.done():
            self._given_up.append(future)
            self._ring()

    def close(self) -> None:
        """Ends all workers. Tasks at work are waited for, ten seconds at most; others fail."""
        if not self.is_here:
            return
        with self._lock:
            self._is_closing = True
            waiting = list(self._submitted)
            self._submitted.clear()
            thread = self._thread
        for _, future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(PoolClosedError())
        if thread is not None and thread is not threading.current_thread():
            self._ring()
            thread.join(CLOSE_SECONDS)
            self._kill()
            thread.join(CLOSE_SECONDS)
        with self._lock:
            self._close_bell()

    def _kill(self) -> None:
        """Has workers that are still at work end; their thread is told by their deaths."""
        self._is_killed = True
        self._ring()

    def _ring(self) -> None:
        with self._lock:
            if self._ringer >= 0:
                try:
                    os.write(self._ringer, b"!")
                except BlockingIOError:
                    pass  # it rings already

    # --- in the thread that looks after the workers --------------------------------------------

    _is_killed = False

    def _run(self) -> None:
        while True:
            try:
                self._crew = self._make_crew()
                self._crew.watch(self._bell)
                self._serve(self._crew)
            except Exception as error:
                self._end(error)
            else:
                self._end(PoolClosedError())
            with self._lock:
                if self._is_closing or not self._submitted:
                    self._thread = None  # the next task has another one
                    return

    def _serve(self, crew: ProcessCrew[Numbered, Answer]) -> None:
        """Until it is closed and nothing is at work."""
        window = 1 << 30  # bounded by who has tasks
        queue: TaskQueue[Numbered, Answer] = TaskQueue(self._source(), window, lambda task: ())
        retried_before = self._retried
        while not self._is_killed:
            crew.dispatch(queue)
            if queue.finished:
                return
            crew.wait(queue, BUSY_SECONDS if self._drawn else IDLE_SECONDS)
            self._hear()
            self._drop(crew, queue)
            self._retried = retried_before + queue.retried
            while queue.has_result:
                self._settle(queue)

    def _source(self) -> Iterator[Numbered | NotYet]:
        while True:
            with self._lock:
                task, future = self._submitted.popleft() if self._submitted else (None, None)
                is_over = self._is_closing
                self._is_task_wanted = task is None
            if task is None or future is None:
                if is_over:
                    return
                yield NOT_YET
            elif future.set_running_or_notify_cancel():
                self._drawn[task.number] = future
                yield task

    def _drop(
        self, crew: ProcessCrew[Numbered, Answer], queue: TaskQueue[Numbered, Answer]
    ) -> None:
        """Ends what nobody has wanted for a while."""
        while self._given_up:
            future = self._given_up.popleft()
            found = [number for number, drawn in self._drawn.items() if drawn is future]
            self._unwanted |= dict.fromkeys(found, time.monotonic() + GIVE_UP_SECONDS)
        if self._unwanted:
            self._unwanted = {n: due for n, due in self._unwanted.items() if n in self._drawn}
            now = time.monotonic()
            crew.drop(lambda task: self._unwanted.get(task.number, now) < now, queue)

    def _settle(self, queue: TaskQueue[Numbered, Answer]) -> None:
        result = queue.consume()
        future = self._drawn.pop(result.task.number)
        if isinstance(result, Poisoned):
            future.set_exception(PoisonError(result.cause))
        else:
            future.set_result(result.answer)

    def _hear(self) -> None:
        try:
            os.read(self._bell, 1 << 16)
        except BlockingIOError:
            pass

    def _end(self, error: Exception) -> None:
        """Ends the crew; what it had to do, and what waits for it, has failed."""
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.close(kill=bool(self._drawn))
        with self._lock:
            failed = [future for _, future in self._submitted]
            self._submitted.clear()
        failed = [future for future in failed if future.set_running_or_notify_cancel()]
        drawn, self._drawn = self._drawn, {}
        for future in [*drawn.values(), *failed]:
            future.set_exception(error)

    def abandon(self) -> None:
        """In a fork of its process: lets go of workers that are another's."""
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.abandon()
        self._close_bell()

    def _close_bell(self) -> None:
        """Forgets the pipe before it is closed: a fork meanwhile does not close it once more."""
        descriptors, self._bell, self._ringer = (self._bell, self._ringer), -1, -1
        for descriptor in descriptors:
            if descriptor >= 0:
                with suppress(OSError):  # a host that became a daemon has closed it
                    os.close(descriptor)


_all: weakref.WeakSet[StandingPool[Any, Any]] = weakref.WeakSet()


def _forked() -> None:
    for pool in list(_all):
        pool.abandon()


os.register_at_fork(after_in_child=_forked)
