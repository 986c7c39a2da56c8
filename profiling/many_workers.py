"""Deals the tasks of a run to many workers that are not there: where time goes past a few cores.

    python -m profiling.many_workers RULES.pffr GRAPH.pffg [--workers 2,4,16,64,256]

Measured here, all in CPU time: reading and evaluating each task, one by one, in this process; each
look; cutting the tasks; of the pool, by each start method, what this process does once, for each
worker and for each task, and what a worker does until it is set up and for each task. Reckoned:
workers that are forked are there after as many copies, one after another, as it takes to double
them; spawned ones are started one after another, and come up side by side. A fork server comes up
like a spawned worker. Then tasks are sent, and
their answers taken in, by one process that does one thing at a time; what is written of a body that
was counted in parts waits for the last of them. A worker is idle until it has its next task. The
first columns are for the chunks in the order of the file, the last one without start and pool.
"""

from __future__ import annotations

import argparse
import heapq
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pff_stream.evaluate._kernel import Evaluator
from pff_stream.evaluate.chunk import evaluate_rules
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.execute.files import InputFile, OutputFile
from pff_stream.execute.queue import NotYet
from pff_stream.pipeline.first_look import FirstLook
from pff_stream.rules.file import RuleFile
from pff_stream.rules.sizes import RuleSizes
from pff_stream.rules.terms import decoding
from pff_stream.triples.graph import attach
from pff_stream.work.look import Look, Pieces, pieces_of
from pff_stream.work.rules import counts_of
from pff_stream.work.task import (
    RESULT_BYTES,
    Answer,
    Part,
    Task,
    WorkerArguments,
    whole_chunks,
)
from profiling.pool_costs import Costs, pool_costs

METHODS = ("fork", "forkserver", "spawn")


def told_of(file: RuleFile, rules: str, graph: str) -> WorkerArguments:
    """What a worker of a run over these is told, but for its fence."""
    sizes = RuleSizes.of(file)
    return WorkerArguments(
        graph=InputFile(graph, 0, "", graph),
        rules=InputFile(rules, 0, "", rules),
        spool=OutputFile(os.devnull),
        semantics=file.semantics,
        wide=True,
        options=EvaluatorOptions(),
        n_rules=file.rules,
        max_body_atoms=file.max_body_atoms,
        buffer_bytes=RESULT_BYTES,
        chunk_bytes=sizes.chunk_bytes,
        chunk_counts=sizes.chunk_counts,
        room_bytes=decoding(sizes, 1).value,
    )


class Timed(NamedTuple):
    """A task and what it takes in a worker, in seconds."""

    seconds: float
    body: tuple[int, int, int] | None = None
    """Of a part, and of what is written when all parts are there: the rules."""
    is_part: bool = False


class Measured:
    """Tasks of a rule file on a graph, timed."""

    def __init__(self, file: RuleFile, graph: Any) -> None:
        self.file, self._graph = file, graph
        self._evaluator = Evaluator(graph, file.semantics, wide=True)
        self._looks = [self._look(chunk) for chunk in range(len(file.chunks))]
        self.look_seconds = sum(seconds for _, seconds in self._looks)

    def _look(self, chunk: int) -> tuple[Pieces, float]:
        began = time.thread_time()
        pieces = pieces_of(self._graph, self.file.read_chunk(chunk))
        return pieces, time.thread_time() - began

    def done(self, task: Task) -> Timed:
        """Has a task done, as by a worker that has another chunk."""
        began = time.thread_time()
        chunk = self.file.read_chunk(task.chunk)
        counts, ranges = counts_of(task), (task.start, task.stop)
        evaluate_rules(self._evaluator, self._graph, chunk, *ranges, lambda run: None, counts)
        return Timed(time.thread_time() - began, task[:3] if task.counts else None)

    def counted(self, part: Part) -> tuple[Timed, Answer]:
        """Has a part counted, in the same way."""
        began = time.thread_time()
        chunk = self.file.read_chunk(part.rules.chunk)
        counts = self._evaluator.count_part(chunk, *part.rules[1:3], *part[1:]).tobytes()
        seconds = time.thread_time() - began
        return Timed(seconds, part.rules[:3], is_part=True), Answer((), seconds, 0, counts=counts)

    def tasks(self, workers: int) -> tuple[list[Timed], list[Timed], float]:
        """Looks, what is done then, in order, by so many workers; and what cutting it takes."""
        look = FirstLook.wanted(self.file, workers, self._graph.n_triples)
        if look is None:
            return [], [self.done(task) for task in whole_chunks(self.file)], 0.0
        looks: list[Timed] = []
        tasks: list[Timed] = []
        cutting, tasks_left = 0.0, look.tasks(iter)
        while True:
            began = time.thread_time()
            task = next(tasks_left, None)
            cutting += time.thread_time() - began
            if task is None:
                return looks, tasks, cutting
            assert not isinstance(task, NotYet)
            if isinstance(task, Look):
                looks.append(Timed(sum(self._looks[chunk][1] for chunk in task.chunks)))
                look.take(task, tuple(self._looks[chunk][0] for chunk in task.chunks))
            elif isinstance(task, Part):
                timed, answer = self.counted(task)
                tasks.append(timed)
                look.take(task, answer)
            else:
                tasks.append(self.done(task))


