"""The work of a run over a list of documents, each a graph of its own: each task is a document.

What a document takes is bounded by the size of its file, and known when it is read: so a worker has
room for the bound, or for less where that does not fit, and refuses the document that takes more.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from pff_stream.errors import InputError, RefusedError, UsageError
from pff_stream.files.decoders import PACKED_SUFFIXES
from pff_stream.files.sources import decoder_bytes
from pff_stream.findings.terms import document_terms
from pff_stream.plan import process_terms as processes
from pff_stream.plan.sizes import ProcessCosts
from pff_stream.plan.terms import report_phase
from pff_stream.plan.workload import Build, SharedWorkload
from pff_stream.report._rows import ROWS_BYTES
from pff_stream.report.formats.lines import BUFFER_BYTES as SUMS_BUFFER_BYTES
from pff_stream.report.sums import RULE_BYTES as RULE_BYTES_SUMMED
from pff_stream.rules.sizes import RuleSizes
from pff_stream.work.task import RESULT_BYTES
from planner.formula import Formula, given
from planner.model import Phase, Setting, Settings, Term
from planner.search import Candidate
from planner.sizes import format_size

LIKELY_FACTOR, PACKED_FACTOR = 12, 10
"""What a document takes most likely, times its bytes (3 to 9 for documents of small objects), and
of a packed one its bytes, times those of its file: where the bound does not fit, so much does."""
LEAST_DOCUMENT_BYTES = 4 << 20
"""Room for a document that every worker has."""
MAX_TABLE_RULES = 1_000_000
"""Rule sets up to this size are counted through a table; it is built from about 40 bytes a rule and
the distinct names."""
TABLE_RULE_BYTES, TABLE_COUNT_BYTES = 96, 12
"""What building the table holds a rule, at most, with names of ordinary length; and what each
worker counts in."""
TABLE_ROOM_BYTES = 208 << 10
"""What each worker knows of one graph beside it, and keeps of rules that are counted together."""
CHUNK_COPIES, RULE_BYTES = 6, 78
"""A chunk as read, as decoded, and what checks it: times its encoded bytes; and what the evaluator
keeps per rule beside its columns."""
SOURCE_COPIES = 3
"""A source chunk as read, as decoded, and what checks it."""
MERGE_BYTES = 4 << 20
"""What a worker merges the results of its document in."""
KNOWN_BYTES = 9
"""A finding that an earlier run had of a document."""
ROW_BYTES, FOUND_BYTES = 32, 1024
"""Of a rule and of a finding of a document, in the files that a worker leaves of it."""
TASKS_IN_FLIGHT = 4
"""Documents and answers under way for each worker."""
OUT_OF_TURN = 1024
"""Answers that wait for their turn behind a document that takes long, beside those under way."""


@dataclass(frozen=True, slots=True)
class DocumentSizes:
    """What the memory of a run over documents depends on, beside its rules."""

    n_documents: int
    most_bytes: int
    """What one takes at most, by the sizes of the files: see `document_at_most`."""
    likely_bytes: int
    """What the largest takes most likely."""
    findings: tuple[int, int] | None = None
    """How many are held of a document at once, and their reasons; None: none are looked for."""
    sums: bool = False
    """Whether what is counted of each rule is summed over the documents."""
    known: int = 0
    """Findings that an earlier run had of one document, at most."""


@dataclass(frozen=True, slots=True)
class DocumentsWorkload(SharedWorkload):
    """Documents, each with all rules."""

    unit = "documents"
    has_later_workers = False

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
        workers, room_bytes = int(settings["workers"] or 1), document_room(settings)
        evaluate = _phase(self.sizes, self.rules, costs, (workers, room_bytes))
        return [evaluate, *report_phase(costs, self.reports)]

    def client_terms(self, costs: ProcessCosts) -> list[Term]:
        """The table of rules while it is made, sums over documents, what waits for its turn."""
        sizes, rules = self.sizes, self.rules
        n_table_rules = rules.n_rules if rules.n_rules <= MAX_TABLE_RULES else 0
        table = TABLE_RULE_BYTES * given("rules", n_table_rules)
        return [
            processes.parent(costs),
            Term.of("rule table", table, "index of the rule file"),
            _chunks(rules),
            *([sums_term(rules, 1)] if sizes.sums else []),
            *_findings(sizes, n_table_rules, rules.body_atoms, 1),
            _out_of_turn(sizes.n_documents),
        ]

    def candidates(self, counts: Sequence[int], methods: Sequence[str]) -> list[Settings]:
        """As many workers as can be; threads only where so many processes do not fit.

        A worker has room for the largest document there can be, or else for the one that is likely,
        or where nothing else fits, for some: a document that takes more is refused by itself.
        """
        sizes = self.sizes
        rooms = sorted({sizes.most_bytes, min(sizes.likely_bytes, sizes.most_bytes)}, reverse=True)
        found = [
            self._candidate(workers, method, room)
            for workers in counts
            for method in methods
            for room in rooms
        ]
        return [*found, *(self.leanest(counts[-1], method) for method in methods)]

    def leanest(self, workers: int, method: str) -> dict[str, Setting]:
        """With room for small documents."""
        return self._candidate(workers, method, min(LEAST_DOCUMENT_BYTES, self.sizes.most_bytes))

    def improved(self, chosen: Candidate, build: Build, budget_bytes: int) -> Candidate:
        """As much room for documents as the budget leaves."""
        room_bytes = document_room(chosen.settings)
        evaluate = next(phase for phase in chosen.phases if phase.name == "evaluate")
        workers = int(chosen.settings["workers"] or 1)
        more = max(0, budget_bytes - evaluate.bytes) // workers
        roomy = min(self.sizes.most_bytes, room_bytes + more)
        if roomy <= room_bytes:
            return chosen
        settings = {**chosen.settings, "document_bytes": roomy}
        return Candidate(settings, tuple(build(settings)))

    def check_saved(self, settings: Settings) -> None:
        """A plan that does not say how much a document may take is none of documents."""
        if not settings.get("document_bytes"):
            raise UsageError("the saved plan has no room for documents: make a new plan")

    def notes(self, settings: Settings | None) -> list[str]:
        """That documents may be larger than their room."""
        if settings is None or document_room(settings) >= self.sizes.most_bytes:
            return []
        most, room = self.sizes.most_bytes, document_room(settings)
        said = f"a document takes at most {format_size(most)}, by the sizes of the files"
        return [
            f"{said}; each worker has {format_size(room)} for one: what takes more is refused alone"
        ]

    def _candidate(self, workers: int, method: str, room_bytes: int) -> dict[str, Setting]:
        return {
            "workers": workers,
            "start_method": method,
            "window": TASKS_IN_FLIGHT * workers,
            "document_bytes": room_bytes,
        }


def document_room(settings: Settings) -> int:
    """What a document may take in a worker."""
    return int(settings["document_bytes"] or 0)


def answer_at_most(workload: DocumentsWorkload) -> int:
    """About what the files come to that a worker leaves of a document."""
    n_findings, n_reasons = workload.sizes.findings or (0, 0)
    return ROW_BYTES * workload.rules.n_rules + n_findings * (FOUND_BYTES + n_reasons * 64)


def decoder_at_most(path: str, window_bytes: int | None) -> int:
    """What decompressing a document takes, by its first frame; 0 where it will fail, later."""
    if not path.lower().endswith(PACKED_SUFFIXES):
        return 0
    try:
        return decoder_bytes(path, window_bytes)
    except (InputError, RefusedError):
        return 0


def likely_bytes(path: str) -> int:
    """What a document takes most likely; a missing file fails as a document, later."""
    try:
        size = os.stat(path).st_size
    except OSError:
        return 0
    packed = path.lower().endswith(PACKED_SUFFIXES)
    return LIKELY_FACTOR * size * (PACKED_FACTOR if packed else 1)


def counting_bytes(n_rules: int) -> Formula:
    """What is held of a table of so many rules by whoever counts in it; 0: there is none."""
    room = TABLE_ROOM_BYTES if n_rules else 0
    return TABLE_COUNT_BYTES * given("rules", n_rules) + given("room", room)


def _phase(
    sizes: DocumentSizes, rules: RuleSizes, costs: ProcessCosts, rooms: tuple[int, int]
) -> Phase:
    """`rooms`: how many workers, each with room for a document of so many bytes."""
    workers, room_bytes = rooms
    n_table_rules = rules.n_rules if rules.n_rules <= MAX_TABLE_RULES else 0
    table_rules = given("rules", n_table_rules)
    counts = Term.of("rule table", counting_bytes(n_table_rules), "index of the rule file")
    return Phase(
        "evaluate",
        [
            processes.parent(costs),
            processes.worker(costs).for_each(workers, once=processes.helpers(costs)),
            _document(room_bytes).for_each(workers),
            _chunks(rules).for_each(workers),
            counts.for_each(workers, once=TABLE_RULE_BYTES * table_rules),
            _results().for_each(workers),
            *([_out_of_turn(sizes.n_documents)] if workers > 1 else []),
            *([sums_term(rules, workers)] if sizes.sums else []),
            *_findings(sizes, n_table_rules, rules.body_atoms, workers),
        ],
    )


def _document(room_bytes: int) -> Term:
    """A document while it is read, encoded and evaluated."""
    source = "sizes of the files, what the budget leaves"
    return Term.of("documents", given("document", room_bytes), source, at_most=True)


def _chunks(rules: RuleSizes) -> Term:
    formula = (
        CHUNK_COPIES * given("chunk_bytes", rules.chunk_bytes)
        + RULE_BYTES * given("chunk_rules", rules.chunk_rules)
        + SOURCE_COPIES * given("source_chunk", rules.source_chunk_bytes)
    )
    return Term.of("chunks", formula, "index of the rule file")


def sums_term(rules: RuleSizes, workers: int) -> Term:
    """What documents say of rules, in each worker, and in the parent summed by rule.

    The sums are saved as one copy, and written rule by rule behind the last document.
    """
    rows = Term.of("sums by rule", given("rows", ROWS_BYTES), "constants of the code")
    written = SOURCE_COPIES * given("source_chunk", rules.source_chunk_bytes) + SUMS_BUFFER_BYTES
    once = 2 * RULE_BYTES_SUMMED * given("rules", rules.n_rules) + ROWS_BYTES + written
    return rows.for_each(workers, once=once)


def _findings(
    sizes: DocumentSizes, n_table_rules: int, body_atoms: int, workers: int
) -> list[Term]:
    if sizes.findings is None:
        return []
    found = document_terms(n_table_rules, *sizes.findings, body_atoms, workers)
    if not sizes.known:
        return [found]
    known = KNOWN_BYTES * given("findings", sizes.known)
    return [found, Term.of("findings before", known, "the earlier run").for_each(workers)]


def _out_of_turn(n_documents: int) -> Term:
    """Answers that wait for their turn."""
    answers = given("answers", min(OUT_OF_TURN, n_documents))
    formula = given("answer", processes.TASK_BYTES) * answers
    return Term.of("out of turn", formula, "constants of the code")


def _results() -> Term:
    tasks = TASKS_IN_FLIGHT * given("task", processes.TASK_BYTES)
    formula = given("result_buffer", RESULT_BYTES) + given("merge", MERGE_BYTES) + tasks
    return Term.of("results", formula, "constants of the code")
