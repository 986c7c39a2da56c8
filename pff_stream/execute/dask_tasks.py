"""What a client asks a Dask worker for, by the names of these functions; see `dask_host`."""

from __future__ import annotations

import os
import pickle
from typing import Any, NamedTuple

from pff_stream.execute.dask_host import Host, Lease, hosts, reply
from pff_stream.execute.messages import described
from pff_stream.execute.versions import versions


def open_host(run: str) -> Lease:
    """Makes the folder of a run. The lease is a result that nobody fetches."""
    hosts[run] = Host(_dask_worker().local_directory)
    return Lease(run)


def folder_of(run: str) -> str:
    """The folder that files are sent to."""
    return hosts[run].folder


def start_host(run: str, told: bytes) -> int:
    """Starts the pool of a run; the process id of this worker."""
    hosts[run].start(pickle.loads(told))
    return os.getpid()


def answer_batch(run: str, number: int, tasks: bytes) -> tuple[Any, ...]:
    """Has tasks done. What is raised is part of the reply, so that Dask tries nothing again."""
    _make_room()
    try:
        return tuple(hosts[run].answer(number, pickle.loads(tasks)))
    except Exception as error:
        return tuple(reply(described(error), b"", -1))


def rest_of_batch(run: str, number: int) -> tuple[Any, ...]:
    """What did not fit into the reply before."""
    try:
        return tuple(hosts[run].rest(number))
    except Exception as error:
        return tuple(reply(described(error), b"", -1))


def forget_batch(run: str, number: int) -> None:
    """Drops what did not fit into a reply that came damaged."""
    hosts[run].forget(number)


class Greeting(NamedTuple):
    """What a client is told first."""

    versions: dict[str, str]
    host: str
    """The same for workers that see the same local files."""


def greet_here() -> Greeting:
    """That of this worker."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        boot = file.read().strip()
    return Greeting(versions(), f"{boot}-{os.stat('/proc/self/ns/mnt').st_ino}")


class WorkerFacts(NamedTuple):
    """What a Dask worker is allowed, and what it holds, as Dask counts it."""

    threads: int
    limit_bytes: int
    """0: none."""
    fraction: float
    """Of the limit, from which on Dask spills, pauses or kills."""
    rss_bytes: int
    folder: str


def facts_of(worker: Any) -> WorkerFacts:
    """Those of a Dask worker in this process."""
    memory = worker.memory_manager
    fractions = [memory.memory_spill_fraction, memory.memory_pause_fraction]
    return WorkerFacts(
        threads=int(worker.state.nthreads),
        limit_bytes=int(memory.memory_limit or 0),
        fraction=min([float(one) for one in fractions if one], default=1.0),
        rss_bytes=int(worker.monitor.get_process_memory()),
        folder=os.path.dirname(worker.local_directory),
    )


def _dask_worker() -> Any:
    from distributed import get_worker

    return get_worker()


def _make_room() -> None:
    """Lets Dask begin the next batch while this one waits for the pool."""
    from distributed import secede

    secede()
