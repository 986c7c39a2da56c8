"""What making findings holds, as terms; and what it writes to temporary files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from pff_stream.findings._shortlist import notes_written_bytes, shortlist_bytes
from pff_stream.findings._sorted import BUFFER_BYTES, reading_bytes, sorter_bytes, written_bytes
from pff_stream.findings.of_document import SORT_BYTES
from planner.formula import Formula, given, least, most
from planner.model import KERNEL, Term

if TYPE_CHECKING:
    from pff_stream.report.streams import Finding

BATCH = 1000
"""Findings that are held at once, to look up their places in one pass over the input."""
BATCH_BYTES = 4 << 20
"""And no more of them than come to this, or one."""
FINDING_BYTES, REASON_BYTES, ATOM_BYTES = 2600, 500, 420
"""A finding, a reason and a triple of a witness as objects, with names of 40 bytes."""
NAME_BYTES = 40
RANKING_BYTES = 1 << 17
"""Of a sort that puts rules in order: one is held while workers list violations."""
SHORTLISTED_BYTES, MOST_SHORTLISTED_BYTES = 768, 1 << 20
"""Room for the first rules in order, for each finding that is wanted and at most."""
_NAMES_BYTES = 110
_RANK_BYTES = 4
_NOTE_BYTES = 28
"""A violated rule in the list of all, and the rank of any."""
_ORDERED_BYTES = 47
"""A rule in a sort beside its text: what it is sorted by, line, source, and its length."""
_DOCUMENT_SORTS = 4
_HOLE_BYTES, _HOLES_BYTES = 3, 5 << 19
"""What merging the results of many rules leaves free between used parts of the heap: so much for
each, and at most."""
_VIOLATED_BYTES = 128
"""A violated rule as it is counted, with room to grow, and as it is ranked."""
CATALOGUE_BYTES = 28
"""A rule in the catalogue, beside its text."""
_SOURCE = "constants of the code"


def holds_last(limit: int | None, max_reasons: int) -> bool:
    """Whether of the last rule in force only the triples that are wanted are joined."""
    return limit is not None and limit * max(10, max_reasons) <= 10 * BATCH


def violation_bytes(body_atoms: int, *, is_held: bool) -> int:
    """What a violation takes in temporary files: listed, sorted by triple and merged, joined.

    `is_held`: see `holds_last`; those of all other rules are fewer than are wanted.
    """
    witness = 12 * body_atoms
    listed = 8 + witness
    by_triple = 4 + 17 + witness
    joined = 4 + 45 + _NAMES_BYTES + 9 + witness
    return listed + 2 * (by_triple + (0 if is_held else joined))


def page_bytes(body_atoms: int) -> int:
    """What a violation takes in temporary files while its rule is listed page by page."""
    witness = 12 * body_atoms
    return 8 + witness + 2 * (4 + 17 + witness)


def kept_bytes(body_atoms: int) -> int:
    """What a triple that is wanted of such a rule takes: at times twice as many are kept."""
    return 2 * 2 * (4 + _NAMES_BYTES + 17 + 12 * body_atoms)


def shortlist_room(limit: int) -> int:
    """What the first rules in order are kept in, until `limit` findings are enough."""
    return min(limit * SHORTLISTED_BYTES, MOST_SHORTLISTED_BYTES)


def ranking_terms(limit: int | None) -> list[Term]:
    """What puts rules in order while results are merged: two sorts, or a list of the first ones.

    `limit`: findings that are enough; None: all rules are wanted.
    """
    sort = given("sort", sorter_bytes(RANKING_BYTES))
    if limit is None:
        return [Term.of("rules in order", 2 * sort, _SOURCE), _sorts_written()]
    # The sort is filled behind the merge, when more than it takes has been given back.
    listed = given("list", shortlist_bytes(shortlist_room(limit)))
    written = given("notes", notes_written_bytes())
    return [
        Term.of("rules in order", listed, _SOURCE),
        Term.of("notes being written", written, f"{_SOURCE}; page cache", group=KERNEL),
    ]


def _sorts_written() -> Term:
    """What of two sorts that are filled is in the page cache."""
    files = 2 * given("file", written_bytes())
    return Term.of("sorts being written", files, f"{_SOURCE}; page cache", group=KERNEL)


def in_memory_term(n_rules: int, texts_bytes: int, room_bytes: int) -> Term:
    """The files that findings are made in, where temporary files are memory.

    What is noted of all rules and, at worst, all of them in order, which sorts write twice; and
    `room_bytes` for their violations.
    """
    notes = given("notes", _NOTE_BYTES) * given("rules", n_rules)
    twice = 2 * given("sorts", 2)
    texts = twice * (given("texts", texts_bytes) + given("rules", n_rules) * _ORDERED_BYTES)
    told = "index of the rule file; the folder for temporary files is on a tmpfs"
    formula = notes + texts + given("violations", room_bytes)
    return Term.of("findings in memory", formula, told, group=KERNEL, at_most=True)


def listing_terms(n_rules: int, *, in_memory: bool) -> list[Term]:
    """What is held while workers list violations: the order of the rules, and their ranks.

    Ranks are in a temporary file that all workers map; `in_memory`: temporary files are memory.
    """
    ranked = given("rules", n_rules)
    ranks = ranked * _RANK_BYTES
    source = "header of the rule file"
    return [
        Term.of("rules in order", given("sort", reading_bytes(RANKING_BYTES)), _SOURCE),
        Term.of("heap after the merge", least(_HOLE_BYTES * ranked, _HOLES_BYTES), _SOURCE),
        *([Term.of("ranks of rules", ranks, source, group=KERNEL)] if in_memory else []),
    ]


def held_bytes(finding: Finding) -> int:
    """What a finding is counted as while it is held; of a long name all of it counts."""
    triples = [triple for reason in finding.reasons for triple in reason.witness]
    names = chain(finding.triple, finding.found.objects, finding.found.subjects, *triples)
    long_bytes = sum(len(name) for name in names if len(name) > NAME_BYTES)
    fixed = FINDING_BYTES + len(finding.reasons) * REASON_BYTES + len(triples) * ATOM_BYTES
    return fixed + long_bytes


def batches(findings: Iterable[Finding]) -> Iterator[list[Finding]]:
    """Findings that are held at once, in their order."""
    batch: list[Finding] = []
    n_bytes = 0
    for finding in findings:
        batch.append(finding)
        n_bytes += held_bytes(finding)
        if len(batch) == BATCH or n_bytes >= BATCH_BYTES:
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch


def _written(n: int, max_reasons: int, body_atoms: int) -> Formula:
    """The findings of a batch, at most."""
    each = given(
        "finding",
        FINDING_BYTES + min(max_reasons, BATCH) * (REASON_BYTES + body_atoms * ATOM_BYTES),
    )
    return least(given("findings", min(n, BATCH)) * each, BATCH_BYTES + each)


def joining_terms(
    n: int, max_reasons: int, body_atoms: int, source_chunk_bytes: int | None
) -> list[Term]:
    """The join of violations, and `n` findings at once on their way to an output.

    Before them all rules may be put in order, by the texts in source chunks of so many bytes; None:
    they are already.
    """
    sorts = given("order", sorter_bytes(RANKING_BYTES)) + 2 * given("sort", sorter_bytes())
    written = _written(n, max_reasons, body_atoms)
    if source_chunk_bytes is not None:
        # As read, and the texts of it.
        chunk = 2 * given("source_chunk", source_chunk_bytes)
        written = most(written, given("order", sorter_bytes(RANKING_BYTES)) + chunk)
    return [
        Term.of("findings sorted", sorts, _SOURCE),
        _sorts_written(),
        Term.of("findings written", written,
                "constants of the code; names of 40 bytes", at_most=True),
    ]  # fmt: skip


def document_terms(n_rules: int, n: int, max_reasons: int, body_atoms: int, workers: int) -> Term:
    """What each worker of a manifest makes findings in, and once what all of them read of rules.

    `n_rules`: those of the rule table, 0 without one.
    """
    rules = given("rules", n_rules)
    sorts = _DOCUMENT_SORTS * given("sort", sorter_bytes(SORT_BYTES))
    formula = sorts + _VIOLATED_BYTES * rules + _written(n, max_reasons, body_atoms)
    once = given("sort", sorter_bytes()) + CATALOGUE_BYTES * rules
    term = Term.of("findings", formula, "index of the rule file, names of 40 bytes", at_most=True)
    return term.for_each(workers, once=once)


__all__ = [
    "BATCH",
    "BUFFER_BYTES",
    "batches",
    "document_terms",
    "joining_terms",
    "kept_bytes",
    "listing_terms",
    "page_bytes",
    "ranking_terms",
    "violation_bytes",
]
