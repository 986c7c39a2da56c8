"""A run over a list of documents, each a graph of its own: a task is a document with all rules.

Documents are listed, never collected: what is held is one document a worker and one answer a task
under way, whatever the length of the list. One bad document does not stop the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pff_stream.checkpoint.documents import DocumentsDone
from pff_stream.errors import InputError, UsageError
from pff_stream.execute.job import Job
from pff_stream.execute.queue import NOT_YET, NotYet
from pff_stream.files.writers import FileWriter
from pff_stream.inputs import Rules
from pff_stream.notes import Notes
from pff_stream.observer import Observer
from pff_stream.pipeline.cut import Basis, CarryOut, Documents, Ready, Work
from pff_stream.pipeline.document_workers import (
    ABSENT_DOCUMENTS,
    Kept,
    arguments_of,
    bytes_of_documents,
    catalogue_of,
    findings_wanted,
    most_findings,
    state_of_run,
    terms_of_reports,
    work_of_hosts,
    write_table,
)
from pff_stream.pipeline.in_turn import InTurn
from pff_stream.plan.by_document import (
    OUT_OF_TURN,
    DocumentSizes,
    DocumentsWorkload,
    document_room,
)
from pff_stream.plan.choose import plan_run
from pff_stream.plan.client import as_client
from pff_stream.report.document_list import FoundInDocument, ListedDocument
from pff_stream.report.folder import DOCUMENT_LIST, TASKS
from pff_stream.report.formats import file_name
from pff_stream.report.formats.findings import Findings
from pff_stream.report.formats.metrics import Metrics
from pff_stream.report.found import FoundTotals, Gone
from pff_stream.report.records import Reason
from pff_stream.report.spooled import merge_options
from pff_stream.report.streams import RunHeader
from pff_stream.report.summary import Summary
from pff_stream.report.sums import RuleSums
from pff_stream.report.totals import RunTotals
from pff_stream.rules.sizes import RuleSizes
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.manifest import Manifest, read_manifest
from pff_stream.settings.models import ResourceOptions
from pff_stream.words import counted
from pff_stream.work.carried import DocumentsCarrier
from pff_stream.work.documents import (
    DocumentAnswer,
    DocumentArguments,
    DocumentTask,
    set_up,
)
from pff_stream.work.found import FindingsArguments
from planner.machine import Machine
from planner.model import Settings
from planner.plan import Plan

if TYPE_CHECKING:
    from pff_stream.findings.baseline import BaselineLines
    from pff_stream.pipeline.cluster import HostWork
    from pff_stream.report.read_back import FinishedRun


class Listed(Documents):
    """The documents of a manifest."""

    maps_large_files = False

    def __init__(
        self, path: str, earlier: BaselineLines | None, folder: str, stack: ExitStack
    ) -> None:
        """`earlier`: findings to compare with, kept in a file in `folder` until `stack` closes."""
        self.manifest: Manifest = read_manifest(path)
        self.baselines = None
        if earlier is not None:
            from pff_stream.findings.baselines import DocumentBaselines

            self._check_names(earlier.path)
            self.baselines = DocumentBaselines(earlier, folder, stack)
        self.labels = {
            "execution_id": self.manifest.execution_id,
            "sequence": self.manifest.sequence,
        }

    @property
    def hashes(self) -> Mapping[str, str]:
        """The hash of the manifest; documents may change until they are read."""
        found = {"manifest": self.manifest.content_hash()}
        if self.baselines is not None:
            found["baseline"] = self.baselines.content_hash
        return found

    def plan(self, basis: Basis) -> Plan:
        """Plans by what the largest document takes at most."""
        most, likely, total = bytes_of_documents(self.manifest, basis.settings)
        n_documents = self.manifest.n_documents
        rules = RuleSizes.of(basis.rules.file)
        reports = terms_of_reports(basis.settings, rules, n_documents, most)
        sums = basis.settings.output.out is not None
        findings = most_findings(basis.settings)
        known = 0 if self.baselines is None else self.baselines.most
        sizes = DocumentSizes(n_documents, most, likely, findings, sums, known)
        self._workload = DocumentsWorkload(sizes, rules, tuple(reports))
        cluster = basis.settings.clustering.cluster

        def make(resources: ResourceOptions, machine: Machine, fixed: Settings | None) -> Plan:
            here, resources = as_client(self._workload, resources, cluster)
            return plan_run(resources, machine, here, basis.costs, basis.before, fixed)

        inputs = {
            "rules": basis.rules.source_hash.hex(),
            **self.hashes,
            "documents": f"{n_documents} of {counted(total, 'byte')}",
        }
        return basis.budget.agree(make, inputs | basis.settings.sized_by())

    def host_work(self, settings: RunSettings, rules: Rules) -> HostWork:
        """Documents are read there, by the paths of the manifest."""
        folders = settings.output.out if settings.output.per_document else None
        return work_of_hosts(rules, self.manifest, self._workload, folders)

    def begin(self, ready: Ready, observer: Observer, stack: ExitStack) -> DocumentsWork:
        """Checks the rule file, and opens the folder of results and the list of its documents."""
        output, table, kept, findings, begin = ready.settings.output, None, None, None, None
        if not output.per_document:
            table = write_table(ready, stack, keeps_filtered=output.out is not None)
        if table is None:  # documents may be merged one by one: each would fail for a rule
            ready.rules.check_complete()
        wanted = findings_wanted(ready)
        totals = RunTotals()
        if wanted is not None:
            totals.findings = FoundTotals(wanted.ranked_by, wanted.floor, note=ready.ranking.note)
            if self.baselines is not None:
                totals.findings.compare(Gone())
        if output.out is not None:
            state = stack.enter_context(state_of_run(ready))
            resumes = output.resume is not None
            done = DocumentsDone(state, ready.rules.file.rules, totals, resumes=resumes)
            stack.push(done.leave)
            kept = Kept(state, done)
            begin = None if done.found is None else done.found.begin
        if wanted is not None:
            catalogue = None if table is None else catalogue_of(ready, stack)
            known = None if self.baselines is None else self.baselines.told
            findings = FindingsArguments(wanted, begin, catalogue, known)
        rows = None if kept is None else kept.done.rows_begin
        folders = output.out if output.per_document else None
        arguments = arguments_of(ready, table, rows, folders)._replace(findings=findings)
        return self._work(ready, arguments, totals, kept)

    def _work(
        self, ready: Ready, arguments: DocumentArguments, totals: RunTotals, kept: Kept | None
    ) -> DocumentsWork:
        return DocumentsWork(ready, self, arguments, totals, kept)

    def _check_names(self, baseline: str) -> None:
        """UsageError where documents have one name, by which they are compared."""
        counts: dict[str, int] = {}
        for document in self.manifest.documents() if self.manifest.repeated else ():
            counts[document.name] = counts.get(document.name, 0) + 1
            if counts[document.name] > 1:
                raise UsageError(
                    f"--baseline {baseline}: found the name {document.name} more than once in "
                    f"{self.manifest.path}, expected each once: documents are compared by name"
                )


class DocumentsWork(Work):
    """All documents, each answered by its totals, which are summed in the order of the manifest."""

    unit = "documents"

    def __init__(
        self,
        ready: Ready,
        listed: Listed,
        arguments: DocumentArguments,
        totals: RunTotals,
        kept: Kept | None,
    ) -> None:
        found = () if arguments.findings is None else (file_name(Findings),)
        self.result_files = (DOCUMENT_LIST, file_name(Metrics), *found)
        self._ready, self._options = ready, arguments.options
        self._manifest = manifest = listed.manifest
        self._baselines, self._n_absent = listed.baselines, 0
        self._rules = ready.rules
        self._kept = kept
        self._totals = totals
        self.notes = Notes() if kept is None else kept.done.notes
        self._out = ready.settings.output.out
        self._folders = ready.settings.output.per_document
        self._first = 0 if kept is None else kept.done.n_resumed
        self.n_units = manifest.n_documents
        settings = ready.plan.settings
        cluster = ready.cluster
        self.job = Job(
            set_up=set_up,
            arguments=(arguments,),
            workers=int(settings["workers"] or 1),
            preload=("pff_stream.work.documents",),
            carrier=None if cluster is None else DocumentsCarrier(),
        )
        self.window = int(settings["window"] or 1) if cluster is None else cluster.window
        self._turns = InTurn[tuple[DocumentTask, DocumentAnswer]](
            self._first, self.window + OUT_OF_TURN
        )

    def tasks(self) -> Iterator[DocumentTask | NotYet]:
        """The documents in the order of the manifest; those that are done are held against it.

        One that takes long holds back what comes far behind it.
        """
        done = iter(()) if self._kept is None else self._kept.done.hashes()
        for number, document in enumerate(self._manifest.documents()):
            name, triples = next(done, (document.name, None))
            if name != document.name:
                raise InputError(f"{self._manifest.path}: found {document.name}, expected {name}")
            while not self._turns.has_room(number):
                yield NOT_YET
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
        for one in self._turns.take(task.number, (task, answer)):
            self._add(*one)
        return 1

    def arguments_on(self, settings: Settings, share_bytes: int | None) -> tuple[Any, ...]:
        """The same rules and options; room for a document as that host has it."""
        (arguments,) = self.job.arguments
        assert isinstance(arguments, DocumentArguments)
        options = arguments.options._replace(memory_bytes=document_room(settings))
        return (arguments._replace(options=options, share_bytes=share_bytes),)

    def totals(self, carry_out: CarryOut, observer: Observer, stack: ExitStack) -> RunTotals:
        """The sums; the list of documents is complete."""
        if self._kept is not None and self._out is not None:
            self._kept.done.write_list(os.path.join(self._out, DOCUMENT_LIST))
            if self._kept.done.found is not None:
                self._kept.done.found.write(os.path.join(self._out, file_name(Findings)))
            observer.phase("merge", self._rules.file.rules)
            self._write_metrics(self._kept.done.sums, self._out)
        if self._totals.findings is not None:
            self._totals.findings.not_looked_at = self._rules.file.rejected
            self._add_absent_documents(self._totals.findings)
        return self._totals

    def noticed(self, totals: RunTotals) -> Notes:
        """Says what rules are ranked by, and why their head relations are unknown, if they show."""
        notes = self._ready.ranking_notes(totals.findings, of_documents=True)
        notes.count_more(ABSENT_DOCUMENTS, self._n_absent)
        if totals.unchecked or totals.rules.because(Reason.HEAD_RELATION_ABSENT):
            from pff_stream.pipeline.unchecked import notes_of_documents

            told = (self._manifest, self._rules.file, self._options)
            notes.merge(notes_of_documents(totals, *told))
        return notes

    def tick(self) -> None:
        """Saves the sums when it is time."""
        if self._kept is not None:
            self._kept.done.tick()

    def results(self, summary: Summary) -> FinishedRun:
        """The folder with the list of documents."""
        from pff_stream.report.read_back import FinishedRun

        files: dict[str, str] = {}
        if self._totals.findings is not None and self._out is not None:
            files[file_name(Findings)] = os.path.join(self._out, file_name(Findings))
        return FinishedRun.just_now(summary, files, self._out)

    def finish(self) -> None:
        """Removes the state of the run."""
        if self._kept is not None:
            self._kept.state.finish()

    def _add(self, task: DocumentTask, answer: DocumentAnswer) -> None:
        found = None
        if answer.found is not None and self._totals.findings is not None:
            found = FoundInDocument.of(answer.found.totals)
            self._totals.findings.show(answer.found.totals.first)
        folder = f"{TASKS}/{task.document.folder}" if self._folders else None
        listed = ListedDocument(
            task.document.name, answer.totals, answer.reason, answer.triples, folder, found
        )
        if self._kept is None:
            self.notes.merge(answer.notes)
            listed.add_to(self._totals)
            return
        if answer.found is not None and self._kept.done.found is not None:
            self._kept.done.found.add(task.number, answer.found.crc32)
        rows = None if answer.rows is None else task.number
        self._kept.done.add(listed, answer.notes, rows, answer.rows or 0)

    def _add_absent_documents(self, found: FoundTotals) -> None:
        """Findings of documents that are listed no more are no longer predicted."""
        if self._baselines is None or found.gone is None:
            return
        for document in self._manifest.documents():
            self._baselines.see(document.name)
        self._n_absent, n_findings = self._baselines.of_others()
        found.gone.no_longer_predicted += n_findings

    def _write_metrics(self, sums: RuleSums, out: str) -> None:
        """The records of all rules, summed over the documents."""
        ready, writer = self._ready, Metrics()
        header = RunHeader(ready.semantics, ready.settings.result_options(), ready.hashes)
        with FileWriter(os.path.join(out, file_name(Metrics))) as file:
            writer.begin(header, file)
            for metric in sums.metrics(
                ready.meter.over(ready.rules.file.all_source_chunks(), len),
                merge_options(ready.settings.evaluation, ready.folder),
            ):
                writer.metric(metric)
            writer.drain()
