"""Measures what a run's processes cost here: a run in miniature, with the code that a run has.

Workers are started by the pool, set up and answer tasks about a graph of a few triples, and what
they take by name for those (`evaluate.terms`) is taken off: what is left is the process. What
comes once (a fork server, what this process itself grows by) is told apart. Does not plan.
"""

from __future__ import annotations

import gc
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle, islice
from typing import IO

from pff_stream.errors import WorkersFailedError
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.evaluate.terms import evaluator_terms
from pff_stream.execute.call import Ask, CallDiedError, call
from pff_stream.execute.executors import executor_named
from pff_stream.execute.files import InputFile, OutputFile
from pff_stream.execute.pool import Job, Poisoned, Pool
from pff_stream.files import _pages
from pff_stream.files.temporary import temporary_file
from pff_stream.limits.meter import MemoryMeter
from pff_stream.observer import Tick, no_tick
from pff_stream.plan.terms import probe_name
from pff_stream.report._merge import write_results
from pff_stream.report.spooled import Spooled
from pff_stream.rules.file import RuleFile
from pff_stream.rules.sizes import RuleSizes
from pff_stream.rules.terms import decoding
from pff_stream.triples.graph import attach
from pff_stream.work.rules import set_up
from pff_stream.work.tally import Evaluation
from pff_stream.work.task import (
    RESULT_BYTES,
    Answer,
    Task,
    WorkerArguments,
    split_task,
    whole_chunks,
)
from planner.probe import ProcessMemory, WorkerMemory, measure_process

PROBE = "the probe of workers"
"""What errors call its files."""
TASKS = 48
"""So many tasks a worker: after them hardly anything is touched for the first time."""
N_RULES = 4096
"""So many rules make a chunk of the common size: to decode, check and evaluate it touches what a
process has free already, which a smaller one would leave alone."""
SHARE_BYTES = 1 << 30
"""Of a fence, which a run's workers set as well."""
STACK_BYTES = 16 << 10
"""What a thread touches of its stack, at least; nobody else measures that apart."""
INPUT_TRIES = 4
"""So often a child that is killed while it makes the probe's inputs is started."""
PROBE_OWN_BYTES = 7 << 18
"""About what a probed worker takes by name."""
WriteInputs = Callable[[IO[bytes], IO[bytes]], None]
"""Writes a rule file and a graph."""
TRIPLES = [(f"e{i % 7}", f"r{i % 3}", f"e{i % 5}") for i in range(40)]
CHAINS = "r0(X,Y) <= r1(X,Y)\nr0(X,e1) <= r1(X,A), r2(A,e2)\nr1(X,Y) <= r0(X,A), r2(A,Y)\n"


def probe_pool(method: str, folder: str, workers: int, meter: MemoryMeter) -> WorkerMemory:
    """Costs of each of `workers` of a start method; temporary files are made in `folder`.

    `meter` is asked again and again, as in a run.
    """
    began = time.perf_counter()
    with ExitStack() as stack:
        rule_file, rules_path = stack.enter_context(temporary_file(folder))
        graph_file, graph_name = stack.enter_context(temporary_file(folder))
        spool, spool_path = stack.enter_context(temporary_file(folder))
        make_inputs(rule_file, graph_file, tick=meter.tick)
        meter.begin(probe_name(method), quick=True)
        with RuleFile(rule_file.fileno()) as rules, attach(graph_name) as graph:
            sizes, n_entities = RuleSizes.of(rules), graph.view.n_entities
        rules = stack.enter_context(RuleFile(rule_file.fileno()))
        arguments = WorkerArguments(
            graph=_shared(graph_file, graph_name),
            rules=_shared(rule_file, rules_path),
            spool=OutputFile(spool_path),
            semantics=rules.semantics,
            wide=True,
            options=EvaluatorOptions(),
            n_rules=rules.rules,
            max_body_atoms=rules.max_body_atoms,
            buffer_bytes=RESULT_BYTES,
            chunk_bytes=sizes.chunk_bytes,
            chunk_counts=sizes.chunk_counts,
            room_bytes=decoding(sizes).value,
            # A thread's limit would be this process's, and stay.
            share_bytes=SHARE_BYTES if executor_named(method).fences_workers else None,
        )
        gc.collect()
        before_bytes = meter.watch.sample()
        measured, during_bytes, after_bytes = _run(method, rules, arguments, spool, workers, meter)
        seconds = time.perf_counter() - began
    growth_bytes = max(0, after_bytes - before_bytes)
    terms = evaluator_terms(n_entities, sizes, RESULT_BYTES, wide=True)
    own = sum(term.bytes for term in terms)
    if not measured:
        each_bytes = (during_bytes - before_bytes - growth_bytes) // workers - own
        thread = ProcessMemory(max(STACK_BYTES, each_bytes), 0, 0)
        return WorkerMemory(thread, 0, seconds, growth_bytes)
    largest = max(measured, key=lambda one: one.bytes)
    worker = ProcessMemory(
        max(0, largest.anon_bytes - own), largest.page_table_bytes, largest.data_bytes
    )
    once_bytes = during_bytes - before_bytes - growth_bytes - sum(one.bytes for one in measured)
    return WorkerMemory(worker, max(0, once_bytes), seconds, growth_bytes)


