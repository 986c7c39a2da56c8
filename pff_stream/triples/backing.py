"""What a graph can lie in: memory and files without a name where they can be had, else with one.

Descriptors and the system's own calls; `store` owns them.
"""

from __future__ import annotations

import errno
import os

from pff_stream.errors import OutputError
from pff_stream.files.durable import synchronise
from pff_stream.files.named import SHARED_MEMORY, named_file, remove_stale, temporary_folder

_WINDOW_BYTES = 1 << 20


def memory_folders() -> list[str]:
    """Where shared memory can lie under a name: the system's own place, then temporary files."""
    folders = [SHARED_MEMORY] if os.path.isdir(SHARED_MEMORY) else []
    return [*folders, temporary_folder()]


def memfd() -> int | None:
    """A memfd that other processes can open by name, or None."""
    if not hasattr(os, "memfd_create"):
        return None
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    for extra in (getattr(os, "MFD_NOEXEC_SEAL", 8), 0):  # unknown before Linux 6.3
        try:
            fd = os.memfd_create("pff-stream-graph", flags | extra)
        except OSError:
            continue
        if fd_name(fd) is not None:
            return fd
        os.close(fd)
    return None


def file_in(folder: str) -> tuple[int, str | None]:
    """An empty file in `folder`, and its name where it has to have one; raises `OutputError`."""
    remove_stale(folder)
    try:
        if hasattr(os, "O_TMPFILE"):
            try:
                fd = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                    raise
            else:
                if fd_name(fd) is not None:
                    return fd, None
                os.close(fd)
        return named_file(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot hold a graph: {error.strerror}") from None


def drop(fd: int) -> None:
    """Writes what is not on the disk yet and takes it out of the page cache."""
    synchronise(fd)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def fd_name(fd: int) -> str | None:
    """The name of `fd` in /proc, or None where other processes could not open it."""
    process = f"/proc/{os.getpid()}"
    name = f"{process}/fd/{fd}"
    try:
        if fd < 0 or os.stat(process).st_uid != os.geteuid():  # root's: not dumpable
            return None
        return name if os.path.samestat(os.stat(name), os.fstat(fd)) else None
    except OSError:
        return None


def allocate(fd: int, size_bytes: int) -> None:
    """Allocates every block, so that a full disk is an error here and not a signal later."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, 0, size_bytes)
            return
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
    zeros = bytes(_WINDOW_BYTES)
    at = 0
    while at < size_bytes:
        at += os.pwrite(fd, zeros[: min(_WINDOW_BYTES, size_bytes - at)], at)


def seal_memory(fd: int) -> None:
    """From here on nobody can write to a memfd, nor change its size."""
    import fcntl

    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals | fcntl.F_SEAL_SEAL)
