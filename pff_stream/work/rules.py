"""What a worker does: attach the graph by name, read a chunk, evaluate it, append to the spool.

A worker holds its own evaluator and one chunk at a time; it answers with the places of the runs
that it appended, never with results. It imports numpy, msgpack and the compiled modules, nothing
else (a test keeps it so: every import here is paid once a worker).
"""

from __future__ import annotations

import contextlib
import mmap
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pff_stream.evaluate._kernel import Evaluator
from pff_stream.evaluate.chunk import evaluate_rules, evaluate_together
from pff_stream.files import _pages
from pff_stream.rules.chunk_reader import ChunkReader
from pff_stream.triples.graph import attach
from pff_stream.work.look import Look, Pieces, looked
from pff_stream.work.task import Answer, Held, Listed, Part, Run, Task, WorkerArguments, append_run

with contextlib.suppress(ImportError):  # Windows
    # Here and not where it is used: imported before the fork, it is shared by all workers.
    import resource

if TYPE_CHECKING:
    from pff_stream.evaluate.chunk import Flush
    from pff_stream.execute.pool import Progress
    from pff_stream.rules.chunk import RuleChunk
    from pff_stream.rules.chunk_reader import Place
    from pff_stream.triples._graph import GraphView

    Answers = Callable[[Task | Look | Part], Answer | tuple[Pieces, ...]]
    Range = tuple[RuleChunk, int, int, NDArray[np.int64] | None]
    _Context = contextlib.AbstractContextManager[object]

MAPPED_BYTES = 32 << 20
"""Allocations from here on are mappings of their own; the heap has the rest."""
KEPT_BYTES = 1 << 30
"""What the heap may keep free: all that it has."""
_DECODING = threading.Lock()
"""Threads decode one at a time: what checking a chunk takes for a while is there once for all."""


