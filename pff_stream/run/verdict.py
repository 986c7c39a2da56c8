"""The exit code that a finished run ends with, and its reason in one line."""

from __future__ import annotations

from dataclasses import dataclass

from pff_stream.report.records import Outcome
from pff_stream.report.summary import number
from pff_stream.report.totals import RunTotals
from pff_stream.settings.policy import fail_on, too_many_rejected

INCOMPLETE = 4
BAD_INPUT = 2
VIOLATED = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run that came to its end is judged."""

    exit_code: int
    reason: str
    """Why it is not 0, in one line; empty where it is 0."""


def verdict(run: RunTotals, *, on_bad_rule: str, fail_on_expression: str) -> Verdict:
    """Judges a finished run: unreadable rules before what failed, what failed before violations."""
    totals = run.rules
    rejected, rules = totals.count(Outcome.REJECTED), totals.rules
    if too_many_rejected(on_bad_rule, rejected, rules):
        evaluated = run.documents - run.failed
        over = f" over {evaluated:,} documents" * (evaluated > 1)
        return Verdict(
            BAD_INPUT,
            f"{rejected:,} of {number(rules, 'rule')}{over} could not be read, "
            f"more than --on-bad-rule {on_bad_rule} allows",
        )
    failed = totals.count(Outcome.FAILED)
    if run.failed or failed:
        what = [f"{run.failed:,} of {number(run.documents, 'document')}"] * bool(run.failed)
        what += [number(failed, "rule")] * bool(failed)
        return Verdict(INCOMPLETE, f"{' and '.join(what)} could not be evaluated")
    if fail_on(fail_on_expression, violations=totals.violations, predictions=totals.predictions):
        of = number(totals.predictions, "prediction")
        found = number(totals.violations, "violation")
        return Verdict(VIOLATED, f"{found} of {of} (--fail-on {fail_on_expression})")
    return Verdict(0, "")
