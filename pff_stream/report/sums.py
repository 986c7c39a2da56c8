"""The counts of every rule summed over many documents, and the records that they come to.

What documents say of rules comes as rows (`_rows`); sums are held by the ordinal of the rule in its
source. Does not cover: reading documents, writing records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pff_stream.report.records import REASON_TEXTS, Counts, Outcome, Reason
from pff_stream.report.streams import MinerValues, RuleMetric
from pff_stream.rules.columns import (
    CONFIDENCE,
    HEAD_COVERAGE,
    PCA_CONFIDENCE,
    PCA_PREDICTIONS,
    PREDICTIONS,
    SUPPORT,
)

if TYPE_CHECKING:
    from pff_stream.report.spooled import MergeOptions
    from pff_stream.rules.source_chunk import SourceChunk

ROW = np.dtype(
    {
        "names": ["source", "outcome", "reason", "facts", *Counts._fields],
        "formats": ["<u8", "u1", "u1", "<i8", *["<i8"] * len(Counts._fields)],
        "offsets": [0, 8, 9, 16, *(24 + 8 * i for i in range(len(Counts._fields)))],
        "itemsize": 24 + 8 * len(Counts._fields),
    }
)
"""A row as `_rows` has it: little-endian."""
_SUMS = ("facts", *Counts._fields)
_MINED = (PREDICTIONS, SUPPORT, CONFIDENCE, PCA_CONFIDENCE, PCA_PREDICTIONS, HEAD_COVERAGE)
RULE_BYTES = 8 * len(_SUMS) + 2
"""What the sums hold for each rule."""


class RuleSums:
    """Sums by rule; a rule that was left out of any document keeps why."""

    def __init__(self, n_rules: int) -> None:
        self._sums = {name: np.zeros(n_rules, np.int64) for name in _SUMS}
        self._left_out = np.zeros(n_rules, np.uint8)
        self._reasons = np.zeros(n_rules, np.uint8)

    def add(self, rows: bytes | memoryview) -> None:
        """Adds rows of one document, each of another rule; ValueError for what are none."""
        found = np.frombuffer(rows, ROW)
        sources = found["source"]
        if len(found) and int(sources.max()) >= len(self._left_out):
            raise ValueError("a row of a rule that there is not")
        for name, total in self._sums.items():
            total[sources] += found[name]
        out = found[found["outcome"] > Outcome.VACUOUS]
        self._left_out[out["source"]] = out["outcome"]
        self._reasons[out["source"]] = out["reason"]

    def to_bytes(self) -> bytes:
        """All of it."""
        return b"".join(column.tobytes() for column in self._columns())

    def restore(self, data: bytes) -> None:
        """Takes what `to_bytes` gave; ValueError where it is of other rules."""
        at = 0
        if len(data) != RULE_BYTES * len(self._left_out):
            raise ValueError(f"{len(data)} bytes of sums")
        for column in self._columns():
            column[:] = np.frombuffer(data, column.dtype, len(column), at)
            at += column.nbytes

    def merge(self, other: RuleSums) -> None:
        """Adds the sums of other documents; of what was left out there, too, theirs is kept."""
        for name, total in self._sums.items():
            total += other._sums[name]
        out = other._left_out > 0
        self._left_out[out] = other._left_out[out]
        self._reasons[out] = other._reasons[out]

    def metrics(self, chunks: Iterable[SourceChunk], options: MergeOptions) -> Iterator[RuleMetric]:
        """The record of every rule, in the order of the source, as a merge would have it."""
        for chunk in chunks:
            mined = mined_values(chunk)
            for place, values in enumerate(mined):
                yield self._metric(chunk, place, values, options)

    def _metric(
        self, chunk: SourceChunk, place: int, mined: MinerValues, options: MergeOptions
    ) -> RuleMetric:
        source, partial = chunk.first + place, options.partial
        facts, *found = (int(total[source]) for total in self._sums.values())
        counts = Counts(*found)
        text = chunk.text(place).decode("utf-8", "surrogateescape")
        outcome, reason = Outcome(self._left_out[source]), Reason(self._reasons[source])
        rejected = chunk.reason(place)
        if rejected:
            outcome, said, text = Outcome.REJECTED, escaped(rejected), escaped(text)
        elif outcome > Outcome.VACUOUS:
            said = REASON_TEXTS[reason]
        else:
            outcome, reason = _became(counts, facts, partial=partial)
            said = REASON_TEXTS[reason]
        line = int(chunk.lines[place])
        if not outcome.evaluated:
            return RuleMetric(line, outcome, said, text=text, miner=mined)
        told = RuleMetric(line, outcome, said, counts, text=text, miner=mined)
        return with_shares(told, facts, options)

    def _columns(self) -> list[Any]:
        return [*self._sums.values(), self._left_out, self._reasons]


def mined_values(chunk: SourceChunk) -> list[MinerValues]:
    """What the miner wrote beside each rule of a chunk."""
    columns = [_cells(chunk.miner_column(column)) for column in _MINED]
    return [MinerValues(*values) for values in zip(*columns, strict=True)]


def with_shares(metric: RuleMetric, facts: int, options: MergeOptions) -> RuleMetric:
    """A record with what follows from its counts; `facts`: triples of its head's relation."""
    counts = metric.counts
    return replace(
        metric,
        confidence=options.confidence(counts),
        violations=counts.violations(partial=options.partial),
        partial_confidence=options.partial_confidence(counts),
        head_coverage=counts.support / facts if facts else None,
    )


def escaped(text: str) -> str:
    """A field of a line of columns."""
    return text.replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def _became(counts: Counts, facts: int, *, partial: bool) -> tuple[Outcome, Reason]:
    """What a rule with these sums is, and why."""
    if counts.violations(partial=partial):
        return Outcome.VIOLATED, Reason.NONE if facts else Reason.HEAD_RELATION_ABSENT
    if counts.support or (counts.predictions and not partial):
        return Outcome.SATISFIED, Reason.NONE
    return Outcome.VACUOUS, Reason.ALL_UNKNOWN if counts.predictions else Reason.NOTHING_MATCHES


def _cells(column: Any) -> list[Any]:
    """The values of a column, None where there is none."""
    return [None if value != value or value == -1 else value for value in column.tolist()]
