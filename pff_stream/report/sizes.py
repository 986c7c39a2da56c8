"""What the memory of results depends on: how many runs there are in the spool, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pff_stream.report._runs import FAN_IN
from pff_stream.report.formats.interface import DrivenWriter, ResultWriter
from pff_stream.report.outputs import Output, merged_terms, report_terms
from pff_stream.report.records import EXAMPLES, RECORD
from pff_stream.report.streams import OutputSizes
from pff_stream.rules.sizes import RuleSizes
from planner.model import Term

LEAST_FAN_IN = 8
"""Runs that a merge of few chunks reads at once."""
LEAN_FAN_IN, LEAN_RESULTS_BYTES = 16, 16 << 20
"""And one of so few results: to copy some of them twice takes next to no time."""
MOST_EXAMPLES = 1 << 20
"""Examples of a rule that a bound on its record counts at most."""
_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class ResultSizes:
    """Sizes of the results of a run, at most."""

    n_runs: int
    """Runs in the spool."""
    fan_in: int
    """How many runs the merge reads at once: so many windows it holds."""
    buffer_bytes: int
    """Of a worker; no run is longer."""
    spool_in_memory_bytes: int
    """The spool where its folder is memory (tmpfs), else 0."""
    outputs: tuple[Term, ...]
    """What the writer of each output of the merge holds."""
    n_outputs: int
    reports: tuple[Term, ...]
    """What making reports of the results holds; empty: there are none."""


def result_sizes(
    rules: RuleSizes,
    outputs: Sequence[Output[DrivenWriter]],
    reports: Sequence[Output[ResultWriter]] = (),
    *,
    written: OutputSizes | None = None,
    max_examples: int,
    buffer_bytes: int,
    in_memory: bool,
) -> ResultSizes:
    """The sizes of what all rules can leave in a spool, each with so many examples.

    Whether the spool is memory, is told. `written`: what is known of the findings.
    """
    # An example is a pair and, for each atom of the body, a triple.
    example_bytes = (2 + 3 * rules.body_atoms) * _ID_BYTES
    n_examples = min(max_examples, MOST_EXAMPLES)
    record_bytes = RECORD.size + EXAMPLES.size + n_examples * example_bytes
    results_bytes = rules.n_rules * record_bytes
    # A run ends where the next record does not fit behind it any more.
    chunk_runs = 1 + -(-2 * rules.chunk_rules * record_bytes // buffer_bytes)
    sizes = written or OutputSizes(rules=rules.n_rules)
    return ResultSizes(
        n_runs=rules.n_chunks * chunk_runs,
        fan_in=fan_in(rules.n_chunks, results_bytes),
        buffer_bytes=buffer_bytes,
        spool_in_memory_bytes=results_bytes if in_memory else 0,
        outputs=tuple(merged_terms(outputs, sizes)),
        n_outputs=len(outputs),
        reports=tuple(report_terms(reports, sizes)),
    )


def fan_in(n_chunks: int, results_bytes: int) -> int:
    """How many runs a merge of so many chunks and results reads at once."""
    most = LEAN_FAN_IN if results_bytes <= LEAN_RESULTS_BYTES else FAN_IN
    return min(most, max(LEAST_FAN_IN, 2 * n_chunks))
