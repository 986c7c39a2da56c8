"""How many predictions the miner's confidence of a rule is of, for the findings that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pff_stream.findings.confidence import Kind
from pff_stream.rules.columns import PCA_PREDICTIONS, PREDICTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pff_stream.rules.file import RuleFile
    from pff_stream.rules.source_chunk import SourceChunk


def miner_bases(file: RuleFile, kind: Kind, lines: Iterable[int]) -> dict[int, int]:
    """Predictions by line, of these lines and as far as the miner tells them.

    None of a confidence that is counted. A few source chunks are read for each line.
    """
    if kind.is_counted:
        return {}
    column = PCA_PREDICTIONS if kind is Kind.MINER_PCA else PREDICTIONS
    if all(one.name != column.name for one in file.columns):
        return {}
    found: dict[int, int] = {}
    chunk: SourceChunk | None = None
    for line in sorted(set(lines)):
        chunk = _chunk_of(file, line, chunk)
        place = int(np.searchsorted(chunk.lines, line))
        n = int(chunk.miner_column(column)[place])
        if n >= 0:
            found[line] = n
    return found


def _chunk_of(file: RuleFile, line: int, before: SourceChunk | None) -> SourceChunk:
    """The source chunk of a line that the file has; that of the line before is asked first."""
    if before is not None and line <= before.lines[-1]:
        return before
    first, end = 0, len(file.source_chunks)
    while True:
        middle = (first + end) // 2
        chunk = file.read_source_chunk(middle)
        if line < chunk.lines[0]:
            end = middle
        elif line > chunk.lines[-1]:
            first = middle + 1
        else:
            return chunk
