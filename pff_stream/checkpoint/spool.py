"""What a run keeps in its folder while it is not finished: enough to go on after any death.

`DIR/.unfinished` (`state`) holds besides the settings a `spool` (results) and a `journal` (which
tasks are done, and where their results lie). Does not cover: the format of the journal (`journal`).
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any

from pff_stream.checkpoint.done_rules import DoneRules
from pff_stream.checkpoint.journal import Done, Journal, JournalReader, run_is_whole
from pff_stream.checkpoint.part_files import write_part
from pff_stream.checkpoint.state import (
    KEPT_TRIPLES,
    State,
    copy_input,
    keep_rules,
    open_private,
    state_folder,
    write_settings,
)
from pff_stream.checkpoint.texts import keep_texts
from pff_stream.errors import OutputError
from pff_stream.execute.files import OutputFile
from pff_stream.files.durable import naming
from pff_stream.files.opened import AlteredError
from pff_stream.files.temporary import working_folder
from pff_stream.inputs import GraphInput, Rules
from pff_stream.notes import Notes
from pff_stream.observer import Observer
from pff_stream.report.records import Run as SpooledRun
from pff_stream.report.run_table import RunTable
from pff_stream.rules.shard import Shard
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.models import Inputs
from pff_stream.triples.graph import HEADER_BYTES
from pff_stream.words import counted
from pff_stream.work.task import Task

SPOOL, JOURNAL = "spool", "journal"


class UnfinishedRun:
    """Spool and journal of one run, and what was done before it was resumed."""

    def __init__(self, state: State, rules: Rules) -> None:
        self.runs = RunTable((), working_folder(state.out))
        """Places of the results, those that were there at first, as the merge takes them."""
        self.lost = 0
        """Tasks of the journal whose results are not what it says."""
        self.cut_bytes = 0
        """What a crash had torn off the journal."""
        self.state = state
        self._done = DoneRules(rules.file)
        flags = os.O_RDWR | os.O_CREAT
        with naming(state.path), ExitStack() as stack:

            def opened(name: str) -> IO[bytes]:
                descriptor = open_private(state.out, name, flags)
                return stack.enter_context(open(descriptor, "r+b", buffering=0))

            self.spool, self._journal_file = opened(SPOOL), opened(JOURNAL)
            place = self._read()
            self.journal = Journal(
                self._journal_file.fileno(),
                self.spool.fileno(),
                place,
                len(rules.file.chunks),
            )
            self._stack = stack.pop_all()
        name = f"/proc/{os.getpid()}/fd/{self.spool.fileno()}"
        self.spool_path = name if os.path.exists(name) else os.path.join(state.path, SPOOL)

    @property
    def n_rules(self) -> int:
        """Rules whose results were there when the run began."""
        return self._done.n_rules

    def close(self, *, failed: bool) -> None:
        """Closes both files; what is done is kept first where the run failed."""
        with self._stack:
            if failed:
                with contextlib.suppress(OutputError):
                    self.journal.flush()

    def finish(self) -> None:
        """The run is finished: its state is removed."""
        self.state.finish()

    def complete(self, head: Mapping[str, Any]) -> None:
        """A part of a run is done: its state is kept, with what it came to."""
        self.journal.flush()
        write_part(self.state, head)

    def missing(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """What of each task is not done yet."""
        return self._done.missing(tasks)

    def _read(self) -> int:
        """Takes in the journal; returns where it goes on. Cuts what a crash tore off."""
        reader = JournalReader(self._journal_file.fileno())
        spool_end = 0
        for done in reader:
            if not self._done.is_new(done.task):
                self.lost += 1
                continue
            if not all(run_is_whole(self.spool.fileno(), run) for run in done.runs):
                self.lost += 1
                continue
            self._take(done)
            spool_end = max(spool_end, max(run.offset + run.length for run in done.runs))
        if reader.cut_bytes:
            reader.cut()
        self.cut_bytes = reader.cut_bytes
        os.ftruncate(self.spool.fileno(), spool_end)
        return reader.place

    def _take(self, done: Done) -> None:
        self.runs.add(SpooledRun(0, run.crc32, run.offset, run.length) for run in done.runs)
        self._done.add(done.task)


@contextmanager
def unfinished_run(
    settings: RunSettings, rules: Rules, graph: GraphInput, observer: Observer
) -> Iterator[UnfinishedRun]:
    """Spool and journal of a run with a folder; they are there until `finish`."""
    inputs = described(rules, graph)
    with state_folder(settings.output, inputs) as state:
        run = UnfinishedRun(state, rules)
        failed = True
        try:
            if settings.output.resume is None:
                kept = _keep_inputs(state, settings.inputs, rules, graph)
                notes = Notes()
                notes.merge(rules.notes)
                if graph.encoded is not None:
                    notes.merge(graph.encoded.notes)
                copies = keep_texts(state, graph.copies)
                write_settings(state, settings, inputs, kept, copies, notes)
            else:
                chunks = Shard.of(settings.sharding.shard).chunks(rules.file)
                _say(run, int(rules.file.chunks["rules"][chunks].sum()), observer)
            yield run
            failed = False
        except AlteredError:
            state.forget()
            raise
        finally:
            run.close(failed=failed)


def _say(run: UnfinishedRun, n_rules: int, observer: Observer) -> None:
    observer.note(f"resumed: {run.n_rules:,} of {counted(n_rules, 'rule')} are done")
    if run.cut_bytes:
        observer.note(f"the journal was torn: {counted(run.cut_bytes, 'byte')} at its end are cut")
    if run.lost:
        observer.note(f"results of {counted(run.lost, 'task')} are damaged and evaluated again")


def described(rules: Rules, graph: GraphInput) -> dict[str, str]:
    """Hashes of the contents, and of the chunks and the graph that journal and spool speak of."""
    chunks = rules.file.chunks
    header = os.open(graph.name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        graph_crc32 = zlib.crc32(os.pread(header, HEADER_BYTES, 0))
    finally:
        os.close(header)
    return {
        "rules": rules.source_hash.hex(),
        "triples": graph.input_hash.hex(),
        "compiled rules": f"{zlib.crc32(chunks['crc32'].tobytes()):08x}",
        "encoded triples": f"{graph_crc32:08x}",
    }


def _keep_inputs(state: State, inputs: Inputs, rules: Rules, graph: GraphInput) -> dict[str, str]:
    """Copies of inputs that cannot be read a second time, as they were compiled and encoded."""
    kept = keep_rules(state, inputs.rules, rules)
    if not all(os.path.isfile(path) for path in inputs.triples):
        copy_input(graph.name, os.path.join(state.path, KEPT_TRIPLES))
        kept["triples"] = KEPT_TRIPLES
    return kept


@dataclass(frozen=True, slots=True)
class Spool:
    """The file that workers append results to, and how they are told of it."""

    file: IO[bytes]
    shared: OutputFile

    @classmethod
    def of(cls, kept: UnfinishedRun) -> Spool:
        """That of a run with a folder."""
        return cls(kept.spool, OutputFile(kept.spool_path))
