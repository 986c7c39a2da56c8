"""A run from end to end: inputs, plan, workers, results; each stage in a module of its own.

The order is the way of the data: `prepare`, `evaluate`, `conclude`; how a run is cut into tasks say
`by_rules` and `by_document`. Everything that is opened is closed on every way out, and nothing big
is allocated before the plan has said that it fits.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeAlias

from pff_stream.errors import UsageError
from pff_stream.findings.bases import miner_bases
from pff_stream.limits.fence import planned_phase_held, threads_held
from pff_stream.notes import Notes, say
from pff_stream.observer import Observer
from pff_stream.pipeline.conclude import (
    Facts,
    Result,
    conclude,
    report_lines,
    summary_of,
)
from pff_stream.pipeline.cut import Tasks
from pff_stream.pipeline.evaluate import Running, carry_out, evaluate, started
from pff_stream.pipeline.passing import with_results
from pff_stream.pipeline.prepare import prepared
from pff_stream.pipeline.sources import SourcesOfRun
from pff_stream.pipeline.verdict import NOTHING_FOUND, Judged
from pff_stream.plan.sweep import Sweep, parse_sweep
from pff_stream.report.folder import check_outputs, clear_others
from pff_stream.report.labels import read_labels
from pff_stream.report.outputs import check_reports, report_outputs, write_reports, written_lines
from pff_stream.report.totals import RunTotals
from pff_stream.settings.commands import RunSettings
from planner.plan import Plan

if TYPE_CHECKING:
    from pff_stream.inputs import TriplesGiven
    from pff_stream.pipeline.cluster_plan import ClusterPlan
    from pff_stream.rules.given import RulesGiven

Given: TypeAlias = "tuple[RulesGiven | None, TriplesGiven | None]"
"""Rules and triples of a Python caller; None: by path."""


def make_plan(settings: RunSettings, observer: Observer) -> Plan:
    """The plan that `run` would make; nothing is evaluated."""
    _check_reports(settings)
    with with_results(settings) as kept, prepared(kept, observer) as ready:
        say(ready.rules.notes)
        return ready.plan


def make_cluster_plan(settings: RunSettings, observer: Observer) -> ClusterPlan:
    """The plan of a run over a cluster, with that of each of its hosts. Nothing is evaluated."""
    from pff_stream.pipeline.cluster_plan import ClusterPlan

    _check_reports(settings)
    with with_results(settings) as kept, prepared(kept, observer) as ready:
        say(ready.rules.notes)
        assert ready.cluster is not None  # the settings name one
        return ClusterPlan.of(ready.plan, ready.cluster)


def make_sweep(settings: RunSettings, text: str, observer: Observer) -> Sweep:
    """A plan for each number of workers; inputs are prepared once. Nothing is evaluated."""
    counts = parse_sweep(text)
    _check_reports(settings)
    for name in ("workers", "plan"):
        if getattr(settings.resources, name) is not None:
            raise UsageError(f"--sweep: found together with --{name}, expected one of the two")
    with with_results(settings) as kept, prepared(kept, observer) as ready:
        say(ready.rules.notes)
        return Sweep(tuple(ready.budget.sweep(counts)))


def write_pictures(made: Plan | Sweep | ClusterPlan, settings: RunSettings) -> list[str]:
    """Writes a plan to the reports of the run that can show one; returns where."""
    if not settings.output.report:
        return []
    from pff_stream.plan.picture import write_pictures

    here = made if isinstance(made, Plan | Sweep) else made.here
    return write_pictures(here, settings.output.report)


def run(
    settings: RunSettings,
    observer: Observer,
    begun: Callable[[Running], None] = lambda running: None,
    given: Given = (None, None),
) -> Result:
    """Validates; raises `RefusedError` where the plan does not fit.

    `begun` is told when everything is open and nothing evaluated yet: it may look at the run, or
    give it another executor. `given` rules and triples stand in for the settings' paths.
    """
    check_asked(settings)
    with (
        with_results(settings) as kept,
        prepared(kept, observer, *given) as ready,
        started(ready, observer) as running,
    ):
        begun(running)
        with threads_held(ready.plan, settings.resources):
            evaluate(running, observer)
        return ended(running, settings, observer)


def check_asked(settings: RunSettings) -> None:
    """Refuses outputs that cannot be meant, before anything is computed."""
    out, wanted = settings.output, settings.results
    check_outputs(out.out, wanted.violations, overwrite=out.overwrite or out.resume is not None)
    if wanted.names_file is not None:
        read_labels(wanted.names_file)  # what is wrong with it is said now
    _check_reports(settings)


def _check_reports(settings: RunSettings) -> None:
    wanted = settings.results
    check_reports(wanted.report, wanted.out, has_findings=settings.finds)


def ended(running: Running, settings: RunSettings, observer: Observer) -> Result:
    """The results of a run that has all its answers: written, judged and told."""
    ready, work = running.ready, running.work
    out, wanted = settings.output.out, settings.results
    with ExitStack() as stack:
        notes = ready.notes
        notes.merge(work.notes)
        say(work.notes)

        def carry(tasks: Tasks) -> None:
            if tasks.phase == "list":
                observer.phase("findings", tasks.n_units, tasks.unit)
            carry_out(running, tasks, tasks.phase, observer)
            if tasks.phase == "list":
                observer.phase("findings", None, "findings")

        totals = work.totals(carry, observer, stack)
        if totals.findings is not None:
            lines = totals.findings.rules_shown()
            totals.findings.bases = miner_bases(ready.rules.file, ready.ranking.kind, lines)
        noticed = work.noticed(totals)
        notes.merge(noticed)
        say(noticed)
        facts = _facts(running, settings, notes, totals)
        result = conclude(totals, facts)
        if ready.cluster is not None:
            result.memory_lines.extend(ready.cluster.memory_lines())
        summary = summary_of(result, facts)
        work.end(summary)
    if out is not None:
        clear_others(out, work.result_files, wanted.violations)
        work.keep(out, summary)
    reports = report_outputs(wanted.report)
    if reports:
        ready.meter.begin("report", quick=True)
        results = work.results(summary)
        results.tell_sources(SourcesOfRun(results.summary))
        with planned_phase_held(ready.plan, "report", settings.resources):
            write_reports(results, reports, observer, ready.meter.tick)
        ready.meter.tick(now=True)
        result.lines.extend(written_lines(reports))
        result.memory_lines.extend(report_lines(facts))
    work.finish()
    return result


def _facts(running: Running, settings: RunSettings, notes: Notes, totals: RunTotals) -> Facts:
    found = totals.findings

    ready, work = running.ready, running.work
    hosts = {} if ready.cluster is None else {"hosts": ready.cluster.told()}
    return Facts(
        settings=settings,
        plan=ready.plan,
        meter=ready.meter,
        semantics=ready.semantics,
        inputs=ready.hashes,
        seconds=ready.seconds,
        compared=work.compared(),
        notes=notes,
        findings=NOTHING_FOUND if found is None else Judged(found.new, found.best_score),
        labels=ready.documents.labels,
        work={**work.facts(), "retried": running.retried, **hosts},
    )
