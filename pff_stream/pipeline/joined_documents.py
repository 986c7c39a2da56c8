"""The parts of a run over a manifest, joined: lists put together in the order of the manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from pff_stream.checkpoint.documents import LIST, SUMS
from pff_stream.checkpoint.found import FOUND
from pff_stream.files.writers import FileWriter
from pff_stream.notes import Notes
from pff_stream.observer import Observer
from pff_stream.pipeline.by_document import DocumentsWork, Listed
from pff_stream.pipeline.cut import Basis, CarryOut, Ready
from pff_stream.pipeline.document_workers import (
    Kept,
    arguments_of,
    findings_wanted,
    terms_of_reports,
)
from pff_stream.pipeline.joined_rules import check_inputs, summed_facts
from pff_stream.plan.joining import plan_joined_documents
from pff_stream.report.document_list import listed_document
from pff_stream.report.folder import DOCUMENT_LIST
from pff_stream.report.formats import file_name
from pff_stream.report.formats.findings import Findings
from pff_stream.report.found import FoundTotals, Gone
from pff_stream.report.read_findings import read_kept_finding
from pff_stream.report.sums import RuleSums
from pff_stream.report.totals import RunTotals
from pff_stream.rules.sizes import RuleSizes
from pff_stream.work.documents import DocumentTask

if TYPE_CHECKING:
    from pff_stream.checkpoint.parts import Part
    from pff_stream.findings.baseline import BaselineLines
    from pff_stream.report.records import Json
    from pff_stream.settings.models import ResourceOptions
    from planner.machine import Machine
    from planner.model import Settings
    from planner.plan import Plan

_NO_DOCUMENT = (ValueError, KeyError, TypeError, AttributeError)
_BUFFER_BYTES = 1 << 16
_LONGEST_LINE = 64 << 20


class JoinedList(Listed):
    """A manifest whose documents are all done, in parts."""

    def __init__(
        self,
        parts: Sequence[Part],
        path: str,
        earlier: BaselineLines | None,
        folder: str,
        stack: ExitStack,
    ) -> None:
        super().__init__(path, earlier, folder, stack)
        self._parts = parts

    def plan(self, basis: Basis) -> Plan:
        """Plans by the rules: documents are not read again."""
        rules = RuleSizes.of(basis.rules.file)
        reports = terms_of_reports(basis.settings, rules, self.manifest.n_documents)

        def make(_resources: ResourceOptions, machine: Machine, _fixed: Settings | None) -> Plan:
            return plan_joined_documents(machine, rules, reports, basis.costs, basis.before)

        return basis.budget.agree(make, {"rules": basis.rules.source_hash.hex(), **self.hashes})

    def begin(self, ready: Ready, observer: Observer, stack: ExitStack) -> JoinedDocuments:
        """Checks that these are the inputs of the parts."""
        ready.rules.check_complete()
        check_inputs(self._parts[0], ready.hashes)
        wanted, totals = findings_wanted(ready), RunTotals()
        if wanted is not None:
            totals.findings = FoundTotals(wanted.ranked_by, wanted.floor, note=ready.ranking.note)
            if self.baselines is not None:
                totals.findings.compare(Gone())
        return JoinedDocuments(ready, self, totals, self._parts)


class JoinedDocuments(DocumentsWork):
    """All documents, as the parts have them."""

    def __init__(
        self, ready: Ready, listed: Listed, totals: RunTotals, parts: Sequence[Part]
    ) -> None:
        kept: Kept | None = None
        super().__init__(ready, listed, arguments_of(ready, None, None, None), totals, kept)
        if totals.findings is not None:
            self.result_files = (*self.result_files, file_name(Findings))
        self._parts = parts
        self._sums = RuleSums(ready.rules.file.rules)
        self._heads = [self._read_sums(part) for part in parts]
        self._join_notes()

    def tasks(self) -> Iterator[DocumentTask]:
        """None: all is done."""
        return iter(())

    def totals(self, carry_out: CarryOut, observer: Observer, stack: ExitStack) -> RunTotals:
        """Writes the list, the findings and the sums of all parts."""
        out = str(self._out)
        observer.phase("merge", self._manifest.n_documents, "documents")
        self._ready.meter.begin("merge", quick=True)
        with ExitStack() as opened:
            lists = [opened.enter_context(_lines(part, LIST)) for part in self._parts]
            written = opened.enter_context(FileWriter(os.path.join(out, DOCUMENT_LIST)))
            found: list[IO[bytes]] = []
            findings: FileWriter | None = None
            if self._totals.findings is not None:
                found = [opened.enter_context(_lines(part, FOUND)) for part in self._parts]
                path = os.path.join(out, file_name(Findings))
                findings = opened.enter_context(FileWriter(path))
            for number in range(self._manifest.n_documents):
                at = self._part_of(number)
                line = lists[at].readline(_LONGEST_LINE)
                n_findings = self._take_line(self._parts[at], line)
                written.write(memoryview(line))
                if findings is not None:
                    for _ in range(n_findings):
                        findings.write(memoryview(found[at].readline(_LONGEST_LINE)))
                observer.advance(1)
                self._ready.meter.tick()
            for part, rest in zip((*self._parts, *self._parts), [*lists, *found], strict=False):
                if rest.read(1):
                    raise part.damaged("it has more documents or findings than it says")
        self._write_metrics(self._sums, out)
        if self._totals.findings is not None:
            self._show(self._totals.findings)
            self._totals.findings.not_looked_at = self._rules.file.rejected
            self._add_absent_documents(self._totals.findings)
        return self._totals

    def facts(self) -> Mapping[str, Json]:
        """What the parts took."""
        return summed_facts(self._parts)

    def _part_of(self, number: int) -> int:
        """Which part has the document of this number."""
        return next(at for at, part in enumerate(self._parts) if part.shard.has(number))

    def _take_line(self, part: Part, line: bytes) -> int:
        """Adds what a document came to; returns how many findings of it are written."""
        try:
            document = listed_document(json.loads(line))
        except _NO_DOCUMENT as error:
            raise part.damaged(f"{LIST} has a line that is no document ({error})") from error
        document.add_to(self._totals)
        return 0 if document.found is None else document.found.written

    def _read_sums(self, part: Part) -> dict[str, Any]:
        """What a part says besides; adds its sums."""
        sums = RuleSums(self._rules.file.rules)
        try:
            with _lines(part, SUMS) as file:
                head: dict[str, Any] = json.loads(file.readline(_LONGEST_LINE))
                sums.restore(file.read())
        except _NO_DOCUMENT as error:
            raise part.damaged(f"{SUMS}: {error}") from error
        self._sums.merge(sums)
        return head

    def _join_notes(self) -> None:
        """The notes of all documents, as if they had come in the order of the manifest."""
        noted: list[tuple[int, Notes]] = []
        counts = Notes()
        for part, head in zip(self._parts, self._heads, strict=True):
            n_all = self._manifest.n_documents
            numbers = [number for number in range(n_all) if part.shard.has(number)]
            for at, told in head["noted"]:
                noted.append((numbers[at], Notes.from_json(told)))
            counts.merge(Notes.from_json(head["notes"]))
        first = Notes()
        for _, notes in sorted(noted, key=lambda one: one[0]):
            first.merge(notes)
        self.notes = Notes(tuple(replace(note, count=counts.count(note.kind)) for note in first))

    def _show(self, found: FoundTotals) -> None:
        """The best findings of all parts, for people; equal ones by the order of documents."""
        shown = [read_kept_finding(one) for head in self._heads for one in head["shown"]]
        names = {one.document for one in shown}
        places: dict[str, int] = {}
        for number, document in enumerate(self._manifest.documents() if shown else ()):
            if document.name in names:
                places.setdefault(document.name, number)
        found.show(sorted(shown, key=lambda one: places.get(one.document, 0)))


def _lines(part: Part, name: str) -> IO[bytes]:
    return part.open(name, _BUFFER_BYTES)
