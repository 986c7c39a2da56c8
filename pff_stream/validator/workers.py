"""Documents are checked by worker processes: what is found comes back as bytes.

The workers die, are tried again and stand still as those of a run. This process only passes texts
on, and makes of an answer what it is asked for.
"""

from __future__ import annotations

import mmap
import os
import pickle
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from pff_stream.errors import DocumentError
from pff_stream.execute.executors import executor_named
from pff_stream.execute.job import Job
from pff_stream.execute.processes import ProcessCrew
from pff_stream.execute.standing import Numbered, PoisonError, PoolClosedError, StandingPool
from pff_stream.validator import worker
from pff_stream.validator.checker import CheckOptions
from pff_stream.validator.content import Content
from pff_stream.validator.encoding import DocumentEncoder
from pff_stream.validator.result import CheckResult, Made
from pff_stream.validator.sent import Answered, Sent, graph_place, sent
from pff_stream.validator.serving import Asked, ClosedError, Serving
from pff_stream.validator.window import PER_CHECK

if TYPE_CHECKING:
    from pff_stream.findings.packed import PackedFindings
    from pff_stream.notes import Notes
    from pff_stream.report.streams import Finding
    from pff_stream.report.totals import Totals
    from pff_stream.triples._graph import GraphView
    from pff_stream.triples.options import EncodeOptions
    from pff_stream.validator.rules import ValidatorRules

PRELOAD = ("numpy", worker.__name__)
READY = Sent(Content("nothing", triples=[]), 0, is_made=False)
"""A document without anything, by which workers are started."""


class Begun(NamedTuple):
    """A document that a worker has, or will have."""

    task: Sent
    descriptor: int
    """Of its file, which `stack` closes; -1: it has none."""
    whole: object
    """The document as it was given, where its text or triples are that."""
    stack: ExitStack
    future: Future[Answered]


