"""Whether the totals of a graph give cause to look closer: light, for the end of every run."""

from __future__ import annotations

from pff_stream.report.records import Outcome, Reason
from pff_stream.report.totals import Totals

FEW_RULES = 100
NEARLY_ALL = 0.99


def is_suspicious(totals: Totals) -> bool:
    """Whether nothing was checked, or names of the rules are not those of the graph."""
    has_unknown_heads = totals.because(Reason.HEAD_RELATION_ABSENT) > 0
    return has_unknown_heads or checked_nothing(totals) or lacks_names(totals)


def checked_nothing(totals: Totals) -> bool:
    """Whether no rule made a prediction, other than for a failure, which is said anyway."""
    return totals.predictions == 0 and not totals.count(Outcome.FAILED)


def lacks_names(totals: Totals) -> bool:
    """Whether nearly all of many rules name what the graph does not have."""
    n_evaluated = sum(totals.count(outcome) for outcome in Outcome if outcome.evaluated)
    return n_evaluated >= FEW_RULES and n_absent(totals) > NEARLY_ALL * n_evaluated


def n_absent(totals: Totals) -> int:
    """Rules of which the graph does not have a relation or a constant."""
    return totals.because(Reason.RELATION_ABSENT) + totals.because(Reason.CONSTANT_ABSENT)
