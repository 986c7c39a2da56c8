"""What passes between this process and one that it started: one header, then a pickle.

The same for workers and for functions that are called in a process of their own. Light, since every
worker imports it.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
from typing import Any, ClassVar

HEADER = struct.Struct("<BdQ")
"""Before a message: its kind, seconds that it took to make, bytes of its pickle."""
PROGRAM, TASK, READY, ANSWER, MEMORY, ERROR, QUESTION, FOLLOWED = range(8)
"""Kinds. To a new process: what it is to run, then a task, or the answer to a question of its own;
a task that is `FOLLOWED` by others, so that its answer may wait for theirs.
From it: it is set up; a result; a MemoryError; any other exception with its traceback; a question
that it needs an answer to before it goes on."""


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
    """What came in a message."""
    return _Unpickler(io.BytesIO(message)).load()


def framed(kind: int, body: bytes, seconds: float = 0.0) -> bytes:
    """A message in one piece, for a channel that is written to as it takes more."""
    return HEADER.pack(kind, seconds, len(body)) + body


class RemoteTraceback(Exception):
    """The text of a traceback in another process, as the cause of the exception that it is of."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def described(error: Exception) -> bytes:
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


def read(channel: int, size: int) -> bytearray | None:
    """Exactly `size` bytes, waited for; None where the other side is gone."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    got = 0
    while got < size:
        count = os.readv(channel, [view[got:]])
        if not count:
            return None
        got += count
    return buffer


def write(channel: int, kind: int, body: bytes, seconds: float = 0.0) -> None:
    """Writes a message, and waits until it is taken; ConnectionError where nobody reads it."""
    rest = [memoryview(HEADER.pack(kind, seconds, len(body))), memoryview(body)]
    while rest:
        written = os.writev(channel, rest)
        while rest and written >= len(rest[0]):
            written -= len(rest.pop(0))
        if rest:
            rest[0] = rest[0][written:]
