"""What a worker does with a manifest: a whole document, from its triples to its folder of results.

Many small documents are parallel over documents, not over rules: a worker encodes one, evaluates
all rules against it, writes its results and forgets it. It imports more than a worker of one large
graph (`worker`), and holds one document's graph and one chunk of rules at a time.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pff_stream.errors import InputError, RefusedError
from pff_stream.evaluate._kernel import Evaluator, TableCounter
from pff_stream.evaluate.chunk import evaluate_rules
from pff_stream.files.writers import FileWriter
from pff_stream.report._merge import write_results
from pff_stream.report.folder import FOLDER_FILES, SUMMARY, made_folder
from pff_stream.report.outputs import merged_outputs, opened
from pff_stream.report.records import Counts, Run
from pff_stream.report.run_table import RunTable
from pff_stream.report.spooled import MergeOptions, Spooled
from pff_stream.report.streams import RunHeader
from pff_stream.report.summary import Json, Summary, totals_of
from pff_stream.report.totals import RunTotals, Totals
from pff_stream.rules._table import RuleTable
from pff_stream.rules.file import RuleFile
from pff_stream.settings.manifest import Task
from pff_stream.settings.models import EvaluationOptions
from pff_stream.triples._graph import GraphView
from pff_stream.triples.encode import encode
from pff_stream.triples.inputs import triple_lines
from pff_stream.triples.options import EncodeOptions
from pff_stream.work.rules import hold_to
from pff_stream.work.task import append_run

if TYPE_CHECKING:
    from pff_stream.execute.pool import Progress


@dataclass(frozen=True, slots=True)
class TaskArguments:
    """Everything that a worker of a manifest is told once."""

    rules: str
    """Path of the compiled rule file."""
    rules_hash: str
    options: EncodeOptions
    semantics: str
    evaluation: EvaluationOptions
    result_options: dict[str, Json]
    """The options that change results, as the summaries name them."""
    temporary: str
    """Folder for temporary files."""
    out: str | None
    """Folder under which each task has a folder of results; None: counts only."""
    resumes: bool
    """Whether documents whose folder is finished already are left as they are."""
    buffer_bytes: int
    table: str | None
    """Path of the rule table, for runs that count only; None: chunks are read for each document."""
    share_bytes: int | None = None
    """Private memory that a worker may map beyond its set-up; None: no fence."""


class NumberedTask(NamedTuple):
    """A task and its place in the manifest."""

    number: int
    task: Task


class TaskAnswer(NamedTuple):
    """What became of a document."""

    totals: Totals | None
    """None where it could not be evaluated."""
    reason: str
    """Why it could not."""


class _Room:
    """Memory that a graph is written to, private to this worker (an encoder's `GraphWriter`)."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def resize(self, size_bytes: int, beside_bytes: int = 0) -> None:
        """Makes room for exactly `size_bytes`."""
        self.buffer = bytearray(size_bytes)

    def map_writable(self) -> bytearray:
        """The room, to be written."""
        return self.buffer


def split_nothing(_task: NumberedTask) -> tuple[NumberedTask, ...]:
    """A document is left out as a whole."""
    return ()


def set_up(progress: Progress, arguments: TaskArguments) -> Callable[[NumberedTask], TaskAnswer]:
    """Opens the rule file once and returns the function that takes one document."""
    rules = RuleFile(arguments.rules)
    table = None if arguments.table is None else open_table(arguments.table)

    def answer(numbered: NumberedTask) -> TaskAnswer:
        try:
            return TaskAnswer(_evaluate(rules, table, arguments, progress, numbered.task), "")
        except (InputError, RefusedError) as error:
            return TaskAnswer(None, str(error))

    if arguments.share_bytes is not None:
        hold_to(arguments.share_bytes)
    return answer


def open_table(path: str) -> RuleTable:
    """Maps a rule table: pages of a file, shared by all workers."""
    with open(path, "rb") as file:
        return RuleTable(mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ))


def _count(
    rules: RuleFile,
    table: RuleTable,
    arguments: TaskArguments,
    progress: Progress,
    graph: GraphView,
) -> Totals:
    """The totals of one document, without records: only what its graph can match is counted."""
    evaluator = TableCounter(graph, arguments.semantics, wide=False, progress=progress.address)
    (satisfied, violated, vacuous, filtered), predictions, support = evaluator.count_table(table)
    return Totals(
        outcomes=(satisfied, violated, vacuous, filtered, 0, 0, rules.rejected),
        counts=Counts(predictions, support),
        violations=predictions - support,
        violations_written=0,
        cut_by_max_examples=0,
        cut_by_max_violations=0,
        worst=(),
    )


