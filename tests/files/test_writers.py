"""Destinations: whole files or none, no links followed, errors that name the file."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pff_stream.errors import OutputError
from pff_stream.files.named import is_beside
from pff_stream.files.writers import (
    WINDOW_BYTES,
    FileWriter,
    SpecialFile,
    StandardOutput,
    TemporaryWriter,
    Writer,
    check_output,
    open_writer,
    write_text,
)


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of keeping a file without its name: without any, and under a temporary one."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return str(request.param)


@pytest.fixture
def umask() -> Iterator[None]:
    """A umask that is not the default."""
    before = os.umask(0o027)
    yield
    os.umask(before)


def write(writer: Writer, *parts: bytes) -> None:
    """Writes and commits."""
    for part in parts:
        writer.write(memoryview(part))
    writer.commit()


def test_file_appears_whole(tmp_path: Path, way: str) -> None:
    """Before the commit there is at most a temporary name in the folder, then only the file."""
    path = tmp_path / "out.tsv"
    writer = FileWriter(path)
    writer.write(memoryview(b"one\n"))
    found = [each.name for each in tmp_path.iterdir()]
    assert len(found) == (way == "named")
    assert all(is_beside(name, frozenset(["out.tsv"])) for name in found)
    writer.write(memoryview(b"two\n"))
    writer.commit()
    writer.commit()
    writer.abandon()
    assert path.read_bytes() == b"one\ntwo\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("way")
def test_abandoned_file_leaves_nothing(tmp_path: Path) -> None:
    """An abandoned file leaves the folder, and what had its name, as they were."""
    path = tmp_path / "out.tsv"
    path.write_bytes(b"before")
    with (
        pytest.raises(ZeroDivisionError),
        FileWriter(path) as writer,
    ):
        writer.write(memoryview(b"half"))
        raise ZeroDivisionError
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("way", "umask")
def test_umask_and_replacement(tmp_path: Path) -> None:
    """A file that exists is replaced, with the mode that the umask leaves."""
    path = tmp_path / "out.tsv"
    path.write_bytes(b"a longer content than the new one")
    write(FileWriter(path), b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.usefixtures("way")
def test_stale_temporary_name(tmp_path: Path) -> None:
    """What a killed run left is removed, what a living one writes is not; links do no harm."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    dead = subprocess.Popen(["true"])
    dead.wait()
    for pid in (dead.pid, os.getpid()):
        (tmp_path / f".out.tsv.{pid}-0123").write_bytes(b"half")
    (tmp_path / f".out.tsv.{dead.pid}-4567").symlink_to(victim)
    write(FileWriter(tmp_path / "out.tsv"), b"new")
    assert (tmp_path / "out.tsv").read_bytes() == b"new"
    assert not (tmp_path / f".out.tsv.{dead.pid}-0123").exists()
    assert (tmp_path / f".out.tsv.{os.getpid()}-0123").exists()
    assert victim.read_bytes() == b"precious"


@pytest.mark.usefixtures("way")
def test_symbolic_link_is_refused(tmp_path: Path) -> None:
    """A link to a file or to nothing is refused when opened, and when it came in between."""
    target = tmp_path / "target"
    for exists in (False, True):
        link = tmp_path / f"link{exists}"
        link.symlink_to(target)
        with pytest.raises(OutputError, match=r"link.*symbolic link"):
            FileWriter(link)
        with pytest.raises(OutputError, match="symbolic link"):
            check_output(link)
        target.write_bytes(b"precious")
    writer = FileWriter(tmp_path / "late")
    writer.write(memoryview(b"new"))
    (tmp_path / "late").symlink_to(target)
    with pytest.raises(OutputError, match="symbolic link"):
        writer.commit()
    assert target.read_bytes() == b"precious"
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "late",
        "linkFalse",
        "linkTrue",
        "target",
    ]


def test_folder_and_missing_folder(tmp_path: Path) -> None:
    """A folder in place of the file, or no folder around it, is named with the reason."""
    with pytest.raises(OutputError, match="is a folder"):
        FileWriter(tmp_path)
    with pytest.raises(OutputError, match=r"missing/out\.tsv: cannot be written: No such file"):
        FileWriter(tmp_path / "missing" / "out.tsv")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="Not a directory"):
        FileWriter(tmp_path / "file" / "out.tsv")
    check_output(tmp_path / "new.tsv")


