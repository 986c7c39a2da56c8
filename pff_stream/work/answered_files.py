"""Files that a worker leaves for the parent, one of a kind for each document; with checksums."""

from __future__ import annotations

import os
import zlib

from pff_stream.files.durable import naming
from pff_stream.report._rows import RuleRows
from pff_stream.report.formats.findings import Findings
from pff_stream.report.streams import Finding, RunHeader

_NO_HEADER = RunHeader("", {}, {})
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class RowsFile:
    """The file of the rows of one document, while it is filled; without a name there is none."""

    def __init__(self, begin: str | None, number: int) -> None:
        self.crc32: int | None = None
        self.rows: RuleRows | None = None
        self._path = None if begin is None else f"{begin}{number}"
        self._descriptor = -1

    def __enter__(self) -> RowsFile:
        if self._path is not None:
            self.crc32 = 0
            with naming(self._path):
                self._descriptor = os.open(self._path, _FLAGS, 0o600)
            self.rows = RuleRows(self._write)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self.rows is not None and kind is None:
                self.rows.finish_rows()
        finally:
            self.rows = None
            if self._descriptor >= 0:
                os.close(self._descriptor)

    def _write(self, rows: memoryview) -> None:
        self.crc32 = zlib.crc32(rows, self.crc32 or 0)
        with naming(str(self._path)):
            while len(rows):
                rows = rows[os.write(self._descriptor, rows) :]


class FoundFile:
    """The file of what one document found, while it is filled; without a name there is none."""

    def __init__(self, begin: str | None, number: int) -> None:
        self.crc32 = 0
        self._path = "" if begin is None else f"{begin}{number}"
        self._descriptor = -1
        self._lines: Findings | None = None

    def __enter__(self) -> FoundFile:
        if self._path:
            with naming(self._path):
                self._descriptor = os.open(self._path, _FLAGS, 0o600)
            self._lines = Findings()
            self._lines.begin(_NO_HEADER, self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self._lines is not None and kind is None:
                self._lines.drain()
        finally:
            if self._descriptor >= 0:
                os.close(self._descriptor)

    def add(self, finding: Finding) -> None:
        """Writes its line, if there is a file."""
        if self._lines is not None:
            self._lines.finding(finding)

    def write(self, data: memoryview) -> None:
        """Appends it."""
        self.crc32 = zlib.crc32(data, self.crc32)
        with naming(self._path):
            while len(data):
                data = data[os.write(self._descriptor, data) :]
