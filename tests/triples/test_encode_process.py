"""Encoding in another process: the same graph, the same errors, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

import pytest

from pff_stream.errors import (
    InputError,
    OutputError,
    PffStreamError,
    RefusedError,
    WorkersFailedError,
)
from pff_stream.execute.call import usual_method
from pff_stream.triples.encode import GraphWriter
from pff_stream.triples.encode_process import encode_in_process
from pff_stream.triples.graph import verify
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.report import EncodeReport
from pff_stream.triples.store import GraphStore
from tests.triples.memory_writer import encoded

_ROOT = Path(__file__).parents[2]


def make_store(kind: str, folder: Path) -> GraphStore:
    """An empty store on one backing."""
    if kind == "memory":
        return GraphStore.in_memory()
    return GraphStore.in_folder(folder) if kind == "folder" else GraphStore.at_path(folder / "g")


METHODS = pytest.mark.parametrize("method", ["fork", "spawn"])


@pytest.fixture
def triples(tmp_path: Path) -> Path:
    """A small file of triples."""
    path = tmp_path / "t.tsv"
    path.write_text("".join(f"e{i}\tr{i % 3}\te{i * i % 50}\n" for i in range(200)))
    return path


@METHODS
@pytest.mark.parametrize("kind", ["memory", "folder", "path"])
def test_the_same_graph(triples: Path, tmp_path: Path, method: str, kind: str) -> None:
    """A child writes the bytes that this process would have written, into every backing."""
    with make_store(kind, tmp_path) as made:
        report = encode_in_process(triples, EncodeOptions(), made, method=method)
        data, here = encoded(triples)
        assert Path(made.name).read_bytes() == data
        assert (report.n_read, report.input_hash) == (200, here.input_hash)
        verify(made.name)


@METHODS
def test_named_shared_memory(triples: Path, tmp_path: Path, method: str) -> None:
    """Without memfd the child opens the named file."""
    with GraphStore.named([str(tmp_path)]) as made:
        encode_in_process([triples], EncodeOptions(), made, method=method)
        assert made.attach().view.n_read == 200
    assert os.listdir(tmp_path) == ["t.tsv"]


@METHODS
def test_errors_are_the_same(tmp_path: Path, method: str) -> None:
    """An input error in the child is that input error here."""
    path = tmp_path / "bad.tsv"
    path.write_text("a\tb\n")
    with GraphStore.in_memory() as made:
        with pytest.raises(InputError, match=r"bad.tsv, line 1: found 2 columns"):
            encode_in_process([path], EncodeOptions(), made, method=method)
        with pytest.raises(InputError, match="cannot be read"):
            encode_in_process([tmp_path / "none"], EncodeOptions(), made, method=method)


def test_an_iterable_is_encoded_here() -> None:
    """Texts that are in this process are not copied to another."""
    with GraphStore.in_memory() as made:
        report = encode_in_process([[("a", "r", "b")]], EncodeOptions(), made)
        assert report.n_triples == made.attach().view.n_triples == 1


class FullStore(GraphStore):
    """One without any room."""

    def resize(self, size_bytes: int, beside_bytes: int = 0) -> NoReturn:
        """Fails."""
        raise OutputError("full")


@METHODS
def test_no_room(triples: Path, method: str) -> None:
    """Where the store gives no room, its error comes out and the child is gone."""
    with FullStore.in_memory() as made, pytest.raises(OutputError, match="full"):
        encode_in_process([triples], EncodeOptions(), made, method=method)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGALRM])
def test_a_killed_child(triples: Path, number: int) -> None:
    """A child that dies is said to have died, with the signal."""

    def die(paths: object, writer: GraphWriter, *options: object) -> NoReturn:
        os.kill(os.getpid(), number)
        raise AssertionError

    message = f"killed by {signal.Signals(number).name}"
    with GraphStore.in_memory() as made, pytest.raises(PffStreamError, match=message):
        encode_in_process([triples], EncodeOptions(), made, method="fork", work=die)


def test_a_child_that_ends_by_itself(triples: Path) -> None:
    """With an exit code and no answer: it is said so, and it is no bug of this program."""

    def leave(paths: object, writer: GraphWriter, *options: object) -> NoReturn:
        os._exit(5)

    with (
        GraphStore.in_memory() as made,
        pytest.raises(WorkersFailedError, match="ended without an answer: exit code 5"),
    ):
        encode_in_process([triples], EncodeOptions(), made, method="fork", work=leave)


def test_other_errors(triples: Path) -> None:
    """A bug in the child is the same exception here, with the child's traceback as its cause."""

    def fail(paths: object, writer: GraphWriter, *options: object) -> NoReturn:
        raise ZeroDivisionError("oh")

    with GraphStore.in_memory() as made, pytest.raises(ZeroDivisionError, match="oh") as caught:
        encode_in_process([triples], EncodeOptions(), made, method="fork", work=fail)
    assert "in fail" in str(caught.value.__cause__)


