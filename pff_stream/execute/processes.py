"""Workers that are processes: whatever dies, stops or fills up, the parent sees it and goes on.

One channel a worker, no lock, no thread, no waiting in a send or a receive: a dead worker can block
nobody. What a task is and what becomes of it stands in `queue`, how a process starts in `launch`.
"""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Callable, Sequence
from typing import Generic

from pff_stream.errors import WorkersFailedError
from pff_stream.execute.child import STILL_RUNNING
from pff_stream.execute.connection import Worker
from pff_stream.execute.dealing import Dealer
from pff_stream.execute.job import CLOSE_SECONDS, Job
from pff_stream.execute.launch import (
    Child,
    Program,
    Starter,
    describe_exit,
    kill_all,
    launch,
    launch_all,
    signals_blocked,
)
from pff_stream.execute.messages import ERROR, MEMORY, READY, RemoteTraceback
from pff_stream.execute.queue import Answer, Item, Task, TaskQueue
from pff_stream.execute.shared_page import SharedPage
from pff_stream.execute.worker_main import BEGUN_WORD, PROGRESS_WORD, work
from pff_stream.words import counted

FAILED_STARTS_LIMIT = 3
"""Deaths a slot without a task begun, and none begun anywhere else, at which the pool gives up."""
BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.1, 5.0
"""While others go on, a slot whose workers die so twice in a row waits so long, then doubly."""
START_TRIES = 4
"""So often a worker is started where fork servers are killed in the middle of it."""
STALL_CHECK_SECONDS = 0.1
MANY = 4
"""So many workers are started at once, fewer one after another."""
NOT_STARTED = "a worker could not be started: {}"


