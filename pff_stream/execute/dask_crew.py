"""Workers of a Dask cluster: one Dask worker a host, with the product's own pool beside it.

Behind the pool and its queue like any other executor. A call to a host has a batch of tasks, and at
most `AHEAD` calls are at a host: what the window bounds waits here, not on the scheduler. What a
host had when it went is handed out again; what went with two hosts is suspected.
"""

from __future__ import annotations

import itertools
import pickle
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from pff_stream.errors import (
    DamagedResultsError,
    OutputError,
    RefusedError,
    WorkersFailedError,
)
from pff_stream.execute.dask_host import Outcome, ReplyBody
from pff_stream.execute.dask_join import Batch, HostShare, Joining, RemoteHost, Told
from pff_stream.execute.dask_link import GONE, Call, Done, Gone, Link, WorkerLostError
from pff_stream.execute.dask_tasks import answer_batch, forget_batch, rest_of_batch
from pff_stream.execute.interface import Crew, FixedCosts
from pff_stream.execute.job import Job
from pff_stream.execute.messages import RemoteTraceback, unpickled
from pff_stream.execute.queue import Answer, Completed, Item, Poisoned, Task, TaskQueue

AHEAD = 2
"""Calls at a host: one batch is worked at while the next waits beside it."""
JOIN_SECONDS = 60.0
"""So long it is waited for another worker when the last one has gone; a nanny restarts one."""
LOSSES = 2
"""A task that went with so many hosts is suspected: a host may go for any reason."""
HOST_LOST = "its host was lost"


_OF_THE_HOST = (OutputError, WorkersFailedError, RefusedError, MemoryError, OSError)
"""What a host is to blame for, not the task: another may do it."""
WAIT_NOTE_SECONDS = 15.0
"""So long nothing is said where no host has begun."""


