"""What the workers of a manifest are told, and the files that are written for all of them."""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pff_stream.checkpoint.documents import DocumentsDone
from pff_stream.checkpoint.state import State, keep_rules, state_folder, write_settings
from pff_stream.evaluate.options import evaluator_options
from pff_stream.execute.files import InputFile
from pff_stream.files.temporary import temporary_file
from pff_stream.findings.catalogue import write_catalogue
from pff_stream.findings.of_document import WantedOfDocument
from pff_stream.findings.terms import BATCH
from pff_stream.inputs import Rules
from pff_stream.limits.fence import share_bytes
from pff_stream.notes import NoteKind
from pff_stream.pipeline.cut import Ready
from pff_stream.plan.by_document import (
    MAX_TABLE_RULES,
    DocumentsWorkload,
    answer_at_most,
    decoder_at_most,
    document_room,
    likely_bytes,
)
from pff_stream.report.folder import TASKS, clear_tasks
from pff_stream.report.outputs import report_outputs, report_terms
from pff_stream.report.spooled import merge_options
from pff_stream.report.streams import OutputSizes
from pff_stream.rules._table import TableBuilder
from pff_stream.rules.complete import Completeness
from pff_stream.rules.sizes import RuleSizes
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.manifest import Manifest
from pff_stream.triples.inputs import held_at_most, text_at_most
from pff_stream.triples.options import encode_options
from pff_stream.triples.sizes import document_at_most
from pff_stream.work.documents import DocumentArguments
from pff_stream.work.task import RESULT_BYTES
from planner.model import Term

if TYPE_CHECKING:
    from pff_stream.pipeline.cluster import HostWork

DOCUMENTS_OF_A_CALL = (50, 100)
"""Documents that a host of a cluster is given at once, at least and at most."""
ABSENT_DOCUMENTS = NoteKind(
    "absent_documents",
    "document of the baseline is not in the manifest: its findings are no longer predicted",
    "documents of the baseline are not in the manifest: their findings are no longer predicted",
)


def bytes_of_documents(manifest: Manifest, settings: RunSettings) -> tuple[int, int, int]:
    """What a document takes at most, what the largest most likely does, and the bytes of all."""
    options = encode_options(settings.reading)
    most = likely = total = 0
    for document in manifest.documents():
        text_bytes = text_at_most(document.path, options)
        held_bytes = held_at_most(document.path, options)
        decoder = decoder_at_most(document.path, settings.resources.max_window_bytes)
        most = max(most, document_at_most(text_bytes, held_bytes) + decoder)
        likely = max(likely, likely_bytes(document.path) + decoder)
        total += text_bytes
    return most, likely, total


def write_table(ready: Ready, stack: ExitStack, *, keeps_filtered: bool) -> InputFile | None:
    """Writes the table of all rules for runs that count only; None where it would be too large.

    `keeps_filtered`: where each rule is told of, those that are filtered are in it, too.
    `InputError` where the rule file does not hold each of its rules once: what is counted by a
    table is not merged, which would miss a rule.
    """
    evaluation, file = ready.settings.evaluation, ready.rules.file
    if file.rules > MAX_TABLE_RULES or evaluation.max_work is not None:
        return None
    builder = TableBuilder(
        evaluation.min_support or 0,
        evaluation.min_confidence or 0.0,
        ready.relations,
        keeps_filtered=keeps_filtered,
    )
    completeness = None if ready.rules.opened is None else Completeness(file)
    for index in range(len(file.chunks)):
        chunk = file.read_chunk(index)
        builder.add(chunk)
        if completeness is not None:
            completeness.take(chunk)
    if completeness is not None:
        completeness.check()
    target, path = stack.enter_context(temporary_file(ready.folder))
    os.posix_fallocate(target.fileno(), 0, builder.size())
    with mmap.mmap(target.fileno(), builder.size()) as room:
        builder.write_into(room)
        content_hash = f"{ready.rules.shared.content_hash}-{zlib.crc32(room):08x}"
    return InputFile(path, builder.size(), content_hash, "the table of the rules")


def catalogue_of(ready: Ready, stack: ExitStack) -> InputFile:
    """Writes what is told of the rules of the table beside it."""
    evaluation = ready.settings.evaluation
    target, path = stack.enter_context(temporary_file(ready.folder))
    size, checksum = write_catalogue(
        ready.rules.file,
        ready.ranking.kind,
        target,
        ready.folder,
        min_support=evaluation.min_support or 0,
        min_confidence=evaluation.min_confidence or 0.0,
    )
    content_hash = f"{ready.rules.shared.content_hash}-{checksum}"
    return InputFile(path, size, content_hash, "the texts of the rules")


def findings_wanted(ready: Ready) -> WantedOfDocument | None:
    """The findings that are looked for in each document; None: none."""
    settings, n = ready.settings, ready.settings.document_findings
    if n == 0:
        return None
    wanted = WantedOfDocument.of(
        settings.findings, settings.evaluation, ready.ranking.kind, ready.folder
    )
    return replace(wanted, n=n, max_disk_bytes=settings.resources.max_disk_bytes)


def arguments_of(
    ready: Ready, table: InputFile | None, rows: str | None, folders: str | None
) -> DocumentArguments:
    """Everything but the findings; `rows` is how the files begin that tell what is of rules.

    `folders`: where documents have folders of results; None: nowhere.
    """
    settings = ready.settings
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
        rows=rows,
        buffer_bytes=RESULT_BYTES,
        table=table,
        share_bytes=share_bytes(ready.plan, settings.resources),
    )


def most_findings(settings: RunSettings) -> tuple[int, int] | None:
    """How many findings of a document are held at once at most, and how many reasons each has."""
    n = settings.document_findings
    return None if n == 0 else (BATCH if n is None else n, settings.findings.max_reasons)


def terms_of_reports(
    settings: RunSettings, rules: RuleSizes, n_documents: int, reading_bytes: int | None = None
) -> list[Term]:
    """What making the reports of a manifest holds; reading a document may take so much."""
    asked = report_outputs(settings.output.report)
    of_each = settings.number_of_findings(settings.keeps_findings)
    findings = None if of_each is None else of_each * n_documents
    sizes = OutputSizes(rules.n_rules, n_documents, findings, source_bytes=reading_bytes)
    return report_terms(asked, sizes)


def work_of_hosts(
    rules: Rules, manifest: Manifest, workload: DocumentsWorkload, folders: str | None
) -> HostWork:
    """What hosts of a cluster plan by: they read documents, and write their folders, if any."""
    from pff_stream.pipeline.cluster import HostWork

    paths = (document.path for document in manifest.documents())
    return HostWork(
        workload,
        files=(rules.shared,),
        answer_bytes=answer_at_most(workload),
        batch=DOCUMENTS_OF_A_CALL,
        has_spool=False,
        reads=next(filter(os.path.isfile, paths), None),
        writes_to=folders,
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run with a folder has in it."""

    state: State
    done: DocumentsDone


@contextmanager
def state_of_run(ready: Ready) -> Iterator[State]:
    """The state of the run: the folders of finished documents are its journal."""
    settings, inputs = ready.settings, ready.hashes
    with state_folder(settings.output, inputs) as state:
        if settings.output.resume is None:
            clear_tasks(state.out)
            kept = keep_rules(state, settings.inputs.rules, ready.rules)
            write_settings(state, settings, inputs, kept, {}, ready.rules.notes)
        yield state
