"""The work of a run over a list of documents, each a graph of its own: each task is a document.

Documents are planned by the largest of their files. Does not cover: what one of them needs exactly,
which nothing tells before it is read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from pff_stream.evaluate.terms import scratch
from pff_stream.plan import process_terms as processes
from pff_stream.plan.sizes import ProcessCosts
from pff_stream.plan.terms import report_phase
from pff_stream.plan.workload import Workload
from pff_stream.rules.sizes import RuleSizes
from pff_stream.work.task import RESULT_BYTES
from planner.formula import given
from planner.model import Phase, Setting, Settings, Term

DOCUMENT_FACTOR = 24
"""Memory of a document while it is read, encoded and evaluated, times its bytes (measured: 9 to 20
for documents of small objects); a packed one is taken for ten times its file."""
PACKED_FACTOR = 10
MAX_TABLE_RULES = 1_000_000
"""Rule sets up to this size are counted through a table; it is built from about 40 bytes a rule and
the distinct names."""
TABLE_RULE_BYTES, TABLE_COUNT_BYTES = 96, 12
"""What building the table holds a rule, at most, with names of ordinary length; and what each
worker counts in."""
CHUNK_COPIES, RULE_BYTES = 6, 78
"""A chunk as read, as decoded, and what checks it: times its encoded bytes; and what the evaluator
keeps per rule beside its columns."""
SOURCE_COPIES = 3
"""A source chunk as read, as decoded, and what checks it."""
NAME_BYTES = 8
"""The least that an entity takes in a document: a name, its quotes, a key."""
MERGE_BYTES = 4 << 20
"""What a worker merges the results of its document in."""
TASKS_IN_FLIGHT = 4
"""Documents and answers under way for each worker."""


@dataclass(frozen=True, slots=True)
class DocumentSizes:
    """What the memory of a run over documents depends on, beside its rules."""

    n_documents: int
    largest_bytes: int
    """A bound on the text of the largest document."""


@dataclass(frozen=True, slots=True)
class DocumentsWorkload(Workload):
    """Documents, each with all rules."""

    unit = "documents"

    sizes: DocumentSizes
    rules: RuleSizes
    reports: tuple[Term, ...] = ()
    """What making reports of the results holds; empty: there are none."""

    @property
    def n_tasks(self) -> int:
        """The documents."""
        return self.sizes.n_documents

    def phases(self, costs: ProcessCosts, settings: Settings) -> list[Phase]:
        """Evaluating, where a worker writes the results of its document itself; then reports."""
        workers = int(settings["workers"] or 1)
        evaluate = _phase(self.rules, costs, workers, self.sizes.largest_bytes)
        return [evaluate, *report_phase(costs, self.reports)]

    def candidates(self, counts: Sequence[int], methods: Sequence[str]) -> list[Settings]:
        """As many workers as can be; threads only where so many processes do not fit."""
        return [self.leanest(n, method) for n in counts for method in methods]

    def leanest(self, workers: int, method: str) -> dict[str, Setting]:
        """There is one way only."""
        return {"workers": workers, "start_method": method, "window": TASKS_IN_FLIGHT * workers}


def document_bytes(path: str) -> int:
    """A bound on a document's text by its file; a missing file fails as a document, later."""
    try:
        size = os.stat(path).st_size
    except OSError:
        return 0
    return size * (PACKED_FACTOR if path.lower().endswith((".gz", ".zst")) else 1)


def _phase(rules: RuleSizes, costs: ProcessCosts, workers: int, largest_bytes: int) -> Phase:
    table_rules = given("rules", rules.n_rules if rules.n_rules <= MAX_TABLE_RULES else 0)
    counts = Term.of("rule table", TABLE_COUNT_BYTES * table_rules, "index of the rule file")
    return Phase(
        "evaluate",
        [
            processes.parent(costs),
            processes.worker(costs).for_each(workers, once=processes.helpers(costs)),
            _document(largest_bytes).for_each(workers),
            _chunks(rules).for_each(workers),
            counts.for_each(workers, once=TABLE_RULE_BYTES * table_rules),
            _results().for_each(workers),
        ],
    )


def _document(largest_bytes: int) -> Term:
    """A document while it is read, encoded and evaluated."""
    largest = given("largest_document", largest_bytes)
    formula = DOCUMENT_FACTOR * largest + scratch(largest // NAME_BYTES + 1, wide=False)
    return Term.of("documents", formula, "sizes of the documents", at_most=True)


def _chunks(rules: RuleSizes) -> Term:
    formula = (
        CHUNK_COPIES * given("chunk_bytes", rules.chunk_bytes)
        + RULE_BYTES * given("chunk_rules", rules.chunk_rules)
        + SOURCE_COPIES * given("source_chunk", rules.source_chunk_bytes)
    )
    return Term.of("chunks", formula, "index of the rule file")


def _results() -> Term:
    tasks = TASKS_IN_FLIGHT * given("task", processes.TASK_BYTES)
    formula = given("result_buffer", RESULT_BYTES) + given("merge", MERGE_BYTES) + tasks
    return Term.of("results", formula, "constants of the code")
