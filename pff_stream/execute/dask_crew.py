"""Workers of a Dask cluster: one Dask worker a host, with the product's own pool beside it.

Behind the pool and its queue like any other executor. A call to a host has a batch of tasks, and at
most `AHEAD` calls are at a host: what the window bounds waits here, not on the scheduler. What a
host had when it went is handed out again; what went with two hosts is suspected.
"""

from __future__ import annotations

import os
import pickle
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple

from pff_stream.errors import WorkersFailedError
from pff_stream.execute.dask_files import FileSender
from pff_stream.execute.dask_host import HostJob, Outcome
from pff_stream.execute.dask_link import GONE, Call, Done, Gone, Link, WorkerLostError
from pff_stream.execute.dask_tasks import answer_batch, open_host, rest_of_batch, start_host
from pff_stream.execute.files import InputFile, OutputFile, renamed
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


class HostShare(NamedTuple):
    """What a host takes part with, by the plan that was made on it."""

    name: str
    host: str
    """The same for workers that see the same local files."""
    workers: int
    method: str
    arguments: tuple[Any, ...]
    """Of the job's set-up, as this host's plan has them."""


class BatchSizes(NamedTuple):
    """How many tasks a call has."""

    least: int
    most: int
    n_tasks: int
    """Of all of the run; towards the end calls have fewer."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a crew is told beside its job."""

    sizes: BatchSizes
    admit: Callable[[str], HostShare | None]
    """What a worker that joins takes part with; None: it does not."""
    sender: Callable[[Link], FileSender] = FileSender
    """Places inputs on hosts."""


@dataclass(slots=True)
class _Host(Generic[Task]):
    """A Dask worker, and what it owes."""

    address: str
    share: HostShare
    lease: Call
    hand: dict[Call, list[Item[Task]]] = field(default_factory=dict)
    answered: dict[int, list[Outcome]] = field(default_factory=dict)

    @property
    def has_suspect(self) -> bool:
        return any(item.suspect for items in self.hand.values() for item in items)


