"""The findings of the documents that are done, while a run over a manifest is not finished.

Workers leave a file of lines for each document. They are put together in the order of the manifest;
how much of it is certain is saved by whoever saves the list of documents.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from typing import IO

from pff_stream.checkpoint.state import State, open_private
from pff_stream.errors import DamagedResultsError
from pff_stream.files.durable import naming
from pff_stream.files.writers import FileWriter

FOUND = "findings"
_COPY_BYTES = 1 << 18


class FindingsDone:
    """The lines of all documents so far."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._crc32 = 0
        with naming(state.path):
            descriptor = open_private(state.out, FOUND, os.O_RDWR | os.O_CREAT)
            self._lines: IO[bytes] = os.fdopen(descriptor, "r+b")

    def close(self) -> None:
        """Closes the file."""
        self._lines.close()

    @property
    def begin(self) -> str:
        """How the names of the files begin in which workers leave what they found."""
        return os.path.join(self._state.path, "found-")

    def add(self, number: int, crc32: int) -> None:
        """Takes the file of the next document; `DamagedResultsError` where it is not as it was."""
        path, found = f"{self.begin}{number}", 0
        with naming(path), open(path, "rb", buffering=0) as file:
            while block := file.read(_COPY_BYTES):
                found = zlib.crc32(block, found)
                self._crc32 = zlib.crc32(block, self._crc32)
                self._lines.write(block)
        if found != crc32:
            raise DamagedResultsError(f"{path}: found checksum {found:08x}, expected {crc32:08x}")
        with suppress(FileNotFoundError):
            os.unlink(path)

    def saved(self) -> tuple[int, int]:
        """Makes certain what there is: its bytes and their checksum, for `restore`."""
        with naming(self._state.path):
            self._lines.flush()
            os.fsync(self._lines.fileno())
        return self._lines.tell(), self._crc32

    def restore(self, n_bytes: int, crc32: int) -> None:
        """Goes on behind so many bytes; ValueError where they are not those that were saved."""
        with naming(self._state.path):
            self._lines.seek(0)
            left = n_bytes
            while left and (block := self._lines.read(min(left, _COPY_BYTES))):
                self._crc32 = zlib.crc32(block, self._crc32)
                left -= len(block)
            if left or self._crc32 != crc32:
                raise ValueError("findings of another checksum")

    def cut(self) -> None:
        """Leaves out what was not saved."""
        with naming(self._state.path):
            self._lines.truncate()

    def write(self, path: str) -> None:
        """Copies them to where they belong."""
        with naming(self._state.path):
            self._lines.flush()
            self._lines.seek(0)
        with FileWriter(path) as writer:
            while block := self._lines.read(_COPY_BYTES):
                writer.write(memoryview(block))
