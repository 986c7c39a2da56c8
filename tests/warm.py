"""Commands of a process that has imported all it needs: a third of the time of a new interpreter.

Each is a process of its own, forked of one that did nothing but import. For tests of what a command
does with its inputs; how it starts and ends is tested by new interpreters.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
_MOST_BYTES = 1 << 20


def run(*arguments: object, check: int | None = None) -> str:
    """Runs the command; returns standard output, or standard error where it fails."""
    ended = started([str(one) for one in arguments])
    if check is not None:
        assert ended.returncode == check, ended.stderr
    return ended.stdout if ended.returncode in (0, 1) else ended.stderr


def started(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end in a folder, with the environment of this process and more."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as error:
        code = _ended(arguments, environment or {}, folder, [output.fileno(), error.fileno()])
        texts = []
        for file in (output, error):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return subprocess.CompletedProcess(list(arguments), code, *texts)


def main(arguments: Sequence[str]) -> int:
    """Runs the command, which writes to the streams of this process; returns its exit code."""
    return _ended(arguments, {}, None, [1, 2])


def _ended(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
    files: list[int],
) -> int:
    os.umask(umask := os.umask(0))
    asked = {
        "arguments": list(arguments),
        "environment": {**os.environ, **environment},
        "folder": str(folder or Path.cwd()),
        "umask": umask,
    }
    server = _server()
    socket.send_fds(server, [json.dumps(asked).encode()], files)
    return int(server.recv(100))


@cache
def _server() -> socket.socket:
    """Where commands are asked for; the process behind it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_BYTES)
    process = subprocess.Popen(
        [sys.executable, "-c", "from tests.warm import serve; serve()"],
        stdin=theirs.fileno(),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    theirs.close()
    assert process.wait() == 0  # which has started what serves: no test sees a child of its own
    atexit.register(ours.close)
    return ours


def serve() -> None:
    """Forks a process for each command that is asked for, one after the other."""
    if os.fork():
        os._exit(0)
    import gc

    import pff_stream.cli.main
    import pff_stream.pipeline.run
    import pff_stream.work.documents  # noqa: F401

    gc.collect()
    gc.freeze()
    asking = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    while True:
        asked, files, _, _ = socket.recv_fds(asking, _MOST_BYTES, 2)
        if not asked:
            return
        child = os.fork()
        if child == 0:
            asking.close()
            _become(files, **json.loads(asked))
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        asking.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(
    files: list[int], arguments: list[str], environment: dict[str, str], folder: str, umask: int
) -> None:
    """Is the command from now on."""
    code = 70
    try:
        for number, file in enumerate(files, 1):
            os.dup2(file, number)
            os.close(file)
        os.chdir(folder)
        os.umask(umask)
        sys.argv[1:] = arguments
        os.environ.clear()
        os.environ.update(environment)
        from pff_stream.cli.main import main

        code = main(arguments)
    finally:
        sys.stdout.flush()
        os._exit(code)
