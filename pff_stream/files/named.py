"""Temporary files with a name, and the removal of those whose creator was killed.

The name carries the creator's process id, and the creator holds a lock on the file.
"""

from __future__ import annotations

import fcntl
import os

_PREFIX = "pff-stream-graph-"


def temporary_folder() -> str:
    """`TMPDIR` where it is a folder, else /tmp."""
    wanted = os.environ.get("TMPDIR", "")
    return wanted if os.path.isdir(wanted) else "/tmp"


def named_file(folder: str) -> tuple[int, str]:
    """A new file in `folder` (descriptor, path), readable by this user alone; raises `OSError`."""
    path = os.path.join(folder, f"{_PREFIX}{os.getpid()}-{os.urandom(4).hex()}")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    hold(fd)
    return fd, path


def remove_stale(folder: str, prefix: str = _PREFIX) -> None:
    """Removes files in `folder` whose name carries the id of a process that is dead.

    Process ids are not enough where containers share a folder: a living creator also holds a lock.
    """
    try:
        names = [name for name in os.listdir(folder) if name.startswith(prefix)]
    except OSError:
        return
    for name in names:
        pid, dash, _ = name.removeprefix(prefix).partition("-")
        if dash and pid.isascii() and pid.isdigit() and not _is_alive(int(pid)):
            _remove_unlocked(os.path.join(folder, name))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _remove_unlocked(path: str) -> None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except OSError:
        pass
    finally:
        os.close(fd)


def hold(fd: int) -> None:
    """Marks the open file as in use for as long as somebody has it open."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # network file systems may have no locks: the process id must do
        pass
