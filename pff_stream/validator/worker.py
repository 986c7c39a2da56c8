"""What a worker process of a validator does with a document."""

from __future__ import annotations

import mmap
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pff_stream.errors import DocumentError
from pff_stream.execute.files import InputFile
from pff_stream.files import _pages
from pff_stream.findings.catalogue import RuleCatalogue
from pff_stream.rules._table import RuleTable
from pff_stream.rules.file import RuleFile
from pff_stream.triples._graph import GraphView
from pff_stream.triples.encode import MAPPED_BYTES, TRIM_BYTES
from pff_stream.validator.checker import Checker, CheckOptions
from pff_stream.validator.placing import made_findings
from pff_stream.validator.sent import Answered, Sent, put_graph, received
from pff_stream.work.rules import hold_to

if TYPE_CHECKING:
    from pff_stream.evaluate.options import EvaluatorOptions
    from pff_stream.execute.standing import Numbered
    from pff_stream.execute.worker_main import Progress


class WorkerArguments(NamedTuple):
    """Everything that a worker is told once."""

    rules: InputFile
    """The compiled rules."""
    table: InputFile
    catalogue: InputFile
    options: CheckOptions
    share_bytes: int | None
    """Private memory that a worker may map beyond its set-up; None: no fence."""


class WorkerRules:
    """The rules of a validator as a worker opens them: only what is looked at is in memory."""

    def __init__(self, told: WorkerArguments) -> None:
        self.file = RuleFile(told.rules.name)
        self.catalogue = RuleCatalogue(_mapped(told.catalogue))
        self._table = _mapped(told.table)

    def table(self) -> RuleTable:
        """The rules as a table, with room to count one graph after the other."""
        return RuleTable(self._table)

    def is_table_usable(self, counting: EvaluatorOptions) -> bool:
        """Whether documents can be counted by the table at all."""
        return counting.max_work is None


def set_up(progress: Progress, told: WorkerArguments) -> Callable[[Numbered], Answered]:
    """Opens the rules once and returns the function that checks one document."""
    _pages.fix_thresholds(MAPPED_BYTES, TRIM_BYTES)
    rules = WorkerRules(told)
    checker = Checker(rules, told.options, progress.address)

    def answer(numbered: Numbered) -> Answered:
        task: Sent = numbered.task
        try:
            checked = checker.check(received(task), task.n)
        except DocumentError as error:
            return Answered(str(error))
        made, found = None, checked.found
        if task.is_made:
            findings = made_findings(checked, told.options.reading, rules.catalogue)
            made, found = tuple(pickle.dumps(one, 5) for one in findings), None
        elif found is not None:
            found = found.contained(GraphView(checked.graph))
        # Texts stay as they are, and can be encoded again by whoever asks for the graph.
        is_graph_sent = task.file is not None or (task.content.text or task.content.lines) is None
        return Answered(
            "",
            pickle.dumps((checked.totals, checked.notes), 5),
            b"" if found is None else pickle.dumps(found, 5),
            checked.n_findings,
            made,
            put_graph(task, checked.graph) if is_graph_sent else b"",
            len(checked.graph) if is_graph_sent else 0,
            checked.seconds,
        )

    if told.share_bytes is not None:
        hold_to(told.share_bytes)
    return answer


def _mapped(file: InputFile) -> mmap.mmap:
    with open(file.name, "rb") as opened:
        return mmap.mmap(opened.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