def _evaluate(
    rules: RuleFile,
    table: RuleTable | None,
    arguments: TaskArguments,
    progress: Progress,
    task: Task,
) -> Totals:
    if arguments.resumes and (done := _finished(arguments, task)):
        return done
    room = _Room()
    report = encode([task.path], room, arguments.options)
    graph = GraphView(room.buffer)
    # A text with several readings is settled by the names of each graph, where they leave a choice.
    is_settled = not rules.unsettled and (graph.well_nested or not rules.ambiguous)
    if table is not None and is_settled:
        return _count(rules, table, arguments, progress, graph)
    with ExitStack() as stack:
        spool = stack.enter_context(
            tempfile.TemporaryFile(buffering=0, prefix="pff-stream-", dir=arguments.temporary)
        )
        runs = RunTable((), arguments.temporary)
        stack.callback(runs.close)
        _spool_all(rules, graph, arguments, progress, spool.fileno(), runs)
        spooled = Spooled(graph, [spool.fileno()], runs, rules.all_source_chunks())
        options = MergeOptions(
            unseen=arguments.evaluation.unseen,
            max_violations=arguments.evaluation.max_violations,
            temporary_dir=arguments.temporary,
        )
        if arguments.out is None:
            return write_results(spooled, (), options)
        folder = stack.enter_context(made_folder(os.path.join(arguments.out, task.folder)))
        header = RunHeader(
            semantics=arguments.semantics,
            settings=arguments.result_options,
            inputs={"rules": arguments.rules_hash, "triples": report.input_hash.hex()},
            labels={"task": task.name},
        )
        with opened(merged_outputs(folder), header) as writers:
            totals = write_results(spooled, [writer.formatter for writer in writers], options)
            summary = Summary(
                totals=RunTotals.of(totals),
                semantics=header.semantics,
                settings=header.settings,
                inputs=header.inputs,
                run={"seconds_encoding": round(report.seconds, 6)},
                labels=header.labels,
            )
            for writer in writers:
                writer.end(summary)
        with FileWriter(os.path.join(folder, SUMMARY)) as summary_writer:
            summary_writer.write(memoryview(summary.to_bytes()))
    return totals


def _finished(arguments: TaskArguments, task: Task) -> Totals | None:
    """The totals of a document whose results are there already, of this very content."""
    folder = os.path.join(arguments.out or "", task.folder)
    try:
        with open(os.path.join(folder, SUMMARY), "rb") as file:
            summary = json.loads(file.read())
        if not all(os.path.isfile(os.path.join(folder, name)) for name in FOLDER_FILES):
            return None
        hashes = {"rules": arguments.rules_hash, "triples": _content(task.path, arguments.options)}
        is_same = summary["inputs"] == hashes and summary["settings"] == arguments.result_options
        return totals_of(summary) if is_same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # whatever is wrong with it, it is done again


def _content(path: str, options: EncodeOptions) -> str:
    """The hash that a graph of this document has."""
    hashed = hashlib.blake2b(digest_size=16)
    for block in triple_lines([path], options):
        hashed.update(block)
    return hashed.hexdigest()


def _spool_all(
    rules: RuleFile,
    graph: GraphView,
    arguments: TaskArguments,
    progress: Progress,
    spool: int,
    runs: RunTable,
) -> None:
    """Evaluates every chunk; adds the places of the results to `runs`."""
    evaluator = _evaluator(graph, arguments, progress)

    def keep(records: memoryview) -> None:
        run = append_run(spool, records)
        runs.add([Run(0, run.crc32, run.offset, run.length)])

    for index, count in enumerate(rules.chunks["rules"]):
        evaluate_rules(evaluator, graph, rules.read_chunk(index), 0, int(count), keep)


def _evaluator(graph: GraphView, arguments: TaskArguments, progress: Progress) -> Evaluator:
    evaluation = arguments.evaluation
    return Evaluator(
        graph,
        arguments.semantics,
        wide=False,
        max_examples=evaluation.max_examples,
        min_support=evaluation.min_support or 0,
        min_confidence=evaluation.min_confidence or 0.0,
        max_work=evaluation.max_work,
        buffer_bytes=arguments.buffer_bytes,
        progress=progress.address,
    )
