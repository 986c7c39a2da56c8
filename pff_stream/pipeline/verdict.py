"""The exit code that a finished run ends with, and its reason in one line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pff_stream.errors import UsageError
from pff_stream.report.records import Outcome
from pff_stream.report.totals import RunTotals
from pff_stream.settings.policy import (
    Checked,
    asks_for_new,
    asks_for_score,
    fails_on,
    too_many_rejected,
)
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.checkpoint.resume import Finished

INCOMPLETE = 4
BAD_INPUT = 2
VIOLATED = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run that came to its end is judged."""

    exit_code: int
    reason: str
    """Why it is not 0, in one line; empty where it is 0."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What of the findings a verdict may be about."""

    new: int | None = None
    """Findings that the baseline has not; None: there is none."""
    best_score: float | None = None
    """None: there are no findings, or nobody looked for them."""


NOTHING_FOUND = Judged()


def verdict(
    run: RunTotals, *, on_bad_rule: str, fail_on_expression: str, findings: Judged = NOTHING_FOUND
) -> Verdict:
    """Judges a finished run: unreadable rules before what failed, what failed before violations."""
    totals = run.rules
    rejected, rules = totals.count(Outcome.REJECTED), totals.rules
    if too_many_rejected(on_bad_rule, rejected, rules):
        evaluated = run.documents - run.failed
        over = f" over {counted(evaluated, 'document')}" * (evaluated > 1)
        return Verdict(
            BAD_INPUT,
            f"{rejected:,} of {counted(rules, 'rule')}{over} could not be read, "
            f"more than --on-bad-rule {on_bad_rule} allows",
        )
    failed = totals.count(Outcome.FAILED)
    if run.failed or failed:
        what = [f"{run.failed:,} of {counted(run.documents, 'document')}"] * bool(run.failed)
        what += [counted(failed, "rule")] * bool(failed)
        return Verdict(INCOMPLETE, f"{' and '.join(what)} could not be evaluated")
    checked = Checked(
        violations=totals.violations,
        support=totals.support,
        predictions=totals.predictions,
        new=findings.new,
        best_score=findings.best_score,
    )
    met = fails_on(fail_on_expression, checked)
    if met:
        reasons = (f"{_reason(one, checked)} (--fail-on {one})" for one in met)
        return Verdict(VIOLATED, ", ".join(reasons))
    return Verdict(0, "")


def judged_again(ended: Finished, fail_on_expression: str) -> Finished:
    """A finished run judged by other conditions; UsageError for what it did not look for."""
    run, settings = ended.summary.run, ended.summary.settings
    new, best_score = (cast("float | None", run.get(name)) for name in ("new", "best_score"))
    if asks_for_new(fail_on_expression) and new is None:
        raise UsageError(f"--fail-on: found {fail_on_expression}, but the run had no --baseline")
    if asks_for_score(fail_on_expression) and ended.summary.totals.findings is None:
        raise UsageError(f"--fail-on: found {fail_on_expression}, but the run had no findings")
    judged = verdict(
        ended.summary.totals,
        on_bad_rule=str(settings["on_bad_rule"]),
        fail_on_expression=fail_on_expression,
        findings=Judged(None if new is None else int(new), best_score),
    )
    return replace(
        ended, exit_code=judged.exit_code, reason=judged.reason, fail_on=fail_on_expression
    )


def _reason(condition: str, checked: Checked) -> str:
    """What a run has that meets a condition."""
    if condition.startswith("new"):
        return f"{checked.new:,} new"
    if condition.startswith("score"):
        return f"a finding of score {checked.best_score!r}"
    if condition == "nothing-checked":
        return "no rule had a prediction"
    found = counted(checked.violations, "violation")
    if condition.startswith("rate"):
        return f"{found} of {counted(checked.violations + checked.support, 'decided prediction')}"
    return found
