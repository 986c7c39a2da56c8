"""The parent's side of the fork server: it is started when it is needed, and again when it died."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pff_stream.execute.child import STILL_RUNNING, UNKNOWN_EXIT, await_exit
from pff_stream.execute.fork_server_main import (
    COLLECT,
    FORK,
    MOST_FORKS,
    NUMBER,
    REQUEST,
    RESPONSE,
)
from pff_stream.execute.launch import (
    Child,
    Meanwhile,
    Program,
    first_message,
    parent_end,
    signals_blocked,
    start_interpreter,
)

if TYPE_CHECKING:
    from pff_stream.execute.births import Birth

_FORK_SECONDS = 60.0
"""How long the fork server may take to import what is preloaded, and to fork."""
_COLLECT_SECONDS = 2.0
"""How long it may take to collect a worker that has ended."""


class ForkServerStarter:
    """A worker is a copy of a small process that has imported what workers need, and only that."""

    def __init__(self, program: Program) -> None:
        self.first = first_message(program)
        self._preload = program.preload
        self._control: socket.socket | None = None
        self._pid = 0

    def start(self, child: Child, channel: int, lifeline: int, places: tuple[int, ...]) -> None:
        """Has the server fork; starts the server where there is none, or none any more."""
        self._need_server()
        page, slot = places
        pid = self._ask_to_fork([slot], [page, channel, lifeline])[0]
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        child.started(pid, self)

    def start_all(
        self, children: Sequence[Child], births: Sequence[Birth], meanwhile: Meanwhile
    ) -> None:
        """Has the server fork one, which forks others; a hundred at a time."""
        self._start_all(children, births)
        meanwhile()

    def _start_all(self, children: Sequence[Child], births: Sequence[Birth]) -> None:
        self._need_server()
        for first in range(0, len(births), MOST_FORKS):
            some = births[first : first + MOST_FORKS]
            ends = [end for birth in some for end in (birth.channel, birth.lifeline)]
            try:
                pids = self._ask_to_fork(
                    [birth.places[1] for birth in some], [some[0].places[0], *ends]
                )
            except ConnectionError:
                return  # whoever is missing is started one by one
            for child, pid in zip(children[first:], pids, strict=False):
                if pid > 0:
                    child.started(pid, self)

    def exit_code(self, pid: int) -> int:
        """Has the server collect a worker."""
        try:
            with signals_blocked():  # a response that nobody reads would answer the next request
                return self._ask(REQUEST.pack(COLLECT, pid), [], 1)[0]
        except OSError:
            self.close()
            return UNKNOWN_EXIT  # the server is dead; the system collects its children

    def close(self) -> None:
        """Ends the server, and with it whatever it still has forked."""
        with signals_blocked():
            if self._control is None:
                return
            self._hang_up()
            if await_exit(self._pid, 1.0) == STILL_RUNNING:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
                await_exit(self._pid, 2.0)

    def abandon(self) -> None:
        """In a fork of this process: closes this end, which the other one's process has, too."""
        self._hang_up()

    def _ask_to_fork(self, slots: list[int], descriptors: list[int]) -> list[int]:
        request = REQUEST.pack(FORK, len(slots)) + b"".join(map(NUMBER.pack, slots))
        try:
            return self._ask(request, descriptors, len(slots))
        except ConnectionError:
            self.close()  # killed meanwhile: the next call starts another
            raise

    def _ask(self, request: bytes, descriptors: list[int], n_answers: int) -> list[int]:
        """One request and its response; raises OSError where the server does not answer."""
        if self._control is None:
            raise ConnectionResetError("there is no fork server")
        self._control.settimeout(_FORK_SECONDS if descriptors else _COLLECT_SECONDS)
        socket.send_fds(self._control, [request], descriptors)
        response = b""
        while len(response) < n_answers * RESPONSE.size:
            part = self._control.recv(n_answers * RESPONSE.size - len(response))
            if not part:
                raise ConnectionResetError("the fork server ended")
            response += part
        return [answer for (answer,) in RESPONSE.iter_unpack(response)]

    def _need_server(self) -> None:
        if self._control is None or not self._is_alive():
            self._start_server()

    def _is_alive(self) -> bool:
        if await_exit(self._pid, 0.0) == STILL_RUNNING:
            return True
        self._hang_up()
        return False

    def _hang_up(self) -> None:
        if self._control is not None:
            parent_end(self._control.fileno(), is_open=False)
            self._control.close()
            self._control = None

    def _start_server(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            call = (
                "from pff_stream.execute.fork_server_main import serve_forks; "
                f"serve_forks({theirs.fileno()}, {self._preload!r})"
            )
            self._pid = start_interpreter(call, (theirs.fileno(),))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._control = ours
        parent_end(ours.fileno(), is_open=True)
