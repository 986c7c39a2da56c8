"""What a pool of workers costs, in CPU time: each piece of it that a simulation needs."""

from __future__ import annotations

import math
import os
import statistics
import struct
import time
from typing import NamedTuple

from pff_stream.execute._sibling import fork_sibling
from pff_stream.execute.executors import executor_named
from pff_stream.execute.job import Job
from pff_stream.execute.pool import Completed, Pool
from pff_stream.work.task import WorkerArguments
from profiling.idle_worker import worker

STARTED, DISPATCHED = 32, 4000
RUNS = 3
SERVER_OF = {"forkserver": "spawn"}
COPIED = struct.Struct("<qd")


class Costs(NamedTuple):
    """What is measured of the pool, in seconds of CPU time."""

    method: str
    first: float = 0.0
    """This side, before the first worker is there."""
    worker: float = 0.0
    """This side, for each."""
    task: float = 0.0
    """This side, half of it before the task is sent."""
    end: float = 0.0
    """This side, for each worker when all is done."""
    copy: float = 0.0
    """To copy a process that was forked itself, and to be such a copy; none where it is spawned."""
    birth: float = 0.0
    """Of a worker alone, from when it is forked or started until it sets up."""
    set_up: float = 0.0
    """Of a worker, until it takes tasks."""
    echo: float = 0.0
    """Of a worker, for each task beside what it is about."""

    def up(self, workers: int) -> list[float]:
        """When each of so many is there."""
        opened = self.first + self.worker * workers
        if not self.copy:
            one_by_one = (self.first + self.worker * (n + 1) for n in range(workers))
            return [at + self.birth + self.set_up for at in one_by_one]
        copies = math.ceil(math.log2(workers))
        return [opened + self.copy * copies + self.birth + self.set_up] * workers


def pool_seconds(
    method: str, workers: int, tasks: int, told: WorkerArguments | None = None
) -> tuple[float, float, list[tuple[float, ...]]]:
    """CPU time of this process for so many workers and tasks of nothing.

    Until the first answer, when all workers are there, and in all; and what the workers tell.
    """
    began = time.process_time()
    job = Job(
        set_up=worker,
        arguments=(told,),
        workers=workers,
        preload=("profiling.idle_worker",),
        starts_together=True,
    )
    crew = executor_named(method).crew(job)
    with Pool(crew, window=4 * workers, split=lambda task: ()) as pool:
        results = pool.imap_unordered(range(tasks))
        first = next(results)
        there = time.process_time() - began
        found = [one.answer for one in (first, *results) if isinstance(one, Completed)]
    return there, time.process_time() - began, found


def copy_seconds() -> float:
    """To copy a process that was forked itself, and to be such a copy, until it copies others."""
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        for _ in range(STARTED):
            if fork_sibling() == 0:
                os.write(writer, COPIED.pack(os.getpid(), time.process_time()))
                os._exit(0)
        os.write(writer, COPIED.pack(os.getpid(), time.process_time()))
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as told:
        copies = list(COPIED.iter_unpack(told.read()))
    for pid, _ in copies:
        os.waitpid(pid, 0)
    return float(sum(seconds for _, seconds in copies)) / STARTED


def pool_costs(method: str, told: WorkerArguments) -> Costs:
    """Medians of a few runs; of a task, where as many workers wait as are started."""

    def medians(workers: int, tasks: int) -> tuple[float, float]:
        """This side until all are there, and what is left of the rest."""
        runs = [pool_seconds(method, workers, tasks) for _ in range(RUNS)]
        there = statistics.median(run[0] for run in runs)
        return there, statistics.median(run[1] for run in runs) - there

    one, many, long = medians(1, 1), medians(STARTED, STARTED), medians(STARTED, DISPATCHED)
    task = (sum(long) - sum(many)) / (DISPATCHED - STARTED)
    each = (many[0] - one[0]) / (STARTED - 1)
    alone = [found for _ in range(RUNS) for found in pool_seconds(method, 1, 1, told)[2]]
    birth = statistics.median(one[0] for one in alone)
    echoes = [one[2] - one[1] for one in pool_seconds(method, 1, DISPATCHED)[2]]
    # The server is spawned, and imports what workers need, before it forks any.
    server = SERVER_OF.get(method)
    before = 0.0 if server is None else pool_costs(server, told).birth
    return Costs(
        method,
        first=max(0.0, one[0] - each) + before,
        worker=each,
        task=task,
        end=max(0.0, (many[1] - one[1]) / (STARTED - 1) - task),
        copy=0.0 if method == "spawn" else copy_seconds(),
        birth=birth,
        set_up=statistics.median(one[1] - one[0] for one in alone),
        echo=max(echoes) / DISPATCHED,
    )
