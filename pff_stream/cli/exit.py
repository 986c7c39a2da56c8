"""How the command ends: every error, signal and closed stream mapped to one exit code and line.

2 usage and input, 3 memory, 70 a bug, 74 output, 130 Ctrl-C, 141 closed standard output, 143
SIGTERM; errors of this package bring their own code.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from pff_stream.cli import logs
from pff_stream.compiled import not_compiled
from pff_stream.errors import KEPT, PffStreamError, UsageError
from pff_stream.limits.room import has_room, shortage
from pff_stream.limits.set_limits import limits_set

BUG, OUTPUT, MEMORY = 70, 74, 3
INTERRUPTED, CLOSED, TERMINATED = 130, 141, 143

NEEDED_FILES = 20
"""Open files that a run of any start method and number of workers gets by with (measured)."""

_AGAIN_SECONDS = 0.001

_TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
_MEMORY_HINT = "; lower --budget or --workers, or see what `pff-stream plan` says"
_REPORT = "this is a bug in pff-stream; please report it with the output of --verbose"


class Terminated(SystemExit):
    """SIGTERM came; raised in the main thread, so that `finally` blocks run."""


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Turns the first SIGTERM into `Terminated`; a second one ends the process at once.

    Does nothing outside the main thread, where Python allows no handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def handler(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() != owner:
            # A forked process that kept the handler dies of the signal as it would without.
            os.kill(os.getpid(), signal.SIGTERM)
        raise Terminated(TERMINATED)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with _swallowed_ones_come_again():
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _swallowed_ones_come_again() -> Iterator[None]:
    """Raises once more what ends the command and was ignored by the interpreter.

    A signal may come while a destructor or a callback of a weak reference runs (each import has
    some); what is raised there goes nowhere, and Ctrl-C would be lost.
    """
    lost: list[BaseException] = []
    hook = sys.unraisablehook

    def note(unraisable: sys.UnraisableHookArgs) -> None:
        problem = unraisable.exc_value
        if isinstance(problem, (KeyboardInterrupt, Terminated)):
            lost.append(problem)
            # Not from here, where it would be ignored as well.
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        else:
            hook(unraisable)

    def again(number: int, frame: FrameType | None) -> None:
        if lost:
            raise lost.pop().with_traceback(None)

    before = signal.signal(signal.SIGALRM, again)
    sys.unraisablehook = note
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook
        signal.signal(signal.SIGALRM, before)


def explain(problem: BaseException) -> int:
    """Says in one line why the command ends, and returns its exit code."""
    if _is_closed_output(problem):
        return CLOSED
    code, message = _judge(problem)
    if message:
        message = "; ".join([message, *_resuming(problem)])
        logs.error(message, trace=code == BUG or isinstance(problem, PffStreamError))
    return code


def _resuming(problem: BaseException) -> list[str]:
    """How to go on, where the run left something to go on from."""
    return [note for note in getattr(problem, "__notes__", ()) if note.startswith(KEPT)]


def _judge(problem: BaseException) -> tuple[int, str]:
    """Exit code and message; the message is empty where nothing is to be said."""
    if any(isinstance(one, OSError) and one.errno in _TOO_MANY_FILES for one in _causes(problem)):
        return MEMORY, _too_many_files()
    if isinstance(problem, PffStreamError):
        short = None if problem.exit_code == MEMORY else shortage(problem)
        if short is not None:  # what could not be read or written is not to blame
            return MEMORY, f"refused: {problem}: {short}"
        return problem.exit_code, str(problem)
    if isinstance(problem, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    if isinstance(problem, Terminated):
        return TERMINATED, "terminated"
    if isinstance(problem, SystemExit):
        return (problem.code if isinstance(problem.code, int) else int(bool(problem.code))), ""
    if isinstance(problem, MemoryError):
        return MEMORY, f"{shortage(problem)}{_MEMORY_HINT}"
    if isinstance(problem, OSError) and (
        problem.errno in _DISK_ERRORS
        or (problem.errno == errno.EBADF and _is_for_reading(sys.stdout))
    ):
        return OUTPUT, f"output could not be written: {problem}"
    short = shortage(problem)
    if short is not None:
        return MEMORY, f"refused: {short}"
    said = f"{type(problem).__name__}: {problem}"
    if isinstance(problem, ImportError) and (source := not_compiled()) is not None:
        return UsageError.exit_code, source
    if not has_room():
        return MEMORY, f"refused: out of memory{limits_set('RLIMIT_AS', 'RLIMIT_DATA')}: {said}"
    return BUG, f"{said}; {_REPORT}"


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """The problem, and what it comes of."""
    cause: BaseException | None = problem
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _too_many_files() -> str:
    """What is said where no further file can be opened."""
    try:
        import resource

        limit = f"a limit of {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}"
    except (ImportError, OSError):
        limit = "a limit of the system"
    return (
        f"too many open files: found {limit} (ulimit -n), expected {NEEDED_FILES} or more beside "
        "those that are open already"
    )


def _is_closed_output(problem: BaseException) -> bool:
    """Whether `problem` comes of a reader of standard output that went away (`| head`)."""
    if any(isinstance(cause, BrokenPipeError) for cause in _causes(problem)):
        return _reader_is_gone(sys.stdout)
    return False


def _is_for_reading(stream: TextIO | None) -> bool:
    """Whether a stream that is to be written to was opened for reading."""
    import fcntl

    try:
        flags = fcntl.fcntl(stream.fileno(), fcntl.F_GETFL) if stream is not None else 0
    except (OSError, ValueError):
        return False
    return stream is not None and flags & os.O_ACCMODE == os.O_RDONLY


def _reader_is_gone(stream: TextIO | None) -> bool:
    try:
        descriptor = stream.fileno() if stream is not None else -1
        poll = select.poll()
        poll.register(descriptor, 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError, OverflowError):
        return False