class DaskCrew(Generic[Task, Answer]):
    """All workers of a cluster that have a plan."""

    def __init__(self, job: Job, link: Link, shares: dict[str, HostShare], told: Told) -> None:
        if job.carrier is None:
            raise ValueError("a job without a carrier stays on this host")
        self._job, self._carrier = job, job.carrier
        self._link, self._told = link, told
        self._joining: Joining[Task] = Joining(job, link, told)
        self._waiting = dict(shares)
        self._hosts: dict[str, RemoteHost[Task]] = {}
        self._losses: dict[int, int] = {}
        self._n_sent = 0
        self._numbers = itertools.count()
        self._alone_since: float | None = None
        self._has_lost = self._said = False

    @property
    def pids(self) -> list[int]:
        """None on this machine that are this process's."""
        return []

    def dispatch(self, queue: TaskQueue[Task, Answer]) -> None:
        """Gives each host with room a batch."""
        if not queue.has_work():
            return
        while self._waiting:
            self._joining.ask(*self._waiting.popitem())
        for host in self._hosts.values():
            while len(host.hand) < AHEAD and not host.has_suspect:
                items = self._batch(queue, host)
                if not items:
                    break
                self._n_sent += len(items)
                batch = Batch(next(self._numbers), items)
                tasks = pickle.dumps([item.task for item in items], 5)
                host.hand[self._called(host, answer_batch, batch.number, tasks)] = batch

    def wait(self, queue: TaskQueue[Task, Answer], seconds: float) -> None:
        """Waits for the first news, and deals with all there are."""
        event = self._link.next_event(seconds)
        while event is not None:
            if isinstance(event, Done):
                if self._joining.is_of(event.call):
                    self._join(event.call)
                else:
                    self._take(queue, event)
            elif isinstance(event, Gone):
                self._has_lost = True
                self._lose(queue, event.address)
            elif event.address not in self._hosts:
                share = self._told.admit(event.address)
                if share is not None:
                    self._joining.ask(event.address, share)
            event = self._link.next_event(0.0)
        self._check()

    def retire(self, queue: TaskQueue[Task, Answer] | None) -> bool:
        """No: what a host may use is its own plan's."""
        return False

    def close(self, *, kill: bool) -> None:
        """Lets the hosts forget the run."""
        hosts, self._hosts = list(self._hosts.values()), {}
        self._joining.close()
        self._link.cancel([call for host in hosts for call in host.hand])
        for host in hosts:
            host.lease.release()

    def _join(self, lease: Call) -> None:
        host = self._joining.joined(lease)
        if host is not None:
            self._hosts[host.address] = host
            self._alone_since = None

    def _batch(self, queue: TaskQueue[Task, Answer], host: RemoteHost[Task]) -> list[Item[Task]]:
        """The next tasks for a host; a suspect comes alone, to a host that has nothing else."""
        first = queue.take()
        if first is None:
            return []
        if first.suspect:
            if host.hand:
                queue.give_back(first)
                return []
            return [first]
        sizes = self._told.sizes
        left = max(0, sizes.n_tasks - self._n_sent)
        n = max(sizes.least, min(sizes.most, left // (2 * AHEAD * len(self._hosts))))
        items = [first]
        while len(items) < n and (item := queue.take_ahead(lambda item: True)):
            items.append(item)
        return items

    def _called(self, host: RemoteHost[Task], function: Callable[..., Any], *told: Any) -> Call:
        return self._link.call(function, self._link.run, *told, worker=host.address)

    def _take(self, queue: TaskQueue[Task, Answer], event: Done) -> None:
        call = event.call
        host = self._hosts.get(call.address)
        batch = None if host is None else host.hand.get(call)
        if host is None or batch is None:
            return  # not of a task, or given back meanwhile
        if call.status == "cancelled":
            raise WorkersFailedError(GONE)  # what this process cancels is in no hand any more
        if call.status == "lost":
            return  # with its worker, as the news says next
        if call.status == "error":
            # Nothing that a task raises comes so: Dask could not run it there.
            if type(call.error).__name__ != "KilledWorker":
                raise WorkersFailedError(f"{host.share.name}: {call.error}")
            del host.hand[call]
            self._give_back(queue, batch.items)
            return
        try:
            reply = call.result()
        except WorkerLostError:
            # Slow, or gone with its worker: then the news says so, and the items are in hand still.
            time.sleep(0.01)
            self._link.put_back(event)
            return
        del host.hand[call]
        call.release()
        try:
            self._read(queue, host, batch, reply)
        except DamagedResultsError as error:
            self._called(host, forget_batch, batch.number)
            self._give_back(queue, batch.items, str(error))

    def _read(
        self,
        queue: TaskQueue[Task, Answer],
        host: RemoteHost[Task],
        batch: Batch[Task],
        reply: tuple[bytes, bytes, int],
    ) -> None:
        """Takes in a reply; `DamagedResultsError` where it is not what the host sent."""
        body, content, crc32 = reply
        found = zlib.crc32(content, zlib.crc32(body))
        if found != crc32:
            raise DamagedResultsError(
                f"a reply of {host.share.name}: found checksum {found:08x}, expected {crc32:08x}"
            )
        told, n_left, held_bytes = ReplyBody(*unpickled(body))
        self._told.held(host.address, held_bytes)
        if n_left < 0:
            error, text = unpickled(told)
            error.__cause__ = RemoteTraceback(text)
            if not isinstance(error, _OF_THE_HOST):
                raise error
            self._lose(queue, host.address, str(error), batch)
            self._joining.leave_out(host.share, error)
            return
        batch.outcomes += self._put_down(unpickled(told), memoryview(content))
        if n_left:
            host.hand[self._called(host, rest_of_batch, batch.number)] = batch
        else:
            self._note(queue, batch.items, batch.outcomes)

    def _put_down(self, outcomes: list[Outcome], content: memoryview) -> list[Outcome]:
        """The outcomes of a reply with their bytes in files of this host."""
        (arguments,) = self._job.arguments
        kept, at = [], 0
        for outcome in outcomes:
            parts = []
            for length in outcome.lengths:
                parts.append(content[at : at + length])
                at += length
            if outcome.cause is None:
                answer = self._carrier.put_down(arguments, outcome.part, outcome.answer, parts)
                outcome = outcome._replace(answer=answer)
            kept.append(outcome)
        return kept

    def _note(
        self, queue: TaskQueue[Task, Answer], items: list[Item[Task]], outcomes: list[Outcome]
    ) -> None:
        """Notes all that became of a batch: not before it is complete, since a host may be lost."""
        results: list[list[Completed[Task, Answer] | Poisoned[Task]]] = [[] for _ in items]
        for index, part, answer, cause, seconds, _ in outcomes:
            results[index].append(
                Completed(part, answer, seconds) if cause is None else Poisoned(part, cause)
            )
        for item, of_item in zip(items, results, strict=True):
            self._losses.pop(id(item), None)
            queue.answered_in_parts(item, of_item)

    def _lose(
        self,
        queue: TaskQueue[Task, Answer],
        address: str,
        cause: str = HOST_LOST,
        batch: Batch[Task] | None = None,
    ) -> None:
        """A host is gone, or of no use: what it had to do, and this `batch`, is for others."""
        host = self._hosts.pop(address, None)
        self._waiting.pop(address, None)
        self._joining.forget(address)
        if host is None:
            return
        calls = list(host.hand)
        batches = [host.hand[call] for call in calls]
        self._link.cancel([*calls, host.lease])
        for one in reversed(batches if batch is None else [batch, *batches]):
            self._give_back(queue, one.items, cause)

    def _give_back(
        self, queue: TaskQueue[Task, Answer], items: list[Item[Task]], cause: str = HOST_LOST
    ) -> None:
        for item in reversed(items):
            self._n_sent -= 1
            losses = self._losses[id(item)] = self._losses.get(id(item), 0) + 1
            if item.suspect or losses >= LOSSES:
                self._losses.pop(id(item))
                queue.died(item, cause)
            else:
                queue.give_back(item)

    def _check(self) -> None:
        """WorkersFailedError where nobody is left, and nobody comes."""
        if not self._link.is_connected:
            raise WorkersFailedError(GONE)
        if self._hosts or self._waiting:
            return
        failed, names = self._joining.failed, self._joining.names
        if failed is not None and not names and not self._has_lost:
            raise failed
        now = time.monotonic()
        if self._alone_since is None:
            self._alone_since = now
        seconds = now - self._alone_since
        if names and seconds > WAIT_NOTE_SECONDS and not self._said:
            self._said = True
            told = ", ".join(names)
            self._told.note(f"waits for {told}: at work for others, or paused by Dask")
        if not names and seconds > JOIN_SECONDS:
            raise failed or WorkersFailedError(
                f"no worker of the cluster is left, and none came for {JOIN_SECONDS:g} s"
            )


@dataclass(slots=True)
class DaskExecutor:
    """A cluster as a run uses it, beside what its plan says of workers on this host."""

    link: Link
    shares: dict[str, HostShare]
    """By the address of the Dask worker."""
    told: Told

    name = "dask"
    speed = 1.0
    shares_memory = False
    fences_workers = False

    def is_safe_here(self) -> bool:
        """The plan never chooses it: an address is given."""
        return False

    def n_processes(self, workers: int) -> int:
        """None on this host."""
        return 0

    def costs(self) -> FixedCosts:
        """Nothing here."""
        return FixedCosts(probe_bytes=0)

    def crew(self, job: Job) -> Crew[Any, Any]:
        """The hosts."""
        return DaskCrew(job, self.link, self.shares, self.told)
