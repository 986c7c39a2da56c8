"""What workers of the pool's tests do; apart, since a worker of any start method must import it."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pff_stream.errors import InputError
from pff_stream.execute.worker_main import Progress

Span = tuple[int, int]


def halves(span: Span) -> tuple[Span, ...]:
    """Two halves of a span of numbers; none of a single number."""
    middle = sum(span) // 2
    return ((span[0], middle), (middle, span[1])) if middle > span[0] else ()


def whole(task: object) -> tuple[()]:
    """A task that cannot be split."""
    return ()


def squares(progress: Progress) -> Callable[[int], int]:
    """Answers a number with its square."""
    return lambda number: number * number


def spans(
    progress: Progress, poison: frozenset[int], way: str, seconds: float = 0.0
) -> Callable[[Span], list[int]]:
    """Answers a span with its numbers, and dies in a given way at a poisonous one."""

    def answer(span: Span) -> list[int]:
        for number in range(*span):
            time.sleep(seconds)
            if number in poison:
                die(way)
        return list(range(*span))

    return answer


def hoards(
    progress: Progress, poison: frozenset[int], share_bytes: int, wanted_bytes: int
) -> Callable[[Span], list[int]]:
    """Answers a span under a fence, and wants too much memory at a poisonous number."""
    from pff_stream.work.rules import hold_to

    assert hold_to(share_bytes)

    def answer(span: Span) -> list[int]:
        for number in range(*span):
            if number in poison:
                bytearray(wanted_bytes)
        return list(range(*span))

    return answer


def die(way: str) -> None:
    """Ends this process, or its work, in one of the ways that there are."""
    if way.startswith("SIG"):
        faulthandler.disable()  # the death is wanted
        os.kill(os.getpid(), signal.Signals[way])
        time.sleep(60)
    elif way == "exit":
        os._exit(7)
    elif way == "SystemExit":
        raise SystemExit(3)
    elif way == "MemoryError":
        raise MemoryError
    else:
        time.sleep(60)


def once(progress: Progress, folder: str, tries: int) -> Callable[[int], int]:
    """Answers a number with itself, but dies of each number the first so many tries."""

    def answer(number: int) -> int:
        for attempt in range(tries):
            mark = Path(folder, f"{number}.{attempt}")
            if not mark.exists():
                mark.touch()
                die("SIGKILL")
        return number

    return answer


def sleeps(progress: Progress) -> Callable[[float], int]:
    """Sleeps so many seconds, and answers with the process id."""

    def answer(seconds: float) -> int:
        time.sleep(seconds)
        return os.getpid()

    return answer


def ticks(progress: Progress) -> Callable[[float], int]:
    """Works for so many seconds, moving the counter by both ways that there are."""

    def answer(seconds: float) -> int:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.02)
            progress.tick()
            progress.address[1] = (progress.address[1] + 1) % 256
        return os.getpid()

    return answer


def blobs(progress: Progress) -> Callable[[bytes], bytes]:
    """Answers bytes with as many others."""
    return lambda blob: bytes(len(blob))


def large(progress: Progress) -> Callable[[int], bytes]:
    """Answers with so many bytes."""
    return lambda size: bytes(size)


class Unpicklable(Exception):
    """An exception that cannot be sent as it is."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def fails(progress: Progress) -> Callable[[str], object]:
    """Raises the kind of exception that the task names, or cannot answer."""

    def answer(name: str) -> object:
        if name == "unpicklable answer":
            return lambda: None
        if name == "Unpicklable":
            raise Unpicklable("two", "arguments")
        raise {"ValueError": ValueError, "InputError": InputError}[name]("in the task")

    return answer


def fails_to_set_up(progress: Progress, kind: str) -> Callable[[int], int]:
    """Raises an InputError or MemoryError, or dies, before there is any task."""
    if kind == "InputError":
        raise InputError("no graph there")
    die(kind)
    return lambda number: number


def dies_idle(progress: Progress) -> Callable[[int], int]:
    """Answers, and kills its process a moment later, when it has nothing to do."""

    def answer(number: int) -> int:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        return number

    return answer


def describes(progress: Progress) -> Callable[[str], object]:
    """Tells about the worker."""

    def answer(what: str) -> object:
        if what == "modules":
            return sorted(sys.modules)
        if what == "oom_score_adj":
            return int(Path("/proc/self/oom_score_adj").read_text())
        if what == "signals":
            return [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
        if what == "descriptors":
            return sorted(int(name) for name in os.listdir("/proc/self/fd"))
        return os.environ.get(what)

    return answer