class ProcessCrew(Generic[Task, Answer]):
    """A fixed number of slots, each with a living worker while there is work."""

    def __init__(self, job: Job, make_starter: Callable[[Program], Starter]) -> None:
        slots = job.workers
        self._job = job
        self._starts_together = job.starts_together
        self._has_news = True  # whether anybody may take what nobody could before
        self._workers: list[Worker[Task] | None] = [None] * slots
        self._retired: set[int] = set()
        self._failed_starts = [0] * slots
        self._backoff_until = [0.0] * slots
        self._failed_starts_in_a_row = 0
        self._selector = selectors.PollSelector()  # no descriptor that a fork would share
        self._unreaped: list[Child] = []
        self._clock = 0.0
        self._checked = 0.0
        self._dealer: Dealer[Task, Answer] = Dealer(job.tasks_together)
        self._page = SharedPage(slots)
        try:
            preload = (work.__module__, *job.preload)
            self._starter = make_starter(Program(work, (job.set_up, job.arguments), preload))
        except BaseException:
            self._page.close()
            raise

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers there are."""
        return [worker.child.pid for worker in self._workers if worker]

    def dispatch(self, queue: TaskQueue[Task, Answer]) -> None:
        """Gives every worker that can take it a task, and every empty slot a worker."""
        waited = queue.has_waiting
        if not waited and not queue.has_work():
            return
        if None in self._workers:
            self._fill_slots(queue)
        if self._starts_together:
            started = [w for slot, w in enumerate(self._workers) if slot not in self._retired]
            if not any(self._failed_starts) and not all(w and w.ready for w in started):
                return
            self._starts_together = False
        if waited and not self._has_news:
            return
        self._has_news = False
        for worker, items in self._dealer.messages(self._workers, queue):
            self._send(worker, items)

    def wait(self, queue: TaskQueue[Task, Answer], seconds: float) -> None:
        """Waits for whatever comes first, and deals with all that has come.

        Only time spent here counts as a stall, and no more of it than was asked for: neither a slow
        consumer nor a stop from the terminal makes a worker late.
        """
        seconds = min(seconds, self._job.wait_seconds)
        began = time.monotonic()
        for key, mask in self._selector.select(seconds):
            if key.data is None:
                continue  # what it is watched for is for whoever had it watched
            worker: Worker[Task] = key.data
            if mask & selectors.EVENT_WRITE:
                worker.flush()
                self._watch(worker)
            if mask & selectors.EVENT_READ:
                self._receive(worker, queue)
        if seconds:
            self._clock += min(time.monotonic() - began, seconds)
            if self._clock - self._checked >= min(seconds, STALL_CHECK_SECONDS):
                self._checked = self._clock
                self._check_stalls(queue)

    def watch(self, descriptor: int) -> None:
        """Has `wait` end when this can be read, too; whoever asks for it reads it."""
        self._selector.register(descriptor, selectors.EVENT_READ)

    def retire(self, queue: TaskQueue[Task, Answer] | None) -> bool:
        """Closes a slot: an empty one, else an idle worker's, else the last one's."""
        slots = [slot for slot in range(len(self._workers)) if slot not in self._retired]
        if len(slots) < 2:
            return False
        slot = min(slots, key=lambda slot: (self._is_at_work(slot), -slot))
        self._retired.add(slot)
        worker = self._workers[slot]
        if worker is not None:
            self._withdraw(worker, queue)
        return True

    def _withdraw(self, worker: Worker[Task], queue: TaskQueue[Task, Answer] | None) -> None:
        """Ends a worker that nothing is to blame for: what it has in flight is given back."""
        for item in reversed(self._end(worker, kill=True)[2]):
            assert queue is not None  # idle workers alone are there between two uses
            queue.give_back(item)

    def _is_at_work(self, slot: int) -> int:
        """0 for a slot without a worker, 1 for an idle one, 2 for one at work."""
        worker = self._workers[slot]
        return 0 if worker is None else 1 + worker.at_work

    def close(self, *, kill: bool) -> None:
        """Ends all processes: idle ones by the end of their channel, all others by SIGKILL."""
        try:
            if not kill:
                self._dismiss()
        finally:
            with signals_blocked():
                workers = [worker for worker in self._workers if worker]
                self._workers = [None] * len(self._workers)
                kill_all([worker.child for worker in workers] + self._unreaped, 2.0)
                self._unreaped = []
                for worker in workers:
                    worker.words.release()
                self._starter.close()
                self._selector.close()
                self._page.close()

    def drop(self, is_unwanted: Callable[[Task], bool], queue: TaskQueue[Task, Answer]) -> None:
        """Ends workers that are at a task which nobody wants; what is ahead of it is given back."""
        for worker in self._workers:
            at = max(0, worker.n_begun - 1) if worker and worker.in_flight else 0
            if worker and worker.in_flight and is_unwanted(worker.in_flight[at].task):
                queue.give_up(worker.in_flight[at])
                del worker.in_flight[at]
                self._withdraw(worker, queue)

    def abandon(self) -> None:
        """In a fork of this process: lets go of workers that are another's, and ends none."""
        for worker in self._workers:
            if worker is not None:
                worker.child.close()
        self._workers = [None] * len(self._workers)
        for child in self._unreaped:
            child.close()
        self._starter.abandon()

    def _dismiss(self) -> None:
        """Lets idle workers end by themselves."""
        idle = [worker for worker in self._workers if worker and not worker.at_work]
        for worker in idle:
            self._selector.unregister(worker.child.channel)
            worker.child.hang_up()
        deadline = time.monotonic() + CLOSE_SECONDS
        for worker in idle:
            worker.child.exit_code(max(0.0, deadline - time.monotonic()))

    def _fill_slots(self, queue: TaskQueue[Task, Answer]) -> None:
        """Starts a worker for each slot that has none, and may have one now."""
        now = time.monotonic()
        slots = [
            slot
            for slot, worker in enumerate(self._workers)
            if worker is None and slot not in self._retired and now >= self._backoff_until[slot]
        ]
        for slot in slots:
            words = self._page.slot(slot)
            words[PROGRESS_WORD] = words[BEGUN_WORD] = 0
        if len(slots) >= MANY:
            self._start_many(slots, queue)
        for slot in slots:
            if self._workers[slot] is None:
                with signals_blocked():
                    self._begin(slot, self._launched(slot))

    def _start_many(self, slots: Sequence[int], queue: TaskQueue[Task, Answer]) -> None:
        """Starts as many of them as the system will, at once."""

        def begun(children: Sequence[Child]) -> None:
            for slot, child in zip(slots, children, strict=True):
                self._begin(slot, child)
            if self._starts_together:
                # What comes first is there when they are: it is sent while they start.
                for worker, items in self._dealer.first_messages(self._workers, queue):
                    self._send(worker, items)

        try:
            children = launch_all(self._starter, self._page.descriptor, slots, begun)
        except OSError as error:
            raise WorkersFailedError(NOT_STARTED.format(error)) from error
        for slot, child in zip(slots, children, strict=True):
            if (worker := self._workers[slot]) and not child.pid:
                self._withdraw(worker, queue)

    def _launched(self, slot: int) -> Child:
        """A new process; a fork server that is killed meanwhile is replaced, but not for ever."""
        for _ in range(START_TRIES - 1):
            with contextlib.suppress(ConnectionError):
                return launch(self._starter, self._page.descriptor, slot)
        try:
            return launch(self._starter, self._page.descriptor, slot)
        except OSError as error:
            raise WorkersFailedError(NOT_STARTED.format(error)) from error

    def _begin(self, slot: int, child: Child) -> None:
        """Has a slot the worker that a new process is; signals are blocked."""
        words = self._page.slot(slot)
        # The parent never waits in a send or a receive: a worker that stops in the middle of a
        # message would stop it, too.
        child.channel.setblocking(False)
        worker: Worker[Task] = Worker(slot, child, words, self._starter.first)
        worker.still_since = self._clock
        self._workers[slot] = worker
        self._selector.register(child.channel, selectors.EVENT_READ, worker)
        worker.flush()
        self._watch(worker)

    def _send(self, worker: Worker[Task], items: Sequence[Item[Task]]) -> None:
        if not worker.in_flight:
            worker.still_since = self._clock
        worker.send(items)
        self._watch(worker)

    def _watch(self, worker: Worker[Task]) -> None:
        """Has `wait` see what comes from a worker, and when it takes what is left to send."""
        if worker.awaited != bool(worker.outbox):
            worker.awaited = not worker.awaited
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.awaited else 0)
            self._selector.modify(worker.child.channel, events, worker)

    def _receive(self, worker: Worker[Task], queue: TaskQueue[Task, Answer]) -> None:
        """Takes in what has come; whole answers count even if their worker has died since."""
        self._has_news = True
        alive = worker.receive()
        while reply := worker.next_reply():
            kind, seconds, body = reply
            if kind == READY:
                worker.ready = True
                continue
            if kind == ERROR:
                error, text = body
                raise error from RemoteTraceback(text)
            item = worker.in_flight.popleft()
            worker.answered += 1
            self._dealer.note(worker, seconds)
            self._note_produced(worker.slot)
            if kind == MEMORY:
                queue.died(item, "MemoryError")
            else:
                queue.answered(item, body, seconds)
        if not alive:
            self._reap(worker, queue)

    def _reap(
        self, worker: Worker[Task], queue: TaskQueue[Task, Answer], cause: str | None = None
    ) -> None:
        """Collects a dead worker, or ends one that stands still, and settles what it had to do."""
        n_begun, code, in_flight = self._end(worker, kill=cause is not None)
        cause = cause or describe_exit(code)
        # What was done before the task at work is lost with it, if it was not sent yet.
        at_work = in_flight.pop(n_begun - 1) if n_begun else None
        for item in reversed(in_flight):
            queue.give_back(item)
        if at_work is not None:
            self._note_produced(worker.slot)
            queue.died(at_work, cause)
        else:
            self._note_failed_start(worker.slot, cause)

    def _end(self, worker: Worker[Task], *, kill: bool) -> tuple[int, int, list[Item[Task]]]:
        """Collects a worker; how many tasks it had begun, its exit code, what it owed."""
        with signals_blocked():
            self._has_news = True
            self._workers[worker.slot] = None
            self._selector.unregister(worker.child.channel)
            n_begun = worker.n_begun
            worker.words.release()
            code = STILL_RUNNING if kill else worker.child.exit_code(1.0)
            if code == STILL_RUNNING:
                worker.child.kill()
                code = worker.child.exit_code(1.0)
            worker.child.close()
            if code == STILL_RUNNING:
                self._unreaped.append(worker.child)
        return n_begun, code, list(worker.in_flight)

    def _note_produced(self, slot: int) -> None:
        """A worker began a task: whatever it came to, workers can be started here."""
        self._failed_starts[slot] = self._failed_starts_in_a_row = 0

    def _note_failed_start(self, slot: int, cause: str) -> None:
        """A worker died with no task begun, which the next one may do as well."""
        self._failed_starts[slot] += 1
        self._failed_starts_in_a_row += 1
        if self._failed_starts_in_a_row >= FAILED_STARTS_LIMIT * len(self._workers):
            raise WorkersFailedError(
                f"{counted(self._failed_starts_in_a_row, 'worker')} in a row ended before they "
                f"began any task; the last one: {cause}"
            )
        if self._failed_starts[slot] > 1:
            pause = min(
                BACKOFF_SECONDS * 2.0 ** (self._failed_starts[slot] - 2), LONGEST_BACKOFF_SECONDS
            )
            self._backoff_until[slot] = time.monotonic() + pause

    def _check_stalls(self, queue: TaskQueue[Task, Answer]) -> None:
        for worker in self._workers:
            if worker is None:
                continue
            if worker.moved() or not worker.at_work:
                worker.still_since = self._clock
                continue
            limit = self._job.stall_limit(is_set_up=worker.ready)
            if self._clock - worker.still_since >= limit:
                self._reap(worker, queue, f"no progress for {limit:g} s")
