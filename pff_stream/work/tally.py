"""Sums up the answers of all tasks."""

from __future__ import annotations

from dataclasses import dataclass, field

from pff_stream.report.records import Run
from pff_stream.report.run_table import RunTable
from pff_stream.work.task import NOTHING_HELD, Answer, Held


@dataclass(slots=True)
class Evaluation:
    """What evaluating all chunks came to."""

    runs: RunTable = field(default_factory=RunTable)
    """Places of all results, as the merge takes them."""
    cpu_seconds: float = 0.0
    """CPU time of the evaluators' calls, summed over workers."""
    edges: int = 0
    """Edges of the graph that were touched."""
    spooled_bytes: int = 0
    held: Held = NOTHING_HELD
    """What a worker took when it set up, at most."""
    retried: int = 0
    """Tasks that had to be tried again."""

    def take(self, answer: Answer) -> None:
        """Adds the answer of one task."""
        self.runs.add(Run(0, run.crc32, run.offset, run.length) for run in answer.runs)
        self.cpu_seconds += answer.cpu_seconds
        self.edges += answer.edges
        self.spooled_bytes += sum(run.length for run in answer.runs)
        self.held = Held(*map(max, self.held, answer.held))
