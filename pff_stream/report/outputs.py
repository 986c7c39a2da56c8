"""The outputs of a run: which writer writes which file, opened and kept together.

A merge writes lines by rule. Reports that other writers make are made of those afterwards, while
their run is not over yet or at any time from its folder: there is one way to a report, and it has
the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from pff_stream.errors import UsageError
from pff_stream.files.packing import packed, packing_bytes
from pff_stream.files.temporary import temporary_file
from pff_stream.files.writers import (
    STANDARD_OUTPUT,
    OpenFile,
    Writer,
    check_output,
    open_writer,
)
from pff_stream.observer import Observer, Tick, no_tick
from pff_stream.report.formats import DOCUMENT_FOLDER, FOLDER, FORMS, file_name, form_of
from pff_stream.report.formats.findings import Findings
from pff_stream.report.formats.interface import DrivenWriter, ResultWriter
from pff_stream.report.formats.lines import Violations
from pff_stream.report.streams import OutputSizes, RunHeader
from pff_stream.report.text_out import BUFFER_BYTES
from pff_stream.settings.models import OutputOptions
from pff_stream.settings.options import split_report
from planner.formula import given
from planner.model import KERNEL, Term

if TYPE_CHECKING:
    from pff_stream.report.read_back import FinishedRun

PARQUET = ".parquet"
"""Files that end so are what they are called, whatever the name before them says."""
AnyWriter = TypeVar("AnyWriter", bound=ResultWriter)


@dataclass(frozen=True, slots=True)
class Output(Generic[AnyWriter]):
    """A writer and the file that it writes."""

    writer: AnyWriter
    path: str | None
    """`-` is standard output; None: a temporary file, which only reports are made from."""
    descriptor: int | None = None
    """Of a file that is open already."""

    def open(self) -> Writer:
        """The destination of its bytes."""
        assert self.path is not None  # see `placed`
        if self.descriptor is not None:
            return OpenFile(self.descriptor, self.path)
        writer = open_writer(self.path)
        try:
            return packed(self.path, writer)
        except BaseException:
            writer.abandon()
            raise


def folder_outputs(folder: str) -> list[Output[DrivenWriter]]:
    """What a merge writes into the folder of a document of a manifest."""
    return [Output(writer(), os.path.join(folder, file_name(writer))) for writer in DOCUMENT_FOLDER]


def merged_outputs(asked: OutputOptions) -> list[Output[DrivenWriter]]:
    """What the merge of a run writes: what was asked for, and what reports are made from."""
    outputs: list[Output[DrivenWriter]] = []
    if asked.violations is not None:
        outputs.append(Output(Violations(), asked.violations))
    if asked.out is not None:
        outputs += [Output(one(), os.path.join(asked.out, file_name(one))) for one in FOLDER]
    elif asked.report:
        outputs += [Output(one(), None) for one in FOLDER]
    return outputs


def found_outputs(asked: OutputOptions) -> list[Output[ResultWriter]]:
    """Where findings go: into the folder, else to what reports are made from, or nowhere."""
    if asked.out is not None:
        return [Output(Findings(), os.path.join(asked.out, file_name(Findings)))]
    return [Output(Findings(), None)] if asked.report else []


def merged_terms(outputs: Sequence[Output[AnyWriter]], sizes: OutputSizes) -> list[Term]:
    """What the writers of results hold."""
    terms = [
        term if output.path is not None else replace(term, name=f"{term.name} for reports")
        for output in outputs
        for term in output.writer.terms(sizes)
    ]
    return [*terms, *_packing(outputs)]


def _packing(outputs: Sequence[Output[AnyWriter]]) -> list[Term]:
    """What packing the outputs holds; nothing where none is packed."""
    n_bytes = sum(packing_bytes(output.path) for output in outputs if output.path is not None)
    if not n_bytes:
        return []
    return [Term.of("results packed", given("packing", n_bytes), "constants of the code")]


def report_outputs(asked: Sequence[str]) -> list[Output[ResultWriter]]:
    """The reports that were asked for as `FILE` or `NAME=FILE`; `UsageError` for what is none."""
    return [_report(one) for one in asked]


def _report(asked: str) -> Output[ResultWriter]:
    name, path = split_report(asked)
    form = form_of(name, path)
    if form is not None and path.endswith(PARQUET) <= (form.suffix == PARQUET):
        return Output(form.writer()(), path)
    suffixes = ", ".join(sorted({form.suffix for form in FORMS if form.suffix}))
    names = ", ".join(form.name for form in FORMS)
    raise UsageError(
        f"--report: found {asked}, expected a file whose name ends in one of {suffixes}, or "
        f"NAME=FILE with one of the names {names}"
    )


def check_reports(asked: Sequence[str], results: str | None, *, has_findings: bool = True) -> None:
    """Refuses reports that cannot be meant, before anything is computed; creates nothing.

    `results` is the folder of results, if there is one; without `has_findings` no report is made
    of findings.
    """
    for report in report_outputs(asked):
        path = str(report.path)
        if not has_findings and "finding" in report.writer.wants:
            raise UsageError(
                f"--report: found {path}, a report of findings, expected another form: a run with "
                "--findings 0 looks for none"
            )
        if path == STANDARD_OUTPUT:
            continue
        check_output(path)
        folder = os.path.dirname(os.path.abspath(path))
        if results is not None and folder == os.path.abspath(results):
            raise UsageError(
                f"--report: found {path} in the folder of results, expected it elsewhere: the next "
                "run would take it for somebody's data"
            )


def report_terms(reports: Sequence[Output[ResultWriter]], sizes: OutputSizes) -> list[Term]:
    """What making these reports holds beside this process; nothing where there are none."""
    if not reports:
        return []
    # Here, as wherever reports are made: most runs are asked for none.
    from pff_stream.report.read_back import reading

    terms = [
        replace(term, name=f"{report.path}: {term.name}")
        for report in reports
        for term in report.writer.terms(sizes)
    ]
    source = "constants of the code"
    written = given("files", len(reports)) * (2 * given("buffer", BUFFER_BYTES))
    return [
        *terms,
        *_packing(reports),
        Term.of("results read back", reading(sizes.line_bytes), source, at_most=True),
        Term.of("files being written", written, f"{source}; page cache", group=KERNEL),
    ]


def placed(
    outputs: Sequence[Output[AnyWriter]], folder: str, stack: ExitStack
) -> list[Output[AnyWriter]]:
    """The same with temporary files in `folder`, until the stack closes."""
    found = []
    for output in outputs:
        if output.path is None:
            file, path = stack.enter_context(temporary_file(folder))
            output = replace(output, path=path, descriptor=file.fileno())
        found.append(output)
    return found


class Opened(list[AnyWriter]):
    """Writers that were begun, and where their bytes go."""

    def __init__(self) -> None:
        super().__init__()
        self.destinations: list[Writer] = []

    def settle(self) -> None:
        """Waits until all that was written is on the disk: it leaves the page cache."""
        for destination in self.destinations:
            destination.drop_all()


@contextmanager
def opened(outputs: Sequence[Output[AnyWriter]], header: RunHeader) -> Iterator[Opened[AnyWriter]]:
    """Opens all outputs and begins their writers; keeps them at the end, an error abandons them."""
    with ExitStack() as stack:
        writers: Opened[AnyWriter] = Opened()
        for output in outputs:
            destination = output.open()
            stack.callback(destination.abandon)
            writers.destinations.append(destination)
            output.writer.begin(header, destination)
            writers.append(output.writer)
        yield writers
        for destination in writers.destinations:
            destination.commit()


def written_lines(reports: Sequence[Output[ResultWriter]]) -> list[str]:
    """Where the reports are, for people."""
    return [f"report: {report.path}" for report in reports if report.path != STANDARD_OUTPUT]


def write_reports(
    run: FinishedRun,
    reports: Sequence[Output[ResultWriter]],
    observer: Observer,
    tick: Tick = no_tick,
) -> None:
    """Gives every writer the streams that it wants, document by document; `tick` often."""
    observer.phase("report", run.summary.totals.documents, "documents")
    with opened(reports, run.header) as writers:
        of_metrics, of_findings, of_documents = (
            [writer for writer in writers if stream in writer.wants]
            for stream in ("metric", "finding", "document")
        )
        for metric in run.sums() if of_metrics else ():
            for writer in of_metrics:
                writer.metric(metric)
            tick()
        for results in run.documents():
            for metric in results.metrics() if of_metrics else ():
                for writer in of_metrics:
                    writer.metric(metric)
                tick()
            for finding in results.findings() if of_findings else ():
                for writer in of_findings:
                    writer.finding(finding)
                tick()
            for writer in of_documents:
                writer.document(results.document())
            observer.advance(1)
        tick(now=True)
        for writer in writers:
            writer.end(run.summary)
