"""Deals the tasks of a run to many workers that are not there: where time goes past a few cores.

    python -m profiling.many_workers RULES.pffr GRAPH.pffg [--workers 2,4,16,64,256]
        [--max-examples 10] [--base TREE RULES.pffr GRAPH.pffg]

Measured here, all in CPU time: reading and evaluating each task, one by one, in this process, as it
is dealt; each look; what this process does with their answers; of the pool, by each start method,
what this process does once, for each worker, message and task, and what a worker does until it is
set up, at its first task and for each. Who is sent what is decided by the pool's own queue and
dealer. Reckoned: workers that are forked are there after as many copies, one after another, as it
takes to double them, while this process sends what comes first; spawned ones are started one after
another, and come up side by side. A fork server comes up like a spawned worker. This process does
one thing at a time. What a worker finds is not written.

With `--base`, a tree of another commit with its compiled modules and files of its own, one core
reads and evaluates all chunks by that build and by this one in turn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pff_stream.evaluate._kernel import Evaluator
from pff_stream.evaluate.chunk import evaluate_rules
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.execute.files import InputFile, OutputFile
from pff_stream.pipeline.first_look import FirstLook
from pff_stream.rules.file import RuleFile
from pff_stream.rules.sizes import RuleSizes
from pff_stream.rules.terms import decoding
from pff_stream.triples.graph import attach
from pff_stream.work.look import Look, pieces_of
from pff_stream.work.rules import counts_of
from pff_stream.work.task import RESULT_BYTES, Answer, Part, Task, WorkerArguments, whole_chunks
from profiling.dealt import Dealt, Reply, Simulated
from profiling.pool_costs import Costs, pool_costs

METHODS = ("fork", "forkserver", "spawn")
PAIRS = 5


def told_of(file: RuleFile, rules: str, graph: str, options: EvaluatorOptions) -> WorkerArguments:
    """What a worker of a run over these is told, but for its fence."""
    sizes = RuleSizes.of(file)
    return WorkerArguments(
        graph=InputFile(graph, 0, "", graph),
        rules=InputFile(rules, 0, "", rules),
        spool=OutputFile(os.devnull),
        semantics=file.semantics,
        wide=True,
        options=options,
        n_rules=file.rules,
        max_body_atoms=file.max_body_atoms,
        buffer_bytes=RESULT_BYTES,
        chunk_bytes=sizes.chunk_bytes,
        chunk_counts=sizes.chunk_counts,
        room_bytes=decoding(sizes, 1).value,
    )


class Measured:
    """Tasks of a rule file on a graph, done and timed."""

    def __init__(self, file: RuleFile, graph: Any, options: EvaluatorOptions) -> None:
        self.file, self._graph = file, graph
        self._evaluator = Evaluator(graph, file.semantics, options, wide=True)

    def done(self, task: Any, last: int | None) -> Reply:
        """Has a task done by a worker that had that chunk before; its answer and seconds."""
        began = time.thread_time()
        if isinstance(task, Look):
            chunks = map(self.file.read_chunk, task.chunks)
            looks = tuple(pieces_of(self._graph, chunk) for chunk in chunks)
            return Reply(looks, time.thread_time() - began, task.chunks[-1])
        if isinstance(task, Part):
            chunk = self.file.read_chunk(task.rules.chunk)
            told = chunk, *task.rules[1:3], *task[1:]
            part = self._evaluator.count_part(*told).tobytes()
            seconds = time.thread_time() - began
            return Reply(Answer((), seconds, 0, counts=part), seconds, task.rules.chunk)
        for one in task.ranges:
            since = time.thread_time()
            chunk = self.file.read_chunk(one.chunk)
            if one.chunk == last:
                began += time.thread_time() - since  # it has it
            last = one.chunk
            ranges, counts = (one.start, one.stop), counts_of(one)
            evaluate_rules(self._evaluator, self._graph, chunk, *ranges, lambda run: None, counts)
        seconds = time.thread_time() - began
        return Reply(Answer((), seconds, 0), seconds, task.ranges[-1].chunk)

    def run(self, workers: int, costs: Costs, *, looks: bool = True) -> Dealt:
        """A run with so many workers; in the order of the file, where nobody looks first."""
        look = None
        if looks:
            look = FirstLook.wanted(self.file, workers, self._graph.n_triples)
        tasks = whole_chunks(self.file) if look is None else look.tasks(iter)

        def take(task: Any, answer: Any) -> None:
            if look is not None and not isinstance(task, Task):
                look.take(task, answer)

        return Simulated(costs, workers, len(self.file.chunks), self.done).run(tasks, take)

    def alone(self) -> float:
        """Reads and evaluates all chunks, one after another: CPU seconds."""
        return sum(self.done(task, None).seconds for task in whole_chunks(self.file))


def of_base(base: Sequence[str], max_examples: int) -> float:
    """The same by another build: a tree, and its files."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "evaluated.py")
    words = [sys.executable, script, *base[1:], str(max_examples)]
    told = {**os.environ, "PYTHONPATH": base[0]}
    return float(subprocess.run(words, env=told, check=True, capture_output=True).stdout)


