"""A command of a process that has imported all it needs, to meddle with while it is at work."""

from __future__ import annotations

import os
import select
import socket
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import BinaryIO

from tests.warm import MOST_BYTES, ROOT, socket_of_commands


def begun(
    program: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    limits: Mapping[int, int] | None = None,
) -> Begun:
    """The command of a module of tests, at work in a session of its own, with pipes to it.

    `environment`: all of it.
    """
    asked = {
        "program": program,
        "arguments": list(arguments),
        "environment": dict(environment),
        "folder": str(ROOT),
        "umask": 0o022,
        "limits": limits or {},
    }
    (stdin, ours_in), (ours_out, stdout), (ours_err, stderr) = (os.pipe() for _ in range(3))
    asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
    asking.connect(socket_of_commands())
    theirs = [stdin, stdout, stderr]
    socket.send_fds(asking, [repr(asked).encode()], theirs)
    for file in theirs:
        os.close(file)
    return Begun(asking, (ours_in, ours_out, ours_err))


class Begun:
    """A process that another one started, with what `subprocess.Popen` has of one."""

    def __init__(self, asking: socket.socket, pipes: tuple[int, int, int]) -> None:
        self._asking = asking
        self.stdin: BinaryIO | None = open(pipes[0], "wb", 0)
        self.stdout: BinaryIO | None = open(pipes[1], "rb")
        self.stderr: BinaryIO | None = open(pipes[2], "rb")
        self.pid = int(asking.recv(100))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code; None while it is at work."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end; `subprocess.TimeoutExpired` where it does not come in time."""
        if self.returncode is None:
            if not select.select([self._asking], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("the command", timeout or 0)
            self.returncode = int(self._asking.recv(100))
            self._asking.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """What it still writes until its end."""
        if self.stdin is not None:
            self.stdin.close()
        files = [file for file in (self.stdout, self.stderr) if file is not None]
        with ThreadPoolExecutor(2) as readers:
            reading = {file: readers.submit(file.read) for file in files}
            self.wait(timeout)
            found = {file: one.result() for file, one in reading.items()}
        for file in files:
            file.close()
        of_stdout, of_stderr = (
            b"" if file is None else found[file] for file in (self.stdout, self.stderr)
        )
        return of_stdout, of_stderr
