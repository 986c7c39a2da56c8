"""Turns evaluated rules into outputs: the merge, the files of the folder, the summary."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pff_stream.errors import DamagedResultsError
from pff_stream.files.writers import (
    STANDARD_OUTPUT,
    FileWriter,
    Writer,
    check_output,
    open_writer,
)
from pff_stream.inputs import Rules
from pff_stream.observer import Observer
from pff_stream.plan.accuracy import Compared, compared, compared_lines
from pff_stream.plan.sizes import busy_workers, fan_in, holds_names
from pff_stream.report._merge import write_results
from pff_stream.report.folder import OUTCOMES, RULES, SUMMARY, VIOLATIONS, check_folder
from pff_stream.report.records import Outcome
from pff_stream.report.summary import Json, Summary, Totals, cap_lines, summary_lines
from pff_stream.run.evaluate import Evaluated
from pff_stream.settings.models import RunSettings
from pff_stream.settings.policy import fail_on, too_many_rejected
from pff_stream.triples._resident_names import ResidentNames
from pff_stream.triples.graph import attach
from planner.sizes import format_size

INCOMPLETE = 4
BAD_INPUT = 2
VIOLATED = 1


@dataclass(frozen=True, slots=True)
class Result:
    """What the command ends with."""

    exit_code: int
    lines: list[str]
    totals: Totals


def check_outputs(settings: RunSettings) -> None:
    """Refuses outputs that cannot be meant, before anything is computed; creates nothing."""
    if settings.out is not None and os.path.lexists(settings.out):
        overwrite = settings.overwrite or settings.resume is not None
        check_folder(settings.out, overwrite=overwrite)
    if settings.violations not in (None, STANDARD_OUTPUT):
        check_output(str(settings.violations))


def write_outputs(done: Evaluated, folder: str | None, observer: Observer) -> Result:
    """Merges the spool in source order into everything that was asked for."""
    settings = done.ready.settings
    observer.phase("merge", done.ready.rules.file.rules)
    began = time.perf_counter()
    with ExitStack() as stack:
        violations, rules, outcomes = _writers(folder, settings.violations, stack)
        totals = merge(done, violations=violations, rules=rules, outcomes=outcomes)
        observer.advance(done.ready.rules.file.rules)
        done.meter.tick(now=True)
        for writer in (violations, rules, outcomes):
            if writer is not None:
                writer.commit()
        done.ready.seconds["merge"] = time.perf_counter() - began
        result = Result(verdict(done, totals), _lines(done, totals), totals)
        if folder is not None:
            with FileWriter(os.path.join(folder, SUMMARY)) as writer:
                writer.write(memoryview(_summary(done, result).to_bytes()))
    return result


def _writers(
    folder: str | None, violations_path: str | None, stack: ExitStack
) -> tuple[Writer | None, Writer | None, Writer | None]:
    """The destinations; each is abandoned when the stack closes before it was committed."""

    def kept(writer: Writer) -> Writer:
        stack.callback(writer.abandon)
        return writer

    violations: Writer | None = None
    if violations_path is not None:
        violations = kept(open_writer(violations_path))
    elif folder is not None:
        violations = kept(FileWriter(os.path.join(folder, VIOLATIONS)))
    if folder is None:
        return violations, None, None
    return (
        violations,
        kept(FileWriter(os.path.join(folder, RULES))),
        kept(FileWriter(os.path.join(folder, OUTCOMES))),
    )


def merge(
    done: Evaluated,
    *,
    violations: Writer | None = None,
    rules: Writer | None = None,
    outcomes: Writer | None = None,
) -> Totals:
    """One pass over the spool in source order."""
    ready = done.ready
    with attach(ready.graph.name) as graph, ExitStack() as stack:
        if holds_names(ready.plan.settings):
            names = ResidentNames(graph.view, ready.graph.name)
            stack.callback(names.close)
        with rules_blamed(ready.rules):
            totals: Totals = write_results(
                graph.view,
                [done.spool.fileno()],
                done.evaluation.runs,
                ready.rules.file.all_source_chunks(),
                violations=violations,
                rules=rules,
                outcomes=outcomes,
                unseen=ready.settings.unseen,
                max_violations=ready.settings.max_violations,
                temporary_dir=ready.folder,
                fan_in=fan_in(ready.sizes),
            )
    ready.check_inputs()
    return totals


@contextmanager
def rules_blamed(rules: Rules) -> Iterator[None]:
    """Around a merge: `InputError` where it fails because of a rule file that was made to."""
    try:
        yield
    except DamagedResultsError:
        rules.check_complete()
        raise


def verdict(done: Evaluated, totals: Totals) -> int:
    """The exit code that these results end the command with."""
    settings = done.ready.settings
    if too_many_rejected(settings.on_bad_rule, totals.count(Outcome.REJECTED), totals.rules):
        return BAD_INPUT
    if totals.count(Outcome.FAILED):
        return INCOMPLETE
    violated = fail_on(
        settings.fail_on, violations=totals.violations, predictions=totals.predictions
    )
    return VIOLATED if violated else 0


def _lines(done: Evaluated, totals: Totals) -> list[str]:
    ready = done.ready
    lines = list(summary_lines(totals, ready.semantics))
    if ready.settings.out is not None:
        lines = [*lines[:2], *cap_lines(totals), f"results: {ready.settings.out}"]
    lines.append(
        f"peak memory: planned {format_size(ready.plan.peak_bytes)}, "
        f"measured {format_size(done.meter.watch.peak_bytes)}, "
        f"budget {format_size(ready.plan.budget_bytes)}"
    )
    return lines + compared_lines(_compared(done))


def _compared(done: Evaluated) -> list[Compared]:
    ready = done.ready
    workers = busy_workers(ready.sizes, ready.plan.settings)
    return compared(ready.plan, done.meter.watch, workers, done.evaluation.held)


def _summary(done: Evaluated, result: Result) -> Summary:
    ready, evaluation = done.ready, done.evaluation
    settings, plan = ready.settings, ready.plan
    return Summary(
        totals=result.totals,
        semantics=ready.semantics,
        settings={
            "min_confidence": settings.min_confidence,
            "min_support": settings.min_support,
            "max_work": settings.max_work,
            "unseen": settings.unseen,
            "max_examples": settings.max_examples,
            "max_violations": settings.max_violations,
        },
        inputs={
            "rules": ready.rules.source_hash.hex(),
            "triples": ready.graph.input_hash.hex(),
        },
        run={
            "budget_bytes": plan.budget_bytes,
            "budget_source": plan.budget_source,
            "planned_peak_bytes": plan.peak_bytes,
            "planned_terms": {term.name: term.bytes for term in plan.terms},
            "planned_phases": {phase.name: phase.bytes for phase in plan.phases},
            "measured_peak_bytes": done.meter.watch.peak_bytes,
            "measured_groups": [
                {
                    "name": one.name,
                    "terms": list(one.terms),
                    "planned_bytes": one.planned_bytes,
                    "measured_bytes": one.measured_bytes,
                }
                for one in _compared(done)
            ],
            "measured_processes": [
                {"anon_bytes": one.anon_bytes, "page_table_bytes": one.page_table_bytes}
                for one in done.meter.watch.at_peak
            ],
            "workers": plan.settings["workers"],
            "start_method": plan.settings["start_method"],
            "window": plan.settings["window"],
            "backing": plan.settings.get("backing"),
            "seconds": {name: round(value, 3) for name, value in ready.seconds.items()},
            "evaluation_cpu_seconds": round(evaluation.cpu_seconds, 6),
            "edges": evaluation.edges,
            "spooled_bytes": evaluation.spooled_bytes,
            "retried": evaluation.retried,
            "resumed_rules": 0 if done.kept is None else done.kept.n_rules,
            "versions": versions(),
            "exit_code": result.exit_code,
            "lines": result.lines,
        },
    )


def versions() -> dict[str, Json]:
    """What the results were made with."""
    import msgpack
    import numpy as np

    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "msgpack": ".".join(map(str, msgpack.version)),
        "platform": sys.platform,
    }
