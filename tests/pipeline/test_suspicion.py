"""When the totals of a run give cause to look closer."""

from __future__ import annotations

import pytest

from pff_stream.pipeline.suspicious import is_suspicious
from pff_stream.report.records import Counts, Outcome, Reason
from pff_stream.report.totals import Totals


def totals(predictions: int, outcomes: dict[Outcome, int], reasons: dict[Reason, int]) -> Totals:
    """Totals of these rules."""
    return Totals(
        tuple(outcomes.get(one, 0) for one in Outcome),
        Counts(predictions),
        0,
        reasons=tuple(reasons.get(one, 0) for one in Reason),
    )


@pytest.mark.parametrize(
    ("predictions", "outcomes", "reasons", "expected"),
    [
        (3, {Outcome.SATISFIED: 1}, {}, False),
        (0, {Outcome.VACUOUS: 1}, {Reason.NOTHING_MATCHES: 1}, True),
        (0, {Outcome.FILTERED: 9}, {Reason.UNDER_SUPPORT: 9}, True),
        (0, {Outcome.VACUOUS: 1, Outcome.FAILED: 1}, {Reason.NOTHING_MATCHES: 1}, False),
        (1, {Outcome.VACUOUS: 98, Outcome.SATISFIED: 1}, {Reason.RELATION_ABSENT: 98}, False),
        (1, {Outcome.VACUOUS: 99, Outcome.SATISFIED: 1}, {Reason.RELATION_ABSENT: 99}, False),
        (1, {Outcome.VACUOUS: 100, Outcome.SATISFIED: 1}, {Reason.CONSTANT_ABSENT: 100}, True),
        (1, {Outcome.VACUOUS: 100, Outcome.SATISFIED: 1}, {Reason.NOTHING_MATCHES: 100}, False),
        (2, {Outcome.VIOLATED: 1}, {Reason.HEAD_RELATION_ABSENT: 1}, True),
    ],
)
def test_when(
    predictions: int, outcomes: dict[Outcome, int], reasons: dict[Reason, int], expected: bool
) -> None:
    """No prediction, nearly all rules of 100 or more with absent names, or unknown heads."""
    assert is_suspicious(totals(predictions, outcomes, reasons)) == expected
