"""What a worker does with a manifest: a whole document, from its triples to its folder of results.

Many small documents are parallel over documents, not over rules: a worker encodes one, evaluates
all rules against it, writes its results and forgets it. It imports more than a worker of one large
graph (`worker`), and holds one document's graph and one chunk of rules at a time.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
import weakref
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pff_stream.errors import InputError, RefusedError
from pff_stream.evaluate._kernel import Evaluator, TableCounter
from pff_stream.evaluate.chunk import evaluate_rules
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.execute.files import InputFile
from pff_stream.files import _pages
from pff_stream.files.durable import naming
from pff_stream.files.writers import FileWriter
from pff_stream.notes import NoteKind, Notes
from pff_stream.report._merge import write_results
from pff_stream.report._rows import RuleRows
from pff_stream.report.folder import SUMMARY, made_folder
from pff_stream.report.outputs import folder_outputs, opened
from pff_stream.report.records import Counts, Json, Outcome, Reason, Run
from pff_stream.report.run_table import RunTable
from pff_stream.report.spooled import MergeOptions, Spooled
from pff_stream.report.streams import RunHeader
from pff_stream.report.summary import Summary
from pff_stream.report.totals import RunTotals, Totals
from pff_stream.rules._table import RuleTable
from pff_stream.rules.file import RuleFile
from pff_stream.settings.manifest import Document
from pff_stream.triples._graph import GraphView
from pff_stream.triples.encode import MAPPED_BYTES, TRIM_BYTES, PrivateGraph, encode_quietly
from pff_stream.triples.inputs import triple_lines
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.report import EncodeReport
from pff_stream.work.rules import hold_to
from pff_stream.work.task import append_run

if TYPE_CHECKING:
    from pff_stream.execute.pool import Progress


UNCHECKED = NoteKind(
    "unchecked_documents",
    "document is unchecked: no rule makes a prediction for it",
    "documents are unchecked: no rule makes a prediction for them",
)


class DocumentArguments(NamedTuple):
    """Everything that a worker of a manifest is told once."""

    rules: InputFile
    """The compiled rules."""
    rules_hash: str
    options: EncodeOptions
    semantics: str
    counting: EvaluatorOptions
    merging: MergeOptions
    result_options: dict[str, Json]
    """The options that change results, as the summaries name them."""
    temporary: str
    """Folder for temporary files."""
    out: str | None
    """Folder under which each document has a folder of results; None: they have none."""
    rows: str | None
    """How the names of files begin that say what documents found of rules; None: nobody asks."""
    buffer_bytes: int
    table: InputFile | None
    """The rule table, for documents without a folder; None: chunks are read for each document."""
    share_bytes: int | None = None
    """Private memory that a worker may map beyond its set-up; None: no fence."""


class DocumentTask(NamedTuple):
    """A document and its place in the list."""

    number: int
    document: Document
    done: str | None = None
    """The hash of its triples where it was done before: then it is only held against it."""


class DocumentAnswer(NamedTuple):
    """What became of a document."""

    totals: Totals | None
    """None where it could not be evaluated."""
    reason: str
    """Why it could not."""
    notes: Notes = Notes()
    """What was skipped or noticed in it."""
    triples: str = ""
    """The hash of its triples."""
    rows: int | None = None
    """The checksum of the file of its rows; None: there is none."""


def set_up(
    progress: Progress, arguments: DocumentArguments
) -> Callable[[DocumentTask], DocumentAnswer]:
    """Opens the rule file once and returns the function that takes one document."""
    _pages.fix_thresholds(MAPPED_BYTES, TRIM_BYTES)
    checker = DocumentChecker(progress, arguments)

    def answer(task: DocumentTask) -> DocumentAnswer:
        try:
            if task.done is not None:
                return checker.compare(task.document, task.done)
            return checker.check(task.document, task.number)
        except (InputError, RefusedError) as error:
            return DocumentAnswer(None, str(error))

    if arguments.share_bytes is not None:
        hold_to(arguments.share_bytes)
    # A worker may be a thread: its files go when nobody can ask it any more.
    weakref.finalize(answer, checker.close)
    return answer


class DocumentChecker:
    """Rules that stay, and documents that come and go: each is encoded, evaluated and forgotten."""

    def __init__(self, progress: Progress, arguments: DocumentArguments) -> None:
        self._arguments = arguments
        self._progress = progress
        self._rules = RuleFile(arguments.rules.name)
        self._table = None if arguments.table is None else open_table(arguments.table.name)

    def close(self) -> None:
        """Closes the rule file."""
        self._rules.close()

    def compare(self, document: Document, expected: str) -> DocumentAnswer:
        """Answers with a reason where a document that is done is another by now."""
        found = _content(document.path, self._arguments.options)
        return DocumentAnswer(None, "" if found == expected else "was altered")

    def check(self, document: Document, number: int = 0) -> DocumentAnswer:
        """The totals of one document; with a folder its results are written there.

        Raises `InputError` for a document that cannot be read, `RefusedError` for one that does
        not fit.
        """
        graph, report = self._encoded(document)
        notes = report.notes.renamed(document.path, _shown(document))
        with RowsFile(self._arguments.rows, number) as rows:
            if self._table is not None and self._is_settled(graph):
                totals = self._count(self._table, graph, rows.rows)
                _note_unchecked(totals, _shown(document), notes)
            else:
                totals = self._write(document, graph, rows.rows, (report.input_hash, notes))
        return DocumentAnswer(totals, "", notes, report.input_hash.hex(), rows.crc32)

    def _encoded(self, document: Document) -> tuple[GraphView, EncodeReport]:
        options = self._arguments.options
        room = PrivateGraph(options.memory_bytes)
        report = encode_quietly([document.path], room, options)
        return GraphView(room.buffer), report

    def _is_settled(self, graph: GraphView) -> bool:
        """Whether the names of this graph leave each rule the reading that the table has.

        A text with several readings is settled by the names of each graph, where they can.
        """
        rules = self._rules
        return not (
            rules.unsettled
            or (rules.ambiguous and not graph.well_nested)
            or (rules.blanks and graph.has_blanks)
        )

    def _count(self, table: RuleTable, graph: GraphView, rows: RuleRows | None) -> Totals:
        """Totals without records: only what the graph can match is counted."""
        arguments = self._arguments
        counter = TableCounter(
            graph,
            arguments.semantics,
            arguments.counting,
            wide=False,
            progress=self._progress.address,
        )
        outcomes, sums, reasons = counter.count_table(table, rows)
        counts, rejected = Counts(*sums), self._rules.rejected
        return Totals(
            outcomes=(*outcomes, 0, 0, rejected),
            counts=counts,
            violations=counts.violations(partial=arguments.counting.partial),
            reasons=tuple(
                n + rejected * (one is Reason.TEXT) for n, one in zip(reasons, Reason, strict=True)
            ),
        )

    def _write(
        self,
        document: Document,
        graph: GraphView,
        rows: RuleRows | None,
        told: tuple[bytes, Notes],
    ) -> Totals:
        """Evaluates all rules, merges their records, and writes them where there is a folder.

        `told` are the hash of the triples and what was noticed in them.
        """
        arguments, (input_hash, notes) = self._arguments, told
        of_rows = [] if rows is None else [rows]
        with ExitStack() as stack:
            spool = stack.enter_context(
                tempfile.TemporaryFile(buffering=0, prefix="pff-stream-", dir=arguments.temporary)
            )
            runs = RunTable((), arguments.temporary)
            stack.callback(runs.close)
            self._evaluate(graph, spool.fileno(), runs)
            chunks = self._rules.all_source_chunks()
            spooled = Spooled(graph, [spool.fileno()], runs, chunks)
            options = arguments.merging
            if arguments.out is None:
                totals = write_results(spooled, of_rows, options)
                _note_unchecked(totals, _shown(document), notes)
                # No examples were asked for: none is cut.
                return replace(totals, cut_by_max_examples=0)
            path = os.path.join(arguments.out, document.folder)
            folder = stack.enter_context(made_folder(path))
            header = RunHeader(
                semantics=arguments.semantics,
                settings=arguments.result_options,
                inputs={"rules": arguments.rules_hash, "triples": input_hash.hex()},
                labels={"task": document.name},
            )
            with opened(folder_outputs(folder), header) as writers:
                formatters = [*(writer.formatter for writer in writers), *of_rows]
                totals = write_results(spooled, formatters, options)
                _note_unchecked(totals, _shown(document), notes)
                summary = Summary(
                    totals=RunTotals.of(totals),
                    semantics=header.semantics,
                    settings=header.settings,
                    inputs=header.inputs,
                    run={},
                    notes=notes,
                    labels=header.labels,
                )
                for writer in writers:
                    writer.end(summary)
            # The last file of a document: from here on it is finished.
            with FileWriter(os.path.join(folder, SUMMARY)) as summary_writer:
                summary_writer.write(memoryview(summary.to_bytes()))
            return totals

    def _evaluate(self, graph: GraphView, spool: int, runs: RunTable) -> None:
        """Evaluates every chunk; adds the places of the results to `runs`."""
        arguments = self._arguments
        evaluator = Evaluator(
            graph,
            arguments.semantics,
            arguments.counting,
            wide=False,
            buffer_bytes=arguments.buffer_bytes,
            progress=self._progress.address,
        )

        def keep(records: memoryview) -> None:
            run = append_run(spool, records)
            runs.add([Run(0, run.crc32, run.offset, run.length)])

        for index, count in enumerate(self._rules.chunks["rules"]):
            evaluate_rules(evaluator, graph, self._rules.read_chunk(index), 0, int(count), keep)


class RowsFile:
    """The file of the rows of one document, while it is filled; without a name there is none."""

    def __init__(self, begin: str | None, number: int) -> None:
        self.crc32: int | None = None
        self.rows: RuleRows | None = None
        self._path = None if begin is None else f"{begin}{number}"
        self._descriptor = -1

    def __enter__(self) -> RowsFile:
        if self._path is not None:
            self.crc32 = 0
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with naming(self._path):
                self._descriptor = os.open(self._path, flags, 0o600)
            self.rows = RuleRows(self._write)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self.rows is not None and kind is None:
                self.rows.finish_rows()
        finally:
            self.rows = None
            if self._descriptor >= 0:
                os.close(self._descriptor)

    def _write(self, rows: memoryview) -> None:
        self.crc32 = zlib.crc32(rows, self.crc32 or 0)
        with naming(str(self._path)):
            while len(rows):
                rows = rows[os.write(self._descriptor, rows) :]


def _shown(document: Document) -> str:
    """By the name in the manifest: the same from whatever folder the run was started."""
    return f"{document.name} ({os.path.basename(document.path)})"


def _note_unchecked(totals: Totals, document: str, notes: Notes) -> None:
    if totals.word == "unchecked" and not totals.count(Outcome.FAILED):
        notes.add(UNCHECKED, document, 0, "")


def open_table(path: str) -> RuleTable:
    """Maps a rule table: pages of a file, shared by all workers."""
    with open(path, "rb") as file:
        return RuleTable(mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ))


def _content(path: str, options: EncodeOptions) -> str:
    """The hash that a graph of this document has."""
    hashed = hashlib.blake2b(digest_size=16)
    for block in triple_lines([path], options):
        hashed.update(block)
    return hashed.hexdigest()
