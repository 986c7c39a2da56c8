"""The source chunk: rules in the order of the source, what the report prints beside the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pff_stream.rules._chunks import find_bad_text
from pff_stream.rules._format import SOURCE_COLUMNS
from pff_stream.rules.chunk import check_confidence, check_ends, piece
from pff_stream.rules.columns import CONFIDENCE, PREFIX, MinerColumn


@dataclass(frozen=True, slots=True)
class SourceChunk:
    """Rules in the order of the source: what the report prints beside the counts."""

    first: int
    """Ordinal of the first rule."""
    lines: npt.NDArray[np.uint64]
    """Line in the source, from 1."""
    texts: npt.NDArray[np.uint8]
    text_ends: npt.NDArray[np.uint32]
    rejected: npt.NDArray[np.uint32]
    """End offsets into `reasons`; an empty slice is a rule that was read."""
    reasons: npt.NDArray[np.uint8]
    miner: Mapping[str, npt.NDArray[Any]]
    """Columns of the miner that a rule of this chunk has, as they lie in the file."""

    def __len__(self) -> int:
        return len(self.lines)

    def text(self, rule: int) -> bytes:
        """Rule text by place in the chunk; a zero rule ends in ` <= `."""
        return piece(self.texts, self.text_ends, rule)

    @property
    def miner_confidence(self) -> npt.NDArray[np.float64]:
        """The miner's confidence in each rule; NaN without."""
        return self.miner_column(CONFIDENCE)

    def miner_column(self, column: MinerColumn) -> npt.NDArray[Any]:
        """A column of the miner, in its dtype; -1 or NaN where a rule has no value."""
        found = self.miner.get(column.name)
        if found is None:
            return np.full(len(self), np.nan if column.is_share else -1, column.dtype)
        return found.astype(column.dtype, copy=False)

    def reason(self, rule: int) -> str:
        """Why the rule was rejected; empty if it was not."""
        return piece(self.reasons, self.rejected, rule).decode("utf-8", "replace")


def source_chunk_of(
    columns: Mapping[str, Any],
    n_rules: int,
    begin: int,
    miner: Sequence[MinerColumn],
    *,
    is_checked: bool = False,
) -> SourceChunk:
    """The checked columns of the rules from `begin` on; ValueError says which one is wrong.

    `is_checked`: that each text is one was found before.
    """
    if "rejected" not in columns and "reasons" not in columns:
        columns = {**columns, "rejected": bytes(4 * n_rules), "reasons": b""}
    views: dict[str, Any] = {}
    for name, dtype in SOURCE_COLUMNS.items():
        column = _binary(columns, name)
        expected = n_rules * np.dtype(dtype).itemsize
        if dtype != "u1" and len(column) != expected:
            raise ValueError(f"column {name} has {len(column)} bytes, expected {expected}")
        views[name] = np.frombuffer(column, dtype)
    first = columns.get("first")
    if not isinstance(first, int) or first != begin:
        raise ValueError(f"first rule {first!r} and not {begin}")
    named = {
        column.name: _miner_column(column, _binary(columns, PREFIX + column.name), n_rules)
        for column in miner
        if PREFIX + column.name in columns
    }
    known = {"kind", "first", *SOURCE_COLUMNS, *(PREFIX + name for name in named)}
    if not known >= set(columns):
        raise ValueError(f"column {min(set(columns) - known)!r}, which the header does not list,")
    chunk = SourceChunk(first, **views, miner=named)
    check_ends("text_ends", chunk.text_ends, len(chunk.texts))
    check_ends("rejected", chunk.rejected, len(chunk.reasons))
    if not is_checked:
        _check_contents(chunk)
    return chunk


def _binary(columns: Mapping[str, Any], name: str) -> bytes:
    column = columns.get(name)
    if not isinstance(column, bytes):
        raise ValueError(f"column {name} is missing or no binary")
    return column


def _miner_column(column: MinerColumn, packed: bytes, n_rules: int) -> npt.NDArray[Any]:
    """Shares as they are, counts in the width that the length of the column tells."""
    width, rest = divmod(len(packed), n_rules or 1)
    if rest or width not in ((8,) if column.is_share else (1, 2, 4, 8)):
        raise ValueError(f"column {column.name} has {len(packed)} bytes for {n_rules} rules")
    if column.is_share:
        shares = np.frombuffer(packed, "<f8")
        check_confidence(shares)
        return shares
    counts = np.frombuffer(packed, f"<i{width}")
    if len(counts) and int(counts.min()) < -1:
        raise ValueError(f"column {column.name} has a number below -1")
    return counts


def _check_contents(chunk: SourceChunk) -> None:
    """What is written out line by line must be lines."""
    # Only a line that was rejected as a whole keeps its tabs.
    is_rejected = np.diff(chunk.rejected, prepend=np.uint32(0)) != 0
    bad = find_bad_text(chunk.texts, chunk.text_ends, is_rejected.view(np.uint8))
    if bad >= 0:
        raise ValueError(f"column texts has {chunk.text(bad)[:40]!r}, which is no rule text")
    bad = find_bad_text(chunk.reasons, chunk.rejected)
    if bad >= 0:
        raise ValueError(f"column reasons has {chunk.reason(bad)[:40]!r}, which is no text")
    lines = chunk.lines
    if len(lines) and (lines[0] == 0 or bool((lines[1:] <= lines[:-1]).any())):
        raise ValueError("column lines does not rise")