class WorkersServing:
    """Rules at work in worker processes."""

    def __init__(
        self,
        rules: ValidatorRules,
        options: CheckOptions,
        crew: tuple[str, int],
        share_bytes: int | None,
    ) -> None:
        """Starts the workers: `crew` is a start method and their number.

        `share_bytes`: what each may map; None: they are not fenced. Raises `WorkersFailedError`
        where they cannot be started.
        """
        method, workers = crew
        self.rules = rules
        self.options = options
        self.at_once = 2 * workers  # one at work and one ahead of it
        self._is_closed = False
        self._here = Serving(rules, options, 1)
        arguments = worker.WorkerArguments(
            rules.shared, rules.shared_table, rules.shared_catalogue, options, share_bytes
        )
        job = Job(set_up=worker.set_up, arguments=(arguments,), workers=workers, preload=PRELOAD)

        def make_crew() -> ProcessCrew[Numbered, Answered]:
            made = executor_named(method).crew(job)
            assert isinstance(made, ProcessCrew)
            return made

        self._pool: StandingPool[Sent, Answered] = StandingPool(make_crew)
        self._n_room = PER_CHECK * workers
        self._room = threading.Semaphore(self._n_room)
        weakref.finalize(self, self._pool.close)
        try:
            self._pool.submit(READY).result()
        except BaseException:
            self._pool.close()
            raise

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers there are now."""
        return self._pool.pids

    @property
    def retried(self) -> int:
        """How often a document was tried again, because its worker died."""
        return self._pool.retried

    def check(self, document: object, name: str, asked: Asked) -> CheckResult:
        """What a document comes to; waits where there is no room for more in the window."""
        begun = self.begin(document, name, asked)
        if asked.stop is not None:
            asked.stop.when_set(partial(self.give_up, begun))
        try:
            return self.finish(begun)
        except ClosedError:
            if asked.stop is not None:
                asked.stop.check()
            raise

    def begin(self, document: object, name: str, asked: Asked) -> Begun:
        """A document on its way to a worker; waits where there is no room for it."""
        self._pool.check_owner()
        self._room.acquire()
        stack = ExitStack()
        try:
            if self._is_closed:
                raise ClosedError
            wanted = asked.n, asked.prepared
            task, descriptor = sent(document, name, wanted, self.options, stack)
            if asked.stop is not None:
                asked.stop.check()
            future = self._pool.submit(task)
        except BaseException as error:
            stack.close()
            self._room.release()
            if isinstance(error, PoolClosedError):
                raise ClosedError from None
            raise
        future.add_done_callback(lambda _: self._room.release())
        whole = document if isinstance(document, bytes) or task.holds == "triples" else None
        return Begun(task, descriptor, whole, stack, future)

    def finish(self, begun: Begun) -> CheckResult:
        """Waits for what the document comes to."""
        with begun.stack:
            answer, task = self._answer(begun), begun.task
            if answer.error:
                raise DocumentError(answer.error)
            graph: bytes | mmap.mmap = answer.graph
            if not graph and answer.graph_bytes:
                graph = _mapped(begun.descriptor, task.size_bytes, answer.graph_bytes)
            content = task.content
            if answer.findings is None and task.file is not None:
                content = _whole(begun)
        checked = ReceivedChecked(content, graph, answer, self.options.reading)
        if answer.findings is None:
            return CheckResult(checked, self.rules, self.options.told, self._here.rows)
        return WorkersResult(checked, answer.findings, self.rules, self.options, self._here.rows)

    def give_up(self, begun: Begun) -> None:
        """Nobody will ask what the document comes to."""
        self._pool.give_up(begun.future)

    def close(self) -> None:
        """Ends the workers; what they are at is waited for a while."""
        self._is_closed = True
        self._here.close()
        self._pool.close()

    def retire(self) -> None:
        """Others are in place: what has begun is waited for, then the workers end."""
        self._is_closed = True
        if not self._pool.is_here:
            return  # in a fork: threads of the other process may have all the room for ever
        for _ in range(self._n_room):
            self._room.acquire()
        self._pool.close()
        self._room.release(self._n_room)

    def _answer(self, begun: Begun) -> Answered:
        try:
            return begun.future.result()
        except PoisonError as error:
            name = begun.task.content.name
            raise DocumentError(f"{name}: killed its worker: {error}") from None
        except (CancelledError, PoolClosedError):
            raise ClosedError from None


class ReceivedChecked:
    """What a worker says of a document, unpacked as it is asked for."""

    def __init__(
        self,
        content: Content,
        graph: bytes | mmap.mmap,
        answer: Answered,
        reading: EncodeOptions,
    ) -> None:
        self.content = content
        self.graph_bytes = len(graph)
        self._graph, self._reading = graph, reading
        self.seconds = answer.seconds
        self.n_findings = answer.n_findings
        self._summary, self._found = answer.summary, answer.found

    @property
    def totals(self) -> Totals:
        """Rules by outcome."""
        return self._told[0]

    @property
    def notes(self) -> Notes:
        """What was noticed."""
        return self._told[1]

    @property
    def graph(self) -> bytearray | bytes | mmap.mmap:
        """Its triples; few ask for them, and of a small document they are encoded again."""
        return self._graph or DocumentEncoder(self._reading).graph(self.content)[0]

    @cached_property
    def found(self) -> PackedFindings | None:
        """What findings are made of; None where the worker made them."""
        found: PackedFindings | None = pickle.loads(self._found) if self._found else None
        return found

    @cached_property
    def _told(self) -> tuple[Totals, Notes]:
        told: tuple[Totals, Notes] = pickle.loads(self._summary)
        return told


class WorkersResult(CheckResult):
    """A result of a worker: its findings are made there, and unpacked when they are asked for."""

    def __init__(
        self,
        checked: ReceivedChecked,
        findings: Sequence[bytes],
        rules: ValidatorRules,
        options: CheckOptions,
        rows: Callable[[GraphView], bytes],
    ) -> None:
        super().__init__(checked, rules, options.told, rows)
        self._packed = findings

    @property
    def findings(self) -> Sequence[Finding]:
        """Missing triples, best first, with reasons and places; as many as were asked for."""
        return Made(len(self._packed), lambda at: pickle.loads(self._packed[at]))

    def prepare(self) -> None:
        """All that takes time is done."""


def _whole(begun: Begun) -> Content:
    """The document with its text or triples, to find places in."""
    task = begun.task
    if task.holds == "lines":  # tables have no places
        return task.content._replace(lines=b"")
    if task.holds == "triples":
        return task.content._replace(triples=begun.whole)  # type: ignore[arg-type]
    if isinstance(begun.whole, bytes):
        return task.content._replace(text=begun.whole)
    return task.content._replace(text=os.pread(begun.descriptor, task.size_bytes, 0))


def _mapped(descriptor: int, text_bytes: int, graph_bytes: int) -> mmap.mmap:
    """The graph behind the text in a file, which goes when nobody looks at the graph any more."""
    at = graph_place(text_bytes)
    return mmap.mmap(descriptor, graph_bytes, mmap.MAP_SHARED, mmap.PROT_READ, offset=at)