def set_up(progress: Progress, arguments: WorkerArguments) -> Answers:
    """Attaches everything once and returns the function that answers a task.

    Everything that the plan counts is taken here, so that no task can find that there is less.
    """
    decoding = _prepared_heap()
    graph = attach(arguments.graph.name, arguments.graph.shown)
    rules = ChunkReader(
        arguments.rules.name, arguments.n_rules, arguments.max_body_atoms, arguments.rules.shown
    )
    if arguments.resident_bytes is not None:
        graph.read_alone()
    listed = None if arguments.listed is None else ListedRules(arguments.listed)
    before_bytes = _private_bytes()
    evaluator, evaluate, evaluator_bytes = _evaluator(graph.view, progress, arguments)
    spool = os.open(arguments.spool.name, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    keep = _keeping(spool)
    buffer = bytearray(arguments.chunk_bytes)
    buffer[::4096] = bytes(-(-len(buffer) // 4096))  # touched: it is there from now on
    _pages.hold(arguments.room_bytes)
    chunk_bytes = _private_bytes()
    held = Held(max(0, evaluator_bytes - before_bytes), max(0, chunk_bytes - evaluator_bytes))

    chunks = _Chunks(rules, buffer, decoding)

    def answer(task: Task | Look | Part) -> Answer | tuple[Pieces, ...]:
        if isinstance(task, Look):
            return looked(graph.view, map(chunks.read, task.places))
        edges = evaluator.edges
        if isinstance(task, Part):
            chunk = chunks.read(task.rules.place)
            began = time.thread_time()
            counts = evaluator.count_part(chunk, *task.rules[1:3], *task[1:]).tobytes()
            cpu_seconds = time.thread_time() - began
            return Answer((), cpu_seconds, evaluator.edges - edges, held, counts)
        if listed is None:
            ranges: Iterable[Range] = chunks.ranges(task)
        else:
            with decoding:
                ranges = listed.ranges(rules, task, buffer)
        runs: list[Run] = []
        writing_seconds = 0.0

        def flush(records: memoryview) -> None:
            nonlocal writing_seconds
            began = time.thread_time()
            runs.append(keep(records))
            writing_seconds += time.thread_time() - began

        began = time.thread_time() - chunks.seconds  # they are read as they are asked for
        evaluate(ranges, flush)
        cpu_seconds = time.thread_time() - chunks.seconds - began - writing_seconds
        return Answer(tuple(runs), cpu_seconds, evaluator.edges - edges, held)

    if arguments.share_bytes is not None:
        hold_to(arguments.share_bytes)
    # A worker may be a thread: its files go when nobody can ask it any more.
    weakref.finalize(answer, _close, rules, spool)
    return answer


def _prepared_heap() -> _Context:
    """Has the heap of a process keep what it has; answers what a worker decodes a chunk in."""
    if threading.current_thread() is not threading.main_thread():
        # A thread leaves the heap to its process: with these thresholds it kept 2 MB of it.
        return _DECODING
    _pages.fix_thresholds(MAPPED_BYTES, KEPT_BYTES)
    return contextlib.nullcontext()


class _Chunks:
    """Reads chunks one at a time, and keeps the last: parts of one are often taken in a row.

    It decodes while it has `decoding`.
    """

    def __init__(self, rules: ChunkReader, buffer: bytearray, decoding: _Context) -> None:
        self._rules = rules
        self._buffer = buffer
        self._decoding = decoding
        self._place: Place | None = None
        self._chunk: RuleChunk | None = None
        self.seconds = 0.0
        """CPU time of the calling threads for all that was read."""

    def read(self, place: Place) -> RuleChunk:
        """A chunk; whoever asks for the next one has let go of it."""
        if self._chunk is None or self._place != place:
            self._chunk = None
            with self._decoding:
                began = time.thread_time()
                self._chunk = self._rules.read(place, self._buffer)
                self.seconds += time.thread_time() - began
            self._place = place
        return self._chunk

    def ranges(self, task: Task) -> Iterator[Range]:
        """Those of a task."""
        for one in task.ranges:
            yield self.read(one.place), one.start, one.stop, counts_of(one)


def counts_of(task: Task) -> NDArray[np.int64] | None:
    """What was counted of a task before."""
    if not task.counts:
        return None
    return np.frombuffer(task.counts, np.int64).reshape(task.stop - task.start, -1)


def _keeping(spool: int) -> Callable[[memoryview], Run]:
    """What appends a run; the one before it leaves the page cache, written back meanwhile."""
    behind = Run(0, 0, 0)

    def keep(records: memoryview) -> Run:
        nonlocal behind
        run = append_run(spool, records)
        _pages.start_writing(spool, run.offset, run.length)
        before, behind = behind, run
        if before.length:
            _pages.drop(spool, before.offset, before.length)
        return run

    return keep


class ListedRules:
    """Picks the rules of a chunk whose violations are to be listed."""

    def __init__(self, listed: Listed) -> None:
        self._first = listed.first
        with open(listed.ranks.name, "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
        if hasattr(mmap, "MADV_RANDOM"):
            # Rules of a chunk are anywhere in it: what is read ahead is not what comes next.
            mapped.madvise(mmap.MADV_RANDOM)
        self._ranks = np.frombuffer(mapped, np.uint32)

    def ranges(self, rules: ChunkReader, task: Task, buffer: bytearray) -> list[Range]:
        """Those of a task. Most chunks have none, and are not decoded."""
        found: list[Range] = []
        for one in task.ranges:
            sources = rules.read_sources(one.place, buffer)
            if len(sources) and not (self._ranks[sources] > self._first).any():
                continue
            chosen = self.of(rules.read(one.place, buffer), one.start, one.stop)
            if chosen is not None:
                found.append((*chosen, None))
        return found

    def of(self, chunk: RuleChunk, start: int, stop: int) -> tuple[RuleChunk, int, int] | None:
        """Those of the range, each under its rank; None where there are none."""
        ranks = self._ranks[chunk.sources[start:stop]]
        places = np.flatnonzero(ranks > self._first)
        if not len(places):
            return None
        chosen = chunk.some(places + start, ranks[places].astype(np.uint64) - np.uint64(1))
        return chosen, 0, chosen.n_rules


def _close(rules: ChunkReader, spool: int) -> None:
    rules.close()
    os.close(spool)


def _evaluator(
    graph: GraphView, progress: Progress, arguments: WorkerArguments
) -> tuple[Evaluator, Callable[[Iterable[Range], Flush], None], int]:
    """The evaluator, with room for all that a task can be of, and how it takes ranges of chunks.

    The third is what this process held before it made that room.
    """
    told: dict[str, Any] = {
        "wide": arguments.wide,
        "options": arguments.options,
        "buffer_bytes": arguments.buffer_bytes,
        "progress": progress.address,
    }
    if arguments.resident_bytes is None:
        plain = Evaluator(graph, arguments.semantics, **told)
        held_bytes = _private_bytes()
        plain.reserve(*arguments.chunk_counts)

        def one_by_one(ranges: Iterable[Range], flush: Flush) -> None:
            for chunk, start, stop, counts in ranges:
                evaluate_rules(plain, graph, chunk, start, stop, flush, counts)
                del chunk  # before the next one is read

        return plain, one_by_one, held_bytes
    # Here: what only a graph that is read in blocks needs is not imported for any other.
    from pff_stream.evaluate._blocks import BlockEvaluator
    from pff_stream.triples._resident import ResidentRelations

    resident = ResidentRelations(graph, arguments.graph.name, arguments.resident_bytes)
    in_blocks = BlockEvaluator(graph, arguments.semantics, resident, **told)
    held_bytes = _private_bytes()
    together = arguments.chunks_together
    in_blocks.reserve_together(together, *(together * count for count in arguments.chunk_counts))

    def all_together(ranges: Iterable[Range], flush: Flush) -> None:
        evaluate_together(in_blocks, graph, [one[:3] for one in ranges], flush)

    return in_blocks, all_together, held_bytes


def hold_to(share_bytes: int) -> bool:
    """Has the kernel refuse this process more than so much private memory beyond what it has now.

    What is refused is a MemoryError, which the pool deals with like a death. Shared mappings, as
    the graph, do not count. Returns whether the limit is set (it is not on systems without /proc).
    """
    held_bytes = _status_bytes(b"VmData")
    if not held_bytes:
        return False
    try:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        limit = held_bytes + share_bytes
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    except (NameError, OSError, ValueError):
        return False
    return True


def _status_bytes(name: bytes) -> int:
    """A size from the kernel's account of this process; 0 where there is none."""
    try:
        with open("/proc/self/status", "rb") as status:
            lines = (line.split() for line in status if line.startswith(name + b":"))
            return int(next(lines)[1]) * 1024
    except (OSError, StopIteration):
        return 0


def _private_bytes() -> int:
    """What this process holds alone, as `RssAnon` of its status says; 0 where nobody can tell."""
    try:
        # A tenth of the time of the whole status.
        with open("/proc/self/statm", "rb", buffering=0) as sizes:
            _, resident, shared, *_ = map(int, sizes.read(256).split())
    except (OSError, ValueError):
        return 0
    return (resident - shared) * mmap.PAGESIZE
