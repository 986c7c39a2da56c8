"""Lets the runs of one user on one machine see what the others plan and do not hold yet.

Two runs that start at once see the same free memory, and each would plan to use all of it. So each
leaves a file in the user's own runtime folder, named after its process, with the bytes that it
plans, and keeps it locked for as long as it lives; a file that nobody locks is stale, and removed
by whoever meets it. What another run plans beyond what its processes hold now is not free.

Nothing here is an error when it cannot be done (a system without file locks, no private folder):
`reason` says so, and the run goes on without. Does not cover: other users, programs that do not
take part, memory that is in use (the machine's own figures show that).
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from planner.machine import Machine
from planner.sizes import format_size
from planner.watch import TreeWatch

_MOST_DIGITS = 10
_MOST_BYTES = 1 << 50
_MOST_RUNS = 1000
LOCK_SECONDS = 5.0
"""How long the folder's lock is waited for: whoever holds it may be stopped."""


class Neighbour(NamedTuple):
    """Another run that is alive."""

    pid: int
    planned_bytes: int
    held_bytes: int
    """What its processes hold now."""

    @property
    def pending_bytes(self) -> int:
        """What it plans and does not hold yet."""
        return max(0, self.planned_bytes - self.held_bytes)


def runtime_folder(name: str) -> str:
    """The folder of this user for the programs called `name`: in XDG_RUNTIME_DIR, else temporary.

    Not made here. The one in the folder for temporary files carries the user's number.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.path.isabs(base) and os.access(base, os.W_OK | os.X_OK):
        return os.path.join(base, name)
    return os.path.join(tempfile.gettempdir(), f"{name}-{os.getuid()}")


def tree_bytes(pid: int) -> int:
    """What a process and its descendants hold now, 0 where that cannot be seen."""
    return TreeWatch(pid).sample()


def remove_stale_reservations(name: str) -> None:
    """Removes the files that dead runs left, and their folder where no other run is in it."""
    if os.path.isdir(runtime_folder(name)):
        with Reservation(name, held_bytes=lambda pid: 0) as own, own.alone():
            own.neighbours()


class _Held:
    """What a reservation has in the file system."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.path = ""
        self.descriptor = -1
        self.made = ""

    def give_back(self) -> None:
        descriptor, self.descriptor = self.descriptor, -1
        made, self.made = self.made, ""
        # A forked child holds the same lock, and may neither lift it nor remove the file.
        if os.getpid() == self.owner:
            if descriptor >= 0:
                _try(os.unlink, self.path)
            if made:
                _try(os.rmdir, made)  # stays where another run is there, or is just coming
        if descriptor >= 0:
            os.close(descriptor)


