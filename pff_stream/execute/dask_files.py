"""Files that workers on other hosts read: by a path that both see, else sent once to each host.

Sent in blocks past the scheduler, one under way, into room that is there before; checked as a
whole, and only then given its name. What is sent lies in the folder of a run (`dask_host`).
"""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

from pff_stream.errors import OutputError, WorkersFailedError
from pff_stream.execute.dask_link import Link, WorkerLostError
from pff_stream.execute.dask_tasks import folder_of
from pff_stream.execute.files import InputFile

BLOCK_BYTES = 8 << 20
TRIES = 2
"""So often a file is sent to a host, where it does not come as it is."""
_ENDS_BYTES = 64 << 10
"""Begin and end of a file, by which it is known elsewhere: a header has a hash of the rest."""


class Known(NamedTuple):
    """A file as it is told to another host."""

    paths: tuple[str, ...]
    """Where it may be there."""
    size_bytes: int
    ends: bytes
    """A hash of its begin and its end."""


class FileSender:
    """Places files on hosts, each once a host."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sent: dict[tuple[str, str], str] = {}
        """Path of what was sent, by host and content."""
        self.sent_bytes = 0

    def place(self, file: InputFile, worker: str, host: str) -> InputFile:
        """The file under a name that this worker opens; `WorkerLostError` where it is gone."""
        before = self._sent.get((host, file.content_hash))
        known = known_file(file.name)
        paths = self.paths(known) if before is None else (before, *self.paths(known))
        known = known._replace(paths=paths)
        path = self._link.ask(find_file, known, workers=[worker]).get(worker)
        if not isinstance(path, str) or not path:
            path = self._send(file, worker)
            self._sent[host, file.content_hash] = path
        return file._replace(name=path)

    def paths(self, known: Known) -> tuple[str, ...]:
        """Where another host may have a file, too."""
        return known.paths

    def _send(self, file: InputFile, worker: str) -> str:
        folder = _raised(self._link.ask(folder_of, self._link.run, workers=[worker]), worker)
        path = os.path.join(str(folder), f"input-{file.content_hash}")
        for _ in range(TRIES):
            try:
                if self._arrives(file, path, worker):
                    return path
            except OSError as error:
                if error.errno is None:
                    raise
                text = f"{folder}: cannot take {file.size_bytes:,} bytes of {file.shown}"
                raise OutputError(f"{text}: {error.strerror}") from error
        raise WorkersFailedError(f"{file.shown}: sent {TRIES} times, and came altered")

    def _arrives(self, file: InputFile, path: str, worker: str) -> bool:
        """Sends a file; whether it is there as it was sent, by a checksum of all of it."""
        digest = hashlib.blake2b(digest_size=16)
        with open(file.name, "rb", buffering=0) as source:
            size = os.fstat(source.fileno()).st_size
            at = 0
            while data := source.read(BLOCK_BYTES):
                digest.update(data)
                self.put(data, (path, at, size), worker)
                at += len(data)
                self.sent_bytes += len(data)
        ends = self._link.ask(end_file, path, digest.digest(), workers=[worker])
        return bool(_raised(ends, worker))

    def put(self, data: bytes, place: tuple[str, int, int], worker: str) -> None:
        """Sends a block: to which file, from which byte on, and how long the file will be."""
        self._link.send(data, put_block, *place, worker=worker)


def known_file(path: str) -> Known:
    """What another host is told of a file."""
    size, ends = _looked_at(path)
    return Known((os.path.realpath(path), path), size, ends)


def _raised(answers: dict[str, object], worker: str) -> object:
    answer = answers.get(worker)
    if isinstance(answer, BaseException):
        raise answer
    if answer is None:
        raise WorkerLostError(worker)
    return answer


def _looked_at(path: str) -> tuple[int, bytes]:
    """Size of a file, and a hash of its begin and end."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(file.read(_ENDS_BYTES))
        file.seek(max(0, size - _ENDS_BYTES))
        digest.update(file.read(_ENDS_BYTES))
    return size, digest.digest()


# --- on the worker -----------------------------------------------------------------------------


def find_file(known: Known) -> str:
    """The first of the paths at which this very file is; empty where it is at none."""
    for path in known.paths:
        try:
            if _looked_at(path) == (known.size_bytes, known.ends):
                return path
        except OSError:
            continue
    return ""


def put_block(data: bytes, path: str, at: int, size_bytes: int) -> int:
    """Writes a block into a file that is not complete; the first one takes the room for all."""
    descriptor = os.open(_unfinished(path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if at == 0 and size_bytes:
            os.posix_fallocate(descriptor, 0, size_bytes)
        rest = memoryview(data)
        while len(rest):
            written = os.pwrite(descriptor, rest, at)
            rest, at = rest[written:], at + written
    finally:
        os.close(descriptor)
    return at


def end_file(path: str, expected: bytes) -> bool:
    """Gives a file its name, if it is what was sent; else it is removed."""
    with open(_unfinished(path), "rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
    if found != expected:
        os.unlink(_unfinished(path))
        return False
    os.rename(_unfinished(path), path)
    return True


def _unfinished(path: str) -> str:
    return f"{path}.part"