def test_an_exception_that_cannot_travel(triples: Path) -> None:
    """What cannot be pickled arrives as text."""

    class Local(Exception):
        """Unknown to pickle."""

    def fail(paths: object, writer: GraphWriter, *options: object) -> NoReturn:
        raise Local("here")

    with GraphStore.in_memory() as made, pytest.raises(RuntimeError, match="Local: here"):
        encode_in_process([triples], EncodeOptions(), made, method="fork", work=fail)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's limit is Linux's")
def test_no_memory_is_a_refusal(tmp_path: Path) -> None:
    """Running out of memory in the encoder is exit code 3, not a bug."""
    # A fresh process: what a forked one has free in its heap is not limited.
    path = tmp_path / "many.tsv"
    path.write_bytes(b"".join(b"e%d\tr\te%d\n" % (i, i + 1) for i in range(100_000)) * 8)
    with GraphStore.in_memory() as made:
        with pytest.raises(RefusedError, match=r"out of memory while encoding, after [1-9]\d+"):
            encode_in_process([path], EncodeOptions(), made, method="spawn", fence_bytes=4 << 20)


def test_interrupt_kills_the_child(triples: Path) -> None:
    """Ctrl-C here ends the child, which ignores its own."""

    def wait(paths: object, writer: GraphWriter, *options: object) -> EncodeReport:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)
        raise AssertionError

    started = time.monotonic()
    with GraphStore.in_memory() as made, pytest.raises(KeyboardInterrupt):
        encode_in_process([triples], EncodeOptions(), made, method="fork", work=wait)
    assert time.monotonic() - started < 50
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
@METHODS
def test_a_killed_parent_takes_the_child_along(tmp_path: Path, method: str) -> None:
    """SIGKILL of the parent leaves no child that goes on reading."""
    pipe = tmp_path / "endless"
    os.mkfifo(pipe)
    code = (
        "import sys; from pff_stream.triples.encode_process import *;"
        "from pff_stream.triples.store import GraphStore;"
        "s = GraphStore.in_memory();"
        f"encode_in_process([sys.argv[1]], EncodeOptions(), s, method={method!r})"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(pipe)], cwd=_ROOT)
    fd = os.open(pipe, os.O_WRONLY)  # returns when the child reads
    try:
        os.write(fd, b"a\tr\tb\n")
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 60
        while is_read(fd) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not is_read(fd)
    finally:
        os.close(fd)


def is_read(fd: int) -> bool:
    """Whether anybody still reads from the pipe (Python ignores SIGPIPE)."""
    try:
        os.write(fd, b"a\tr\tb\n")
    except BrokenPipeError:
        return False
    return True


def test_threads_mean_spawn() -> None:
    """A process of several threads is not forked."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert usual_method() == "spawn"
    finally:
        stop.set()
        thread.join()
