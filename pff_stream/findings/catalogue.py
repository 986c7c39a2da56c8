"""What findings say of the rules of a table, by their ordinals in the rule file: a file beside it.

Written once for all documents, mapped by every worker: only the pages of rules that are told are
read. Its columns, in the byte order of the machine: lines u64, ends of the texts u64, the
confidences that rules are ranked by f64 (none where they are counted), the places of the texts
among all texts u32; then the texts.
"""

from __future__ import annotations

import mmap
import os
import zlib
from contextlib import closing
from typing import IO

import numpy as np
from numpy.typing import NDArray

from pff_stream.files.durable import naming
from pff_stream.findings._sorted import Sorter
from pff_stream.findings._table_order import number_texts, put_texts
from pff_stream.findings.confidence import Kind
from pff_stream.rules.columns import CONFIDENCE, PCA_CONFIDENCE, SUPPORT
from pff_stream.rules.file import RuleFile
from pff_stream.rules.source_chunk import SourceChunk

_HEADER = np.dtype([("rules", "<u8"), ("confidences", "<u8"), ("spare", "<u8", 2)])


class RuleCatalogue:
    """Lines, texts and confidences of the rules of a file, read from a mapped catalogue."""

    def __init__(self, buffer: mmap.mmap | bytes) -> None:
        header = np.frombuffer(buffer, _HEADER, 1)[0]
        n, n_confidences = int(header["rules"]), int(header["confidences"])
        at = _HEADER.itemsize
        whole = memoryview(buffer)  # of one number it is quicker than numpy
        self._lines = whole[at : at + 8 * n].cast("Q")
        self._ends = whole[at + 8 * n : at + 16 * n].cast("Q")
        at += 16 * n
        self.confidences: NDArray[np.float64] = np.frombuffer(buffer, np.float64, n_confidences, at)
        """Of the kind that rules are ranked by, NaN for none; empty where they are counted."""
        at += 8 * n_confidences
        self.orders: NDArray[np.uint32] = np.frombuffer(buffer, np.uint32, n, at)
        """The place of the text of each rule among all texts; the highest bit: others have it."""
        self._texts = whole[at + 4 * n :]

    def line(self, source: int) -> int:
        """The rule's line in the rule file, from 1."""
        return self._lines[source]

    def text(self, source: int) -> bytes:
        """The rule as the file has it."""
        begin = self._ends[source - 1] if source else 0
        return bytes(self._texts[begin : self._ends[source]])


def write_catalogue(
    file: RuleFile,
    kind: Kind,
    target: IO[bytes],
    folder: str,
    *,
    min_support: int,
    min_confidence: float,
) -> tuple[int, str]:
    """Writes the catalogue of all rules that the miner's columns leave in; returns bytes, hash."""
    n = file.rules
    n_confidences = 0 if kind.is_counted else n
    header = np.array([(n, n_confidences, (0, 0))], _HEADER)
    columns = _HEADER.itemsize + 20 * n + 8 * n_confidences
    with naming("the texts of the rules"), closing(Sorter(folder)) as sorter:
        target.truncate(columns)
        target.seek(columns)
        with mmap.mmap(target.fileno(), columns) as room:
            room[: _HEADER.itemsize] = header.tobytes()
            _write_columns(file, kind, target, room, sorter, (min_support, min_confidence))
            checksum = zlib.crc32(room)
        return os.fstat(target.fileno()).st_size, f"{checksum:08x}"


def _write_columns(
    file: RuleFile,
    kind: Kind,
    target: IO[bytes],
    room: mmap.mmap,
    sorter: Sorter,
    least: tuple[int, float],
) -> None:
    n, at = file.rules, _HEADER.itemsize
    lines = np.frombuffer(room, np.uint64, n, at)
    ends = np.frombuffer(room, np.uint64, n, at + 8 * n)
    n_confidences = 0 if kind.is_counted else n
    confidences = np.frombuffer(room, np.float64, n_confidences, at + 16 * n)
    orders = np.frombuffer(room, np.uint32, n, at + 16 * n + 8 * n_confidences)
    ranked_by = PCA_CONFIDENCE if kind is Kind.MINER_PCA else CONFIDENCE
    written = 0
    for chunk in file.all_source_chunks():
        here = slice(chunk.first, chunk.first + len(chunk))
        lines[here] = chunk.lines
        ends[here] = chunk.text_ends.astype(np.uint64) + np.uint64(written)
        if n_confidences:
            confidences[here] = chunk.miner_column(ranked_by)
        put_texts(sorter, chunk.texts, chunk.text_ends, _kept(chunk, *least), chunk.first)
        _append(target, chunk.texts)
        written += len(chunk.texts)
    number_texts(sorter, orders)
    del lines, ends, confidences, orders


def _kept(chunk: SourceChunk, min_support: int, min_confidence: float) -> NDArray[np.bool_]:
    """The rules that could be read and that the miner's columns leave in."""
    support, confidence = chunk.miner_column(SUPPORT), chunk.miner_confidence
    is_read = np.diff(chunk.rejected, prepend=np.uint32(0)) == 0
    is_filtered = ((support >= 0) & (support < min_support)) | (confidence < min_confidence)
    return np.asarray(is_read & ~is_filtered)


def _append(target: IO[bytes], data: NDArray[np.uint8]) -> None:
    with memoryview(data.data) as view:
        rest = view[:]
        while len(rest):
            rest = rest[target.write(rest) :]
        rest.release()
