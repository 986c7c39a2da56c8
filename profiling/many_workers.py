"""Deals the tasks of a run to many workers that are not there: where time goes past a few cores.

    python -m profiling.many_workers RULES.pffr GRAPH.pffg [--workers 2,4,16,64,256]

Measured here, in CPU time: reading and evaluating each task, one by one, in this process; each
look; starting workers by fork, and what a task takes this side of the pool. Then workers are
simulated: all are started one after the other, each task is sent, and its answer taken in, by one
process that does one thing at a time; a worker is idle until it has its next task. In turn with the
chunks in the order of the file, as without a first look. The last column is without start and pool.
"""

from __future__ import annotations

import argparse
import heapq
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pff_stream.evaluate._kernel import Evaluator
from pff_stream.evaluate.chunk import evaluate_rules
from pff_stream.execute.executors import executor_named
from pff_stream.execute.job import Job
from pff_stream.execute.pool import Pool
from pff_stream.execute.queue import NotYet
from pff_stream.pipeline.first_look import FirstLook
from pff_stream.rules.file import RuleFile
from pff_stream.triples.graph import attach
from pff_stream.work.look import Look, pieces_of
from pff_stream.work.task import Task, whole_chunks

STARTED, DISPATCHED = 32, 4000
RUNS = 3


class Costs(NamedTuple):
    """What is measured of the pool, in seconds."""

    first: float
    """Before the first worker is there."""
    worker: float
    """For each."""
    task: float
    """This side of the pool, half of it before the task is sent."""


class Dealt(NamedTuple):
    """What a simulation comes to."""

    seconds: float
    """From before the first start to the last answer."""
    idle: float
    """Share of all workers' time in which they have nothing to do, from when all are there."""


def nothing(progress: object) -> Callable[[Any], Any]:
    """The set-up of workers that do nothing."""
    return lambda task: task


def pool_seconds(workers: int, tasks: int) -> float:
    """CPU time of this process for so many workers and tasks that do nothing."""
    began = time.process_time()
    job = Job(set_up=nothing, workers=workers)
    crew = executor_named("fork").crew(job)
    with Pool(crew, window=4 * workers, split=lambda task: ()) as pool:
        for _ in pool.imap_unordered(range(tasks)):
            pass
        return time.process_time() - began


def pool_costs() -> Costs:
    """Medians of a few runs."""
    one, many, long = (
        statistics.median(pool_seconds(*sizes) for _ in range(RUNS))
        for sizes in ((1, 1), (STARTED, STARTED), (1, DISPATCHED))
    )
    task = (long - one) / (DISPATCHED - 1)
    worker = (many - one) / (STARTED - 1) - task
    return Costs(max(0.0, one - worker - task), worker, task)


class Measured:
    """Tasks of a rule file on a graph, timed."""

    def __init__(self, file: RuleFile, graph: Any) -> None:
        self.file, self._graph = file, graph
        self._evaluator = Evaluator(graph, file.semantics, wide=True)
        self._pieces = [self._look(chunk) for chunk in range(len(file.chunks))]
        self.looks = [seconds for _, seconds in self._pieces]

    def _look(self, chunk: int) -> tuple[Any, float]:
        began = time.thread_time()
        pieces = pieces_of(self._graph, self.file.read_chunk(chunk))
        return pieces, time.thread_time() - began

    def seconds(self, task: Task) -> float:
        """What a task takes in a worker."""
        began = time.thread_time()
        chunk = self.file.read_chunk(task.chunk)
        evaluate_rules(self._evaluator, self._graph, chunk, task.start, task.stop, lambda run: None)
        return time.thread_time() - began

    def tasks(self, workers: int) -> tuple[list[float], list[float]]:
        """Looks, and what is evaluated, in order, by so many workers."""
        looks, tasks = [], []
        look = FirstLook.wanted(self.file, workers, self._graph.n_triples)
        if look is None:
            return [], [self.seconds(task) for task in whole_chunks(self.file)]
        for task in look.tasks(iter):
            assert not isinstance(task, NotYet)
            if isinstance(task, Look):
                chunks = range(task.first, task.first + len(task.places))
                looks.append(sum(self.looks[chunk] for chunk in chunks))
                look.take(task, tuple(self._pieces[chunk][0] for chunk in chunks))
            else:
                tasks.append(self.seconds(task))
        return looks, tasks


def deal(rounds: Sequence[Sequence[float]], workers: int, costs: Costs) -> Dealt:
    """Has so many workers do the tasks of each round; the next one begins when all are answered."""
    up = [costs.first + costs.worker * (n + 1) for n in range(workers)]
    sender, end, busy = up[-1], up[-1], 0.0
    free = list(up)
    heapq.heapify(free)
    for tasks in rounds:
        answers: list[float] = []
        for seconds in tasks:
            at = heapq.heappop(free)
            # Answers that have come until then are taken in first: one process does both.
            sender = max(sender, at) + costs.task
            heapq.heappush(free, sender + seconds)
            answers.append(sender + seconds)
            busy += seconds
        end = max(answers, default=end)
        sender = max(sender, end)
        free = [max(one, end) if len(rounds) > 1 else one for one in free]
        heapq.heapify(free)
    return Dealt(end, 1 - busy / (workers * (end - up[-1])) if end > up[-1] else 0.0)


def rows(measured: Measured, counts: Sequence[int], costs: Costs) -> Iterator[str]:
    """A line for each number of workers."""
    by_file = [measured.seconds(task) for task in whole_chunks(measured.file)]
    alone = sum(by_file) + costs.first + costs.worker
    free = Costs(0.0, 0.0, 0.0)
    for workers in counts:
        looks, tasks = measured.tasks(workers)
        rounds = [looks, tasks] if looks else [tasks]
        before, now = deal([by_file], workers, costs), deal(rounds, workers, costs)
        work_alone = deal(rounds, workers, free)
        yield (
            f"| {workers} | {len(by_file)} | {alone / before.seconds:.1f} | {before.idle:.1%} "
            f"| {len(tasks)} | {alone / now.seconds:.1f} | {now.idle:.1%} "
            f"| {sum(by_file) / work_alone.seconds:.1f} |"
        )


def main() -> None:
    """Prints what was measured and the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("rules")
    parser.add_argument("graph")
    parser.add_argument("--workers", default="2,4,16,64,256")
    given = parser.parse_args()
    costs = pool_costs()
    with RuleFile(given.rules) as file, attach(given.graph) as graph:
        measured = Measured(file, graph.view)
        print(
            f"before the first worker {1e3 * costs.first:.1f} ms, a worker "
            f"{1e3 * costs.worker:.2f} ms, a task {1e6 * costs.task:.0f} us, all looks "
            f"{1e3 * sum(measured.looks):.0f} ms"
        )
        print("| workers | chunks | times as fast | idle | tasks | looked at first | idle | free |")
        print("|---:|---:|---:|---:|---:|---:|---:|---:|")
        for row in rows(measured, [int(n) for n in given.workers.split(",")], costs):
            print(row)


if __name__ == "__main__":
    main()
