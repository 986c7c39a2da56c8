"""Starts and ends worker processes, by each start method, without `multiprocessing`.

`multiprocessing` costs a worker 3 MiB, starts a resource tracker (6 MiB) for every method but fork,
and imports the parent's main module again in each worker. All that is needed of it is here: three
descriptors for a new process, and its exit code when it ends.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from pff_stream.execute import worker_main
from pff_stream.execute.job import Job
from pff_stream.execute.worker_main import SLOT_WORDS, STILL_RUNNING, UNKNOWN_EXIT
from pff_stream.files import _pages

_FORK_SECONDS = 60.0
"""How long the fork server may take to import what is preloaded, and to fork."""
_COLLECT_SECONDS = 2.0
"""How long it may take to collect a worker that has ended."""

_parent_ends: set[int] = set()
"""Descriptors of every pool of this process that a forked worker must not hold: its parent's death
would go unnoticed."""


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Delays signals, so that no exception stands between starting a process and noting it."""
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class SharedPage:
    """The words that workers move and the parent reads, in memory that belongs to no file."""

    def __init__(self, slots: int) -> None:
        if hasattr(os, "memfd_create"):
            self.descriptor = os.memfd_create("pff-stream-progress", os.MFD_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as file:
                self.descriptor = os.dup(file.fileno())
        os.ftruncate(self.descriptor, slots * SLOT_WORDS * 8)
        self._map = mmap.mmap(self.descriptor, 0)
        self._words = memoryview(self._map).cast("Q")

    def slot(self, number: int) -> memoryview:
        """The words of a slot, writable, one uint64 each."""
        return self._words[number * SLOT_WORDS : (number + 1) * SLOT_WORDS]

    def close(self) -> None:
        """Lets go of the memory; the kernel frees it with its last user."""
        self._words.release()
        with contextlib.suppress(BufferError):  # a slot is still looked at; it goes with it
            self._map.close()
        os.close(self.descriptor)


class Child:
    """A worker process and the parent's ends of its channel and its lifeline."""

    def __init__(self, channel: socket.socket, lifeline: int) -> None:
        self.channel = channel
        self._lifeline = lifeline
        self._server: ForkServerLauncher | None = None
        self._exit: int | None = None
        self.pid = 0
        _parent_ends.update((channel.fileno(), lifeline))

    def started(self, pid: int, server: ForkServerLauncher | None = None) -> None:
        """Notes the process, and whose child it is: this process's or the fork server's."""
        self.pid = pid
        self._server = server

    def kill(self) -> None:
        """Sends SIGKILL, unless its exit is collected and the id may be somebody else's."""
        if self.pid and self._exit is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def exit_code(self, seconds: float) -> int:
        """Collects the process, which is about to end: its exit code, or minus the signal.

        UNKNOWN_EXIT where somebody else collected it, STILL_RUNNING where it has not ended in time.
        """
        if self._exit is None:
            if self._server is not None:
                code = self._server.exit_code(self.pid)
            else:
                code = worker_main.await_exit(self.pid, seconds)
            if code == STILL_RUNNING:
                return code
            self._exit = code
        return self._exit

    def hang_up(self) -> None:
        """Closes the channel: an idle worker ends by itself."""
        if self.channel.fileno() >= 0:
            _parent_ends.discard(self.channel.fileno())
            self.channel.close()

    def close(self) -> None:
        """Closes the parent's ends; a process that still runs is killed by it."""
        self.hang_up()
        if self._lifeline >= 0:
            _parent_ends.discard(self._lifeline)
            os.close(self._lifeline)
            self._lifeline = -1


class Launcher(Protocol):
    """Starts one worker process: a start method."""

    first: bytes
    """What a new worker is sent before any task."""

    def start(self, child: Child, channel: int, lifeline: int, slot: int) -> None:
        """Starts the process with its ends of channel and lifeline; raises OSError."""

    def close(self) -> None:
        """Ends whatever serves to start processes."""


def launch(launcher: Launcher, slot: int) -> Child:
    """Starts the worker of a slot; raises OSError where the system will not."""
    with signals_blocked():
        ours, theirs = socket.socketpair()
        lifeline, ours_of_lifeline = os.pipe()
        child = Child(ours, ours_of_lifeline)
        try:
            launcher.start(child, theirs.fileno(), lifeline, slot)
            # The parent never waits in a send or a receive: a worker that stops in the middle of a
            # message would stop it, too.
            ours.setblocking(False)
        except BaseException:
            child.close()
            raise
        finally:
            theirs.close()
            os.close(lifeline)
        return child


class ForkLauncher:
    """A worker is a copy of this process, and shares its memory until one of them writes."""

    first = b""

    def __init__(self, page: SharedPage, job: Job) -> None:
        self._page = page
        self._job = job
        # Objects that no collection touches are not copied: 7.5 MB a worker.
        gc.collect()
        gc.freeze()
        _pages.trim()
        _pages.fill_holes()

    def start(self, child: Child, channel: int, lifeline: int, slot: int) -> None:
        """Forks; the new process never comes back from here."""
        pid = os.fork()
        if pid == 0:
            try:
                for descriptor in _parent_ends:
                    os.close(descriptor)
            finally:
                words = self._page.slot(slot)
                job = self._job
                worker_main.run_forked(channel, lifeline, words, job.set_up, job.arguments)
        child.started(pid)

    def close(self) -> None:
        """Gives the objects of this process back to its collections."""
        gc.unfreeze()
        _pages.open_holes()


class SpawnLauncher:
    """A worker is a fresh interpreter."""

    def __init__(self, page: SharedPage, job: Job) -> None:
        self._page = page
        self.first = first_message(job)

    def start(self, child: Child, channel: int, lifeline: int, slot: int) -> None:
        """Starts an interpreter; what it is to set up comes on the channel."""
        page = self._page.descriptor
        call = f"run_started({channel}, {lifeline}, {page}, {slot})"
        child.started(start_interpreter(call, (channel, lifeline, page)))

    def close(self) -> None:
        """Nothing to end."""


class ForkServerLauncher:
    """A worker is a copy of a small process that has imported what workers need, and only that."""

    def __init__(self, page: SharedPage, job: Job) -> None:
        self._page = page
        self.first = first_message(job)
        self._preload = job.preload
        self._control: socket.socket | None = None
        self._pid = 0

    def start(self, child: Child, channel: int, lifeline: int, slot: int) -> None:
        """Has the server fork; starts the server where there is none, or none any more."""
        if self._control is None or not self._is_alive():
            self._start_server()
        try:
            pid = self._ask(worker_main.FORK, slot, [channel, lifeline, self._page.descriptor])
        except ConnectionError:
            self.close()  # killed meanwhile: the next call starts another
            raise
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        child.started(pid, self)

    def exit_code(self, pid: int) -> int:
        """Has the server collect a worker."""
        try:
            with signals_blocked():  # a response that nobody reads would answer the next request
                return self._ask(worker_main.COLLECT, pid, [])
        except OSError:
            self.close()
            return UNKNOWN_EXIT  # the server is dead; the system collects its children

    def close(self) -> None:
        """Ends the server, and with it whatever it still has forked."""
        with signals_blocked():
            if self._control is None:
                return
            self._hang_up()
            if worker_main.await_exit(self._pid, 1.0) == STILL_RUNNING:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
                worker_main.await_exit(self._pid, 2.0)

    def _ask(self, kind: int, number: int, descriptors: list[int]) -> int:
        """One request and its response; raises OSError where the server does not answer."""
        if self._control is None:
            raise ConnectionResetError("there is no fork server")
        self._control.settimeout(_FORK_SECONDS if descriptors else _COLLECT_SECONDS)
        request = worker_main.REQUEST.pack(kind, number)
        socket.send_fds(self._control, [request], descriptors)
        response = self._control.recv(worker_main.RESPONSE.size)
        if len(response) < worker_main.RESPONSE.size:
            raise ConnectionResetError("the fork server ended")
        return int(worker_main.RESPONSE.unpack(response)[0])

    def _is_alive(self) -> bool:
        if worker_main.await_exit(self._pid, 0.0) == STILL_RUNNING:
            return True
        self._hang_up()
        return False

    def _hang_up(self) -> None:
        if self._control is not None:
            _parent_ends.discard(self._control.fileno())
            self._control.close()
            self._control = None

    def _start_server(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            call = f"serve_forks({theirs.fileno()}, {self._preload!r})"
            self._pid = start_interpreter(call, (theirs.fileno(),))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._control = ours
        _parent_ends.add(ours.fileno())


def first_message(job: Job) -> bytes:
    """What a worker that shares no memory is sent first; ValueError if it could not use it."""
    if getattr(job.set_up, "__module__", None) == "__main__":
        raise ValueError(f"{job.set_up!r} stands in the main module, which workers do not import")
    body = pickle.dumps((job.set_up, job.arguments), 5)
    return worker_main.TASK.pack(len(body)) + body


def start_interpreter(call: str, descriptors: tuple[int, ...]) -> int:
    """Starts a Python that makes one call of `worker_main`, with this process's module path."""
    paths = [path or os.getcwd() for path in sys.path if isinstance(path, str)]
    code = (
        f"import sys; sys.path[:] = {paths!r}; "
        f"from pff_stream.execute import worker_main; worker_main.{call}"
    )
    process = subprocess.Popen(
        [sys.executable, *_interpreter_flags(), "-c", code],
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        env=worker_main.single_threaded(dict(os.environ)),
    )
    process.returncode = 0  # it is collected by its id; Popen need not mind it any more
    return process.pid


def _interpreter_flags() -> list[str]:
    """Options of this interpreter, as warnings and isolation, that another one should have."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return flags


def kill_all(children: Sequence[Child], seconds: float) -> None:
    """Kills processes and collects them, as far as the kernel ends them in time."""
    for child in children:
        child.kill()
    deadline = time.monotonic() + seconds
    for child in children:
        child.exit_code(max(0.0, deadline - time.monotonic()))
        child.close()
