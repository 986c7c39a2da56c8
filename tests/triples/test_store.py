"""Graphs are attached by name from any process, cannot be written, and leave nothing behind."""

from __future__ import annotations

import errno
import json
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError, OutputError, RefusedError
from pff_stream.files import named
from pff_stream.triples.encode import encode
from pff_stream.triples.graph import attach, verify
from pff_stream.triples.store import GraphStore

TRIPLES = [("a", "r", "b"), ("b", "s", "a"), ("c", "r", "c")]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="memfd and /proc are Linux's")
_ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["memory", "named", "folder", "path"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """A sealed store with the triples in it, on every backing."""
    with make(request.param, tmp_path) as made:
        encode([TRIPLES], made)
        made.seal()
        yield made


def make(kind: str, folder: Path) -> GraphStore:
    """An empty store on one backing."""
    if kind == "memory":
        return GraphStore.in_memory()
    if kind == "named":
        return GraphStore.named([str(folder)])
    return GraphStore.in_folder(folder) if kind == "folder" else GraphStore.at_path(folder / "g")


def test_attach_here(filled: GraphStore) -> None:
    """The creator attaches like everybody else."""
    with filled.attach() as graph:
        assert list(graph.view.triples()) == [(0, 0, 1), (2, 0, 2), (1, 1, 0)]
        assert graph.name == filled.name
    with pytest.raises(ValueError, match="closed"):
        _ = graph.view
    verify(filled.name)


def test_attach_from_a_fork(filled: GraphStore) -> None:
    """A forked child finds the graph by its name."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with attach(filled.name) as graph:
                code = 0 if graph.view.n_triples == 3 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_attach_from_another_process(filled: GraphStore) -> None:
    """A process that shares nothing with the creator finds it too; attaching imports little."""
    code = (
        "import sys; from pff_stream.triples.graph import attach; g = attach(sys.argv[1]);"
        "heavy = {'numpy', 'click', 'psutil', 'yaml', 'json', 'logging', 'planner'};"
        "print(g.view.n_triples, sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, filled.name], cwd=_ROOT, capture_output=True, check=True
    )
    assert (found.stdout, found.stderr) == (b"3 []\n", b"")


def test_a_closed_store_leaves_the_attached(filled: GraphStore) -> None:
    """Who has attached keeps the graph when the creator closes it."""
    with filled.attach() as graph:
        filled.close()
        assert graph.view.has_triple(0, 0, 1)


@LINUX
def test_sealed_memory_cannot_be_written() -> None:
    """Neither a writable map nor a write nor another size is possible after the seal."""
    with GraphStore.in_memory() as made:
        encode([TRIPLES], made)
        made.seal()
        made.seal()
        fd = os.open(made.name, os.O_RDWR)
        try:
            with pytest.raises(PermissionError):
                mmap.mmap(fd, made.size_bytes)
            for change in (lambda: os.pwrite(fd, b"x", 0), lambda: os.ftruncate(fd, 1)):
                with pytest.raises(PermissionError):
                    change()
        finally:
            os.close(fd)
        with pytest.raises(ValueError, match="sealed"):
            made.map_writable()


def test_nothing_is_left(tmp_path: Path) -> None:
    """Closed stores leave no file, sealed or not, except the graph that is kept."""
    for kind in ("named", "folder", "path"):
        for seal in (False, True):
            folder = tmp_path / f"{kind}{seal}"
            folder.mkdir()
            with make(kind, folder) as made:
                encode([TRIPLES], made)
                if seal:
                    made.seal()
            kept = ["g"] if kind == "path" and seal else []
            assert os.listdir(folder) == kept


def test_a_kept_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    """The old file stays until the new one is whole; the umask holds; users of the old keep it."""
    path = tmp_path / "g"
    path.write_bytes(b"old")
    before = os.umask(0o027)
    try:
        with GraphStore.at_path(path) as made:
            encode([TRIPLES], made)
            assert path.read_bytes() == b"old"
            made.seal()
        assert path.stat().st_mode & 0o777 == 0o640
        with GraphStore.existing(path) as first:
            with GraphStore.at_path(path) as made:
                encode([TRIPLES[:1]], made)
                made.seal()
            if sys.platform == "linux":
                assert first.attach().view.n_triples == 3
        assert attach(str(path)).view.n_triples == 1
    finally:
        os.umask(before)


def test_places_that_cannot_hold_a_graph(tmp_path: Path) -> None:
    """A folder that is missing, a folder or a device in place of the file: output errors."""
    with pytest.raises(OutputError):
        GraphStore.at_path(tmp_path / "missing" / "g")
    with pytest.raises(OutputError):
        GraphStore.in_folder(tmp_path / "missing")
    with pytest.raises(OutputError, match="no regular file"):
        GraphStore.at_path("/dev/null")
    with pytest.raises(OutputError, match="no regular file"):
        GraphStore.at_path(tmp_path)
    with pytest.raises(InputError):
        GraphStore.existing(tmp_path / "missing")


@LINUX
@pytest.mark.parametrize("kind", ["memory", "named", "folder", "path"])
def test_no_room_is_an_error(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no room the caller hears it at once; nothing is killed or left."""
    import resource

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with make(kind, tmp_path) as made:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            error = RefusedError if kind in ("memory", "named") else OutputError
            with pytest.raises(error, match="no room for a graph of 100000 bytes"):
                made.resize(100_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == []


@LINUX
def test_full_shared_memory_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /dev/shm is full the graph goes to the temporary folder, under another name."""
    small, large = tmp_path / "shm", tmp_path / "tmp"
    small.mkdir()
    large.mkdir()
    monkeypatch.setenv("TMPDIR", str(large))
    allocate = os.posix_fallocate

    def full(fd: int, offset: int, size_bytes: int) -> None:
        if os.listdir(small):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        allocate(fd, offset, size_bytes)

    monkeypatch.setattr(os, "posix_fallocate", full)
    with make("named", small) as made:
        encode([TRIPLES], made)
        made.seal()
        assert os.listdir(small) == [] and made.name.startswith(str(large))
        assert made.attach().view.n_triples == 3
    assert os.listdir(large) == []


@LINUX
def test_small_tmpfs(tmp_path: Path) -> None:
    """A real file system of 1 MiB in memory, as a container's /dev/shm: an error, never SIGBUS."""
    code = (
        "import os, sys; from pff_stream.errors import PffStreamError;"
        "from pff_stream.triples.store import GraphStore;"
        "s = GraphStore.named([sys.argv[1]]); s.resize(500_000); s.map_writable()[499_999] = 1;"
        "room = os.statvfs(s.name); print(room.f_blocks * room.f_frsize)\n"
        "try: s.resize(8 << 20); s.map_writable()[-1] = 1; print('made')\n"
        "except PffStreamError as error: print(error)"
    )
    script = 'mount -t tmpfs -o size=1M none "$1" && TMPDIR="$1" exec "$2" -c "$3" "$1"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(tmp_path), sys.executable, code]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if ended.stderr.startswith(("mount:", "unshare:")):
        pytest.skip(f"no file system can be mounted: {ended.stderr.strip()}")
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.splitlines()
    assert said[0] == "1048576" and "no room for a graph of 8388608 bytes" in said[1]


def test_a_graph_that_is_too_large_goes_to_a_file(tmp_path: Path) -> None:
    """With a folder for it; without one it is refused."""
    with GraphStore.in_memory() as made:
        made.limit_bytes = 1 << 20
        with pytest.raises(RefusedError, match=r"needs 1\.1 MiB of memory while it is written"):
            made.resize(1 << 20, beside_bytes=100_000)
        made.resize(1 << 20)
        assert os.fstat(made.fileno()).st_dev != os.stat(tmp_path).st_dev
        made.overflow_folder = str(tmp_path)
        made.resize(1 << 20, beside_bytes=1)
        assert made.backing == "file" and os.fstat(made.fileno()).st_dev == os.stat(tmp_path).st_dev
    assert os.listdir(tmp_path) == []


def test_moved_out_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sealed graph goes on in a file; where that has no room it stays where it was."""
    with GraphStore.in_memory() as made:
        encode([[("a", "r", "b"), ("b", "r", "c")]], made)
        with pytest.raises(ValueError, match="sealed"):
            made.move_to(str(tmp_path))
        made.seal()

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched, pytest.raises(OutputError, match="No space left"):
            patched.setattr(os, "sendfile", full)
            made.move_to(str(tmp_path))
        before = made.name
        verify(before)
        made.move_to(str(tmp_path))
        assert made.backing == "file" and not os.path.exists(before)
        verify(made.name)
        with made.attach() as graph:
            assert graph.view.n_triples == 2
    assert os.listdir(tmp_path) == []


def test_room_without_fallocate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system cannot allocate blocks ahead they are written."""
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with GraphStore.in_folder(tmp_path) as made:
        made.resize(3_000_000)
        assert os.stat(made.name).st_size == 3_000_000


@LINUX
def test_remains_of_the_dead_are_removed(tmp_path: Path) -> None:
    """A killed creator's file goes at the next start; a living one's and others' files stay."""
    code = (
        "import os, sys, time; vars(os).pop('O_TMPFILE', None);"
        "from pff_stream.triples.store import GraphStore;"
        "s = GraphStore.named([sys.argv[1]]); t = GraphStore.at_path(sys.argv[1] + '/g');"
        "print('ready', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=_ROOT, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    (tmp_path / "pff-stream-graph-mine").touch()
    (tmp_path / f"pff-stream-graph-{2**22 + 1}-x").touch()
    named.remove_stale(str(tmp_path))
    assert len(os.listdir(tmp_path)) == 3
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    named.remove_stale(str(tmp_path))
    with GraphStore.at_path(tmp_path / "g"):
        pass
    assert os.listdir(tmp_path) == ["pff-stream-graph-mine"]


def test_a_view_in_use_outlives_its_graph(filled: GraphStore) -> None:
    """Closing does not pull the memory away from a view that is still held."""
    graph = filled.attach()
    view = graph.view
    graph.close()
    graph.close()
    assert view.entity_name(0) == b"a"


def test_the_name_survives_json(filled: GraphStore) -> None:
    """A name is plain text that fits a message to a worker."""
    name: Any = json.loads(json.dumps(filled.name))
    assert attach(name).view.n_relations == 2
