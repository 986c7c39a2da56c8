"""Calls a function in a process of its own, so that what it takes is gone when it has returned.

The process can ask this one for what only this one can do, and never outlives it, nor the call.
"""

from __future__ import annotations

import os
import pickle
import select
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from pff_stream.execute.child import STILL_RUNNING
from pff_stream.execute.launch import (
    Child,
    ForkStarter,
    Program,
    SpawnStarter,
    launch,
    signals_blocked,
)
from pff_stream.execute.messages import (
    ANSWER,
    ERROR,
    HEADER,
    QUESTION,
    RemoteTraceback,
    described,
    read,
    unpickled,
    write,
)
from pff_stream.observer import Tick, no_tick

_EXIT_SECONDS = 60.0
"""How long a process that has answered may take to give all its memory back."""
_KILL_SECONDS = 10.0
_TICK_SECONDS = 0.02

Ask = Callable[[Any], Any]
"""In the called process: asks the calling one, and waits for its answer."""


class CallDiedError(Exception):
    """The process ended without an answer."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code
        """Or minus the signal; UNKNOWN_EXIT or STILL_RUNNING of `child`."""


def usual_method() -> str:
    """`fork` where this process has one thread, else `spawn`.

    Fork takes 5 ms and no imports, but only a process of one thread can be forked safely.
    """
    try:
        return "fork" if len(os.listdir("/proc/self/task")) == 1 else "spawn"
    except OSError:
        return "spawn"


def call(
    function: Callable[..., Any],
    *arguments: Any,
    answer: Callable[[Any], Any] = lambda question: None,
    method: str | None = None,
    tick: Tick = no_tick,
) -> Any:
    """What `function(ask, *arguments)` returns in a process by `method`, `fork` or `spawn`.

    `ask(question)` there is `answer(question)` here. With spawn the function is importable, and all
    that is sent picklable. The process reads this one's standard input, if any. `tick` is called
    while it works, and `tick(now=True)` when it has returned and still holds what it came to hold.
    Raises what either function raises, `CallDiedError` where the process died, and OSError where
    it cannot be started.
    """
    program = Program(answer_call, (function, arguments), reads_standard_input=True)
    starter = (ForkStarter if (method or usual_method()) == "fork" else SpawnStarter)(program)
    with ExitStack() as stack:
        with signals_blocked():  # no handler may raise between the birth of the child and its end
            child = launch(starter)
            stack.callback(_end, child)
        channel = child.channel.fileno()
        if starter.first:
            _send(child, starter.first)
        waiting = select.poll()
        waiting.register(channel, select.POLLIN)
        while True:
            while not waiting.poll(_TICK_SECONDS * 1000):
                tick()
            kind, value = _receive(child, channel)
            if kind == QUESTION:
                _write(channel, pickle.dumps(answer(value)))
            elif kind == ERROR:
                error, text = value
                raise error from RemoteTraceback(text)
            else:
                tick(now=True)
                child.hang_up()
                child.exit_code(_EXIT_SECONDS)
                return value


def _receive(child: Child, channel: int) -> tuple[int, Any]:
    try:
        header = read(channel, HEADER.size)
        body = None
        if header is not None:
            kind, _, size = HEADER.unpack(header)
            body = read(channel, size)
    except ConnectionError:
        body = None
    if body is None:
        code = child.exit_code(_KILL_SECONDS)
        if code == STILL_RUNNING:  # it has closed its channel, and goes on
            child.kill()
            code = child.exit_code(_KILL_SECONDS)
        raise CallDiedError(code)
    return kind, unpickled(body)


def _send(child: Child, message: bytes) -> None:
    """Sends to the child; that it is dead is found out when it is heard."""
    try:
        child.channel.sendall(message)
    except ConnectionError:
        pass


def _write(channel: int, body: bytes) -> None:
    try:
        write(channel, ANSWER, body)
    except ConnectionError:
        pass


def _end(child: Child) -> None:
    child.kill()
    child.exit_code(_KILL_SECONDS)
    child.close()


def answer_call(channel: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """In the called process: calls, and writes what comes of it."""

    def ask(question: Any) -> Any:
        _tell(channel, QUESTION, pickle.dumps(question))
        header = read(channel, HEADER.size)
        body = header and read(channel, HEADER.unpack(header)[2])
        if not body:
            raise SystemExit(70)  # the parent is gone, or gave up
        return unpickled(body)

    try:
        kind, body = ANSWER, pickle.dumps(function(ask, *arguments))
    except Exception as error:
        kind, body = ERROR, described(error)
    _tell(channel, kind, body)
    read(channel, HEADER.size)  # until the parent has seen what this process came to hold


def _tell(channel: int, kind: int, body: bytes) -> None:
    try:
        write(channel, kind, body)
    except ConnectionError:
        raise SystemExit(70) from None
