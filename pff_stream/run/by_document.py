"""A run over a list of documents, each a graph of its own: a task is a document with all rules.

Documents are listed, never collected: what is held is one document a worker and one answer a task
under way, whatever the length of the list. One bad document does not stop the others.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pff_stream.checkpoint.documents import DocumentsDone
from pff_stream.checkpoint.state import State, keep_rules, state_folder, write_settings
from pff_stream.errors import InputError
from pff_stream.evaluate.options import evaluator_options
from pff_stream.execute.files import InputFile
from pff_stream.execute.job import Job
from pff_stream.files.temporary import temporary_file
from pff_stream.files.writers import FileWriter
from pff_stream.limits.fence import share_bytes
from pff_stream.notes import Notes
from pff_stream.observer import Observer
from pff_stream.plan.by_document import (
    MAX_TABLE_RULES,
    DocumentSizes,
    DocumentsWorkload,
    decoder_at_most,
    document_room,
    likely_bytes,
)
from pff_stream.plan.choose import plan_run
from pff_stream.report.document_list import ListedDocument
from pff_stream.report.folder import DOCUMENT_LIST, TASKS, clear_tasks
from pff_stream.report.formats import file_name
from pff_stream.report.formats.metrics import Metrics
from pff_stream.report.outputs import report_outputs, report_terms
from pff_stream.report.records import Reason
from pff_stream.report.spooled import merge_options
from pff_stream.report.streams import OutputSizes, RunHeader
from pff_stream.report.summary import Summary
from pff_stream.report.totals import Failure, RunTotals
from pff_stream.rules._table import TableBuilder
from pff_stream.rules.sizes import RuleSizes
from pff_stream.run.cut import Basis, CarryOut, Documents, Ready, Work
from pff_stream.settings.manifest import Manifest, read_manifest
from pff_stream.settings.models import ResourceOptions
from pff_stream.triples.inputs import held_at_most, text_at_most
from pff_stream.triples.options import encode_options
from pff_stream.triples.sizes import document_at_most
from pff_stream.words import counted
from pff_stream.work.documents import (
    DocumentAnswer,
    DocumentArguments,
    DocumentTask,
    set_up,
)
from pff_stream.work.task import RESULT_BYTES
from planner.machine import Machine
from planner.model import Settings
from planner.plan import Plan

if TYPE_CHECKING:
    from pff_stream.report.read_back import FinishedRun


class Listed(Documents):
    """The documents of a manifest."""

    maps_large_files = False

    def __init__(self, path: str) -> None:
        self.manifest: Manifest = read_manifest(path)
        self.labels = {
            "execution_id": self.manifest.execution_id,
            "sequence": self.manifest.sequence,
        }

    @property
    def hashes(self) -> Mapping[str, str]:
        """The hash of the manifest; documents may still change until they are read."""
        return {"manifest": self.manifest.content_hash()}

    def plan(self, basis: Basis) -> Plan:
        """Plans by what the largest document takes at most."""
        options = encode_options(basis.settings.reading)
        most = likely = total = 0
        for document in self.manifest.documents():
            text_bytes = text_at_most(document.path, options)
            held_bytes = held_at_most(document.path, options)
            decoder = decoder_at_most(document.path, basis.settings.resources.max_window_bytes)
            most = max(most, document_at_most(text_bytes, held_bytes) + decoder)
            likely = max(likely, likely_bytes(document.path) + decoder)
            total += text_bytes
        n_documents = self.manifest.n_documents
        rules = RuleSizes.of(basis.rules.file)
        asked = report_outputs(basis.settings.output.report)
        reports = report_terms(asked, OutputSizes(rules.n_rules, n_documents))
        sums = basis.settings.output.out is not None
        sizes = DocumentSizes(n_documents, most, likely, sums)
        workload = DocumentsWorkload(sizes, rules, tuple(reports))

        def make(resources: ResourceOptions, machine: Machine, fixed: Settings | None) -> Plan:
            return plan_run(resources, machine, workload, basis.costs, basis.before, fixed)

        inputs = {
            "rules": basis.rules.source_hash.hex(),
            **self.hashes,
            "documents": f"{n_documents} of {counted(total, 'byte')}",
        }
        return basis.budget.agree(make, inputs | basis.settings.result_options())

    def begin(self, ready: Ready, observer: Observer, stack: ExitStack) -> DocumentsWork:
        """Checks the rule file, and opens the folder of results and the list of its documents."""
        # Documents may be counted by a table, without a merge that would miss a rule.
        ready.rules.check_complete()
        table, kept = None, None
        if not ready.settings.output.per_document:
            table = _write_table(ready, stack)
        if ready.settings.output.out is not None:
            state = stack.enter_context(_state(ready))
            resumes = ready.settings.output.resume is not None
            done = DocumentsDone(state, ready.rules.file.rules, resumes=resumes)
            stack.push(done.leave)
            kept = Kept(state, done)
        return DocumentsWork(ready, self.manifest, table, kept)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run with a folder has in it."""

    state: State
    done: DocumentsDone


