"""Small runs made by hand, and the shortest way to merge them."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Any

from pff_stream.errors import OutputError
from pff_stream.report._merge import write_results
from pff_stream.report.formats._lines import ViolationLines
from pff_stream.report.formats.lines import BUFFER_BYTES
from pff_stream.report.records import Counts, ExampleIds, Outcome, Record
from pff_stream.report.spooled import MergeOptions, Spooled
from pff_stream.report.totals import Totals
from tests.report.cases import Case, Line, source_chunks, store_runs
from tests.report.layout import graph_of_names


class Collected:
    """A writer that keeps what it is given, and can be full."""

    def __init__(self, room: int = 10**9) -> None:
        self.data = b""
        self.room = room

    def write(self, view: memoryview, /) -> None:
        """Takes the bytes, or says that there is no space."""
        if len(self.data) + len(view) > self.room:
            raise OutputError(os.strerror(errno.ENOSPC))
        self.data += view


def satisfied(source: int, n: int = 1) -> Record:
    """A rule whose predictions all hold."""
    return Record(source, Outcome.SATISFIED, counts=Counts(n, n), facts=n)


def violated(source: int, violations: int, examples: int = 0, part: int = 0) -> Record:
    """A zero rule with so many violations, all of head (0, 0, 0)."""
    kept = (ExampleIds(0, 0, ()),) * examples
    return Record(
        source,
        Outcome.VIOLATED,
        counts=Counts(violations + 2, 2),
        facts=4,
        part=part,
        head_relation=0,
        examples=kept,
    )


def case_of(records: Sequence[Record]) -> Case:
    """One rule per source ordinal, lines from 1."""
    of_source: dict[int, list[Record]] = {}
    for record in records:
        of_source.setdefault(record.source, []).append(record)
    lines = [Line(i + 1, f"rule {i}", tuple(of_source[i])) for i in sorted(of_source)]
    return Case(("e",), ("r",), tuple(lines))


def write(case: Case, *runs: Sequence[Record], **options: Any) -> tuple[Totals, bytes]:
    """Merges the given runs for the lines of a case; totals and violations."""
    out = Collected()
    buffer_bytes = options.pop("buffer_bytes", BUFFER_BYTES)
    graph = graph_of_names(case.entities, case.relations)
    with store_runs(runs) as (files, packed):
        spooled = Spooled(graph, files, packed, source_chunks(case.lines))
        lines = [ViolationLines(out, buffer_bytes)]
        totals = write_results(spooled, lines, MergeOptions(**options))
    return totals, out.data
