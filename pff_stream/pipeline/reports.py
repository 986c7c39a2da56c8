"""Reports of a run that is over, made from its folder: nothing is evaluated again."""

from __future__ import annotations

import os

from pff_stream.errors import RefusedError
from pff_stream.files.sources import open_blocks
from pff_stream.limits.fence import without_own_group
from pff_stream.observer import Observer
from pff_stream.pipeline.sources import SourcesOfRun
from pff_stream.report.formats import file_name
from pff_stream.report.formats.findings import Findings
from pff_stream.report.outputs import (
    check_reports,
    report_outputs,
    report_terms,
    write_reports,
    written_lines,
)
from pff_stream.report.read_back import FinishedRun
from pff_stream.report.streams import OutputSizes
from pff_stream.settings.commands import ReportSettings
from planner.machine import read_machine
from planner.probe import measure_self
from planner.sizes import format_size


def findings_of(folder: str) -> dict[str, int]:
    """Bytes of the longest line of findings, and of all; nothing where there is no such file."""
    longest = n_bytes = rest = 0
    path = os.path.join(folder, file_name(Findings))
    if not os.path.exists(path):
        return {}
    for block in open_blocks(path):
        first, *more = block.split(b"\n")
        rest += len(first)
        longest = max(longest, rest)
        if more:
            longest = max(longest, *map(len, more))
            rest = len(more[-1])
        n_bytes += len(block)
    return {"line_bytes": longest + 1, "findings_bytes": n_bytes}


def make_reports(folder: str, settings: ReportSettings, observer: Observer) -> list[str]:
    """Makes the reports that were asked for; returns what to say about them.

    Raises `InputError` where the folder holds no finished run or its files are not as it left them,
    `RefusedError` where the budget has no room for the reports.
    """
    asked = settings.output.report
    check_reports(asked, folder)
    reports = report_outputs(asked)
    run = FinishedRun.of_folder(folder)
    totals, sources = run.summary.totals, SourcesOfRun(run.summary)
    rules = totals.rules.rules // max(1, totals.documents - totals.failed)
    sizes = OutputSizes(
        rules,
        totals.documents,
        findings=0 if totals.findings is None else totals.findings.written,
        source_bytes=sources.reading_bytes(),
        **findings_of(folder),
    )
    needed = sum(term.bytes for term in report_terms(reports, sizes)) + measure_self().bytes
    machine = without_own_group(read_machine(0, settings.resources.budget_bytes))
    if needed > machine.budget_bytes:
        raise RefusedError(
            f"refused: these reports need {format_size(needed)}, budget "
            f"{format_size(machine.budget_bytes)} ({machine.budget_source})"
        )
    run.tell_sources(sources)
    write_reports(run, reports, observer)
    return written_lines(reports)
