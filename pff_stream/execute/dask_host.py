"""On a Dask worker: the product's own pool beside it, and what the client asks of it by name.

The Dask worker itself evaluates nothing. It hands tasks to worker processes of its own host, with
the deaths, tries, splits and stalls of `pool`, and gives back bytes. All of a run hangs on a lease,
a result that the client holds: when the client lets go of it, or is gone, Dask forgets the lease,
and with it the pool, its files and its folder.
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from pff_stream.errors import WorkersFailedError
from pff_stream.execute.carrier import Carrier
from pff_stream.execute.executors import executor_named
from pff_stream.execute.files import InputFile, OutputFile, renamed
from pff_stream.execute.job import Job
from pff_stream.execute.pool import Poisoned, Pool
from pff_stream.execute.queue import NOT_YET, NotYet

REPLY_BYTES = 2 << 20
"""A reply ends with the answer that reaches so much; the rest of its batch comes with the next."""
_SOON = 1 << 30
_LOOK_SECONDS, _LOOK_SHARE = 0.1, 50
"""Between two looks at the memory here, and so many times as long as a look took."""
_LOOK_SHARE_AT_END = 10
"""The same where a batch is done: workers hold all that they take then."""


class Watch(Protocol):
    """Measures this process and those that it started."""

    peak_bytes: int
    sample_seconds: float

    def sample(self) -> int:
        """Reads all, and raises `peak_bytes` where more is held than ever before."""


class HostJob(NamedTuple):
    """A job as a host is told of it."""

    set_up: Callable[..., Any]
    arguments: Any
    """Of the set-up; files by names that this host knows."""
    workers: int
    method: str
    """By which worker processes are started: not fork, since a Dask worker has threads."""
    preload: tuple[str, ...]
    stall_seconds: float
    tasks_together: int
    carrier: Carrier
    spool_bytes: int
    """What has been found and is not sent may come to so much before it is waited for."""
    watch: Callable[[], Watch]
    folder: str
    """Of the client, from which relative paths go out, where this host sees it, too."""


class Outcome(NamedTuple):
    """What became of a task, or of a part of one."""

    number: int
    """Of the task in its batch."""
    part: Any
    """The task itself, or the part."""
    answer: Any
    cause: str | None
    """Why there is no answer: the worker died of it; None where there is one."""
    seconds: float
    lengths: tuple[int, ...] = ()
    """Of the bytes that belong to the answer, one behind the other in the reply."""


class Reply(NamedTuple):
    """What a batch came to, or the first of it: builtin types, so that Dask need know no others."""

    body: bytes
    """A `ReplyBody`, pickled."""
    content: bytes
    crc32: int
    """Of both."""


class ReplyBody(NamedTuple):
    """What a reply says."""

    told: bytes
    """Pickled: a list of outcomes, or an exception and its traceback."""
    n_left: int
    """Outcomes that are still here; -1: there is an exception."""
    held_bytes: int
    """The most that the Dask worker and the processes beside it were seen to hold so far."""


class Numbered(NamedTuple):
    """A task on its way through the pool."""

    batch: int
    number: int
    task: Any


class _Batch:
    def __init__(self, n_tasks: int) -> None:
        self.n_open = n_tasks
        self.outcomes: deque[Outcome] = deque()
        self.done: Future[None] = Future()


class Lease:
    """What a client holds of a host: where it is forgotten, all that hangs on it ends."""

    def __init__(self, run: str) -> None:
        self._run = run

    def __del__(self) -> None:
        host = hosts.pop(self._run, None)
        if host is not None:
            host.close()

    def __reduce__(self) -> str:
        raise TypeError("a lease stays in its process")


class Host:
    """The folder of a run on this host, and its pool, once it is told the job."""

    def __init__(self, folder: str) -> None:
        self.folder = tempfile.mkdtemp(prefix="pff-stream-", dir=folder)
        self._files: list[int] = []
        self._batches: dict[int, _Batch] = {}
        self._waiting: deque[Numbered] = deque()
        self._begun: set[int] = set()
        """Batches that are worked at, or not sent."""
        self._watch: Watch
        self._looked = float("-inf")
        self._is_closing = False
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self._bell, self._ringer = os.pipe()
        for descriptor in (self._bell, self._ringer):
            os.set_blocking(descriptor, False)
        self._thread: threading.Thread | None = None
        self._told: HostJob

    def start(self, told: HostJob) -> None:
        """Opens the inputs and starts what looks after the pool."""
        arguments = renamed(told.arguments, self._opened)
        self._told = told._replace(arguments=told.carrier.moved(arguments, self.folder))
        self._watch = told.watch()
        self._thread = threading.Thread(target=self._run, name="pff-stream host", daemon=True)
        self._thread.start()

    def answer(self, number: int, tasks: Sequence[Any]) -> Reply:
        """The first of what the tasks of a batch come to, when all are done."""
        batch = _Batch(len(tasks))
        with self._lock:
            self._check()
            self._batches[number] = batch
            self._waiting.extend(Numbered(number, i, task) for i, task in enumerate(tasks))
        self._ring()
        batch.done.result()
        return self.rest(number)

    def rest(self, number: int) -> Reply:
        """The next outcomes of a batch that is done."""
        batch = self._batches[number]
        outcomes: list[Outcome] = []
        content = bytearray()
        while batch.outcomes and len(content) < REPLY_BYTES:
            outcome = batch.outcomes.popleft()
            parts: list[bytes] = []
            if outcome.cause is None:
                told = self._told
                parts = told.carrier.pick_up(told.arguments, outcome.part, outcome.answer)
            outcomes.append(outcome._replace(lengths=tuple(map(len, parts))))
            for part in parts:
                content += part
        if not batch.outcomes:
            self.forget(number)
        told_of = pickle.dumps(outcomes, 5)
        return reply(told_of, bytes(content), len(batch.outcomes), self._watch.peak_bytes)

    def forget(self, number: int) -> None:
        """Drops what is left of a batch that is done."""
        with self._lock:
            self._batches.pop(number, None)
            self._begun.discard(number)
        self._ring()

    def close(self) -> None:
        """Has everything end; waits for nothing."""
        with self._lock:
            self._is_closing = True
            is_running = self._thread is not None
        self._ring()
        if not is_running:
            self._clean()

    def _opened(self, file: InputFile | OutputFile) -> str:
        if isinstance(file, OutputFile):
            return file.name  # of the client; the carrier gives it another
        descriptor = os.open(file.name, os.O_RDONLY | os.O_CLOEXEC)
        self._files.append(descriptor)
        return f"/proc/{os.getpid()}/fd/{descriptor}"

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._is_closing:
            raise WorkersFailedError("the run is over")

    def _ring(self) -> None:
        with self._lock:
            if self._ringer >= 0:
                try:
                    os.write(self._ringer, b"!")
                except BlockingIOError:
                    pass  # it rings already

    # --- in the thread that looks after the pool -----------------------------------------------

    def _run(self) -> None:
        told = self._told
        job = Job(
            set_up=_set_up,
            arguments=(told.set_up, told.arguments, told.folder),
            workers=told.workers,
            preload=told.preload,
            stall_seconds=told.stall_seconds,
            tasks_together=told.tasks_together,
        )
        try:
            crew = executor_named(told.method).crew(job)
            crew.watch(self._bell)  # type: ignore[attr-defined]  # processes alone are started here
            with Pool(crew, window=_SOON, split=self._split, while_waiting=self._look) as pool:
                for result in pool.imap_unordered(self._source()):
                    self._take(result)
                    self._look()
        except BaseException as error:
            failed = error if isinstance(error, Exception) else WorkersFailedError(str(error))
            self._end(failed)
        else:
            self._end(WorkersFailedError("the run is over"))

    def _source(self) -> Iterator[Numbered | NotYet]:
        while True:
            try:
                os.read(self._bell, 1 << 16)
            except BlockingIOError:
                pass
            with self._lock:
                if self._is_closing:
                    raise WorkersFailedError("the run is over")
                task = self._waiting.popleft() if self._waiting and self._has_room() else None
            yield NOT_YET if task is None else task

    def _has_room(self) -> bool:
        """Whether the next task can be begun: no batch where too much is found and not sent."""
        number, told = self._waiting[0].batch, self._told
        if number in self._begun:
            return True
        if told.carrier.kept_bytes(told.arguments) > told.spool_bytes:
            if self._begun:
                return False
            told.carrier.tidy(told.arguments)
        self._begun.add(number)
        return True

    def _look(self, *, at_end: bool = False) -> None:
        """Measures what is held here, now and then."""
        pause = (_LOOK_SHARE_AT_END if at_end else _LOOK_SHARE) * self._watch.sample_seconds
        if time.monotonic() - self._looked >= pause + _LOOK_SECONDS * (not at_end):
            self._watch.sample()
            self._looked = time.monotonic()

    def _split(self, numbered: Numbered) -> list[Numbered]:
        parts = self._told.carrier.split(numbered.task)
        if len(parts) > 1:
            self._batches[numbered.batch].n_open += len(parts) - 1
        return [numbered._replace(task=part) for part in parts]

    def _take(self, result: Any) -> None:
        number, of_batch, task = result.task
        batch = self._batches[number]
        if isinstance(result, Poisoned):
            batch.outcomes.append(Outcome(of_batch, task, None, result.cause, 0.0))
        else:
            batch.outcomes.append(Outcome(of_batch, task, result.answer, None, result.seconds))
        batch.n_open -= 1
        if not batch.n_open:
            self._look(at_end=True)
            batch.done.set_result(None)

    def _end(self, error: Exception) -> None:
        with self._lock:
            self._error = error
            batches = [batch for batch in self._batches.values() if not batch.done.done()]
        for batch in batches:
            batch.done.set_exception(error)
        self._clean()

    def _clean(self) -> None:
        with self._lock:
            descriptors = [*self._files, self._bell, self._ringer]
            self._files, self._bell, self._ringer = [], -1, -1
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)
        shutil.rmtree(self.folder, ignore_errors=True)


hosts: dict[str, Host] = {}


def _set_up(
    progress: Any, set_up: Callable[..., Any], arguments: Any, folder: str
) -> Callable[[Numbered], Any]:
    """In a worker process of the pool."""
    with suppress(OSError):
        os.chdir(folder)
    answer = set_up(progress, arguments)

    def answered(numbered: Numbered) -> Any:
        return answer(numbered.task)

    return answered


def reply(told: bytes, content: bytes, n_left: int, held_bytes: int = 0) -> Reply:
    """With its checksum."""
    body = pickle.dumps(tuple(ReplyBody(told, n_left, held_bytes)), 5)
    return Reply(body, content, zlib.crc32(content, zlib.crc32(body)))
