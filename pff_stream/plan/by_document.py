"""The work of a run over a list of documents, each a graph of its own: each task is a document.

Documents are planned by the largest of their files. Does not cover: what one of them needs exactly,
which nothing tells before it is read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from pff_stream.evaluate._kernel import scratch_bytes
from pff_stream.plan.sizes import ProcessCosts
from pff_stream.plan.terms import CHUNK_COPIES, RULE_BYTES, TASK_BYTES
from pff_stream.plan.workload import Workload
from pff_stream.rules.file import RuleFile
from pff_stream.work.task import RESULT_BYTES
from planner.model import Phase, Setting, Settings, Term

DOCUMENT_FACTOR = 24
"""Memory of a document while it is read, encoded and evaluated, times its bytes (measured: 9 to 20
for documents of small objects); a packed one is taken for ten times its file."""
PACKED_FACTOR = 10
MAX_TABLE_RULES = 1_000_000
"""Rule sets up to this size are counted through a table; it is built from about 40 bytes a rule and
the distinct names."""
TABLE_RULE_BYTES = 96
"""What building the table holds a rule, at most, with names of ordinary length."""


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
    rules: RuleFile

    @property
    def n_tasks(self) -> int:
        """The documents."""
        return self.sizes.n_documents

    def phases(self, costs: ProcessCosts, settings: Settings) -> list[Phase]:
        """Evaluating alone: a worker writes the results of its document itself."""
        workers = int(settings["workers"] or 1)
        return [_phase(self.rules, costs, workers, self.sizes.largest_bytes)]

    def candidates(self, counts: Sequence[int], methods: Sequence[str]) -> list[Settings]:
        """As many workers as can be; threads only where so many processes do not fit."""
        return [self.leanest(n, method) for n in counts for method in methods]

    def leanest(self, workers: int, method: str) -> dict[str, Setting]:
        """There is one way only."""
        return {"workers": workers, "start_method": method, "window": 4 * workers}


def document_bytes(path: str) -> int:
    """A bound on a document's text by its file; a missing file fails as a document, later."""
    try:
        size = os.stat(path).st_size
    except OSError:
        return 0
    return size * (PACKED_FACTOR if path.lower().endswith((".gz", ".zst")) else 1)


def _phase(file: RuleFile, costs: ProcessCosts, workers: int, largest: int) -> Phase:
    table_rules = file.rules if file.rules <= MAX_TABLE_RULES else 0
    entities = largest // 8 + 1  # a name, its quotes, a key: 8 bytes or more
    return Phase(
        "evaluate",
        [
            Term("parent", costs.parent_bytes, "parent", {}, costs.source),
            Term(
                "workers",
                workers * costs.worker_bytes + costs.helper_bytes,
                "workers x worker + helpers",
                {"workers": workers, "worker": costs.worker_bytes, "helpers": costs.helper_bytes},
                costs.source,
            ),
            Term(
                "documents",
                workers * (DOCUMENT_FACTOR * largest + scratch_bytes(entities, False)),
                "workers x (24 x largest_document + 24 x largest_document / 8)",
                {"workers": workers, "largest_document": largest},
                "sizes of the documents",
                at_most=True,
            ),
            Term(
                "chunks",
                workers
                * (
                    CHUNK_COPIES * file.max_chunk_bytes
                    + RULE_BYTES * file.max_chunk_rules
                    + 3 * file.max_source_chunk_bytes
                ),
                "workers x (6 x chunk_bytes + 78 x chunk_rules + 3 x source_chunk)",
                {"workers": workers, "chunk_bytes": file.max_chunk_bytes},
                "index of the rule file",
            ),
            Term(
                "rule table",
                table_rules * TABLE_RULE_BYTES + workers * 12 * table_rules,
                "rules x 96 while it is built + workers x rules x 12",
                {"rules": table_rules, "workers": workers},
                "index of the rule file",
            ),
            Term(
                "results",
                workers * (RESULT_BYTES + (4 << 20)) + 4 * workers * TASK_BYTES,
                "workers x (result_buffer + merge)",
                {"workers": workers, "result_buffer": RESULT_BYTES, "merge": 4 << 20},
                "constants of the code",
            ),
        ],
    )