def in_turn(this: Callable[[], float], other: Callable[[], float]) -> tuple[float, float]:
    """Medians of pairs of neighbours in time."""
    found: list[tuple[float, float]] = []
    for number in range(PAIRS):
        if number % 2:
            there = other()
            found.append((this(), there))
        else:
            here = this()
            found.append((here, other()))
    return statistics.median(one[0] for one in found), statistics.median(one[1] for one in found)


def rows(
    measured: Measured, counts: Sequence[int], costs: Costs, base: float | None
) -> Iterator[str]:
    """A line for each number of workers."""
    for workers in counts:
        alone = measured.run(1, costs).end
        before = measured.run(workers, costs, looks=False)
        now = measured.run(workers, costs)
        free = measured.run(workers, Costs("fork"))
        alone = (alone + measured.run(1, costs).end) / 2
        by_base = "" if base is None else f"{base / now.end:.1f}"
        yield (
            f"| {workers} | {1e3 * max(costs.up(workers)):.1f} ms | {alone / before.end:.1f} "
            f"| {before.idle:.1%} | {now.tasks} | {now.messages} | {1e3 * now.end:.1f} ms "
            f"| {alone / now.end:.1f} | {by_base} | {now.idle:.1%} | {alone / free.end:.1f} "
            f"| {free.idle:.1%} |"
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
    parser.add_argument("--max-examples", type=int, default=0, help="violations of a rule kept")
    parser.add_argument("--base", nargs=3, metavar=("TREE", "RULES", "GRAPH"))
    given = parser.parse_args()
    counts = [int(n) for n in given.workers.split(",")]
    options = EvaluatorOptions(max_examples=given.max_examples)
    for path in (given.rules, given.graph, *(given.base or ())[1:]):
        Path(path).read_bytes()  # what is in the page cache stays there
    with RuleFile(given.rules) as file, attach(given.graph) as graph:
        told = told_of(file, given.rules, given.graph, options)
        tasks = list(whole_chunks(file))
        first = (tasks[len(tasks) // 2], tasks[-1], tasks[len(tasks) // 2])
        all_costs = [pool_costs(method, told, first) for method in given.methods.split(",")]
        shown = [f"{n} are there" for n in counts]
        print("| start method | " + " | ".join((*Costs._fields[1:], *shown)) + " |")
        for costs in all_costs:
            shown = [f"{1e3 * one:.3f} ms" for one in costs[1:]]
            shown += [f"{1e3 * max(costs.up(n)):.1f} ms" for n in counts]
            print(f"| {costs.method} | " + " | ".join(shown) + " |")
        measured = Measured(file, graph.view, options)
        measured.alone()
        base = None
        if given.base:
            alone, base = in_turn(measured.alone, lambda: of_base(given.base, given.max_examples))
            print(f"\none core, in turn: {alone:.3f} s, base {base:.3f} s, {base / alone:.2f}")
        print(
            "\n| workers | are there after | in the order of the file | idle | tasks | messages "
            "| in all | times as fast as one | as base's one | idle | without start and pool "
            "| idle |\n" + "|---:" * 12 + "|"
        )
        for row in rows(measured, counts, all_costs[0], base):
            print(row, flush=True)


if __name__ == "__main__":
    main()
