"""All rules evaluated against one graph, their records in a spool: where no table counts them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pff_stream.evaluate._kernel import Evaluator
from pff_stream.evaluate.chunk import evaluate_rules
from pff_stream.report.records import Run
from pff_stream.report.run_table import RunTable
from pff_stream.report.spooled import Spooled
from pff_stream.rules.file import RuleFile
from pff_stream.triples._graph import GraphView
from pff_stream.work.task import append_run


def is_settled(rules: RuleFile, graph: GraphView) -> bool:
    """Whether the names of this graph leave each rule the reading that a table of them has.

    A text with several readings is settled by the names of each graph, where they can.
    """
    return not (
        rules.unsettled
        or (rules.ambiguous and not graph.well_nested)
        or (rules.blanks and graph.has_blanks)
    )


@contextmanager
def spooled_rules(
    rules: RuleFile, graph: GraphView, evaluator: Evaluator, folder: str
) -> Iterator[Spooled]:
    """The records of all rules, ready to be merged; they lie in a file in `folder` meanwhile."""
    with ExitStack() as stack:
        spool = stack.enter_context(
            tempfile.TemporaryFile(buffering=0, prefix="pff-stream-", dir=folder)
        )
        runs = RunTable((), folder)
        stack.callback(runs.close)

        def keep(records: memoryview) -> None:
            run = append_run(spool.fileno(), records)
            runs.add([Run(0, run.crc32, run.offset, run.length)])

        for index, count in enumerate(rules.chunks["rules"]):
            evaluate_rules(evaluator, graph, rules.read_chunk(index), 0, int(count), keep)
        yield Spooled(graph, [spool.fileno()], runs, rules.all_source_chunks())
