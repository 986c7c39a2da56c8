"""The source chunk: rules in the order of the source, what the report prints beside the counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pff_stream.rules._chunks import find_bad_text
from pff_stream.rules._format import SOURCE_COLUMNS
from pff_stream.rules.chunk import check_confidence, check_ends, piece


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
    miner_confidence: npt.NDArray[np.float64]
    """NaN without column."""

    def __len__(self) -> int:
        return len(self.lines)

    def text(self, rule: int) -> bytes:
        """Rule text by place in the chunk; a zero rule ends in ` <= `."""
        return piece(self.texts, self.text_ends, rule)

    def reason(self, rule: int) -> str:
        """Why the rule was rejected; empty if it was not."""
        return piece(self.reasons, self.rejected, rule).decode("utf-8", "replace")


def source_chunk_of(columns: Mapping[str, Any], n_rules: int, begin: int) -> SourceChunk:
    """The checked columns of the rules from `begin` on; ValueError says which one is wrong."""
    views: dict[str, Any] = {}
    for name, dtype in SOURCE_COLUMNS.items():
        column = columns.get(name)
        if not isinstance(column, bytes):
            raise ValueError(f"column {name} is missing or no binary")
        expected = n_rules * np.dtype(dtype).itemsize
        if dtype != "u1" and len(column) != expected:
            raise ValueError(f"column {name} has {len(column)} bytes, expected {expected}")
        views[name] = np.frombuffer(column, dtype)
    first = columns.get("first")
    if not isinstance(first, int) or first != begin:
        raise ValueError(f"first rule {first!r} and not {begin}")
    chunk = SourceChunk(first, **views)
    check_ends("text_ends", chunk.text_ends, len(chunk.texts))
    check_ends("rejected", chunk.rejected, len(chunk.reasons))
    _check_contents(chunk)
    return chunk


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
    check_confidence(chunk.miner_confidence)
