"""Owns the memory or the file that one graph lies in, and gives it a name to attach by.

Covers: sealed memory (memfd), named shared memory and unnamed files where that is not to be had,
the way from memory into a file, kept graph files, room that is taken before it is written to,
remains of processes that were killed.
Does not cover: attaching (`graph`). The creator removes, nobody else.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Sequence
from typing import Literal

from pff_stream.closing import Closing
from pff_stream.errors import InputError, OutputError, RefusedError
from pff_stream.files.durable import naming, replace_file, synchronise
from pff_stream.files.named import (
    SHARED_MEMORY,
    file_beside,
    name_to_keep,
    named_file,
    remove_stale,
    remove_stale_beside,
    temporary_folder,
    unnamed_beside,
)
from pff_stream.triples.backing import (
    allocate,
    drop,
    fd_name,
    file_in,
    memfd,
    memory_folders,
    seal_memory,
)
from pff_stream.triples.graph import HEADER_BYTES, Graph, attach, check_start
from planner.sizes import format_size

Backing = Literal["memory", "file", "path", "existing"]
_MOVE_BYTES = 8 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM)


class GraphStore(Closing):
    """The backing of one graph: `resize`, `map_writable`, write, `seal`; then `attach` by `name`.

    Made by `in_memory`, `in_folder`, `at_path` or `existing`. `name` may change with `resize` and,
    for a kept file, with `seal`; it holds from then to `close`.
    """

    def __init__(self, backing: Backing, fd: int, path: str | None, target: str | None) -> None:
        self.backing: Backing = backing
        self.size_bytes = 0
        self.limit_bytes: int | None = None
        """What a graph in memory may take at most, with what is held beside it while it is written;
        None: no bound but the system's."""
        self.overflow_folder: str | None = None
        """Where a graph goes, in a file, that would take more; None: it is refused."""
        self._fd = fd
        self._path = path  # what `close` removes
        self._target = target
        self._map: mmap.mmap | None = None
        self._sealed = False

    @classmethod
    def in_memory(cls) -> GraphStore:
        """Shared memory: a memfd where it can be had and found by name, else a named file."""
        remove_stale(SHARED_MEMORY)
        remove_stale(temporary_folder())
        fd = memfd()
        if fd is not None:
            return cls("memory", fd, None, None)
        return cls.named(memory_folders())

    @classmethod
    def named(cls, folders: Sequence[str]) -> GraphStore:
        """Shared memory under a name, in the first of `folders` that takes it."""
        reason: str | None = "none is there"
        for folder in folders:
            try:
                return cls("memory", *named_file(folder), None)
            except OSError as error:
                reason = error.strerror
        raise OutputError(f"no shared memory and no temporary folder: {reason}")

    @classmethod
    def in_folder(cls, folder: str | os.PathLike[str]) -> GraphStore:
        """A file in `folder`, without a name where the system can; it goes with its last user."""
        return cls("file", *file_in(os.fspath(folder)), None)

    @classmethod
    def at_path(cls, path: str | os.PathLike[str]) -> GraphStore:
        """A kept graph file; whatever `path` holds is replaced in one step by `seal`."""
        target = os.path.abspath(os.fspath(path))
        if os.path.lexists(target) and not os.path.isfile(target):
            raise OutputError(
                f"{os.fspath(path)}: is no regular file, so a graph cannot replace it"
            )
        remove_stale_beside(target)
        with naming(os.fspath(path)):
            unnamed = unnamed_beside(target)
            if unnamed is not None:
                if fd_name(unnamed) is not None:
                    return cls("path", unnamed, None, target)
                os.close(unnamed)
            fd, temporary = file_beside(target)
        return cls("path", fd, temporary, target)

    @classmethod
    def existing(cls, path: str | os.PathLike[str]) -> GraphStore:
        """A graph file as it is now: replacing the file later does not change what is attached."""
        name = os.fspath(path)
        try:
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise InputError(f"{name}: cannot be opened as a graph: {reason}") from None
        store = cls("existing", fd, None, os.path.abspath(name))
        try:
            store.size_bytes = os.fstat(fd).st_size
            check_start(name, os.pread(fd, HEADER_BYTES, 0), store.size_bytes)
        except OSError as error:
            store.close()
            raise InputError(f"{name}: cannot be read: {error.strerror}") from None
        except InputError:
            store.close()
            raise
        store._sealed = True
        return store

    @property
    def name(self) -> str:
        """What any process of this user can open while the store is open."""
        name = self._path or fd_name(self._fd) or self._target
        if name is None:
            raise ValueError("the graph store has no name (is it closed?)")
        return name

    def fileno(self) -> int:
        """The descriptor of the store, -1 when closed."""
        return self._fd

    def resize(self, size_bytes: int, beside_bytes: int = 0) -> None:
        """Makes room for a graph of `size_bytes`, all of it now, so that writing cannot fail.

        Memory of a memfd is the exception: it is taken page by page. Where memory is limited, a
        graph that does not fit beside `beside_bytes` goes to the overflow folder. `OutputError`
        where the disk has no room, `RefusedError` where the memory has none.
        """
        needed, limit = size_bytes + beside_bytes, self.limit_bytes
        if self.backing == "memory" and limit is not None and needed > limit:
            if self.overflow_folder is None:
                raise RefusedError(
                    f"the graph needs {format_size(needed)} of memory while it is written, the "
                    f"budget leaves {format_size(limit)}: give more --budget, or encode it into a "
                    "file first (pff-stream encode)"
                )
            self._become_file(*file_in(self.overflow_folder))
        try:
            if self._path is None and self.backing == "memory":
                os.ftruncate(self._fd, size_bytes)
            else:
                self._allocate(size_bytes)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise OutputError(f"{self._place()}: {error.strerror}") from None
            kind = RefusedError if self.backing == "memory" else OutputError
            raise kind(
                f"{self._place()}: no room for a graph of {size_bytes} bytes ({error.strerror})"
            ) from None
        self.size_bytes = size_bytes

    def _allocate(self, size_bytes: int) -> None:
        try:
            allocate(self._fd, size_bytes)
            return
        except OSError as error:
            if self.backing != "memory" or error.errno not in _NO_ROOM:
                raise
        # /dev/shm is full (64 MiB in many containers): a temporary file is the last resort.
        fallback = temporary_folder()
        if os.path.dirname(self._path or "") == fallback:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._discard()
        self._fd, self._path = named_file(fallback)
        allocate(self._fd, size_bytes)

    def _become_file(self, fd: int, path: str | None) -> None:
        self._discard()
        self.backing, self._fd, self._path = "file", fd, path

    def move_to(self, folder: str) -> None:
        """Copies a sealed graph from memory into a file in `folder` and gives the memory back.

        The copy is dropped from the page cache as it goes. `OutputError` where the disk has no
        room; the graph stays where it was then.
        """
        if not self._sealed or self.backing != "memory":
            raise ValueError("only a sealed graph in memory can be moved")
        fd, path = file_in(folder)
        try:
            allocate(fd, self.size_bytes)
            at = 0
            while at < self.size_bytes:
                at += os.sendfile(fd, self._fd, at, min(_MOVE_BYTES, self.size_bytes - at))
                drop(fd)
        except OSError as error:
            os.close(fd)
            if path is not None:
                os.unlink(path)
            raise OutputError(f"{folder}: cannot hold the graph: {error.strerror}") from None
        self._become_file(fd, path)

    def drop_cached(self) -> None:
        """Gives the page cache of a graph file back; what is needed is read again."""
        try:
            drop(self._fd)
        except OSError:  # a file system that cannot
            pass

    def _place(self) -> str:
        if self._target is not None:
            return self._target
        return self._path or ("shared memory" if self.backing == "memory" else "temporary file")

    def map_writable(self) -> mmap.mmap:
        """The whole store, to be written; `seal` closes it (views of it must be gone by then)."""
        if self._sealed:
            raise ValueError("the graph store is sealed")
        if self._map is None:
            self._map = mmap.mmap(self._fd, self.size_bytes)
        return self._map

    def seal(self) -> None:
        """Nobody can write from here on; a kept file gets its name and is on the disk."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._sealed:
            return
        with naming(self._place()):
            if self.backing == "path":
                self._publish()
            elif self.backing == "file":
                synchronise(self._fd)
            elif self._path is None:
                seal_memory(self._fd)
            else:
                os.fchmod(self._fd, 0o400)
        self._sealed = True

    def _publish(self) -> None:
        assert self._target is not None
        os.fsync(self._fd)
        if self._path is None:
            self._path = name_to_keep(self._fd, self._target)
        replace_file(self._path, self._target)
        self._path = None

    def attach(self) -> Graph:
        """The graph, mapped read-only in this process."""
        return attach(self.name)

    def close(self) -> None:
        """Gives everything back; a kept file that was not sealed leaves nothing behind."""
        if self._map is not None:
            try:
                self._map.close()
            except BufferError:  # still viewed: unmapped with the last view
                pass
            self._map = None
        if self._fd >= 0:
            self._discard()
            self._fd = -1
        self._target = None

    def _discard(self) -> None:
        if self._path is not None:
            try:
                os.unlink(self._path)
            except OSError:
                pass
            self._path = None
        os.close(self._fd)
