"""The second round of a run over a graph: workers list the violations of the chosen rules."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, TypeAlias

from pff_stream.errors import DamagedResultsError
from pff_stream.evaluate.options import Page
from pff_stream.execute.files import InputFile, OutputFile
from pff_stream.execute.job import Job
from pff_stream.files import _pages
from pff_stream.files.durable import naming
from pff_stream.findings.order import ChosenRules
from pff_stream.pipeline.cut import ListedTasks
from pff_stream.report.records import RUN, Run
from pff_stream.report.run_table import RunTable
from pff_stream.rules.file import RuleFile
from pff_stream.work.task import (
    Answer,
    Listed,
    Task,
    WorkerArguments,
    split_task,
    together,
    whole_chunks,
)

_READ_RUNS = 256
SpoolFile: TypeAlias = "tuple[IO[bytes], str]"
"""Open, and its path."""


class Listing(ListedTasks):
    """The chunks of the rule file once more: of each the chosen rules, from rank `first` on."""

    unit = "rules"

    def __init__(
        self,
        chunks: tuple[RuleFile, Sequence[int] | None],
        counting: Job,
        window: int,
        chosen: ChosenRules,
        first: int,
        spool: SpoolFile,
        page: Page,
    ) -> None:
        """`chunks` of a rule file are gone through; None: all of them.

        `counting` is the job that counted their rules: the same workers, told of the ranks.
        """
        file, self._chunks = chunks
        arguments = counting.arguments[0]
        assert isinstance(arguments, WorkerArguments)
        self._file = file
        self._chosen = chosen
        self._first = first
        self._spool = spool[0]
        self._together = arguments.chunks_together
        with open(chosen.path, "rb") as ranked:
            content_hash = hashlib.file_digest(ranked, "sha256").hexdigest()
        ranks = InputFile(chosen.path, 4 * max(1, file.rules), content_hash, "ranks")
        told = arguments._replace(
            spool=OutputFile(spool[1]),
            options=arguments.options.listing(page),
            listed=Listed(ranks, first),
        )
        self.job = dataclasses.replace(counting, arguments=(told,), starts_together=False)
        self.n_units = file.rules - file.rejected
        self.window = window
        self.runs = RunTable()
        self.spooled_bytes = 0
        self.failed = {}

    def tasks(self) -> Iterator[Task]:
        """All of the chunks: which rules were chosen is looked up where a chunk is read."""
        tasks = whole_chunks(self._file, self._chunks)
        return together(tasks, self._together) if self._together > 1 else tasks

    def split(self, task: Task) -> Sequence[Task]:
        """Halves of its ranges, then of its rules."""
        return split_task(task)

    def poisoned(self, task: Task, cause: str) -> Answer:
        """Notes the chosen rules of the task as failed."""
        for one in task.ranges:
            sources = self._file.read_chunk(one.chunk).sources[one.start : one.stop]
            for source in sources.tolist():
                if self._chosen.is_chosen(source, self._first):
                    self.failed[source] = f"killed its worker: {cause}"
        return Answer((), 0.0, 0)

    def take(self, task: Task, answer: Answer) -> int:
        """Notes where the violations are."""
        self.runs.add(Run(0, run.crc32, run.offset, run.length) for run in answer.runs)
        self.spooled_bytes += sum(run.length for run in answer.runs)
        return task.n_rules

    def listed(self) -> Iterator[memoryview]:
        """All runs of records, in any order; `DamagedResultsError` where one is not what it was."""
        descriptor = self._spool.fileno()
        for first in range(0, len(self.runs), _READ_RUNS):
            for run in map(Run._make, RUN.iter_unpack(self.runs.read(first, _READ_RUNS))):
                with naming("the violations that were listed"):
                    records = os.pread(descriptor, run.length, run.offset)
                if len(records) < run.length or zlib.crc32(records) != run.crc32:
                    raise DamagedResultsError(
                        f"damaged results: listed violations at byte {run.offset}"
                    )
                _pages.drop(descriptor, run.offset, run.length)
                yield memoryview(records)

    def close(self) -> None:
        """Forgets where they are."""
        self.runs.close()
