"""Reads `metrics.tsv` back: the record of every rule, in order, each cell checked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pff_stream.report.formats.metrics import COLUMNS, HEADER
from pff_stream.report.records import Counts, Outcome
from pff_stream.report.result_lines import ResultLines, shown
from pff_stream.report.streams import MinerValues, RuleMetric
from pff_stream.words import counted

_COUNTED = COLUMNS[3:8]
_SHARES = COLUMNS[8:11]
_MINED = {"predictions": int, "support": int, "pca_predictions": int}
_BY_WORD = {outcome.word: outcome for outcome in Outcome}
_MAX_DIGITS = 30


def read_metrics(lines: ResultLines, document: str, *, partial: bool) -> Iterator[RuleMetric]:
    """The records of all rules; `InputError` for a line that no run wrote."""
    first = next(lines, None)
    if first is None or f"{first}\n" != HEADER:
        found = "an empty file" if first is None else shown(first)
        raise lines.error(found, "the names of the columns")
    before = 0
    for text in lines:
        metric = read_metric(lines, text, document, partial=partial)
        if metric.line <= before:
            raise lines.error(f"line {metric.line} of the rules", f"one after {before}")
        before = metric.line
        yield metric


def read_metric(lines: ResultLines, text: str, document: str = "", *, partial: bool) -> RuleMetric:
    """The record of one rule; `InputError` where no run wrote it."""
    try:
        metric = _metric(text, document, partial=partial)
    except ValueError:
        raise lines.error(shown(text), "a rule with its outcome and counts") from None
    if metric.outcome not in outcomes_of(metric.counts, metric.outcome, partial=partial):
        raise lines.error(
            f"{counted(metric.counts.predictions, 'prediction')}, {metric.counts.support} "
            f"of them in the graph, {metric.counts.unknown} unknown",
            f"counts of a rule that is {metric.outcome.word}",
        )
    return metric


def outcomes_of(counts: Counts, stated: Outcome, *, partial: bool) -> tuple[Outcome, ...]:
    """The outcomes that a rule with these counts can have; none: there are no such counts."""
    if not stated.evaluated:
        return (stated,)
    if counts.absent < counts.unknown:
        return ()
    if counts.violations(partial=partial):
        return (Outcome.VIOLATED,)
    is_satisfied = counts.support or (counts.predictions and not partial)
    return (Outcome.SATISFIED if is_satisfied else Outcome.VACUOUS,)


def _metric(text: str, document: str, *, partial: bool) -> RuleMetric:
    """ValueError where it is no line of a rule."""
    cells = dict(zip(COLUMNS, text.split("\t", len(COLUMNS) - 1), strict=True))
    outcome = _BY_WORD.get(cells["outcome"])
    line = _count(cells["line"])
    if outcome is None or line is None:
        raise ValueError
    counts, violations, shares = Counts(), 0, [_share(cells[name]) for name in _SHARES]
    if outcome.evaluated:
        predictions, support, absent, unknown, violations = _all_counts(cells)
        counts = Counts(predictions, support, unknown)
        if (absent, violations) != (counts.absent, counts.violations(partial=partial)):
            raise ValueError
        if any(share is not None and share > 1 for share in shares):
            raise ValueError
    elif any(cells[name] for name in (*_COUNTED, *_SHARES)):
        raise ValueError
    confidence, partial_confidence, head_coverage = shares
    return RuleMetric(
        line=line,
        outcome=outcome,
        reason=cells["reason"],
        counts=counts,
        confidence=confidence,
        text=cells["rule"],
        document=document,
        violations=violations,
        partial_confidence=partial_confidence,
        head_coverage=head_coverage,
        miner=_miner(cells),
    )


def _all_counts(cells: Mapping[str, str]) -> list[int]:
    found = [_count(cells[name]) for name in _COUNTED]
    counts = [count for count in found if count is not None]
    if len(counts) != len(found):
        raise ValueError
    return counts


def _miner(cells: Mapping[str, str]) -> MinerValues:
    values: dict[str, Any] = {}
    for name in MinerValues._fields:
        cell = cells[f"miner_{name}"]
        values[name] = _count(cell) if name in _MINED else _share(cell)
    return MinerValues(**values)


def _count(cell: str) -> int | None:
    """A whole number; None for an empty cell."""
    if not cell:
        return None
    if not (cell.isascii() and cell.isdigit() and len(cell) <= _MAX_DIGITS):
        raise ValueError
    return int(cell)


def _share(cell: str) -> float | None:
    """A number from 0 on, the miner's may be above 1; None for an empty cell."""
    if not cell:
        return None
    value = float(cell)
    if not math.isfinite(value) or value < 0:
        raise ValueError
    return value