class DaskCrew(Generic[Task, Answer]):
    """All workers of a cluster that have a plan."""

    def __init__(self, job: Job, link: Link, shares: dict[str, HostShare], told: Told) -> None:
        if job.carrier is None:
            raise ValueError("a job without a carrier stays on this host")
        self._job, self._carrier = job, job.carrier
        self._link, self._told = link, told
        self._sender = told.sender(link)
        self._waiting = dict(shares)
        self._hosts: dict[str, _Host[Task]] = {}
        self._losses: dict[int, int] = {}
        self._n_sent = 0
        self._alone_since: float | None = None

    @property
    def pids(self) -> list[int]:
        """None on this machine that are this process's."""
        return []

    def dispatch(self, queue: TaskQueue[Task, Answer]) -> None:
        """Gives each host with room a batch."""
        if not queue.has_work():
            return
        while self._waiting:
            self._join(*self._waiting.popitem())
        for host in self._hosts.values():
            while len(host.hand) < AHEAD and not host.has_suspect:
                items = self._batch(queue, host)
                if not items:
                    break
                self._n_sent += len(items)
                tasks = pickle.dumps([item.task for item in items], 5)
                host.hand[self._called(host, answer_batch, tasks)] = items

    def wait(self, queue: TaskQueue[Task, Answer], seconds: float) -> None:
        """Waits for the first news, and deals with all there are."""
        event = self._link.next_event(seconds)
        while event is not None:
            if isinstance(event, Done):
                self._take(queue, event)
            elif isinstance(event, Gone):
                self._lose(queue, event.address)
            elif event.address not in self._hosts:
                share = self._told.admit(event.address)
                if share is not None:
                    self._join(event.address, share)
            event = self._link.next_event(0.0)
        self._check()

    def retire(self, queue: TaskQueue[Task, Answer] | None) -> bool:
        """No: what a host may use is its own plan's."""
        return False

    def close(self, *, kill: bool) -> None:
        """Lets the hosts forget the run."""
        hosts, self._hosts = list(self._hosts.values()), {}
        self._link.cancel([call for host in hosts for call in host.hand])
        for host in hosts:
            host.lease.release()

    def _join(self, address: str, share: HostShare) -> None:
        """Has a host open the run: its folder, the files, the pool."""
        link, run = self._link, self._link.run
        lease = link.call(open_host, run, worker=address)
        try:
            while lease.status == "pending" and not link.is_gone(address):
                time.sleep(0.01)
            if lease.status != "finished":
                raise WorkerLostError(address)
            told = HostJob(
                set_up=self._job.set_up,
                arguments=self._placed(share, address),
                workers=share.workers,
                method=share.method,
                preload=self._job.preload,
                stall_seconds=self._job.stall_seconds,
                tasks_together=self._job.tasks_together,
                carrier=self._carrier,
                folder=os.getcwd(),
            )
            answer = link.ask(start_host, run, pickle.dumps(told, 5), workers=[address])
            started = answer.get(address)
            if isinstance(started, BaseException):
                raise started
            if started is None:
                raise WorkerLostError(address)
        except WorkerLostError:
            lease.release()
            return
        self._hosts[address] = _Host(address, share, lease)
        self._alone_since = None

    def _placed(self, share: HostShare, address: str) -> Any:
        """The arguments with each input under its name on the host."""
        (arguments,) = share.arguments

        def name_of(file: InputFile | OutputFile) -> str:
            if isinstance(file, OutputFile):
                return file.name
            return self._sender.place(file, address, share.host).name

        return renamed(arguments, name_of)

    def _batch(self, queue: TaskQueue[Task, Answer], host: _Host[Task]) -> list[Item[Task]]:
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

    def _called(self, host: _Host[Task], function: Callable[..., Any], told: Any) -> Call:
        return self._link.call(function, self._link.run, told, worker=host.address)

    def _take(self, queue: TaskQueue[Task, Answer], event: Done) -> None:
        call = event.call
        host = self._hosts.get(call.address)
        items = None if host is None else host.hand.get(call)
        if host is None or items is None:
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
            self._give_back(queue, items)
            return
        try:
            number, (body, content, crc32, n_left) = call.result()
        except WorkerLostError:
            # Slow, or gone with its worker: then the news says so, and the items are in hand still.
            time.sleep(0.01)
            self._link.put_back(event)
            return
        del host.hand[call]
        call.release()
        if zlib.crc32(content, zlib.crc32(body)) != crc32:
            self._give_back(queue, items)
            return
        if n_left < 0:
            error, text = unpickled(body)
            raise error from RemoteTraceback(text)
        host.answered.setdefault(number, []).extend(
            self._put_down(unpickled(body), memoryview(content))
        )
        if n_left:
            host.hand[self._called(host, rest_of_batch, number)] = items
        else:
            self._note(queue, items, host.answered.pop(number))

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

    def _lose(self, queue: TaskQueue[Task, Answer], address: str) -> None:
        """A host is gone: what it had to do is for others."""
        host = self._hosts.pop(address, None)
        self._waiting.pop(address, None)
        if host is None:
            return
        calls = list(host.hand)
        batches = [host.hand[call] for call in calls]
        self._link.cancel([*calls, host.lease])
        for items in reversed(batches):
            self._give_back(queue, items)

    def _give_back(self, queue: TaskQueue[Task, Answer], items: list[Item[Task]]) -> None:
        for item in reversed(items):
            self._n_sent -= 1
            losses = self._losses[id(item)] = self._losses.get(id(item), 0) + 1
            if item.suspect or losses >= LOSSES:
                self._losses.pop(id(item))
                queue.died(item, "its host was lost")
            else:
                queue.give_back(item)

    def _check(self) -> None:
        """WorkersFailedError where nobody is left, and nobody comes."""
        if not self._link.is_connected:
            raise WorkersFailedError(GONE)
        if self._hosts or self._waiting:
            return
        now = time.monotonic()
        if self._alone_since is None:
            self._alone_since = now
        if now - self._alone_since > JOIN_SECONDS:
            raise WorkersFailedError(
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
