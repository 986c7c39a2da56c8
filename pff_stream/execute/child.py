"""The child's side of every process that is started here: how it begins, and how it ends.

A child has two descriptors of its parent's: a channel for messages, and a lifeline by which the
kernel ends it with the parent. It imports next to nothing.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from typing import Any, NoReturn

from pff_stream.execute.messages import ERROR, HEADER, described, read, unpickled, write

UNKNOWN_EXIT, STILL_RUNNING = 1 << 32, 1 << 33
"""Exit codes that cannot be: somebody else collected the process; it did not end in time."""
_OOM_SCORE_RAISE = 500

Main = Callable[..., None]
"""What a child runs: `main(channel, *places, *arguments)`, where `places` are a descriptor of
memory that it shares with its parent and a number within it, or nothing."""


def run(
    channel: int, lifeline: int, places: tuple[int, ...], main: Main, arguments: tuple[Any, ...]
) -> NoReturn:
    """The whole life of a child; one that was forked has closed the parent's ends before."""
    code = 1
    try:
        _settle(lifeline)
        main(channel, *places, *arguments)
        code = 0
    except SystemExit as stop:
        code = _exit_code(stop)
    finally:
        # Neither the parent's frames below this one nor its exit handlers may run here.
        os._exit(code)


def run_as_told(channel: int, lifeline: int, *places: int) -> NoReturn:
    """The same where what to run comes on the channel."""
    run(channel, lifeline, places, told_main, ())


def told_main(channel: int, *places: int) -> None:
    """What a child runs that is told the rest on its channel."""
    header = read(channel, HEADER.size)
    body = header and read(channel, HEADER.unpack(header)[2])
    if not body:
        return  # it is not needed any more
    try:
        main, arguments = unpickled(body)
    except Exception as error:
        write(channel, ERROR, described(error))
    else:
        main(channel, *places, *arguments)


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    return stop.code & 0xFF if isinstance(stop.code, int) else 1


def _settle(lifeline: int) -> None:
    """Makes this process a child: its signals, its end with the parent, its kernel rank."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    _die_with_parent(lifeline)
    try:
        # Where memory runs out all the same, a child dies, not the parent that can tell of it.
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
            pass  # then it ends at its next message
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags)
    try:
        os.read(lifeline, 1)
    except BlockingIOError:
        return
    raise SystemExit(1)  # it was gone before this began


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