def test_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No space is an `OutputError` with the file's name, and leaves nothing behind."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "out.tsv"
    with (
        pytest.raises(OutputError, match=r"out\.tsv: cannot be written: No space left"),
        FileWriter(path) as writer,
    ):
        monkeypatch.setattr(os, "write", full)
        writer.write(memoryview(b"x"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["fsync", "rename"])
@pytest.mark.usefixtures("way")
def test_failed_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A commit that fails names the file and leaves nothing behind."""

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer = FileWriter(tmp_path / "out.tsv")
    writer.write(memoryview(b"x"))
    monkeypatch.setattr(os, call, broken)
    with pytest.raises(OutputError, match=r"out\.tsv: cannot be written: Input/output error"):
        writer.commit()
    assert list(tmp_path.iterdir()) == []


def test_short_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bytes arrive where the system takes a few at a time."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
    write(FileWriter(tmp_path / "out.tsv"), b"0123456789", b"abcdef")
    assert (tmp_path / "out.tsv").read_bytes() == b"0123456789abcdef"


def cached_bytes(fd: int) -> int:
    """How much of an open file is in the page cache."""
    size = os.fstat(fd).st_size
    pages = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
    # Private and writable, since ctypes asks for an address; nothing of it is touched.
    with mmap.mmap(fd, size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as mapped:
        place = ctypes.c_char.from_buffer(mapped)
        at = ctypes.c_void_p(ctypes.addressof(place))
        failed = ctypes.CDLL(None).mincore(at, ctypes.c_size_t(size), pages)
        del place
    assert failed == 0
    return mmap.PAGESIZE * sum(page & 1 for page in pages)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A folder on a file system whose pages can leave the page cache."""
    path = tmp_path / "probe"
    path.write_bytes(bytes(1 << 20))
    with path.open("rb") as file:
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if sys.platform != "linux" or cached_bytes(file.fileno()):
            pytest.skip("files stay in memory here")
    path.unlink()
    return tmp_path


def test_large_file_is_dropped_behind(disk: Path) -> None:
    """Each window is written back, and the one before it let go; the bytes are all there."""
    block = bytes(1 << 20)
    with FileWriter(disk / "out") as writer:
        for _ in range(5):
            writer.write(memoryview(block))
    with (disk / "out").open("rb") as file:
        assert 0 < cached_bytes(file.fileno()) <= len(block)
        assert file.read() == 5 * block


def test_all_of_a_file_is_dropped(disk: Path) -> None:
    """Who reads it again waits for the disk once, and holds nothing of it until then."""
    with TemporaryWriter(disk) as writer:
        for size in (WINDOW_BYTES, 10):
            writer.write(memoryview(bytes(size)))
        assert cached_bytes(writer.fileno()) > 0
        writer.drop_all()
        assert cached_bytes(writer.fileno()) == 0


def test_special_files_are_not_replaced(tmp_path: Path) -> None:
    """Root could replace a device by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="pipe: is no regular file, so it cannot be replaced"):
        FileWriter(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode) and list(tmp_path.iterdir()) == [pipe]


def test_a_text_is_written_in_one_step(tmp_path: Path) -> None:
    """A process that is killed in between leaves the old text and no other file."""
    path = tmp_path / "plan.json"
    write_text(path, "old")
    script = (
        "import os, signal, sys; from pff_stream.files.writers import write_text;"
        "os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "write_text(sys.argv[1], 'new')"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], timeout=60)
    assert ended.returncode == -signal.SIGKILL and path.read_text() == "old"
    # Between its first name and its last: the next who writes removes it.
    write_text(path, "newer")
    assert path.read_text() == "newer" and list(tmp_path.iterdir()) == [path]


def test_special_files_are_written_as_they_are(tmp_path: Path) -> None:
    """A named pipe, or a link to one, is written and stays."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    found: list[bytes] = []
    for path in (pipe, link):
        reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
        reader.start()
        writer = open_writer(path)
        assert isinstance(writer, SpecialFile)
        write(writer, b"through")
        reader.join()
    assert found == [b"through"] * 2
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    write(open_writer(os.devnull), b"x")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_choice_of_writer(tmp_path: Path) -> None:
    """`-` is standard output, any other name a file."""
    assert isinstance(open_writer("-"), StandardOutput)
    with open_writer(tmp_path / "x") as writer:
        assert isinstance(writer, FileWriter)


def test_temporary_file_has_no_name(tmp_path: Path) -> None:
    """The temporary file is never seen in its folder and can be read by its descriptor."""
    writer = TemporaryWriter(tmp_path)
    assert list(tmp_path.iterdir()) == []
    writer.write(memoryview(b"12345"))
    assert (writer.written, os.pread(writer.fileno(), 3, 1)) == (5, b"234")
    writer.abandon()
    assert writer.fileno() == -1


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="no unnamed files here")
def test_killed_process_leaves_nothing(tmp_path: Path) -> None:
    """After SIGKILL the folder is as it was before."""
    code = (
        "import os, signal, sys; from pff_stream.files.writers import FileWriter; "
        "FileWriter(sys.argv[1]).write(memoryview(b'x')); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "out"], check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