def _shared(file: IO[bytes], name: str) -> InputFile:
    """An input of the probe, which is small, as workers are told of it."""
    file.seek(0)
    content = file.read()
    return InputFile(name, len(content), f"{zlib.crc32(content):08x}", PROBE)


def _run(
    method: str,
    rules: RuleFile,
    arguments: WorkerArguments,
    spool: IO[bytes],
    workers: int,
    meter: MemoryMeter,
) -> tuple[list[ProcessMemory], int, int]:
    """Streams the tasks and merges, as a run does.

    (Workers, the whole tree with them, this process when they are gone.)
    """
    evaluation, once = Evaluation(), Evaluation()
    answers: dict[Task, Answer] = {}
    tasks = list(whole_chunks(rules))
    job = Job(
        set_up=set_up,
        arguments=(arguments,),
        workers=workers,
        preload=("pff_stream.work.rules",),
        starts_together=True,
    )
    crew = executor_named(method).crew(job)
    with Pool(crew, window=4 * workers, split=split_task) as pool:
        for result in pool.imap_unordered(islice(cycle(tasks), TASKS * workers)):
            if isinstance(result, Poisoned):
                raise WorkersFailedError(f"a probed worker: {result.cause}")
            evaluation.take(result.answer)
            if result.task in tasks:  # else a part of one: its worker was killed meanwhile
                answers[result.task] = result.answer
            meter.tick()
        meter.tick(now=True)
        during_bytes = meter.watch.now_bytes
        # Behind the sample: reading what each holds alone takes this process some memory.
        measured = [measure_process(pid) for pid in pool.pids]
    _pages.trim()
    after_bytes = meter.watch.sample()
    if len(answers) == len(tasks):
        for answer in answers.values():
            once.take(answer)
        with attach(arguments.graph.name) as graph:
            chunks = rules.all_source_chunks()
            write_results(Spooled(graph.view, [spool.fileno()], once.runs, chunks))
    return measured, during_bytes, after_bytes


def _rules() -> bytes:
    """Rule text: a few chains, and rules with constants of which most name what is not there."""
    constants = (
        f"r{i % 3}(X,e{i % 11}) <= r{i % 2}(X,e{i // 7 % 150})\n" for i in range(3, N_RULES)
    )
    return (CHAINS + "".join(constants)).encode()


def write_inputs(rule_file: IO[bytes], graph_file: IO[bytes]) -> None:
    """Compiles a few thousand rules and encodes a few triples."""
    from pff_stream.rules.compile import MIN_MEMORY_BYTES, RuleOptions, compile_rules
    from pff_stream.triples.encode import PrivateGraph, encode_quietly
    from pff_stream.triples.options import EncodeOptions

    options = RuleOptions(memory_bytes=MIN_MEMORY_BYTES)
    compile_rules([_rules()], rule_file, source_name="probe", options=options)
    room = PrivateGraph()
    encode_quietly([TRIPLES], room, EncodeOptions())
    graph_file.write(room.buffer)


def make_inputs(
    rule_file: IO[bytes],
    graph_file: IO[bytes],
    write: WriteInputs = write_inputs,
    tick: Tick = no_tick,
) -> None:
    """Writes both inputs, in a child where that can be had: what it takes is not the run's.

    `tick` is called while it works. Raises what `write` raises, and `WorkersFailedError` where each
    child was killed.
    """
    if not executor_named("fork").is_safe_here():  # an interpreter would take longer than that
        write(rule_file, graph_file)
        return
    for _ in range(INPUT_TRIES):
        try:
            call(_write, write, rule_file, graph_file, method="fork", tick=tick)
        except CallDiedError:  # killed
            for file in (rule_file, graph_file):
                file.seek(0)
                file.truncate()
        else:
            return
    raise WorkersFailedError("the process that makes the inputs of the probe was killed each time")


def _write(ask: Ask, write: WriteInputs, rule_file: IO[bytes], graph_file: IO[bytes]) -> None:
    gc.disable()  # nothing of what the parent has is to be touched
    write(rule_file, graph_file)
