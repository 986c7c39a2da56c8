"""What a worker does with a manifest: a whole document, from its triples to its folder of results.

Many small documents are parallel over documents, not over rules: a worker encodes one, evaluates
all rules against it, writes its results and forgets it. It imports more than a worker of one large
graph (`worker`), and holds one document's graph and one chunk of rules at a time.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pff_stream.errors import InputError, RefusedError
from pff_stream.evaluate._kernel import Evaluator, TableCounter
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.execute.files import InputFile
from pff_stream.files import _pages
from pff_stream.files.sources import shown
from pff_stream.files.writers import FileWriter
from pff_stream.notes import NoteKind, Notes
from pff_stream.report._merge import write_results
from pff_stream.report._pass import Formatter
from pff_stream.report._rows import RuleRows
from pff_stream.report.folder import SUMMARY, made_folder
from pff_stream.report.outputs import folder_outputs, opened
from pff_stream.report.records import Counts, Json, Outcome, Reason
from pff_stream.report.spooled import MergeOptions
from pff_stream.report.streams import RunHeader
from pff_stream.report.summary import Summary
from pff_stream.report.totals import RunTotals, Totals
from pff_stream.rules._table import RuleTable
from pff_stream.rules.file import RuleFile
from pff_stream.settings.manifest import Document
from pff_stream.triples._graph import GraphView
from pff_stream.triples.encode import MAPPED_BYTES, TRIM_BYTES, PrivateGraph, encode_quietly
from pff_stream.triples.formats.json import document_stem
from pff_stream.triples.inputs import triple_lines
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.quick import QuickEncoder, plain_json
from pff_stream.work.answered_files import RowsFile
from pff_stream.work.found import DocumentFinder, FindingsArguments, FoundAnswer, OneDocument
from pff_stream.work.rules import hold_to
from pff_stream.work.spooled import is_settled, spooled_rules

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
    findings: FindingsArguments | None = None
    """The findings that are wanted; None: none are."""


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
    found: FoundAnswer | None = None
    """What was found in it; None: nobody looked."""


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
        self._quick = QuickEncoder(arguments.options)
        self._table = None if arguments.table is None else open_table(arguments.table.name)
        self._finder = None
        if arguments.findings is not None:
            told = (arguments.semantics, arguments.counting, arguments.buffer_bytes)
            self._finder = DocumentFinder(arguments.findings, self._rules, told, arguments.options)

    def close(self) -> None:
        """Closes the files of the rules and of an earlier run."""
        self._rules.close()
        if self._finder is not None:
            self._finder.close()

    def compare(self, document: Document, expected: str) -> DocumentAnswer:
        """Answers with a reason where a document that is done is another by now."""
        found = _content(document.path, self._arguments.options)
        return DocumentAnswer(None, "" if found == expected else "was altered")

    def check(self, document: Document, number: int = 0) -> DocumentAnswer:
        """The totals of one document; with a folder its results are written there.

        Raises `InputError` for a document that cannot be read, `RefusedError` for one that does
        not fit.
        """
        graph, found_notes, input_hash = self._encoded(document)
        shown = _shown(document)
        notes = found_notes.renamed(document.path, shown)
        one = OneDocument(number, document, graph, input_hash)
        with RowsFile(self._arguments.rows, number) as rows:
            if self._table is not None and is_settled(self._rules, graph):
                totals, found = self._count(self._table, one, rows.rows)
                _note_unchecked(totals, shown, notes)
            else:
                totals, found = self._merge(one, rows.rows, notes)
        if found is not None:
            notes.merge(found.notes.renamed(document.path, shown))
        return DocumentAnswer(totals, "", notes, input_hash.hex(), rows.crc32, found)

    def _encoded(self, document: Document) -> tuple[GraphView, Notes, bytes]:
        """The graph, what was noticed, and the hash of its triples."""
        options, path = self._arguments.options, document.path
        text = plain_json(path, options)
        if text is not None:
            quick = self._quick.of_text(shown(path), document_stem(path), text)
            if quick is not None:
                graph = GraphView(quick)
                return graph, self._quick.notes, graph.input_hash
        room = PrivateGraph(options.memory_bytes)
        report = encode_quietly([path], room, options)
        return GraphView(room.buffer), report.notes, report.input_hash

    def _count(
        self, table: RuleTable, one: OneDocument, rows: RuleRows | None
    ) -> tuple[Totals, FoundAnswer | None]:
        """Totals without records: only what the graph can match is counted."""
        arguments, finder = self._arguments, self._finder
        counter = TableCounter(
            one.graph,
            arguments.semantics,
            arguments.counting,
            wide=False,
            progress=self._progress.address,
        )
        outcomes, sums, reasons = counter.count_table(
            table, rows, keeps_violated=finder is not None
        )
        counts, rejected = Counts(*sums), self._rules.rejected
        totals = Totals(
            outcomes=(*outcomes, 0, 0, rejected),
            counts=counts,
            violations=counts.violations(partial=arguments.counting.partial),
            reasons=tuple(
                n + rejected * (why is Reason.TEXT) for n, why in zip(reasons, Reason, strict=True)
            ),
        )
        return totals, None if finder is None else finder.by_table(one, table, counter)

    def _merge(
        self, one: OneDocument, rows: RuleRows | None, notes: Notes
    ) -> tuple[Totals, FoundAnswer | None]:
        """Totals by the records of all rules, which are ranked where findings are wanted."""
        told = (one.input_hash, notes)
        of_rows: list[Formatter] = [] if rows is None else [rows]
        if self._finder is None:
            return self._write(one.document, one.graph, of_rows, told), None
        with self._finder.ranked() as (ranking, order):
            totals = self._write(one.document, one.graph, [*of_rows, ranking], told)
            return totals, self._finder.by_results(one, ranking, order)

    def _write(
        self,
        document: Document,
        graph: GraphView,
        more: Sequence[Formatter],
        told: tuple[bytes, Notes],
    ) -> Totals:
        """Evaluates all rules, merges their records, and writes them where there is a folder.

        `more` are given the rules, too; `told` are the hash of the triples and what was noticed.
        """
        arguments, (input_hash, notes) = self._arguments, told
        evaluator = Evaluator(
            graph,
            arguments.semantics,
            arguments.counting,
            wide=False,
            buffer_bytes=arguments.buffer_bytes,
            progress=self._progress.address,
        )
        with ExitStack() as stack:
            spooled = stack.enter_context(
                spooled_rules(self._rules, graph, evaluator, arguments.temporary)
            )
            options = arguments.merging
            if arguments.out is None:
                totals = write_results(spooled, more, options)
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
                formatters = [*(writer.formatter for writer in writers), *more]
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