class Reservation:
    """What this process plans, told to the other runs of its user, and theirs.

    `reserve` may be called again when the plan changes. Leaving takes it back, as does the end of
    the process, or of the last that holds this object.
    """

    def __init__(
        self,
        name: str = "planner",
        folder: str | None = None,
        held_bytes: Callable[[int], int] = tree_bytes,
    ) -> None:
        """Runs that are to see each other use one `name` (or `folder`)."""
        self.reason: str | None = None
        self._name = name
        self._folder = folder
        self._held_bytes = held_bytes
        self._held = _Held()
        weakref.finalize(self, self._held.give_back)

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def neighbours(self) -> list[Neighbour]:
        """The other runs that are alive, by process id; removes what dead ones left."""
        try:
            folder = self._private_folder()
            names = sorted(os.listdir(folder), key=lambda name: (len(name), name))
        except FileNotFoundError:
            return []
        except OSError as error:
            self.reason = str(error)
            return []
        found = [self._look(f"{folder}/{name}") for name in names]
        return [neighbour for neighbour in found if neighbour is not None]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other runs from reserving while this one looks at them, plans and reserves.

        Waits for `LOCK_SECONDS` at most, and then goes on all the same.
        """
        descriptor = -1
        try:
            descriptor = self._lock_folder()
        except (ImportError, OSError) as error:
            self.reason = str(error)
        try:
            yield
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def reserve(self, planned_bytes: int) -> None:
        """Tells the others what this process and its children will hold at most.

        Call it within `alone`, so that a file is never seen before it is locked.
        """
        if planned_bytes < 0:
            raise ValueError(f"{planned_bytes}: a plan cannot be negative")
        text = f"{planned_bytes}\n".encode()
        try:
            if self._held.descriptor < 0:
                self._create(self._private_folder(make=True))
                _lock(self._held.descriptor)
            os.pwrite(self._held.descriptor, text, 0)
            os.ftruncate(self._held.descriptor, len(text))
        except (ImportError, OSError) as error:
            self.reason = str(error)

    def close(self) -> None:
        """Takes the reservation back; closing twice does nothing."""
        self._held.give_back()

    def _create(self, folder: str) -> None:
        """Makes the file: `PID.0`, or a further one where this process has several runs."""
        self._held.owner = os.getpid()
        for number in range(_MOST_RUNS):
            self._held.path = f"{folder}/{self._held.owner}.{number}"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                self._held.descriptor = os.open(self._held.path, flags, 0o600)
                return
            except FileExistsError:
                pass
        raise FileExistsError(f"{folder}: {_MOST_RUNS} runs of this process")

    def _private_folder(self, *, make: bool = False) -> str:
        """The folder, which must be this user's alone: OSError otherwise."""
        folder = runtime_folder(self._name) if self._folder is None else self._folder
        if make:
            _try(os.mkdir, folder, 0o700)
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise PermissionError(f"{folder} is not a folder of this user alone")
        if make:
            self._held.made = folder
        return folder

    def _lock_folder(self) -> int:
        """A descriptor that holds the folder's lock, -1 where the time was too short."""
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            descriptor = -1
            try:
                folder = self._private_folder(make=True)
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                _lock(descriptor)
                # The last run to leave removes the folder: what is locked must be the one there.
                if os.path.samestat(os.fstat(descriptor), os.stat(folder)):
                    found, descriptor = descriptor, -1
                    return found
            except (BlockingIOError, FileNotFoundError):
                pass
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
            if time.monotonic() >= deadline:
                return -1
            time.sleep(0.01)

    def _look(self, path: str) -> Neighbour | None:
        """One of the files: the run that it stands for, None where that is dead or this one."""
        pid, dot, _ = os.path.basename(path).partition(".")
        if (
            not _is_number(pid)
            or not dot
            or (path == self._held.path and self._held.descriptor >= 0)
        ):
            return None
        try:
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(path, flags)
        except (OSError, ValueError):
            return None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            _lock(descriptor)
        except BlockingIOError:
            text = os.pread(descriptor, 32, 0).strip()
            planned_bytes = int(text) if text.isdigit() else 0
            if planned_bytes > _MOST_BYTES:  # nobody plans that
                planned_bytes = 0
            return Neighbour(int(pid), planned_bytes, self._held_bytes(int(pid)))
        except OSError:
            return None
        else:
            _try(os.unlink, path)
            return None
        finally:
            os.close(descriptor)


def _is_number(text: str) -> bool:
    """Whether it can be a process id: `isdigit` alone takes a superscript for one."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def _lock(descriptor: int) -> None:
    """Locks a file or folder for this process alone; BlockingIOError where another has it."""
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _try(change: Callable[..., None], *arguments: str | int) -> None:
    """Makes a change to the file system that somebody else may have made, or may forbid."""
    try:
        change(*arguments)
    except OSError:
        pass


def less_pending(
    machine: Machine, now: Sequence[Neighbour], before: Sequence[Neighbour] | None = None
) -> Machine:
    """The machine without what neighbours plan and do not hold yet, said in the limit's source.

    `before` are the neighbours as they were when the machine was read, where `now` was asked later:
    what they have taken since was still free then.
    """
    then = {neighbour.pid: neighbour.held_bytes for neighbour in before or ()}
    pending: list[tuple[int, int]] = []
    for neighbour in now:
        held_bytes = neighbour.held_bytes if before is None else then.get(neighbour.pid, 0)
        more = max(0, neighbour.planned_bytes - held_bytes)
        if more:
            pending.append((neighbour.pid, more))
    if not pending:
        return machine
    taken = sum(more for _, more in pending)
    who = ", ".join(str(pid) for pid, _ in pending)
    word = "process" if len(pending) == 1 else "processes"
    said = f" - {format_size(taken)} planned by {word} {who} and not held yet"
    return machine.with_limits(
        [
            replace(x, bytes=max(0, x.bytes - taken), source=x.source + said)
            if x.kind == "available"
            else x
            for x in machine.limits
        ]
    )