class DocumentsWork(Work):
    """All documents, each answered by its totals, which are summed in the order of the manifest."""

    unit = "documents"
    result_files = (DOCUMENT_LIST, file_name(Metrics))

    def __init__(
        self,
        ready: Ready,
        manifest: Manifest,
        table: InputFile | None,
        kept: Kept | None,
    ) -> None:
        self._ready = ready
        self._manifest = manifest
        self._rules = ready.rules
        self._kept = kept
        self._totals = RunTotals() if kept is None else kept.done.totals
        self.notes = Notes() if kept is None else kept.done.notes
        self._out = ready.settings.output.out
        self._folders = ready.settings.output.per_document
        self._waiting: dict[int, tuple[DocumentTask, DocumentAnswer]] = {}
        """Answers that came before their turn: at most a window of them."""
        self._next_number = self._first = 0 if kept is None else kept.done.n_resumed
        self.n_units = manifest.n_documents
        settings = ready.plan.settings
        self.job = Job(
            set_up=set_up,
            arguments=(_arguments(ready, table, kept),),
            workers=int(settings["workers"] or 1),
            preload=("pff_stream.work.documents",),
        )
        self.window = int(settings["window"] or 1)

    def tasks(self) -> Iterator[DocumentTask]:
        """The documents in the order of the manifest; those that are done are held against it."""
        done = iter(()) if self._kept is None else self._kept.done.hashes()
        for number, document in enumerate(self._manifest.documents()):
            name, triples = next(done, (document.name, None))
            if name != document.name:
                raise InputError(f"{self._manifest.path}: found {document.name}, expected {name}")
            yield DocumentTask(number, document, triples)

    def split(self, task: DocumentTask) -> Sequence[DocumentTask]:
        """None: a document is poisoned as a whole."""
        return ()

    def poisoned(self, task: DocumentTask, cause: str) -> DocumentAnswer:
        """A document that could not be evaluated."""
        return DocumentAnswer(None, f"killed its worker: {cause}")

    def take(self, task: DocumentTask, answer: DocumentAnswer) -> int:
        """Adds what came in turn to the sums, and to the list."""
        if task.number < self._first:
            if answer.reason and task.done:
                raise InputError(
                    f"--resume {self._out}: the document {task.document.name} {answer.reason} "
                    f"since the run began; --out {self._out} --overwrite starts anew"
                )
            return 1
        self._waiting[task.number] = (task, answer)
        while self._next_number in self._waiting:
            self._add(*self._waiting.pop(self._next_number))
            self._next_number += 1
        return 1

    def totals(self, carry_out: CarryOut, observer: Observer, stack: ExitStack) -> RunTotals:
        """The sums; the list of documents is complete."""
        if self._kept is not None and self._out is not None:
            self._kept.done.write_list(os.path.join(self._out, DOCUMENT_LIST))
            self._write_metrics(self._kept.done, self._out)
        return self._totals

    def noticed(self, totals: RunTotals) -> Notes:
        """Says where the rules show why their head relations are unknown."""
        if not totals.rules.because(Reason.HEAD_RELATION_ABSENT):
            return Notes()
        from pff_stream.run.nothing_checked import unknown_heads_of_documents

        return unknown_heads_of_documents(totals.rules, self._rules.file)

    def tick(self) -> None:
        """Saves the sums when it is time."""
        if self._kept is not None:
            self._kept.done.tick()

    def results(self, summary: Summary) -> FinishedRun:
        """The folder with the list of documents."""
        from pff_stream.report.read_back import FinishedRun

        return FinishedRun.just_now(summary, {}, self._out)

    def finish(self) -> None:
        """Removes the state of the run."""
        if self._kept is not None:
            self._kept.state.finish()

    def _add(self, task: DocumentTask, answer: DocumentAnswer) -> None:
        if self._kept is not None:
            folder = f"{TASKS}/{task.document.folder}" if self._folders else None
            listed = ListedDocument(
                task.document.name, answer.totals, answer.reason, answer.triples, folder
            )
            rows = None if answer.rows is None else task.number
            self._kept.done.add(listed, answer.notes, rows, answer.rows or 0)
            return
        self.notes.merge(answer.notes)
        if answer.totals is None:
            self._totals.add_failed(Failure(task.document.name, answer.reason))
        else:
            self._totals.add(answer.totals)

    def _write_metrics(self, done: DocumentsDone, out: str) -> None:
        """The records of all rules, summed over the documents."""
        ready, writer = self._ready, Metrics()
        header = RunHeader(ready.semantics, ready.settings.result_options(), ready.hashes)
        with FileWriter(os.path.join(out, file_name(Metrics))) as file:
            writer.begin(header, file)
            for metric in done.sums.metrics(
                ready.meter.over(ready.rules.file.all_source_chunks()),
                merge_options(ready.settings.evaluation, ready.folder),
            ):
                writer.metric(metric)
            writer.drain()


