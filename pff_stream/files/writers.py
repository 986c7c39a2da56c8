"""Where results go: files that appear whole or not at all, standard output, temporary files.

Every writer takes bytes in order (`write`), and then either keeps them (`commit`) or leaves nothing
behind (`abandon`); a new kind of output needs these three and nothing else. A file is written
without a name where the system can (so that a killed process leaves nothing either), else under a
temporary one, synchronised, and renamed. Does not cover: which files a run has, and formats.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import tempfile
from types import TracebackType
from typing import Protocol, Self

from pff_stream.errors import OutputError
from pff_stream.files import _pages
from pff_stream.files.durable import naming, replace_file
from pff_stream.files.named import (
    file_beside,
    name_to_keep,
    remove_stale_beside,
    unnamed_beside,
)

STANDARD_OUTPUT = "-"
WINDOW_BYTES = 1 << 16
"""So much of a file that is written, or what one write adds if that is more, is begun to be written
back together; two of these are in the page cache, one of which leaves it."""
_Path = str | os.PathLike[str]


class ByteSink(Protocol):
    """What takes bytes in order; errors are `OutputError`, a closed pipe is `BrokenPipeError`."""

    def write(self, view: memoryview, /) -> None:
        """Takes all bytes of `view`, which is void after the call."""


class Writer(ByteSink, Protocol):
    """One destination of bytes."""

    def commit(self) -> None:
        """Keeps what was written, for good; nothing can be written after it."""

    def abandon(self) -> None:
        """Leaves nothing behind; does nothing after `commit`. Never raises."""

    def drop_all(self) -> None:
        """Has what was written leave the page cache, where that can be; waits for the disk."""


class _Descriptor:
    """A descriptor that takes bytes; base of the writers below."""

    def __init__(self, descriptor: int, name: str, drops_behind: bool = False) -> None:
        self.name = name
        self.written = 0
        """Bytes taken so far."""
        self._descriptor = descriptor
        self._drops_behind = drops_behind
        self._dropped = self._started = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.abandon()

    def fileno(self) -> int:
        """The descriptor, -1 when closed."""
        return self._descriptor

    def write(self, view: memoryview, /) -> None:
        """Writes all of it, however often the system takes less."""
        with naming(self.name):
            rest = view
            while len(rest):
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:
                    # Whoever gave us the pipe made it non-blocking.
                    _wait_until_ready(self._descriptor)
        self.written += len(view)
        if self._drops_behind and self.written - self._started >= WINDOW_BYTES:
            self._drop_behind()

    def drop_all(self) -> None:
        """Takes all that was written out of the page cache; waits until it is written back."""
        if self._drops_behind:
            self._drop_behind()
            self._drop_behind()

    def commit(self) -> None:
        """Closes the descriptor."""
        self._close()

    def abandon(self) -> None:
        """Closes the descriptor, quietly."""
        with contextlib.suppress(OSError):
            self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _drop_behind(self) -> None:
        """Starts writing back what is new, and lets go of what was started the last time."""
        _pages.start_writing(self._descriptor, self._started, self.written - self._started)
        if self._started > self._dropped:
            _pages.drop(self._descriptor, self._dropped, self._started - self._dropped)
        self._dropped, self._started = self._started, self.written


class SharedFile(_Descriptor):
    """A regular file that other processes of this user can write to, each at a place of its own."""

    def shared_name(self) -> str | None:
        """The name by which they open it; None where they cannot."""
        path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        return path if os.path.exists(path) else None

    def took(self, n_bytes: int) -> None:
        """Says that others have written so many bytes behind what was written here."""
        self.written += n_bytes
        with naming(self.name):
            os.lseek(self._descriptor, self.written, os.SEEK_SET)


class StandardOutput(_Descriptor):
    """Descriptor 1, which stays open: it is not ours to close."""

    def __init__(self) -> None:
        super().__init__(1, "standard output")

    def _close(self) -> None:
        self._descriptor = -1


class SpecialFile(_Descriptor):
    """A pipe or a device that has a name: written as it is, never replaced."""

    def __init__(self, path: _Path) -> None:
        name = os.fspath(path)
        with naming(name):
            super().__init__(os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY), name)


class TemporaryWriter(_Descriptor):
    """An unnamed file in `folder` (None: the system's), gone when closed; readable by `fileno`."""

    def __init__(self, folder: _Path | None = None) -> None:
        where = os.fspath(folder) if folder is not None else tempfile.gettempdir()
        with (
            naming(f"temporary file in {where}"),
            tempfile.TemporaryFile(prefix=".pff-stream-", buffering=0, dir=where) as file,
        ):
            descriptor = os.dup(file.fileno())
        super().__init__(descriptor, f"temporary file in {where}", drops_behind=True)


class OpenFile(SharedFile):
    """A file that is open and stays so: written in windows, none of it left in the page cache."""

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__(descriptor, name, drops_behind=True)

    def _close(self) -> None:
        _pages.drop(self._descriptor, self._dropped, self.written - self._dropped)
        self._descriptor = -1


class FileWriter(SharedFile):
    """A regular file that is replaced at once by `commit`, with the user's umask.

    Until then the bytes have no name, or one of `name_beside`. `OutputError` where
    the name is a symbolic link, a folder, a pipe or a device.
    """

    def __init__(self, path: _Path) -> None:
        check_output(path)
        self.path = os.fspath(path)
        if _is_special(path):
            raise OutputError(f"{self.path}: is no regular file, so it cannot be replaced")
        self._partial = ""
        """The temporary name, where it has one."""
        with naming(self.path):
            descriptor = self._open()
        super().__init__(descriptor, self.path, drops_behind=True)

    def commit(self) -> None:
        """Synchronises the file, gives it its name, and synchronises the folder."""
        if self._descriptor < 0:
            return
        try:
            check_output(self.path)
            with naming(self.path):
                os.fsync(self._descriptor)
                if not self._partial:
                    self._partial = name_to_keep(self._descriptor, self.path)
                replace_file(self._partial, self.path)
                self._partial = ""
                self._close()
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Closes the file and removes its temporary name, if it has one."""
        super().abandon()
        partial, self._partial = self._partial, ""
        if partial:
            with contextlib.suppress(OSError):
                os.unlink(partial)

    def _open(self) -> int:
        """A new file, without a name where that can be had and given later."""
        remove_stale_beside(self.path)
        unnamed = unnamed_beside(self.path)
        if unnamed is not None:
            return unnamed
        descriptor, self._partial = file_beside(self.path)
        return descriptor


def open_writer(path: _Path) -> _Descriptor:
    """The writer for what a user named: `-`, a pipe or device that exists, else a file."""
    if os.fspath(path) == STANDARD_OUTPUT:
        return StandardOutput()
    if _is_special(path):
        return SpecialFile(path)
    return FileWriter(path)


def write_text(path: _Path, text: str) -> None:
    """Writes what a user named in one step: whoever reads the file sees the old or the new text."""
    with open_writer(path) as writer:
        writer.write(memoryview(text.encode("utf-8", "surrogateescape")))


def check_output(path: _Path) -> None:
    """`OutputError` where a file at `path` must not be replaced; says nothing about permissions.

    A symbolic link is refused, since what it points to is not what was named; links to pipes and
    devices (`/dev/fd/63` of a shell's `>(...)`) are never replaced and therefore pass.
    """
    name = os.fspath(path)
    if name == STANDARD_OUTPUT or _is_special(path):
        return
    with naming(name):
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
    if stat.S_ISLNK(mode):
        raise OutputError(f"{name}: cannot be written: it is a symbolic link; name its target")
    if stat.S_ISDIR(mode):
        raise OutputError(f"{name}: cannot be written: it is a folder")


def _wait_until_ready(descriptor: int) -> None:
    poll = select.poll()  # `select` takes no descriptor from 1,024 on
    poll.register(descriptor, select.POLLOUT)
    poll.poll()


def _is_special(path: _Path) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
