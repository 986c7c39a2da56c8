"""Turns evaluated rules into outputs: the merge, the files of the folder, the summary."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pff_stream.errors import DamagedResultsError
from pff_stream.files.writers import STANDARD_OUTPUT, check_output
from pff_stream.inputs import Rules
from pff_stream.observer import Observer
from pff_stream.plan.accuracy import Compared, compared
from pff_stream.plan.sizes import busy_workers, fan_in, holds_names
from pff_stream.report._merge import write_results
from pff_stream.report._pass import Formatter
from pff_stream.report.folder import check_folder
from pff_stream.report.outputs import merged_outputs, opened
from pff_stream.report.spooled import MergeOptions, Spooled
from pff_stream.report.streams import RunHeader
from pff_stream.report.totals import RunTotals, Totals
from pff_stream.run.conclude import (
    Facts,
    Result,
    conclude,
    summary_of,
    write_summary,
)
from pff_stream.run.evaluate import Evaluated
from pff_stream.settings.models import OutputOptions
from pff_stream.triples._graph import GraphView
from pff_stream.triples.graph import attach


def check_outputs(output: OutputOptions) -> None:
    """Refuses outputs that cannot be meant, before anything is computed; creates nothing."""
    if output.out is not None and os.path.lexists(output.out):
        overwrite = output.overwrite or output.resume is not None
        check_folder(output.out, overwrite=overwrite)
    if output.violations not in (None, STANDARD_OUTPUT):
        check_output(str(output.violations))


def write_outputs(done: Evaluated, folder: str | None, observer: Observer) -> Result:
    """Merges the spool in source order into everything that was asked for."""
    output = done.ready.settings.output
    observer.phase("merge", done.ready.rules.file.rules)
    began = time.perf_counter()
    with opened(merged_outputs(folder, output.violations), _header(done)) as writers:
        totals = merge(done, [writer.formatter for writer in writers])
        observer.advance(done.ready.rules.file.rules)
        done.meter.tick(now=True)
        done.ready.seconds["merge"] = time.perf_counter() - began
        facts = _facts(done)
        result = conclude(RunTotals.of(totals), facts)
        summary = summary_of(result, facts)
        for writer in writers:
            writer.end(summary)
    if folder is not None:
        write_summary(folder, summary)
    return result


def merge(done: Evaluated, formatters: Sequence[Formatter] = ()) -> Totals:
    """One pass over the spool in source order, which formatters write down."""
    ready = done.ready
    with attach(ready.graph.name) as graph, ExitStack() as stack:
        if holds_names(ready.plan.settings):
            from pff_stream.triples._resident_names import ResidentNames

            names = ResidentNames(graph.view, ready.graph.name)
            stack.callback(names.close)
        with rules_blamed(ready.rules):
            totals: Totals = write_results(
                spooled(done, graph.view), formatters, merge_options(done)
            )
    ready.check_inputs()
    return totals


def spooled(done: Evaluated, graph: GraphView) -> Spooled:
    """The results of a run as a merge takes them."""
    chunks = done.ready.rules.file.all_source_chunks()
    return Spooled(graph, [done.spool.fileno()], done.evaluation.runs, chunks)


def merge_options(done: Evaluated) -> MergeOptions:
    """How its plan has them merged."""
    ready = done.ready
    return MergeOptions(
        unseen=ready.settings.evaluation.unseen,
        max_violations=ready.settings.evaluation.max_violations,
        temporary_dir=ready.folder,
        fan_in=fan_in(ready.sizes),
    )


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


def _header(done: Evaluated) -> RunHeader:
    ready = done.ready
    return RunHeader(ready.semantics, ready.settings.result_options(), _inputs(done))


def _inputs(done: Evaluated) -> dict[str, str]:
    """Hashes of the contents of both inputs."""
    ready = done.ready
    return {"rules": ready.rules.source_hash.hex(), "triples": ready.graph.input_hash.hex()}


def _facts(done: Evaluated) -> Facts:
    ready, evaluation = done.ready, done.evaluation
    return Facts(
        settings=ready.settings,
        plan=ready.plan,
        watch=done.meter.watch,
        semantics=ready.semantics,
        inputs=_inputs(done),
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
