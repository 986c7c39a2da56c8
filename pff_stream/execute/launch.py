"""Starts and ends processes, by fork or as a fresh interpreter, without `multiprocessing`.

`multiprocessing` costs a worker 3 MiB, starts a resource tracker (6 MiB) for every method but fork,
and imports the parent's main module again in each worker. All that is needed of it is here: a
channel and a lifeline for a new process, and its exit code when it ends. What the process does with
them is in `child`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pff_stream.execute import child as child_side
from pff_stream.execute.child import STILL_RUNNING, UNKNOWN_EXIT, Main, await_exit
from pff_stream.execute.messages import PROGRAM, framed
from pff_stream.execute.worker_main import single_threaded
from pff_stream.files import _pages

if TYPE_CHECKING:
    from pff_stream.execute.births import Birth

_parent_ends: set[int] = set()
"""Descriptors of this process that a forked child must not hold: their closing would go unnoticed,
and with it the death of this process."""


class Program(NamedTuple):
    """What a new process is to run: `main(channel, *places, *arguments)`, see `child`."""

    main: Main
    arguments: tuple[Any, ...]
    preload: tuple[str, ...] = ()
    """Modules that it needs, for whoever imports them once for many processes."""
    reads_standard_input: bool = False


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


class Collector(Protocol):
    """Another process whose children some of ours are."""

    def exit_code(self, pid: int) -> int:
        """Has it collect a child that is about to end."""


class Child:
    """A process that was started here, and this side's ends of its channel and its lifeline."""

    def __init__(self, channel: socket.socket, lifeline: int) -> None:
        self.channel = channel
        self._lifeline = lifeline
        self._collector: Collector | None = None
        self._exit: int | None = None
        self.pid = 0
        _parent_ends.update((channel.fileno(), lifeline))

    def started(self, pid: int, collector: Collector | None = None) -> None:
        """Notes the process, and whose child it is: this process's or the fork server's."""
        self.pid = pid
        self._collector = collector

    def kill(self) -> None:
        """Sends SIGKILL, unless its exit is collected and the id may be somebody else's."""
        if self.pid and self._exit is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def exit_code(self, seconds: float) -> int:
        """Collects the process, which is about to end: its exit code, or minus the signal.

        UNKNOWN_EXIT where somebody else collected it, or it was never started; STILL_RUNNING where
        it has not ended in time.
        """
        if not self.pid:
            return UNKNOWN_EXIT
        if self._exit is None:
            if self._collector is not None:
                code = self._collector.exit_code(self.pid)
            else:
                code = await_exit(self.pid, seconds)
            if code == STILL_RUNNING:
                return code
            self._exit = code
        return self._exit

    def hang_up(self) -> None:
        """Closes the channel: a worker that is idle ends by itself."""
        if self.channel.fileno() >= 0:
            _parent_ends.discard(self.channel.fileno())
            with contextlib.suppress(OSError):  # as below
                self.channel.close()

    def close(self) -> None:
        """Closes the parent's ends; a process that still runs is killed by it."""
        self.hang_up()
        if self._lifeline >= 0:
            lifeline, self._lifeline = self._lifeline, -1
            _parent_ends.discard(lifeline)
            with contextlib.suppress(OSError):  # a host that became a daemon has closed it
                os.close(lifeline)


def parent_end(descriptor: int, *, is_open: bool) -> None:
    """Notes a descriptor that no forked child may hold, or that it is closed."""
    (_parent_ends.add if is_open else _parent_ends.discard)(descriptor)


Meanwhile = Callable[[], None]


class Starter(Protocol):
    """Starts processes of one program: a start method."""

    first: bytes
    """What a new process is sent before anything else."""

    def start(self, child: Child, channel: int, lifeline: int, places: tuple[int, ...]) -> None:
        """Starts the process with its ends of channel and lifeline; raises OSError."""

    def start_all(
        self, children: Sequence[Child], births: Sequence[Birth], meanwhile: Meanwhile
    ) -> None:
        """Starts many at once as far as it can; those that it did not are not `started`.

        Calls `meanwhile` once, while they start where it can.
        """

    def close(self) -> None:
        """Ends whatever serves to start processes."""

    def abandon(self) -> None:
        """In a fork of this process: lets go of it, and ends nothing."""


def launch(starter: Starter, *places: int) -> Child:
    """Starts a process; raises OSError where the system will not.

    `places` are a descriptor that the process is given, and a number; or nothing.
    """
    with signals_blocked():
        ours, theirs = socket.socketpair()
        lifeline, ours_of_lifeline = os.pipe()
        child = Child(ours, ours_of_lifeline)
        try:
            starter.start(child, theirs.fileno(), lifeline, places)
        except BaseException:
            child.close()
            raise
        finally:
            theirs.close()
            os.close(lifeline)
        return child


