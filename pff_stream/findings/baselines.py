"""Findings of an earlier run over many documents: a file in which each document has its own.

The parent writes it once; a worker reads the part of the document that it has, and nothing else.
A part is lines of JSON: the document's name, then key, score and triple of each finding. The index
behind the parts has three numbers a document, by the hash of its name: where its part begins, and
how many findings it has.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pff_stream.errors import InputError
from pff_stream.execute.files import InputFile
from pff_stream.files.durable import naming
from pff_stream.files.temporary import temporary_file
from pff_stream.findings.baseline import Baseline, BaselineLines, Known
from pff_stream.report.read_findings import names
from pff_stream.report.result_lines import shown

if TYPE_CHECKING:
    pass

_BLOCK_BYTES = 1 << 16
_ROW = 24
"""Bytes of a document in the index."""


class BaselineFile(NamedTuple):
    """What workers are told of the findings of an earlier run."""

    file: InputFile
    index_at: int
    """Where the index begins."""
    floor: float
    """Above it new and fixed are judged."""


class DocumentBaselines:
    """The findings of an earlier run over documents, in a temporary file that `stack` removes."""

    def __init__(self, lines: BaselineLines, folder: str, stack: ExitStack) -> None:
        self._path = lines.path
        self._rows = array("Q")
        self.most = 0
        """Findings of one document, at most."""
        file, path = stack.enter_context(temporary_file(folder))
        with naming(path):
            index_at = self._write(lines, file)
            self._hashes, above = self._write_index(lines, file)
        self.content_hash = lines.content_hash
        size = index_at + _ROW * len(self._hashes)
        shared = InputFile(path, size, self.content_hash, "the baseline")
        self.told = BaselineFile(shared, index_at, lines.floor)
        """For workers."""
        self._above: NDArray[np.uint64] = above
        self._seen = np.zeros(len(self._hashes), np.bool_)

    def see(self, document: str) -> None:
        """Notes a document that is there."""
        number = np.uint64(_hash(document))
        at = int(np.searchsorted(self._hashes, number))
        if at < len(self._hashes) and self._hashes[at] == number:
            self._seen[at] = True

    def of_others(self) -> tuple[int, int]:
        """Documents that were not seen, and their findings above the floor."""
        return int((~self._seen).sum()), int(self._above[~self._seen].sum())

    def _write(self, lines: BaselineLines, file: IO[bytes]) -> int:
        """Writes the parts, notes hash, place and number of findings of each; all their bytes."""
        before: str | None = None
        text, n_bytes = bytearray(), 0
        for document, known in lines.read():
            if document == before:
                self._rows[-1] += 1
            else:
                if not document:
                    raise InputError(
                        f"{lines.path}: found findings of one graph, expected those of a run over "
                        "a manifest, which name their documents"
                    )
                before = document
                self._rows.extend((_hash(document), n_bytes + len(text), 1))
                text += _line(document)
            text += _line(known)
            if len(text) >= _BLOCK_BYTES:
                n_bytes += len(text)
                _write_all(file, text)
                text.clear()
        _write_all(file, text)
        return n_bytes + len(text)

    def _write_index(
        self, lines: BaselineLines, file: IO[bytes]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Writes the index in its order; the hashes, and the findings above the floor."""
        rows = np.frombuffer(self._rows, np.uint64) if self._rows else np.empty(0, np.uint64)
        rows = rows.reshape(-1, 3)
        places = np.argsort(rows[:, 0], kind="stable")
        rows = np.ascontiguousarray(rows[places])
        twice = np.flatnonzero(rows[1:, 0] == rows[:-1, 0])
        if len(twice):
            name = next(_read(file.fileno(), int(rows[int(twice[0]) + 1, 1])))
            raise InputError(
                f"{self._path}: found the document {shown(str(name))} in two places, expected each "
                "name once: of two documents with one name nobody knows which is meant"
            )
        _write_all(file, rows.tobytes())
        self.most = int(rows[:, 2].max(initial=0))
        above = np.zeros(len(rows), np.uint64)
        for place, (_, at, n) in enumerate(rows.tolist()):
            above[place] = sum(one.score >= lines.floor for one in _part(file.fileno(), at, n))
        del self._rows
        return rows[:, 0].copy(), above


class DocumentBaseline:
    """Reads the file that `DocumentBaselines` wrote."""

    def __init__(self, told: BaselineFile) -> None:
        self._told = told
        with naming(told.file.shown):
            self._file = open(told.file.name, "rb", buffering=0)  # noqa: SIM115  # see `close`
        self._n = (told.file.size_bytes - told.index_at) // _ROW

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def of(self, document: str) -> Baseline:
        """The findings that a document had; none where it was not there."""
        descriptor = self._file.fileno()
        at, n = self._place(_hash(document))
        if n and next(_read(descriptor, at)) != document:
            n = 0
        return Baseline(lambda: _part(descriptor, at, n), self._told.floor)

    def _place(self, number: int) -> tuple[int, int]:
        """Where the part of this hash begins, and how many findings it has."""
        first, end = 0, self._n
        while first < end:
            middle = (first + end) // 2
            found, at, n = self._row(middle)
            if found == number:
                return at, n
            first, end = (middle + 1, end) if found < number else (first, middle)
        return 0, 0

    def _row(self, place: int) -> tuple[int, int, int]:
        at = self._told.index_at + _ROW * place
        row = np.frombuffer(os.pread(self._file.fileno(), _ROW, at), np.uint64)
        number, begin, n = row.tolist()
        return number, begin, n


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _write_all(file: IO[bytes], data: bytes | bytearray) -> None:
    """Writes to an unbuffered file."""
    left = memoryview(data)
    while len(left):
        left = left[file.write(left) :]
    left.release()


def _read(descriptor: int, at: int) -> Iterator[object]:
    """The values of the lines from a place on."""
    rest = b""
    while block := _block(descriptor, at):
        at += len(block)
        *lines, rest = (rest + block).split(b"\n")
        yield from map(json.loads, lines)


def _block(descriptor: int, at: int) -> bytes:
    with naming("the baseline"):
        return os.pread(descriptor, _BLOCK_BYTES, at)


def _part(descriptor: int, at: int, n: int) -> Iterator[Known]:
    """The findings of one part."""
    lines = _read(descriptor, at)
    if n:
        next(lines)
    for _ in range(n):
        key, score, triple = cast("tuple[str, float, list[str]]", next(lines))
        yield Known(key, score, names(triple))


def _hash(name: str) -> int:
    data = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