@dataclass
class Dealing:
    """So many workers, and one process that sends them tasks."""

    costs: Costs
    free: list[float]
    """When each worker has nothing to do."""
    sender: float
    """When the process has."""
    busy: float = 0.0
    ends: dict[tuple[int, int, int], float] = field(default_factory=dict)
    """Of bodies: when the last part is there."""

    def deal(self, tasks: Sequence[Timed]) -> float:
        """Has tasks done; when the last one is answered."""
        left, end = deque(one for one in tasks if one.is_part or not one.body), self.sender
        parts = {one.body: 0 for one in tasks if one.is_part}
        for one in tasks:
            parts[one.body] = parts.get(one.body, 0) + one.is_part
        waiting = {one.body: one for one in tasks if one.body and not one.is_part}
        ready: list[tuple[float, Timed]] = []
        while left or ready:
            at = heapq.heappop(self.free)
            if ready and (ready[0][0] <= max(at, self.sender) or not left):
                since, task = heapq.heappop(ready)
            else:
                since, task = 0.0, left.popleft()
            # Answers that have come until then are taken in first: one process does both.
            self.sender = max(self.sender, at, since) + self.costs.task
            done = self.sender + self.costs.echo + task.seconds
            self.busy += task.seconds
            heapq.heappush(self.free, done)
            end = max(end, done)
            if task.is_part and task.body is not None:
                parts[task.body] -= 1
                self.ends[task.body] = max(self.ends.get(task.body, 0.0), done)
                if not parts[task.body]:
                    heapq.heappush(ready, (self.ends[task.body], waiting[task.body]))
        return end + self.costs.task


def dealt(
    rounds: Sequence[Sequence[Timed]], workers: int, costs: Costs, cutting: float = 0.0
) -> tuple[float, float]:
    """When all is answered, from before the first start; and the share of the workers' time idle.

    Each round begins when the one before is answered, and is cut into tasks before.
    """
    up = costs.up(workers)
    dealing = Dealing(costs, sorted(up), costs.first + costs.worker * workers)
    if workers > 1:
        dealing.sender = max(up)  # few chunks a worker: nobody begins before all are there
    end = dealing.sender
    for number, tasks in enumerate(rounds):
        if number:
            dealing.sender = end + cutting
            dealing.free = [max(one, end) for one in dealing.free]
        end = dealing.deal(tasks)
    lasts = workers * (end - max(up))
    return end + costs.end * workers, 1 - dealing.busy / lasts if lasts else 0.0


def rows(measured: Measured, counts: Sequence[int], costs: Costs) -> Iterator[str]:
    """A line for each number of workers."""
    by_file = [measured.done(task) for task in whole_chunks(measured.file)]
    seconds = sum(one.seconds for one in by_file)
    alone = dealt([by_file], 1, costs)[0]
    for workers in counts:
        looks, tasks, cutting = measured.tasks(workers)
        rounds = [looks, tasks] if looks else [tasks]
        before = dealt([by_file], workers, costs)
        now = dealt(rounds, workers, costs, cutting)
        work = dealt(rounds, workers, Costs("fork"))
        start = max(costs.up(workers))
        yield (
            f"| {workers} | {1e3 * start:.0f} ms | {len(by_file)} | {alone / before[0]:.1f} "
            f"| {before[1]:.1%} | {len(tasks)} | {alone / now[0]:.1f} | {now[1]:.1%} "
            f"| {seconds / work[0]:.1f} | {work[1]:.1%} |"
        )


def main() -> None:
    """Prints what was measured and the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("rules")
    parser.add_argument("graph")
    parser.add_argument("--workers", default="2,4,16,64,256")
    parser.add_argument("--methods", default=",".join(METHODS))
    given = parser.parse_args()
    counts = [int(n) for n in given.workers.split(",")]
    with RuleFile(given.rules) as file, attach(given.graph) as graph:
        told = told_of(file, given.rules, given.graph)
        all_costs = [pool_costs(method, told) for method in given.methods.split(",")]
        print(
            "| start method | "
            + " | ".join(Costs._fields[1:])
            + " | "
            + " | ".join(f"{n} are there" for n in counts)
            + " |"
        )
        for costs in all_costs:
            shown = [f"{1e3 * one:.2f} ms" for one in costs[1:]]
            shown += [f"{1e3 * max(costs.up(n)):.0f} ms" for n in counts]
            print(f"| {costs.method} | " + " | ".join(shown) + " |")
        measured = Measured(file, graph.view)
        print(f"\nall looks {1e3 * measured.look_seconds:.0f} ms")
        print(
            "| workers | are there after | chunks | times as fast | idle | tasks | looked at first "
            "| idle | without start and pool | idle |"
        )
        print("|---:" * 10 + "|")
        for row in rows(measured, counts, all_costs[0]):
            print(row)


if __name__ == "__main__":
    main()
