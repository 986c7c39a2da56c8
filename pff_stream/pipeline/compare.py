"""Compares two finished runs by what lies in their folders: nothing is evaluated again."""

from __future__ import annotations

from collections.abc import Iterator

from pff_stream.errors import UsageError
from pff_stream.findings.compare import (
    Changes,
    Comparison,
    FindingChange,
    compare_findings,
    compare_rules,
)
from pff_stream.report.read_back import FinishedRun
from pff_stream.report.streams import Finding, RuleMetric
from pff_stream.report.summary import visible
from pff_stream.words import counted


def compare(old: str, new: str) -> Comparison:
    """What changed from one folder of results to the other.

    Raises `InputError` where a folder holds no finished run, `UsageError` where both ranked their
    findings by something else.
    """
    before, now = FinishedRun.of_folder(old), FinishedRun.of_folder(new)
    found = Comparison(floor=_floor(before, now))
    compare_rules(_metrics(before), _metrics(now), found.rules)
    compare_findings(_findings(before), _findings(now), found)
    return found


def comparison_lines(found: Comparison) -> Iterator[str]:
    """For people: the first of each kind, and how many there are."""
    yield f"{counted(found.rules.total, 'rule')} of another outcome or other counts"
    for change in found.rules.first:
        yield f"  {_counts(change.old)} -> {_counts(change.new)}  {visible(change.rule_text)}"
    yield from _rest(found.rules)
    above = "" if found.floor is None else f" (at {found.floor:g} and above)"
    for word, changes in (
        ("new", found.new),
        ("fixed or no longer predicted", found.gone),
        ("of another score", found.rescored),
    ):
        yield f"{counted(changes.total, 'finding')} {word}{above}"
        for one in changes.first:
            yield f"  {_scores(one)}  {visible('  '.join(one.triple))}"
        yield from _rest(changes)


def _rest(changes: Changes) -> Iterator[str]:
    more = changes.total - len(changes.first)
    if more:
        yield f"  and {more:,} more"


def _counts(values: dict[str, object] | None) -> str:
    if values is None:
        return "none"
    return f"{values['outcome']} {values['support']}/{values['predictions']}"


def _scores(change: FindingChange) -> str:
    scores = [change.old_score, change.new_score]
    return " -> ".join(f"{one:.3f}" for one in scores if one is not None)


def _floor(before: FinishedRun, now: FinishedRun) -> float | None:
    """The higher floor of both."""
    totals = [run.summary.totals.findings for run in (before, now)]
    ranked = {one.ranked_by for one in totals if one is not None}
    if len(ranked) > 1:
        raise UsageError(
            f"compare: found findings ranked by {' and by '.join(sorted(ranked))}, expected both "
            "by the same"
        )
    floors = [one.floor for one in totals if one is not None and one.floor is not None]
    # A list that was cut tells of nothing below the confidence of its last rule.
    cuts = [one.confidence for one in totals if one is not None and not one.is_all]
    return max([*floors, *(cut for cut in cuts if cut is not None)], default=None)


def _metrics(run: FinishedRun) -> Iterator[RuleMetric]:
    for document in run.documents():
        if not run.of_manifest:
            yield from document.metrics()


def _findings(run: FinishedRun) -> Iterator[Finding]:
    for document in run.documents():
        yield from document.findings()
