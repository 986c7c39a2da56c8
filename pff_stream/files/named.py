"""Temporary files with a name, and the removal of those whose creator was killed.

The name carries the creator's process id, and the creator holds a lock on the file.
"""

from __future__ import annotations

import contextlib
import os

from pff_stream.files.lock import lock

SHARED_MEMORY = "/dev/shm"
_PREFIX = "pff-stream-graph-"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def temporary_folder() -> str:
    """`TMPDIR` where it is a folder, else /tmp."""
    wanted = os.environ.get("TMPDIR", "")
    return wanted if os.path.isdir(wanted) else "/tmp"


def named_file(folder: str) -> tuple[int, str]:
    """A new file in `folder` (descriptor, path), readable by this user alone; raises `OSError`."""
    return _made(os.path.join(folder, _PREFIX), 0o600)


def unnamed_beside(path: str) -> int | None:
    """A new file in the same folder that has no name yet; None where it cannot get one later.

    Not every file system can. Its permissions are those that the user's umask leaves.
    """
    unnamed = getattr(os, "O_TMPFILE", 0)
    if not unnamed:
        return None
    flags = unnamed | os.O_RDWR | os.O_CLOEXEC
    folder = os.path.dirname(path) or os.curdir
    with contextlib.suppress(OSError):
        probe, partial = os.open(folder, flags, 0o666), name_beside(path)
        try:
            give_name(probe, partial)
        finally:
            os.close(probe)
        os.unlink(partial)
        return os.open(folder, flags, 0o666)
    return None


def give_name(descriptor: int, path: str) -> None:
    """Gives an unnamed file a name; fails where there is one already."""
    folder = os.open("/proc/self/fd", os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Without a folder's descriptor CPython calls link(2), which does not follow on Linux.
        os.link(str(descriptor), path, src_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def name_to_keep(descriptor: int, path: str) -> str:
    """The name that an unnamed file has now, beside `path`, which it is to become."""
    lock(descriptor, shared=True)
    partial = name_beside(path)
    give_name(descriptor, partial)
    return partial


def file_beside(path: str) -> tuple[int, str]:
    """A new file (descriptor, path) in the same folder, that is to become `path`.

    Its permissions are those that the user's umask leaves. Raises `OSError`.
    """
    return _made(_start_beside(path), 0o666)


def name_beside(path: str) -> str:
    """A name for a file that is to become `path`, which no other file has."""
    return f"{_start_beside(path)}{os.getpid()}-{os.urandom(4).hex()}"


def is_beside(name: str, others: frozenset[str]) -> bool:
    """Whether a file of this name was to become one of these others."""
    start, _, number = name.rpartition(".")
    pid, dash, _ = number.partition("-")
    return start[:1] == "." and start[1:] in others and bool(dash) and pid.isdigit()


def remove_stale(folder: str, start: str = _PREFIX) -> None:
    """Removes files in `folder` whose name carries the id of a process that is dead.

    Process ids are not enough where containers share a folder: a living creator also holds a lock.
    """
    for name in dead_creators(folder, start):
        _remove_unlocked(os.path.join(folder, name))


def dead_creators(folder: str, start: str) -> list[str]:
    """Names in `folder` that begin so and go on with the id of a process that is dead."""
    try:
        names = [name for name in os.listdir(folder) if name.startswith(start)]
    except OSError:
        return []
    return [name for name in names if _is_dead(name.removeprefix(start).partition("-"))]


def remove_stale_beside(path: str) -> None:
    """Removes what killed processes left that was to become `path`."""
    folder, start = os.path.split(_start_beside(path))
    remove_stale(folder or os.curdir, start)


def _start_beside(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.")


def _made(start: str, mode: int) -> tuple[int, str]:
    path = f"{start}{os.getpid()}-{os.urandom(4).hex()}"
    fd = os.open(path, _FLAGS, mode)
    lock(fd, shared=True)  # without locks the process id must do
    return fd, path


def _is_dead(rest: tuple[str, str, str]) -> bool:
    pid, dash, _ = rest
    return bool(dash) and pid.isascii() and pid.isdigit() and not _is_alive(int(pid))


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
        if lock(fd):
            os.unlink(path)
    except OSError:
        pass
    finally:
        os.close(fd)
