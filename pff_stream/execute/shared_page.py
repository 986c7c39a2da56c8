"""The words that workers move and their parent reads: whether they begin anything, and go on."""

from __future__ import annotations

import contextlib
import mmap
import os

from pff_stream.execute.worker_main import SLOT_WORDS


class SharedPage:
    """A slot of words for each worker, in memory that belongs to no file."""

    def __init__(self, slots: int) -> None:
        if hasattr(os, "memfd_create"):
            self.descriptor = os.memfd_create("pff-stream-progress", os.MFD_CLOEXEC)
        else:
            import tempfile

            with tempfile.TemporaryFile() as file:
                self.descriptor = os.dup(file.fileno())
        os.ftruncate(self.descriptor, slots * SLOT_WORDS * 8)
        self._map = mmap.mmap(self.descriptor, 0)
        self._words = memoryview(self._map).cast("Q")

    def slot(self, number: int) -> memoryview:
        """The words of a slot, writable, one uint64 each."""
        return self._words[number * SLOT_WORDS : (number + 1) * SLOT_WORDS]

    def close(self) -> None:
        """Lets go of the memory; the kernel frees it with its last user."""
        self._words.release()
        with contextlib.suppress(BufferError):  # a slot is still looked at; it goes with it
            self._map.close()
        os.close(self.descriptor)
