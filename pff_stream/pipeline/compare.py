"""Compares two finished runs by what lies in their folders: nothing is evaluated again."""

from __future__ import annotations

import math
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
    if before.of_manifest != now.of_manifest:
        raise UsageError(
            "compare: found a run over one graph and one over a manifest, expected two of a kind"
        )
    found = Comparison(floor=_floor(before, now))
    compare_rules(_metrics(before), _metrics(now), found.rules)
    for run, folder in ((before, old), (now, new)):
        if run.summary.totals.findings is None:
            found.without = folder
            return found
    cuts: dict[str, float] = {}
    for run in (before, now):
        _add_cuts(run, cuts)
    if now.of_manifest:
        found.cut_documents = len(cuts)
    else:
        found.above = cuts.get("")
    of_documents = now.of_manifest
    compare_findings(_findings(before), _findings(now), found, cuts, by_document=of_documents)
    return found


def comparison_lines(found: Comparison) -> Iterator[str]:
    """For people: the first of each kind, and how many there are."""
    yield f"{counted(found.rules.total, 'rule')} of another outcome or other counts"
    for change in found.rules.first:
        yield f"  {_counts(change.old)} -> {_counts(change.new)}  {visible(change.rule_text)}"
    yield from _rest(found.rules)
    if found.without:
        yield f"findings are not compared: the run in {visible(found.without)} looked for none"
        return
    above = _judged(found)
    for word, changes in (
        ("new", found.new),
        ("fixed or no longer predicted", found.gone),
        ("of another score", found.rescored),
    ):
        yield f"{counted(changes.total, 'finding')} {word}{above}"
        for one in changes.first:
            names = [one.document] * bool(one.document) + [*one.triple]
            yield f"  {_scores(one)}  {visible('  '.join(names))}"
        yield from _rest(changes)
    if found.above is not None or found.cut_documents:
        yield "lists were cut: runs with --findings all --floor C tell of more"


def _judged(found: Comparison) -> str:
    """Which findings are compared, where these are not all."""
    if found.above is not None and found.above >= (found.floor or 0.0):
        return f" (above {found.above:g})"
    said = [] if found.floor is None else [f"at {found.floor:g} and above"]
    if found.cut_documents:
        documents = counted(found.cut_documents, "document")
        said.append(f"of {documents} above the last that was written")
    return f" ({'; '.join(said)})" if said else ""


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
    return max(floors, default=None)


def _add_cuts(run: FinishedRun, cuts: dict[str, float]) -> None:
    """Notes the last score of each document whose list was cut: of what follows nothing is known.

    There may be others of that score.
    """
    for document in run.documents():
        last = math.inf
        for finding in document.findings():
            last = finding.score
        if not document.has_all_findings:
            cuts[document.name] = max(last, cuts.get(document.name, last))


def _metrics(run: FinishedRun) -> Iterator[RuleMetric]:
    if run.of_manifest:
        yield from run.summed()
        return
    for document in run.documents():
        yield from document.metrics()


def _findings(run: FinishedRun) -> Iterator[Finding]:
    for document in run.documents():
        yield from document.findings()
