"""A run over a list of documents, each a graph of its own: a task is a document with all rules.

Documents are listed, never collected: what is held is one document a worker and one answer a task
under way, whatever the length of the list. One bad document does not stop the others.
"""

from __future__ import annotations

import json
import mmap
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pff_stream.checkpoint.state import State, keep_rules, state_folder, write_settings
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
from pff_stream.report.folder import TASK_LIST, TASKS, clear_tasks
from pff_stream.report.outputs import report_outputs, report_terms
from pff_stream.report.records import Json, Outcome, Reason
from pff_stream.report.spooled import merge_options
from pff_stream.report.streams import OutputSizes
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
        sizes = DocumentSizes(n_documents, most, likely)
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
        state, listing, table = None, None, None
        out = ready.settings.output.out
        if out is None:
            table = _write_table(ready, stack)
        else:
            state = stack.enter_context(_state(ready))
            listing = stack.enter_context(FileWriter(os.path.join(out, TASK_LIST)))
        return DocumentsWork(ready, self.manifest, table, state, listing)


class DocumentsWork(Work):
    """All documents, each answered by its totals, which are summed in the order of the manifest."""

    unit = "documents"
    result_files = (TASK_LIST,)

    def __init__(
        self,
        ready: Ready,
        manifest: Manifest,
        table: InputFile | None,
        state: State | None,
        listing: FileWriter | None,
    ) -> None:
        self._manifest = manifest
        self._rules = ready.rules
        self._state = state
        self._listing = listing
        self._totals = RunTotals()
        self.notes = Notes()
        self._out = ready.settings.output.out
        self._waiting: dict[int, tuple[DocumentTask, DocumentAnswer]] = {}
        """Answers that came before their turn: at most a window of them."""
        self._next_number = 0
        self.n_units = manifest.n_documents
        settings = ready.plan.settings
        self.job = Job(
            set_up=set_up,
            arguments=(_arguments(ready, table),),
            workers=int(settings["workers"] or 1),
            preload=("pff_stream.work.documents",),
        )
        self.window = int(settings["window"] or 1)

    def tasks(self) -> Iterator[DocumentTask]:
        """The documents in the order of the manifest."""
        for number, document in enumerate(self._manifest.documents()):
            yield DocumentTask(number, document)

    def split(self, task: DocumentTask) -> Sequence[DocumentTask]:
        """None: a document is poisoned as a whole."""
        return ()

    def poisoned(self, task: DocumentTask, cause: str) -> DocumentAnswer:
        """A document that could not be evaluated."""
        return DocumentAnswer(None, f"killed its worker: {cause}")

    def take(self, task: DocumentTask, answer: DocumentAnswer) -> int:
        """Adds what came in turn to the sums, and to the list."""
        self._waiting[task.number] = (task, answer)
        while self._next_number in self._waiting:
            self._add(*self._waiting.pop(self._next_number))
            self._next_number += 1
        return 1

    def totals(self, carry_out: CarryOut, observer: Observer, stack: ExitStack) -> RunTotals:
        """The sums; the list of documents is complete."""
        if self._listing is not None:
            self._listing.commit()
        return self._totals

    def noticed(self, totals: RunTotals) -> Notes:
        """Says where the rules show why their head relations are unknown."""
        if not totals.rules.because(Reason.HEAD_RELATION_ABSENT):
            return Notes()
        from pff_stream.run.nothing_checked import unknown_heads_of_documents

        return unknown_heads_of_documents(totals.rules, self._rules.file)

    def results(self, summary: Summary) -> FinishedRun:
        """The folder with the list of documents."""
        from pff_stream.report.read_back import FinishedRun

        return FinishedRun.just_now(summary, {}, self._out)

    def finish(self) -> None:
        """Removes the state of the run."""
        if self._state is not None:
            self._state.finish()

    def _add(self, task: DocumentTask, answer: DocumentAnswer) -> None:
        self.notes.merge(answer.notes)
        if answer.totals is None:
            self._totals.add_failed(Failure(task.document.name, answer.reason))
        else:
            self._totals.add(answer.totals)
        if self._listing is not None:
            self._listing.write(memoryview(_line(task, answer)))


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


def _arguments(ready: Ready, table: InputFile | None) -> DocumentArguments:
    settings = ready.settings
    out = settings.output.out
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
            settings.evaluation, ready.relations, examples=settings.lists_violations
        ),
        merging=merge_options(settings.evaluation, ready.folder),
        result_options=settings.result_options(),
        temporary=ready.folder,
        out=None if out is None else os.path.join(out, TASKS),
        resumes=settings.output.resume is not None,
        buffer_bytes=RESULT_BYTES,
        table=table,
        share_bytes=share_bytes(ready.plan, settings.resources),
    )


def _line(task: DocumentTask, answer: DocumentAnswer) -> bytes:
    totals = answer.totals
    line: dict[str, Json] = {
        "task": task.document.name,
        "folder": f"{TASKS}/{task.document.folder}",
    }
    if totals is None:
        line |= {"outcome": "failed", "reason": answer.reason}
    else:
        line |= {
            "outcome": totals.word,
            "violated_rules": totals.count(Outcome.VIOLATED),
            "predictions": totals.predictions,
            "support": totals.support,
            "unknown": totals.counts.unknown,
            "violations": totals.violations,
        }
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
