"""How hosts of a cluster come to take part: each opens the run, gets the files, starts its pool.

All are asked at once, and whoever is ready begins: one whose threads are taken by others, or that
Dask has paused, keeps nobody waiting. One that cannot, such as for a full disk, is left out.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple

from pff_stream.errors import PffStreamError, WorkersFailedError
from pff_stream.execute.dask_files import FileSender
from pff_stream.execute.dask_host import HostJob, Outcome, Watch
from pff_stream.execute.dask_link import GONE, Call, Link, WorkerLostError
from pff_stream.execute.dask_tasks import open_host, start_host
from pff_stream.execute.files import InputFile, OutputFile, renamed
from pff_stream.execute.job import Job
from pff_stream.execute.queue import Item, Task


class HostShare(NamedTuple):
    """What a host takes part with, by the plan that was made on it."""

    name: str
    host: str
    """The same for workers that see the same local files."""
    workers: int
    method: str
    arguments: tuple[Any, ...]
    """Of the job's set-up, as this host's plan has them."""
    spool_bytes: int
    """What is found there and not sent may come to about so much."""


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
    watch: Callable[[], Watch]
    """What measures memory on a host."""
    note: Callable[[str], None] = lambda text: None
    """Says something to the user."""
    held: Callable[[str, int], None] = lambda address, held_bytes: None
    """Is told what a host was seen to hold at most so far."""
    sender: Callable[[Link], FileSender] = FileSender
    """Places inputs on hosts."""


@dataclass(slots=True)
class Batch(Generic[Task]):
    """Tasks that a host was given at once, and what is known of them so far."""

    number: int
    items: list[Item[Task]]
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(slots=True)
class RemoteHost(Generic[Task]):
    """A Dask worker that takes part, and what it owes."""

    address: str
    share: HostShare
    lease: Call
    hand: dict[Call, Batch[Task]] = field(default_factory=dict)

    @property
    def has_suspect(self) -> bool:
        """Whether it has a task that others were lost with."""
        return any(item.suspect for batch in self.hand.values() for item in batch.items)


class Joining(Generic[Task]):
    """Hosts on their way into a run, and why some were left out."""

    def __init__(self, job: Job, link: Link, told: Told) -> None:
        self._job, self._link, self._told = job, link, told
        self._sender = told.sender(link)
        self._asked: dict[Call, tuple[str, HostShare]] = {}
        self.failed: PffStreamError | None = None
        """Why the last one was left out, with its name."""

    @property
    def names(self) -> list[str]:
        """Of those that are asked and have not begun."""
        return [share.name for _, share in self._asked.values()]

    def ask(self, address: str, share: HostShare) -> None:
        """Asks a host to open the run."""
        self._asked[self._link.call(open_host, self._link.run, worker=address)] = address, share

    def is_of(self, call: Call) -> bool:
        """Whether a call is one by which a host was asked."""
        return call in self._asked

    def joined(self, lease: Call) -> RemoteHost[Task] | None:
        """The host that has opened the run, with its pool; None where it is lost or left out."""
        address, share = self._asked.pop(lease)
        if lease.status == "cancelled":
            raise WorkersFailedError(GONE)
        try:
            if lease.status == "error":
                raise lease.error
            if lease.status != "finished":
                raise WorkerLostError(address)
            self._start(address, share)
        except WorkerLostError:
            if lease.status != "lost" and not self._link.is_gone(address):
                self._told.note(f"takes no part: {share.name}: it does not answer")
        except Exception as error:
            if not self._link.is_connected:
                raise WorkersFailedError(GONE) from error
            self.leave_out(share, error)
        else:
            return RemoteHost(address, share, lease)
        lease.release()
        return None

    def leave_out(self, share: HostShare, error: BaseException) -> None:
        """Notes that a host takes no part any more, and why."""
        text = f"{share.name}: {error}"
        kind = type(error) if isinstance(error, PffStreamError) else WorkersFailedError
        self.failed = kind(text)
        self.failed.__cause__ = error
        self._told.note(f"takes no part: {text}")

    def forget(self, address: str) -> None:
        """A host is gone before it began."""
        for call, (of, _) in list(self._asked.items()):
            if of == address:
                del self._asked[call]
                self._link.cancel([call])

    def close(self) -> None:
        """Nobody is asked any more."""
        asked, self._asked = list(self._asked), {}
        self._link.cancel(asked)

    def _start(self, address: str, share: HostShare) -> None:
        """Has a host get the files and start its pool."""
        job, link = self._job, self._link
        assert job.carrier is not None  # or it stays on this host
        told = HostJob(
            set_up=job.set_up,
            arguments=self._placed(share, address),
            workers=share.workers,
            method=share.method,
            preload=job.preload,
            stall_seconds=job.stall_seconds,
            tasks_together=job.tasks_together,
            carrier=job.carrier,
            spool_bytes=share.spool_bytes,
            watch=self._told.watch,
            folder=os.getcwd(),
        )
        answer = link.ask(start_host, link.run, pickle.dumps(told, 5), workers=[address])
        started = answer.get(address)
        if isinstance(started, BaseException):
            raise started
        if started is None:
            raise WorkerLostError(address)

    def _placed(self, share: HostShare, address: str) -> Any:
        """The arguments with each input under its name on the host."""
        (arguments,) = share.arguments

        def name_of(file: InputFile | OutputFile) -> str:
            if isinstance(file, OutputFile):
                return file.name
            return self._sender.place(file, address, share.host).name

        return renamed(arguments, name_of)
