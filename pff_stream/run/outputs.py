"""Turns evaluated rules into outputs: the merge, the files of the folder, the summary."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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
from pff_stream.plan.accuracy import Compared, compared
from pff_stream.plan.sizes import busy_workers, fan_in, holds_names
from pff_stream.report._merge import write_results
from pff_stream.report.folder import OUTCOMES, RULES, VIOLATIONS, check_folder
from pff_stream.report.totals import RunTotals, Totals
from pff_stream.run.conclude import Facts, Result, conclude, write_summary
from pff_stream.run.evaluate import Evaluated
from pff_stream.settings.models import RunSettings
from pff_stream.triples.graph import attach


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
        facts = _facts(done)
        result = conclude(RunTotals.of(totals), facts)
        if folder is not None:
            write_summary(folder, result, facts)
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
            from pff_stream.triples._resident_names import ResidentNames

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


def _compared(done: Evaluated) -> list[Compared]:
    ready = done.ready
    workers = busy_workers(ready.sizes, ready.plan.settings)
    return compared(ready.plan, done.meter.watch, workers, done.evaluation.held)


def _facts(done: Evaluated) -> Facts:
    ready, evaluation = done.ready, done.evaluation
    return Facts(
        settings=ready.settings,
        plan=ready.plan,
        watch=done.meter.watch,
        semantics=ready.semantics,
        inputs={
            "rules": ready.rules.source_hash.hex(),
            "triples": ready.graph.input_hash.hex(),
        },
        seconds=ready.seconds,
        compared=_compared(done),
        work={
            "evaluation_cpu_seconds": round(evaluation.cpu_seconds, 6),
            "edges": evaluation.edges,
            "spooled_bytes": evaluation.spooled_bytes,
            "retried": evaluation.retried,
            "resumed_rules": 0 if done.kept is None else done.kept.n_rules,
        },
    )
