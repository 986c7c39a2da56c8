"""The worker's side of the pool, on its own so that a worker process imports next to nothing.

A worker reads a task from its channel, announces it in the shared page, runs it, and writes the
answer. It holds no lock and shares no pipe with any other worker, so its death blocks nobody.
"""

from __future__ import annotations

import fcntl
import gc
import io
import mmap
import os
import pickle
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn

from pff_stream.files import _pages

TASK = struct.Struct("<Q")
"""Before a task: bytes of its pickle."""
REPLY = struct.Struct("<BdQ")
"""Before an answer: its kind, seconds that the task took, bytes of its pickle."""
READY, ANSWER, MEMORY, ERROR = range(4)
"""Kinds of reply: set up; a result; a MemoryError; any other exception with its traceback."""

COLLECT_TASKS = 32
"""Between two collections. They find no garbage, but empty the lists of freed tuples that the
interpreter keeps, up to 2,000 of each length, to which unpickling adds without taking from them."""

SLOT_WORDS = 8
"""Words of 8 bytes of a worker in the shared page: one cache line, so that no two share any."""
PROGRESS_WORD, BEGUN_WORD = 0, 1

REQUEST = struct.Struct("<Bq")
"""To the fork server: kind, and slot (FORK, with three descriptors) or process id (COLLECT)."""
RESPONSE = struct.Struct("<q")
"""From it: the process id, or minus an errno; and the exit code as `subprocess` counts it."""
FORK, COLLECT = range(2)
UNKNOWN_EXIT, STILL_RUNNING = 1 << 32, 1 << 33
"""Exit codes that cannot be: somebody else collected the process; it did not end in time."""

_OOM_SCORE_RAISE = 500
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

SetUp = Callable[..., Callable[[Any], Any]]


