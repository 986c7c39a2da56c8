"""Commands of a process that has imported all it needs: a third of the time of a new interpreter.

Each is a process of its own, forked of one that did nothing but import. For tests of what a command
does with its inputs; how it starts and ends is tested by new interpreters.
"""

from __future__ import annotations

import atexit
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from ast import literal_eval
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
MOST_BYTES = 1 << 20
_CLIENT = """\
#!{python} -IS
import _socket, os, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, {most})
server.connect({path!r})
umask = os.umask(0)
os.umask(umask)
asked = dict(arguments=sys.argv[1:], environment=dict(os.environ), folder=os.getcwd(), umask=umask)
files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
server.sendmsg([repr(asked).encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
code = int(server.recv(100))
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


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
    **begins: Any,
) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end in a folder, with the environment of this process and more.

    `begins`: what its parent has set, as `_begin` has it; it begins as a new interpreter then.
    """
    return usual().started(arguments, environment, folder, **begins)


def main(arguments: Sequence[str]) -> int:
    """Runs the command, which writes to the streams of this process; returns its exit code."""
    return usual().ended(arguments, {}, None, [1, 2])


@cache
def usual() -> Server:
    """The one that has the package as it is here."""
    server = Server()
    atexit.register(server.close)
    return server


@cache
def socket_of_commands() -> str:
    """Where a server is asked for commands that are at work at once."""
    folder = tempfile.mkdtemp(prefix="warm-")
    server = Server(socket_path=f"{folder}/socket")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.close)
    return f"{folder}/socket"


def put_command(folder: Path) -> None:
    """Puts a `pff-stream` into a folder that has a server do what it is asked, at a tenth."""
    path = folder / "pff-stream"
    text = _CLIENT.format(python=sys.executable, path=socket_of_commands(), most=MOST_BYTES)
    path.write_text(text)
    path.chmod(0o755)


class Server:
    """Where commands are asked for; the process behind it ends with this one, or with `close`."""

    def __init__(self, package: Path = ROOT, socket_path: str = "") -> None:
        """`package`: the folder that has the package; `socket_path`: where others ask, too."""
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", f"from tests.warm import serve; serve({socket_path!r})"],
                stdin=theirs.fileno(),
                cwd=package,
                env={**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}"},
            )
        assert process.wait() == 0  # which has started what serves: no test sees a child of its own

    def close(self) -> None:
        """Has the process end."""
        self._ours.close()

    def started(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        **begins: Any,
    ) -> subprocess.CompletedProcess[str]:
        """See the function of this name."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as error:
            files = [output.fileno(), error.fileno()]
            code = self.ended(arguments, environment or {}, folder, files, **begins)
            texts = []
            for file in (output, error):
                file.seek(0)
                texts.append(file.read().decode(errors="replace"))
        return subprocess.CompletedProcess(list(arguments), code, *texts)

    def ended(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path | None,
        files: list[int],
        **begins: Any,
    ) -> int:
        """The exit code of a command with these files for its output and what it says."""
        os.umask(umask := os.umask(0))
        asked = {
            "arguments": list(arguments),
            "environment": {**os.environ, **environment},
            "folder": str(folder or Path.cwd()),
            "umask": umask,
            **begins,
        }
        socket.send_fds(self._ours, [repr(asked).encode()], files)
        return int(self._ours.recv(100))


def serve(socket_path: str) -> None:
    """Forks a process for each command: one after the other, at `socket_path` at once."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) if socket_path else None
    if listener is not None:
        listener.bind(socket_path)
        listener.listen()
    if os.fork():
        os._exit(0)
    import gc

    import pff_stream.__main__
    import pff_stream.cli.main
    import pff_stream.pipeline.run
    import pff_stream.work.documents  # noqa: F401

    gc.collect()
    gc.freeze()
    asking = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    if listener is None:
        while _answer(asking):
            pass
        return
    import tests.pipeline.faults  # noqa: F401

    while select.select([asking, listener], [], [])[0] != [asking]:
        connection, _ = listener.accept()
        # Twice, so that whoever waits for the command is nobody's child that has ended.
        if (handler := os.fork()) == 0:
            if os.fork() == 0:
                asking.close()
                listener.close()
                _answer(connection)
            os._exit(0)
        os.waitpid(handler, 0)
        connection.close()


def _answer(asking: socket.socket) -> bool:
    """Has one command carried out, and tells its exit code; False where none is asked for."""
    asked, files, _, _ = socket.recv_fds(asking, MOST_BYTES, 3)
    if not asked:
        return False
    told = literal_eval(asked.decode())
    child = os.fork()
    if child == 0:
        asking.close()
        try:
            _become(files, **told)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)
    for file in files:
        os.close(file)
    if "program" in told:
        asking.send(str(child).encode())
    _, status = os.waitpid(child, 0)
    asking.send(str(os.waitstatus_to_exitcode(status)).encode())
    return True


def _become(
    files: list[int],
    arguments: list[str],
    environment: dict[str, str],
    folder: str,
    umask: int,
    program: str = "",
    **begins: Any,
) -> None:
    """Is the command from now on, or that of a module of tests."""
    if program:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files, 3 - len(files)):
        os.dup2(file, number)
        os.close(file)
    if len(files) == 3:
        _open_streams()
    os.chdir(folder)
    os.umask(umask)
    sys.argv[1:] = arguments
    os.environ.clear()
    os.environ.update(environment)
    _begin(**begins)
    if program:
        code = import_module(program).main()
    elif begins:
        from pff_stream.__main__ import main as command

        code = command()
    else:
        from pff_stream.cli.main import main as of_arguments

        code = of_arguments(arguments)
    with suppress(OSError):
        if sys.stdout is not None:
            sys.stdout.flush()
    os._exit(code)


def _begin(
    limits: Mapping[int, int] | None = None,
    ignored: Sequence[int] = (),
    blocked: Sequence[int] = (),
    streams: Mapping[int, str] | None = None,
) -> None:
    """As an interpreter begins whose parent has set these limits, signals and standard streams."""
    for kind, soft in (limits or {}).items():
        resource.setrlimit(kind, (soft, soft))
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    if blocked:
        signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    if streams is not None:
        set_streams(streams)
        _open_streams()


def _open_streams() -> None:
    """As an interpreter does when it begins."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            mode = "r" if number == 0 else "w"
            errors = "backslashreplace" if number == 2 else "strict"
            lines = 1 if number == 2 else -1
            stream = open(number, mode, lines, encoding="utf-8", errors=errors, closefd=False)
        except OSError:
            stream = None
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def set_streams(states: Mapping[int, str]) -> None:
    """Sets standard streams up in a new process; those to be closed last, so that numbers hold."""
    for number, state in sorted(states.items(), key=lambda one: one[1] == "closed"):
        if state == "closed":
            os.close(number)
        elif state == "full":
            full = os.open("/dev/full", os.O_RDWR)
            os.dup2(full, number)
            os.close(full)
        elif state == "gone":
            reading, writing = os.pipe()
            os.dup2(reading if number == 0 else writing, number)
            os.close(reading)
            os.close(writing)
