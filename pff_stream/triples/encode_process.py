"""Encodes in a process of its own, so that the peak of encoding is not added to the run's.

The child reads and sorts; the parent owns the store, makes the room when the child knows how much,
and seals it when the child is gone. A child never outlives its parent, nor the call.
"""

from __future__ import annotations

import gc
import mmap
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pff_stream.errors import PffStreamError, RefusedError
from pff_stream.files import _pages
from pff_stream.observer import Tick, no_tick
from pff_stream.triples._encode import die_with_parent
from pff_stream.triples.encode import GraphWriter, encode, encode_quietly
from pff_stream.triples.inputs import TripleInput
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.report import EncodeReport, log_report
from pff_stream.triples.store import GraphStore
from planner.fence import data_limit, limit_data, restore_data_limit

Work = Callable[[list[str], GraphWriter, EncodeOptions, Callable[[int], object]], EncodeReport]
"""Reads inputs and writes their graph; is told with its last argument that memory is handed on."""


class _Order(NamedTuple):
    """What a child is to do."""

    paths: list[str]
    options: EncodeOptions
    fence_bytes: int | None
    work: Work


class EncoderKilledError(RefusedError):
    """The encoding process got SIGKILL, which the kernel sends when memory runs out."""


MAPPED_BYTES, TRIM_BYTES = 1 << 19, 1 << 20
"""Allocations from here on are mappings, which go when they are freed, and so does so much at the
end of the heap: as it comes these sizes move while a program runs, and with them its peak."""
TICK_SECONDS = 0.02
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SPAWN = (
    "import sys; sys.path[:] = {path!r}; "
    "from pff_stream.triples.encode_process import spawned; "
    "spawned({receiving}, {sending}, {parent})"
)


def encode_in_process(
    inputs: Sequence[TripleInput] | str | os.PathLike[str],
    options: EncodeOptions,
    store: GraphStore,
    *,
    method: str | None = None,
    fence_bytes: int | None = None,
    work: Work = encode_quietly,
    tick: Tick = no_tick,
) -> EncodeReport:
    """Encodes `inputs` into `store` and seals it; returns when the child has ended.

    `method`: `fork` or `spawn`; by default fork where this process has one thread on Linux.
    Iterables are encoded in this process: their texts are here already, and a copy costs more than
    it saves. The child's own memory and, for a graph in memory, the graph are each held to the
    memory of the options, the child's own by the kernel to `fence_bytes`, if any; `RefusedError`
    where it does not suffice. `tick` is called while the child works, and when it has ended its
    work and holds still. `work` is what the child does: a function that it can import. Raises what
    `encode` raises, and `PffStreamError` where the child died.
    """
    given = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    paths = [os.fspath(path) for path in given if isinstance(path, (str, os.PathLike))]
    if len(paths) != len(given):
        report = encode(given, store, replace(options, memory_bytes=None))
        store.seal()
        return report
    store.limit_bytes = options.memory_bytes
    order = _Order(paths, options, fence_bytes, work)
    to_child, from_parent = os.pipe()
    to_parent, from_child = os.pipe()
    child = None
    # Between the birth of the child and the `try` around it no handler may raise; nor within
    # fork, where Python drops what handlers raise.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        if (method or best_method()) == "fork":
            child = _fork(order, to_child, from_child, (from_parent, to_parent))
        else:
            child = _spawn(to_child, from_child)
        os.close(to_child)
        os.close(from_child)
        to_child = from_child = -1
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if child.has_popen:
            _hand_over(from_parent, order)
        report = _serve(child, store, to_parent, from_parent, tick)
    finally:
        if child is not None:
            child.end()
        for fd in (to_child, from_child, to_parent, from_parent):
            if fd >= 0:
                os.close(fd)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    store.seal()
    log_report(report)
    return report


