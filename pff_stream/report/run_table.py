"""Where the runs of a spool lie, in the order in which they came; bounded memory for any number.

Two lists of runs are read by the merge: what the workers appended, and what the merge itself makes
of them. Does not cover: what is in a run (`records`), reading it (`_runs`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from pff_stream.errors import OutputError
from pff_stream.files import _pages
from pff_stream.files.writers import TemporaryWriter
from pff_stream.report.records import RUN, Run

KEPT_RUNS = 2048
"""So many runs are held in memory; when there are more, those go to a file."""


def table_bytes(n_runs: int) -> int:
    """The most bytes that a table of so many runs holds; the planner's own number."""
    return min(n_runs, KEPT_RUNS) * RUN.size * 9 // 8  # a bytearray grows by an eighth


class PackedRuns:
    """Runs that are packed already, as a `RunTable` is read."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // RUN.size

    def read(self, first: int, count: int) -> bytes:
        """Runs `first` to `first + count`, packed; fewer where there are no more."""
        return self._packed[first * RUN.size : (first + count) * RUN.size]


class RunTable:
    """A list of runs, 24 bytes each as `records.RUN` packs them; no object per run.

    Beyond `KEPT_RUNS` it goes on in an unnamed file in `folder` (None: the system's), until it is
    closed. Adding raises `OutputError` where that file cannot be written.
    """

    def __init__(self, runs: Iterable[Run] = (), folder: str | None = None) -> None:
        self._folder = folder
        self._file: TemporaryWriter | None = None
        self._n_filed = 0
        self._recent = bytearray()
        self.add(runs)

    def __len__(self) -> int:
        return self._n_filed + len(self._recent) // RUN.size

    def add(self, runs: Iterable[Run]) -> None:
        """Appends runs."""
        for run in runs:
            self._recent += RUN.pack(*run)
            if len(self._recent) == KEPT_RUNS * RUN.size:
                self._move_out()

    def read(self, first: int, count: int) -> bytes:
        """Runs `first` to `first + count`, packed; fewer where there are no more.

        `OutputError` where they cannot be read.
        """
        filed = b""
        if first < self._n_filed:
            assert self._file is not None
            n_bytes = min(count, self._n_filed - first) * RUN.size
            try:
                filed = os.pread(self._file.fileno(), n_bytes, first * RUN.size)
            except OSError as error:
                raise OutputError(f"{self._file.name}: {error.strerror or error}") from error
            _pages.drop(self._file.fileno(), first * RUN.size, n_bytes)
        begin = max(0, first - self._n_filed) * RUN.size
        return filed + self._recent[begin : begin + count * RUN.size - len(filed)]

    def close(self) -> None:
        """Forgets all runs and closes the file, if there is one."""
        self._recent.clear()
        self._n_filed = 0
        if self._file is not None:
            self._file.abandon()
            self._file = None

    def _move_out(self) -> None:
        if self._file is None:
            self._file = TemporaryWriter(self._folder)
        with memoryview(self._recent) as view:
            self._file.write(view)
        _pages.drop(self._file.fileno(), self._n_filed * RUN.size, len(self._recent))
        self._n_filed += KEPT_RUNS
        self._recent.clear()