def launch_all(
    starter: Starter,
    descriptor: int,
    numbers: Sequence[int],
    begun: Callable[[Sequence[Child]], None],
) -> list[Child]:
    """Starts a process for each number, many at once; those without an id were not started.

    `begun` is told of all of them as soon as they can be sent anything, which may be before it is
    known whether they start. Raises OSError where there are no more descriptors.
    """
    from pff_stream.execute._copies import open_ends
    from pff_stream.execute.births import Birth

    with signals_blocked():
        ends = open_ends(len(numbers))
        births = [
            Birth(theirs, lifeline, (descriptor, number))
            for number, (_, theirs, lifeline, _) in zip(numbers, ends, strict=True)
        ]
        children: list[Child] = []
        try:
            for ours, _, _, lifeline in ends:
                channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, ours)
                children.append(Child(channel, lifeline))
            starter.start_all(children, births, lambda: begun(children))
        except BaseException:
            kill_all(children, 1.0)
            raise
        finally:
            for birth in births:
                os.close(birth.channel)
                os.close(birth.lifeline)
        return children


class ForkStarter:
    """A process is a copy of this one, and shares its memory until one of them writes."""

    first = b""

    def __init__(self, program: Program) -> None:
        self._program = program

    def start(self, child: Child, channel: int, lifeline: int, places: tuple[int, ...]) -> None:
        """Forks; the new process never comes back from here."""
        pid = os.fork()
        if pid == 0:
            try:
                for descriptor in _parent_ends:
                    os.close(descriptor)
            finally:
                program = self._program
                child_side.run(channel, lifeline, places, program.main, program.arguments)
        child.started(pid)

    def start_all(
        self, children: Sequence[Child], births: Sequence[Birth], meanwhile: Meanwhile
    ) -> None:
        """Forks one, which forks others."""
        from pff_stream.execute.births import Starting

        program = self._program
        starting = Starting(births, program.main, program.arguments, lambda: _parent_ends)
        try:
            meanwhile()
        finally:
            for child, pid in zip(children, starting.pids(), strict=True):
                if pid > 0:
                    child.started(pid)

    def close(self) -> None:
        """Nothing to end."""

    def abandon(self) -> None:
        """Nothing to let go of."""


class SharingForkStarter(ForkStarter):
    """The same for many processes, which are to copy as little as can be of what they share."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        # Objects that no collection touches are not copied: 7.5 MB a worker. What is old and not
        # used any more stays meanwhile: to look for it takes as long as to start ten workers.
        gc.collect(1)
        gc.freeze()
        _pages.trim()
        _pages.fill_holes()

    def close(self) -> None:
        """Gives the objects of this process back to its collections."""
        gc.unfreeze()
        _pages.open_holes()


class SpawnStarter:
    """A process is a fresh interpreter, which is told what to run."""

    def __init__(self, program: Program) -> None:
        self._reads_standard_input = program.reads_standard_input
        self.first = first_message(program)

    def start(self, child: Child, channel: int, lifeline: int, places: tuple[int, ...]) -> None:
        """Starts an interpreter."""
        numbers = ", ".join(map(str, (channel, lifeline, *places)))
        descriptors = (channel, lifeline, *places[:1])
        call = f"from pff_stream.execute.child import run_as_told as run; run({numbers})"
        pid = start_interpreter(call, descriptors, reads_standard_input=self._reads_standard_input)
        child.started(pid)

    def start_all(
        self, children: Sequence[Child], births: Sequence[Birth], meanwhile: Meanwhile
    ) -> None:
        """Starts one after another: each takes a hundred times longer to be there than to start."""
        for child, birth in zip(children, births, strict=True):
            with contextlib.suppress(OSError):
                self.start(child, *birth)
        meanwhile()

    def close(self) -> None:
        """Nothing to end."""

    def abandon(self) -> None:
        """Nothing to let go of."""


def first_message(program: Program) -> bytes:
    """What a process that shares no memory is sent first; ValueError if it could not use it."""
    for part in (program.main, *program.arguments):
        if getattr(part, "__module__", None) == "__main__":
            raise ValueError(f"{part!r} stands in the main module, which workers do not import")
    return framed(PROGRAM, pickle.dumps((program.main, program.arguments), 5))


def start_interpreter(
    call: str, descriptors: tuple[int, ...], *, reads_standard_input: bool = False
) -> int:
    """Starts a Python that makes one call, with this process's module path; its process id."""
    import subprocess

    paths = [path or os.getcwd() for path in sys.path if isinstance(path, str)]
    # Warnings and isolation, for example: options that another interpreter should have, too.
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    process = subprocess.Popen(
        [sys.executable, *flags, "-c", f"import sys; sys.path[:] = {paths!r}; {call}"],
        pass_fds=descriptors,
        stdin=None if reads_standard_input else subprocess.DEVNULL,
        env=single_threaded(dict(os.environ)),
    )
    process.returncode = 0  # it is collected by its id; Popen need not mind it any more
    return process.pid


def kill_all(children: Sequence[Child], seconds: float) -> None:
    """Kills processes and collects them, as far as the kernel ends them in time."""
    for child in children:
        child.kill()
    deadline = time.monotonic() + seconds
    for child in children:
        child.exit_code(max(0.0, deadline - time.monotonic()))
        child.close()


def describe_exit(code: int) -> str:
    """In words, how a process ended."""
    if code == UNKNOWN_EXIT:
        return "it ended, and how is unknown"
    if code == STILL_RUNNING:
        return "it closed its channel"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