class _Child:
    """One child process, that is gone for certain after `end`."""

    def __init__(self, pid: int, popen: subprocess.Popen[bytes] | None) -> None:
        self._pid = pid
        self._popen = popen
        self._code: int | None = None

    @property
    def has_popen(self) -> bool:
        """Whether it was spawned, and so waits to be told its work."""
        return self._popen is not None

    def wait(self) -> int:
        """The exit code, or minus the signal that ended it."""
        if self._code is None:
            if self._popen is not None:
                self._code = self._popen.wait()
            else:
                self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code

    def end(self) -> None:
        if self._code is None:
            try:
                os.kill(self._pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.wait()


def _serve(
    child: _Child, store: GraphStore, receiving: int, sending: int, tick: Tick
) -> EncodeReport:
    """Answers the child's requests until its report comes; raises what it raised."""
    while True:
        while not select.select([receiving], [], [], TICK_SECONDS)[0]:
            tick()
        message = _receive(receiving)
        if message is None:
            raise _died(child.wait())
        kind, content = message
        if kind == "resize":
            store.resize(*content)
            _hand_over(sending, store.name)
        elif kind == "error":
            raise content
        else:
            tick(now=True)
            _hand_over(sending, None)
            child.wait()
            report: EncodeReport = content
            return report


def _hand_over(sending: int, message: Any) -> None:
    """Sends to the child; that it is dead is found out when it is heard."""
    try:
        _send(sending, message)
    except BrokenPipeError:
        pass


def _died(code: int) -> PffStreamError:
    if code >= 0:
        return PffStreamError(f"the encoding process ended with code {code} and without an answer")
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    said = f"the encoding process was killed by {name}"
    if code == -signal.SIGKILL:
        return EncoderKilledError(f"{said} (the kernel does that when memory runs out)")
    return PffStreamError(said)


def best_method() -> str:
    """Fork costs 5 ms and no imports, but only a process of one thread can be forked safely."""
    try:
        return "fork" if len(os.listdir("/proc/self/task")) == 1 else "spawn"
    except OSError:
        return "spawn"


def _fork(order: _Order, receiving: int, sending: int, parents: tuple[int, int]) -> _Child:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return _Child(pid, None)
    code = 70
    try:
        # Handlers, the collector's passes and the ends of the pipes are the parent's business.
        gc.disable()
        signal.set_wakeup_fd(-1)
        for fd in parents:
            os.close(fd)
        code = _run(order, receiving, sending, parent)
    finally:
        os._exit(code)


def _spawn(receiving: int, sending: int) -> _Child:
    path = [os.path.abspath(entry) for entry in sys.path]
    code = _SPAWN.format(path=path, receiving=receiving, sending=sending, parent=os.getpid())
    popen = subprocess.Popen([sys.executable, "-c", code], pass_fds=(receiving, sending))
    return _Child(popen.pid, popen)


def spawned(receiving: int, sending: int, parent: int) -> None:
    """The beginning of a spawned child; ends the process."""
    order = _receive(receiving)
    if order is None:
        os._exit(70)
    os._exit(_run(order, receiving, sending, parent))


def _run(order: _Order, receiving: int, sending: int, parent: int) -> int:
    """The child's work; its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    if not die_with_parent(parent):
        return 70
    if order.fence_bytes is not None:
        limit_data(order.fence_bytes)  # best effort: the plan is checked again by the parent
    _pages.fix_thresholds(MAPPED_BYTES, TRIM_BYTES)
    writer = _RemoteWriter(receiving, sending)
    try:
        try:
            report = order.work(order.paths, writer, order.options, _lower_limit)
            writer.close()
            _send(sending, ("report", report))
            _receive(receiving)  # until the parent has seen what this process came to hold
        except (BrokenPipeError, EOFError):  # the parent is gone or gave up
            return 70
        except BaseException as error:
            _send(sending, ("error", _portable(error)))
    except BrokenPipeError:
        return 70
    return 0


def _lower_limit(bytes_less: int) -> None:
    """Leaves a part of what this process may allocate to the page cache."""
    limit = data_limit()
    if limit is not None and limit > bytes_less:
        restore_data_limit(limit - bytes_less)


def _portable(error: BaseException) -> BaseException:
    """The error itself where it can be sent, else its text."""
    trace = "".join(traceback.format_exception(error))
    if not isinstance(error, PffStreamError):
        error.add_note(f"in the encoding process:\n{trace}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return PffStreamError(f"the encoding process failed:\n{trace}")
    return error


class _RemoteWriter:
    """The store as the child sees it: the parent makes the room, the child opens it by name."""

    def __init__(self, receiving: int, sending: int) -> None:
        self._receiving = receiving
        self._sending = sending
        self._size_bytes = 0
        self._name = ""
        self._map: mmap.mmap | None = None

    def resize(self, size_bytes: int, beside_bytes: int = 0) -> None:
        """Waits until the parent has made room; it ends this process where there is none."""
        _send(self._sending, ("resize", (size_bytes, beside_bytes)))
        name = _receive(self._receiving)
        if name is None:
            raise EOFError
        self._name, self._size_bytes = name, size_bytes

    def map_writable(self) -> mmap.mmap:
        """The room, opened by its name."""
        fd = os.open(self._name, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(fd, self._size_bytes)
        finally:
            os.close(fd)
        return self._map

    def close(self) -> None:
        """Unmaps the room, which cannot be sealed before."""
        if self._map is not None:
            self._map.close()


def _send(fd: int, message: Any) -> None:
    data = pickle.dumps(message)
    data = struct.pack("<Q", len(data)) + data
    while data:
        data = data[os.write(fd, data) :]


def _receive(fd: int) -> Any:
    """The next message, or None where the other side is gone."""
    head = _read_exactly(fd, 8)
    if head is None:
        return None
    data = _read_exactly(fd, struct.unpack("<Q", head)[0])
    return None if data is None else pickle.loads(data)


def _read_exactly(fd: int, n: int) -> bytes | None:
    parts = []
    while n:
        part = os.read(fd, n)
        if not part:
            return None
        parts.append(part)
        n -= len(part)
    return b"".join(parts)