class _Unpickler(pickle.Unpickler):
    """Asks a module for a class once.

    The interpreter's cache of attributes keeps every name that it was asked for, 4,096 of them, by
    identity, and each pickle has a copy of its own: memory that grows with the tasks.
    """

    _classes: ClassVar[dict[tuple[str, str], Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The class of that name."""
        found = self._classes.get((module, name))
        if found is None:
            found = self._classes[module, name] = super().find_class(module, name)
        return found


def unpickled(message: bytes | bytearray | memoryview) -> Any:
    """What came on a channel."""
    return _Unpickler(io.BytesIO(message)).load()


class Progress:
    """The counter that a task moves while it works; one that stands still counts as a stall."""

    __slots__ = ("_words", "address")

    def __init__(self, words: memoryview) -> None:
        self.address: memoryview = words.cast("B")
        """Writable, 8 bytes, native order: compiled code may add to it as to a uint64_t."""
        self._words = words

    def tick(self) -> None:
        """Says that work goes on."""
        self._words[0] = (self._words[0] + 1) & 0xFFFF_FFFF_FFFF_FFFF


def single_threaded(environment: dict[str, str]) -> dict[str, str]:
    """The environment with one thread for linear algebra, which a worker never needs more of.

    Each further thread reserves 40 MiB of address space; what the user has set is kept.
    """
    return dict.fromkeys(_THREAD_VARIABLES, "1") | environment


def run_forked(
    channel: int, lifeline: int, words: memoryview, set_up: SetUp, arguments: tuple[object, ...]
) -> NoReturn:
    """The whole life of a worker just forked; the parent's ends are closed by the caller."""
    code = 1
    try:
        _settle(lifeline)
        for name in _THREAD_VARIABLES:
            os.environ.setdefault(name, "1")
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        _serve(channel, words, set_up, arguments)
        code = 0
    except SystemExit as stop:
        code = _exit_code(stop)
    finally:
        # Neither the parent's frames below this one nor its exit handlers may run here.
        os._exit(code)


def run_started(channel: int, lifeline: int, page: int, slot: int) -> NoReturn:
    """The whole life of a worker that shares nothing with the parent but three descriptors."""
    code = 1
    try:
        _settle(lifeline)
        words = memoryview(mmap.mmap(page, 0)).cast("Q")
        os.close(page)
        first = _read(channel, TASK.size)
        if first:
            try:
                set_up, arguments = unpickled(_read(channel, TASK.unpack(first)[0]))
            except Exception as error:
                _reply(channel, ERROR, 0.0, _described(error))
            else:
                start = slot * SLOT_WORDS
                _serve(channel, words[start : start + SLOT_WORDS], set_up, arguments)
        code = 0
    except SystemExit as stop:
        code = _exit_code(stop)
    finally:
        os._exit(code)


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    return stop.code & 0xFF if isinstance(stop.code, int) else 1


def _settle(lifeline: int) -> None:
    """Makes this process a worker: its signals, its end with the parent, its kernel rank."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    _die_with_parent(lifeline)
    try:
        # Where memory runs out all the same, a worker dies, not the parent that can tell of it.
        with open("/proc/self/oom_score_adj", "r+b", buffering=0) as file:
            raised = min(1000, int(file.read()) + _OOM_SCORE_RAISE)
            file.write(str(raised).encode())
    except (OSError, ValueError):
        pass


def _die_with_parent(lifeline: int) -> None:
    """Has the kernel kill this process, however busy, as soon as the parent is gone.

    The parent holds the other end of this pipe and writes nothing, so that the one thing that can
    ever happen to it is its end. PR_SET_PDEATHSIG would need ctypes (0.3 MiB a worker), follows the
    thread that forked and not the process, and means the fork server where there is one.
    """
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_NONBLOCK
    if hasattr(fcntl, "F_SETSIG"):
        try:
            fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
            flags |= os.O_ASYNC
        except OSError:
            pass  # then it ends at its next answer
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags)
    try:
        os.read(lifeline, 1)
    except BlockingIOError:
        return
    raise SystemExit(1)  # it was gone before this began


def _serve(channel: int, words: memoryview, set_up: SetUp, arguments: tuple[object, ...]) -> None:
    """Sets up and answers tasks until the parent closes the channel."""
    try:
        answer = set_up(Progress(words[PROGRESS_WORD : PROGRESS_WORD + 1]), *arguments)
    except Exception as error:
        _reply(channel, ERROR, 0.0, _described(error))
        return
    # What is set up stays: a collection need not touch it again, nor copy what is shared by fork.
    gc.freeze()
    _reply(channel, READY, 0.0, b"")
    n_tasks = 0
    while header := _read(channel, TASK.size):
        n_tasks += 1
        if n_tasks % COLLECT_TASKS == 0:
            gc.collect()
        # Before the task itself is read: a task that cannot even be received is to blame, too.
        words[BEGUN_WORD] += 1
        pickled = _read(channel, TASK.unpack(header)[0])
        began = time.perf_counter()
        try:
            kind, body = ANSWER, pickle.dumps(answer(unpickled(pickled)), 5)
        except MemoryError:
            kind, body = MEMORY, b""
        except Exception as error:
            kind, body = ERROR, _described(error)
        del pickled
        _reply(channel, kind, time.perf_counter() - began, body)


def _described(error: Exception) -> bytes:
    """The pickled pair of an exception and its traceback's text, whatever the exception is."""
    import traceback  # costs nothing until it is needed

    text = "".join(traceback.format_exception(error))
    try:
        body = pickle.dumps((error, text))
        pickle.loads(body)
    except Exception:
        named = RuntimeError(f"{type(error).__qualname__}: {error}")
        body = pickle.dumps((named, text))
    return body


def _read(channel: int, size: int) -> bytearray:
    """Exactly `size` bytes; none where the parent has closed the channel."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    got = 0
    while got < size:
        count = os.readv(channel, [view[got:]])
        if not count:
            if got == 0 and size == TASK.size:
                return bytearray()
            raise SystemExit(0)
        got += count
    return buffer


def _reply(channel: int, kind: int, seconds: float, body: bytes) -> None:
    """Writes a reply; blocks while the parent does not read, which is the pool's backpressure."""
    header = REPLY.pack(kind, seconds, len(body))
    rest = [memoryview(header), memoryview(body)]
    try:
        while rest:
            written = os.writev(channel, rest)
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if rest:
                rest[0] = rest[0][written:]
    except (BrokenPipeError, ConnectionResetError):
        raise SystemExit(0) from None  # nobody is there to read it


def serve_forks(control_fd: int, preload: Sequence[str]) -> NoReturn:
    """The fork server: a small process that has imported `preload` and forks workers on request.

    It does one thing at a time, each asked for by the parent, and ends when the parent does.
    """
    import socket

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    control = socket.socket(fileno=control_fd)
    for name in preload:
        try:
            __import__(name)
        except ImportError:
            pass  # the worker meets it again, and reports it
    gc.collect()
    gc.freeze()
    _pages.trim()
    _pages.fill_holes()
    children: set[int] = set()
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, REQUEST.size, 3)
        if len(request) < REQUEST.size:
            break
        kind, number = REQUEST.unpack(request)
        if kind == FORK:
            answer = _fork_one(control, descriptors, number)
            if answer > 0:
                children.add(answer)
        else:
            answer = await_exit(number, 1.0)
            children.discard(number)
        control.send(RESPONSE.pack(answer))
    for child in children:
        os.kill(child, signal.SIGKILL)
        await_exit(child, 1.0)
    sys.exit(0)


def _fork_one(control: Any, descriptors: Sequence[int], slot: int) -> int:
    """The new worker's process id, or minus the errno."""
    try:
        child = os.fork()
    except OSError as error:
        child = -(error.errno or 1)
    if child == 0:
        try:
            control.close()
        finally:
            channel, lifeline, page = descriptors
            run_started(channel, lifeline, page, slot)
    for descriptor in descriptors:
        os.close(descriptor)
    return child


def await_exit(child: int, seconds: float) -> int:
    """Collects a child about to end: exit code, minus the signal, or one of the two above."""
    deadline = time.monotonic() + seconds
    pause = 0.0002
    while True:
        try:
            ended, status = os.waitpid(child, os.WNOHANG)
        except ChildProcessError:
            return UNKNOWN_EXIT
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return STILL_RUNNING
        time.sleep(pause)
        pause = min(0.005, pause * 2)
