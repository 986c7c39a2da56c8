"""What a pool of workers costs, in CPU time: each piece of it that a simulation needs."""

from __future__ import annotations

import contextlib
import math
import os
import statistics
import struct
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import psutil

from pff_stream.execute import launch
from pff_stream.execute._copies import spread
from pff_stream.execute.births import Birth
from pff_stream.execute.fork_server import ForkServerStarter
from pff_stream.execute.job import Job
from pff_stream.execute.pool import Completed, Pool
from pff_stream.execute.processes import ProcessCrew
from pff_stream.execute.queue import Alone
from pff_stream.rules.chunk_reader import Place
from pff_stream.work.task import TASKS_TOGETHER, Task, WorkerArguments, join_tasks
from profiling.idle_worker import Told, worker

STARTED, DISPATCHED, RANGES = 32, 3000, 2
RUNS = 5
SERVER_OF = {"forkserver": "spawn"}
COPIED = struct.Struct("<d")
PLACE = Place(1 << 24, 1 << 18, 1 << 31, 1 << 10, 1 << 8)


class Costs(NamedTuple):
    """What is measured of the pool, in seconds of CPU time."""

    method: str
    first: float = 0.0
    """This side, until it starts the first worker."""
    opened: float = 0.0
    """This side, before that, for each."""
    begun: float = 0.0
    """This side, behind that, for each: until it can be sent tasks, and with what it says first."""
    message: float = 0.0
    """This side, for each message of one task, and its answer."""
    task: float = 0.0
    """This side, for each further task of a message, and its answer."""
    end: float = 0.0
    """This side, for each worker when all is done."""
    copy: float = 0.0
    """To copy a process that was forked itself, and to be such a copy; none where it is spawned."""
    birth: float = 0.0
    """Of a worker alone, from when it is forked or started until it sets up."""
    set_up: float = 0.0
    """Of a worker, until it takes tasks."""
    warm: float = 0.0
    """Of a worker, what its first task takes more than the same task again."""
    echo: float = 0.0
    """Of a worker, for each task beside what it is about."""

    def up(self, workers: int) -> list[float]:
        """When each of so many takes tasks."""
        begin = self.first + self.opened * workers
        alone = self.birth + self.set_up
        # One more: this process is copied, too.
        if not self.copy:
            return [begin + (self.opened + self.begun) * (n + 1) + alone for n in range(workers)]
        return [begin + self.copy * (1 + math.ceil(math.log2(workers))) + alone] * workers


class _Noted:
    """When a crew started its workers, by CPU time of this process."""

    def __init__(self) -> None:
        self.opened = 0.0

    def starter(self, method: str, program: launch.Program) -> launch.Starter:
        """One that notes it."""
        starter: launch.Starter = STARTERS[method](program)
        start_all = starter.start_all

        def noting(children: Sequence[launch.Child], births: Sequence[Birth], then: Any) -> None:
            self.opened = time.process_time()
            start_all(children, births, then)

        starter.start_all = noting  # type: ignore[method-assign,assignment]
        return starter


STARTERS: dict[str, Any] = {
    "fork": launch.SharingForkStarter,
    "forkserver": ForkServerStarter,
    "spawn": launch.SpawnStarter,
}


class Seconds(NamedTuple):
    """CPU time of this process for a pool."""

    opened: float
    """Until the first worker is started."""
    there: float
    """Until the first answer."""
    end: float
    """From the last answer on."""
    whole: float
    told: list[Told]
    """What workers tell."""


def pool_seconds(
    method: str,
    workers: int,
    tasks: Iterable[Any],
    told: WorkerArguments | None = None,
    first: tuple[Task, ...] = (),
) -> Seconds:
    """Measures a pool that is given so many tasks of nothing."""
    # This process has a core of its own as soon as workers are set up.
    cores = sorted(os.sched_getaffinity(0))
    arguments = told, first, cores[1:] or cores
    noted, began = _Noted(), time.process_time()
    job = Job(
        set_up=worker,
        arguments=arguments,
        workers=workers,
        preload=("profiling.idle_worker",),
        starts_together=True,
    )
    crew: ProcessCrew[Any, Any] = ProcessCrew(job, lambda program: noted.starter(method, program))
    with Pool(crew, window=8 * workers, split=lambda task: ()) as pool:
        results = pool.imap_unordered(tasks)
        found = [next(results)]
        there = time.process_time() - began
        found += results
        ended = time.process_time()
    whole = time.process_time() - began
    answers = [one.answer for one in found if isinstance(one, Completed)]
    opened = noted.opened - began if noted.opened else 0.0
    return Seconds(opened, there, whole + began - ended, whole, answers)


