"""Temporary folders, for what has to have names; the next start removes those of killed processes.

All folders of a process lie in one, whose name carries the process id and which the process keeps
locked, so that many of them take one descriptor.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import weakref

from pff_stream.closing import Closing
from pff_stream.errors import OutputError
from pff_stream.files.lock import lock
from pff_stream.files.named import dead_creators
from pff_stream.files.temporary import working_folder

_PREFIX = "pff-stream-folders-"
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


class TemporaryFolder(Closing):
    """A new folder that this user alone may read; gone when it is closed or nobody holds it."""

    def __init__(self) -> None:
        """Raises `OutputError` where none can be made."""
        try:
            self._home: _Home | None = _home()
            self.path = tempfile.mkdtemp(dir=self._home.path, prefix="")
        except OSError as error:
            raise OutputError(
                f"{error.filename}: no temporary folder: {error.strerror or error}"
            ) from error
        self._remove = weakref.finalize(self, _remove, self.path, os.getpid())

    @property
    def is_there(self) -> bool:
        """Whether it is not closed yet."""
        return self._remove.alive

    def close(self) -> None:
        """Removes it."""
        self._remove()
        self._home = None


def remove_stale_folders(folder: str) -> None:
    """Removes those in `folder` that belonged to processes of this user that are dead."""
    for name in dead_creators(folder, _PREFIX):
        path = os.path.join(folder, name)
        try:
            descriptor = os.open(path, _FLAGS)
        except OSError:
            continue
        try:
            if os.fstat(descriptor).st_uid == os.geteuid() and lock(descriptor) is not False:
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)


class _Home:
    """The folder of this process for its temporary folders, there as long as one of them is."""

    def __init__(self) -> None:
        start = os.path.join(working_folder(), f"{_PREFIX}{os.getpid()}-{os.urandom(4).hex()}")
        os.mkdir(start, stat.S_IRWXU)
        self.path, self.pid = start, os.getpid()
        descriptor = os.open(start, _FLAGS)
        weakref.finalize(self, _leave, start, descriptor, self.pid)
        lock(descriptor, shared=True)  # without locks the process id must do


_homes: weakref.WeakValueDictionary[str, _Home] = weakref.WeakValueDictionary()
"""By where temporary files go, as that may change while a process lives."""


def _home() -> _Home:
    found = _homes.get(working_folder())
    if found is None or found.pid != os.getpid() or not os.path.isdir(found.path):
        found = _homes[working_folder()] = _Home()  # threads that come at once have one each
    return found


def _remove(path: str, pid: int) -> None:
    if os.getpid() == pid:  # a forked process has a copy of all objects
        shutil.rmtree(path, ignore_errors=True)


def _leave(path: str, descriptor: int, pid: int) -> None:
    os.close(descriptor)
    _remove(path, pid)