@contextmanager
def _state(ready: Ready) -> Iterator[State]:
    """The state of the run: the folders of finished documents are its journal."""
    settings, inputs = ready.settings, ready.hashes
    with state_folder(settings.output, inputs) as state:
        if settings.output.resume is None:
            clear_tasks(state.out)
            kept = keep_rules(state, settings.inputs.rules, ready.rules)
            write_settings(state, settings, inputs, kept, {}, ready.rules.notes)
        yield state


def _write_table(ready: Ready, stack: ExitStack) -> InputFile | None:
    """Writes the table of all rules for runs that count only; None where it would be too large."""
    evaluation, file = ready.settings.evaluation, ready.rules.file
    if file.rules > MAX_TABLE_RULES or evaluation.max_work is not None:
        return None
    builder = TableBuilder(
        evaluation.min_support or 0, evaluation.min_confidence or 0.0, ready.relations
    )
    for index in range(len(file.chunks)):
        builder.add(file.read_chunk(index))
    target, path = stack.enter_context(temporary_file(ready.folder))
    os.posix_fallocate(target.fileno(), 0, builder.size())
    with mmap.mmap(target.fileno(), builder.size()) as room:
        builder.write_into(room)
        content_hash = f"{ready.rules.shared.content_hash}-{zlib.crc32(room):08x}"
    return InputFile(path, builder.size(), content_hash, "the table of the rules")


def _arguments(ready: Ready, table: InputFile | None, kept: Kept | None) -> DocumentArguments:
    settings = ready.settings
    folders = settings.output.out if settings.output.per_document else None
    return DocumentArguments(
        rules=ready.rules.shared,
        rules_hash=ready.rules.source_hash.hex(),
        options=encode_options(settings.reading)._replace(
            memory_bytes=document_room(ready.plan.settings),
            needs_triples=False,  # one without any is a document that is not checked
            window_bytes=settings.resources.max_window_bytes,
        ),
        semantics=ready.semantics,
        counting=evaluator_options(
            settings.evaluation, ready.relations, examples=folders is not None
        ),
        merging=merge_options(settings.evaluation, ready.folder),
        result_options=settings.result_options(),
        temporary=ready.folder,
        out=None if folders is None else os.path.join(folders, TASKS),
        rows=None if kept is None else kept.done.rows_begin,
        buffer_bytes=RESULT_BYTES,
        table=table,
        share_bytes=share_bytes(ready.plan, settings.resources),
    )