def of_nothing(n: int, *, alone: bool) -> list[Any]:
    """Tasks of a few ranges, each of which may be `alone` in its message."""
    some = tuple(Task(at, 0, 1, PLACE) for at in range(RANGES))
    tasks = [join_tasks(some) for _ in range(n)]
    return [Alone(task) for task in tasks] if alone else list(tasks)


def copy_seconds() -> float:
    """To copy a process that was forked itself, and to be such a copy, until it copies others."""
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        began = time.process_time()
        if spread(STARTED, os.open(os.devnull, os.O_WRONLY)) == 0:
            os.write(writer, COPIED.pack(time.process_time() - began))
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as told:
        (copying,) = COPIED.unpack(told.read())
    for _ in range(STARTED):
        os.wait()
    return float(copying / math.log2(STARTED)) + copied_seconds()


def copied_seconds() -> float:
    """To be a copy, until it would tell of itself: it is held there by a pipe that is full."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, bytes(4096)):
            pass
    os.set_blocking(writer, True)
    parent = os.fork()
    if parent == 0:
        spread(2, writer)
        os._exit(0)
    me = psutil.Process()
    while len(both := me.children()) < 2 or any(one.status() != "sleeping" for one in both):
        time.sleep(0.001)
    copy = next(one.pid for one in both if one.pid != parent)
    with open(f"/proc/{copy}/schedstat") as told:
        spent = int(told.read().split()[0]) / 1e9
    for one in both:
        one.kill()
        os.waitpid(one.pid, 0)
    os.close(reader)
    os.close(writer)
    return spent


def pool_costs(method: str, told: WorkerArguments, first: tuple[Task, ...]) -> Costs:
    """Medians of a few runs; `first` are tasks of which the first one comes last again."""

    def medians(workers: int, n: int, *, alone: bool = True) -> Seconds:
        runs = [pool_seconds(method, workers, of_nothing(n, alone=alone)) for _ in range(RUNS)]
        return Seconds(
            opened=statistics.median(one.opened for one in runs),
            there=statistics.median(one.there for one in runs),
            end=statistics.median(one.end for one in runs),
            whole=statistics.median(one.whole for one in runs),
            told=[],
        )

    few, many = medians(4, 4), medians(STARTED, STARTED)
    long, ahead = medians(STARTED, DISPATCHED), medians(STARTED, DISPATCHED, alone=False)
    single, in_four = ((one.whole - many.whole) / (DISPATCHED - STARTED) for one in (long, ahead))

    def each(of_few: float, of_many: float) -> float:
        return max(0.0, (of_many - of_few) / (STARTED - 4))

    opened = each(few.opened, many.opened)
    # What is not before the first is started, but for its answer, is there once a worker.
    begun = each(few.there - few.opened, many.there - many.opened) - single / STARTED
    runs = [pool_seconds(method, 4, of_nothing(8, alone=True), told, first) for _ in range(RUNS)]
    alone = [one for run in runs for one in run.told]
    echoes = pool_seconds(method, 4, of_nothing(DISPATCHED, alone=True)).told
    # The server is spawned, and imports what workers need, before it forks any.
    server = SERVER_OF.get(method)
    before = 0.0 if server is None else pool_costs(server, told, first).birth
    return Costs(
        method,
        first=max(0.0, few.opened - 4 * opened) + before,
        opened=opened,
        begun=begun,
        message=single,
        task=max(0.0, (TASKS_TOGETHER * in_four - single) / (TASKS_TOGETHER - 1)),
        end=each(few.end, many.end),
        copy=0.0 if method == "spawn" else statistics.median(copy_seconds() for _ in range(RUNS)),
        birth=statistics.median(one.birth for one in alone),
        set_up=statistics.median(one.set_up for one in alone),
        warm=statistics.median(one.warm for one in alone),
        echo=max(one.since for one in echoes) * 4 / DISPATCHED,
    )
