"""Results of a finished run, read back from its files: the streams that reports are made from.

Each stream comes in its order, a record at a time, so that memory does not grow with the results.
What is read is held against what `summary.json` says: a file that was cut, altered or is another
run's ends in an `InputError` that names file and line. Does not cover: what is made of the streams.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pff_stream.errors import InputError
from pff_stream.files.saved import saved_json
from pff_stream.files.sources import BLOCK_BYTES
from pff_stream.report.document_list import listed_document
from pff_stream.report.folder import DOCUMENT_LIST, SUMMARY, TASKS, is_unfinished
from pff_stream.report.formats import WRITERS, file_name
from pff_stream.report.formats.findings import Findings
from pff_stream.report.formats.metrics import Metrics
from pff_stream.report.read_findings import NOT_OURS, FindingLines, decoded
from pff_stream.report.read_metrics import read_metrics
from pff_stream.report.records import Outcome
from pff_stream.report.result_lines import LINE_COPIES, MAX_LINE_BYTES, ResultLines, shown
from pff_stream.report.source import Sources
from pff_stream.report.streams import DocumentSummary, Finding, RuleMetric, RunHeader
from pff_stream.report.summary import NOT_A_SUMMARY, Summary, read_summary
from pff_stream.report.totals import Totals
from pff_stream.words import counted
from planner.formula import Formula, given

_METRICS = file_name(Metrics)
_FINDINGS = file_name(Findings)


BLOCK_COPIES = 4
"""Of a block that lines are read from: packed, as it is, its lines, and what is left of them."""

MODULES_BYTES = 3 << 19
"""What reading and writing records takes whatever is in them: modules, patterns, small objects."""


def reading(line_bytes: int | None) -> Formula:
    """The most that reading back holds at once, in bytes; None: nobody knows how long a line is."""
    longest = MAX_LINE_BYTES if line_bytes is None else min(line_bytes, MAX_LINE_BYTES)
    blocks = BLOCK_COPIES * given("block", BLOCK_BYTES)
    return given("modules", MODULES_BYTES) + blocks + LINE_COPIES * given("longest_line", longest)


@dataclass(frozen=True, slots=True)
class DocumentResults:
    """The results of one document; a graph is one without a name."""

    name: str
    summary: Summary | None
    """None: it has no results of its own."""
    reason: str
    """Why it could not be evaluated; empty where it could."""
    files: Mapping[str, str]
    """Path of each file of results by the name that it has in a folder."""
    found: RunFindings
    """The findings of the run, in the order of its documents."""
    totals: Totals | None = None
    """What it came to; None where that could not be told."""
    has_all_findings: bool = True
    """Whether all that there are were written: of a list that was cut nobody knows what follows."""
    triples: str = ""
    """The hash of its triples."""

    def document(self) -> DocumentSummary:
        """What it came to."""
        totals = self.totals if self.summary is None else self.summary.totals.rules
        if totals is None:
            return DocumentSummary(self.name, "failed", self.reason)
        return DocumentSummary(
            name=self.name,
            outcome=totals.word,
            violated_rules=totals.count(Outcome.VIOLATED),
            counts=totals.counts,
            violations=totals.violations,
            triples=self.triples,
        )

    def metrics(self) -> Iterator[RuleMetric]:
        """Every rule, in the order of the rule file."""
        if self.summary is None:
            return
        lines = ResultLines(self._file(_METRICS))
        found = [0] * len(Outcome)
        for metric in read_metrics(lines, self.name, partial=self.summary.partial):
            found[metric.outcome] += 1
            yield metric
        expected = self.summary.totals.rules.outcomes
        if tuple(found) != expected:
            raise lines.error(f"rules by outcome {found}", f"{list(expected)} by {SUMMARY}")

    def findings(self) -> Iterator[Finding]:
        """Every finding that was written, best first; asked of each document in turn."""
        return (
            iter(()) if self.summary is None and self.totals is None else self.found.of(self.name)
        )

    def _file(self, name: str) -> str:
        return _path_of(self.files, name)


class RunFindings:
    """The findings of all documents of a run: they lie in one file, which is read once."""

    def __init__(self, summary: Summary, files: Mapping[str, str]) -> None:
        self._expected = summary.totals.findings
        self._files = files
        self._lines: FindingLines | None = None

    def of(self, document: str) -> Iterator[Finding]:
        """Those of a document."""
        if self._lines is None:
            path = _path_of(self._files, _FINDINGS)
            self._lines = FindingLines(ResultLines(path), self._expected)
        return self._lines.of(document)

    def check(self) -> None:
        """`InputError` where those that were asked for are not all that the file has."""
        if self._lines is not None:
            self._lines.check()


class FinishedRun:
    """A run that is over: what it was, what it came to, and its documents in order."""

    def __init__(self, summary: Summary, files: Mapping[str, str], folder: str = "") -> None:
        """`files` are the results of the run; those by document of a manifest lie in `folder`."""
        self.summary = summary
        self.header = RunHeader(summary.semantics, summary.settings, summary.inputs, summary.labels)
        self._files = files
        self._folder = folder

    @classmethod
    def just_now(
        cls, summary: Summary, files: Mapping[str, str], folder: str | None = None
    ) -> FinishedRun:
        """A run whose results were just written: what is told of it is what its folder tells."""
        return cls(_read(summary.to_bytes()), files, folder or "")

    @classmethod
    def of_folder(cls, folder: str) -> FinishedRun:
        """The run whose results a folder holds; `InputError` where it holds none."""
        if is_unfinished(folder):
            raise InputError(
                f"{folder}: found a run that is not finished; `pff-stream run --resume {folder}` "
                "goes on with it"
            )
        return cls(_summary(folder), _files(folder), folder)

    def tell_sources(self, sources: Sources) -> None:
        """Tells the reports where the texts are that findings stand in."""
        self.header = replace(self.header, sources=sources)

    @property
    def of_manifest(self) -> bool:
        """Whether it went over the documents of a manifest."""
        return "manifest" in self.summary.inputs

    def sums(self) -> Iterator[RuleMetric]:
        """Every rule summed over all documents of a manifest, where they have no folders."""
        if self.of_manifest and not os.path.isdir(os.path.join(self._folder, TASKS)):
            yield from self.summed()

    def summed(self) -> Iterator[RuleMetric]:
        """Every rule summed over all documents of a manifest."""
        lines = ResultLines(os.path.join(self._folder, _METRICS))
        n = 0
        for metric in read_metrics(lines, "", partial=self.summary.partial):
            n += 1
            yield metric
        totals = self.summary.totals
        evaluated = totals.documents - totals.failed
        if n * evaluated != totals.rules.rules:
            raise lines.error(f"{n} rules", f"{totals.rules.rules} by document, by {SUMMARY}")

    def documents(self) -> Iterator[DocumentResults]:
        """The documents in the order of the manifest; a graph is one."""
        found = RunFindings(self.summary, self._files)
        if self.of_manifest:
            yield from self._listed(found)
        else:
            totals = self.summary.totals.findings
            has_all = totals is None or (totals.is_all and totals.written == totals.total)
            hashed = str(self.summary.inputs.get("triples", ""))
            yield DocumentResults(
                "", self.summary, "", self._files, found, has_all_findings=has_all, triples=hashed
            )
        found.check()

    def _listed(self, found: RunFindings) -> Iterator[DocumentResults]:
        lines = ResultLines(os.path.join(self._folder, DOCUMENT_LIST))
        n = 0
        for text in lines:
            n += 1
            yield _listed(lines, text, self._folder, found)
        expected = self.summary.totals.documents
        if n != expected:
            raise lines.error(counted(n, "document"), f"{expected} by {SUMMARY}")


def _summary(folder: str) -> Summary:
    path = os.path.join(folder, SUMMARY)
    try:
        return read_summary(saved_json(path))
    except FileNotFoundError:
        raise InputError(f"{folder}: found no results of a run there ({SUMMARY})") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except NOT_A_SUMMARY as error:
        raise InputError(f"{path}: found no summary that this version wrote ({error})") from error


def _read(summary: bytes) -> Summary:
    return read_summary(json.loads(summary.decode("utf-8", "surrogateescape")))


def _files(folder: str) -> dict[str, str]:
    paths = {file_name(writer): os.path.join(folder, file_name(writer)) for writer in WRITERS}
    return {name: path for name, path in paths.items() if os.path.isfile(path)}


def _path_of(files: Mapping[str, str], name: str) -> str:
    try:
        return files[name]
    except KeyError:
        raise InputError(f"found no {name} in the results, which the report needs") from None


def _listed(lines: ResultLines, text: str, folder: str, findings: RunFindings) -> DocumentResults:
    """A line of the list of documents, with the results in its folder, if it has one."""
    try:
        found = listed_document(decoded(text))
        if found.folder is not None:
            parent, own = os.path.split(found.folder)
            if parent != TASKS or own in ("", os.curdir, os.pardir):
                raise ValueError
    except NOT_OURS:
        raise lines.error(shown(text), "a document as a run over a manifest lists it") from None
    of_it = found.found
    has_all = of_it is None or (of_it.all_rules and of_it.written == of_it.total)
    if found.totals is None or found.folder is None:
        return DocumentResults(
            found.name, None, found.reason, {}, findings, found.totals, has_all, found.triples
        )
    path = os.path.join(folder, found.folder)
    summary = _summary(path)
    counts = found.totals.counts
    if counts != summary.totals.rules.counts:
        raise lines.error(f"counts {tuple(counts)}", f"those of {os.path.join(path, SUMMARY)}")
    return DocumentResults(
        found.name, summary, "", _files(path), findings, None, has_all, found.triples
    )
