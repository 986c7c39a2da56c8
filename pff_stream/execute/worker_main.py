"""The worker's side of the pool, on its own so that a worker process imports next to nothing.

A worker reads a task from its channel, announces it in the shared page, runs it, and writes the
answer. It holds no lock and shares no pipe with any other worker, so its death blocks nobody.
"""

from __future__ import annotations

import gc
import mmap
import os
import pickle
import time
from collections.abc import Callable
from typing import Any

from pff_stream.execute.messages import (
    ANSWER,
    ERROR,
    FOLLOWED,
    HEADER,
    MEMORY,
    READY,
    described,
    framed,
    read,
    unpickled,
    write,
)

COLLECT_TASKS = 32
"""Between two collections. They find no garbage, but empty the lists of freed tuples that the
interpreter keeps, up to 2,000 of each length, to which unpickling adds without taking from them."""

SLOT_WORDS = 8
"""Words of 8 bytes of a worker in the shared page: one cache line, so that no two share any."""
PROGRESS_WORD, BEGUN_WORD = 0, 1

HELD_SECONDS, HELD_BYTES = 0.01, 32 << 10
"""Answers wait for those of tasks of the same message at most until they are so old or so much."""

_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

SetUp = Callable[..., Callable[[Any], Any]]


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


def work(channel: int, page: int, slot: int, set_up: SetUp, arguments: tuple[object, ...]) -> None:
    """Sets up and answers tasks until the parent closes the channel."""
    for name in _THREAD_VARIABLES:
        os.environ.setdefault(name, "1")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    words = memoryview(mmap.mmap(page, 0)).cast("Q")[slot * SLOT_WORDS : (slot + 1) * SLOT_WORDS]
    os.close(page)
    try:
        answer = set_up(Progress(words[PROGRESS_WORD : PROGRESS_WORD + 1]), *arguments)
    except Exception as error:
        _reply(channel, ERROR, 0.0, described(error))
        return
    # What is set up stays: a collection need not touch it again, nor copy what is shared by fork.
    gc.freeze()
    _reply(channel, READY, 0.0, b"")
    _answer_tasks(channel, words, answer)


def _answer_tasks(channel: int, words: memoryview, answer: Callable[[Any], Any]) -> None:
    """Until the parent closes the channel."""
    n_tasks, held, held_since = 0, bytearray(), 0.0
    while header := read(channel, HEADER.size):
        n_tasks += 1
        if n_tasks % COLLECT_TASKS == 0:
            gc.collect()
        # Before the task itself is read: a task that cannot even be received is to blame, too.
        words[BEGUN_WORD] += 1
        task_kind, _, size = HEADER.unpack(header)
        pickled = read(channel, size)
        if pickled is None:
            return
        began = time.perf_counter()
        try:
            kind, body = ANSWER, pickle.dumps(answer(unpickled(pickled)), 5)
        except MemoryError:
            kind, body = MEMORY, b""
        except Exception as error:
            kind, body = ERROR, described(error)
        del pickled
        ended = time.perf_counter()
        if not held:
            held_since = began
            if task_kind != FOLLOWED or len(body) > HELD_BYTES:
                _reply(channel, kind, ended - began, body)
                continue
        held += framed(kind, body, ended - began)
        is_old = ended - held_since > HELD_SECONDS
        if task_kind != FOLLOWED or len(held) > HELD_BYTES or is_old:
            _send(channel, held)
            held = bytearray()


def _send(channel: int, replies: bytearray) -> None:
    """Writes replies; as `_reply`."""
    rest = memoryview(replies)
    try:
        while rest:
            rest = rest[os.write(channel, rest) :]
    except ConnectionError:
        raise SystemExit(0) from None


def _reply(channel: int, kind: int, seconds: float, body: bytes) -> None:
    """Writes a reply; blocks while the parent does not read, which is the pool's backpressure."""
    try:
        write(channel, kind, body, seconds)
    except ConnectionError:
        raise SystemExit(0) from None  # nobody is there to read it
