"""What a validator holds: the rules once, and a document in each thread or worker process.

What a document takes is known when it is read: each has room for so much, and what takes more is
refused alone. Does not cover: opening the rules (`preparation`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from pff_stream.execute.executors import executor_named
from pff_stream.findings.terms import document_terms
from pff_stream.plan import process_terms as processes
from pff_stream.plan.by_document import (
    LEAST_DOCUMENT_BYTES,
    LIKELY_FACTOR,
    TABLE_RULE_BYTES,
    counting_bytes,
)
from pff_stream.plan.costs import Crew
from pff_stream.plan.sizes import ProcessCosts
from pff_stream.rules.sizes import RuleSizes
from pff_stream.work.task import RESULT_BYTES
from planner.formula import given
from planner.machine import Machine
from planner.model import Phase, Term
from planner.plan import Plan
from planner.sizes import format_size

CHUNK_COPIES = 6
"""A chunk as read, as decoded, and what checks it: times its encoded bytes."""


WINDOW_BYTES = 4 << 20
"""Texts and results of documents that are on their way; what is larger lies in files."""


@dataclass(frozen=True, slots=True)
class ValidatorSizes:
    """What the memory of a validator depends on."""

    parent_bytes: int
    """What this process holds before the rules are indexed."""
    rules: RuleSizes
    longest_document: int
    """Bytes of its text."""
    findings: tuple[int, int] | None
    """How many are held of a document, and their reasons; None: none are looked for."""
    threads: int | None
    """Checks at once, as they were asked for; None: as many as there are cores."""
    crew: Crew | None = None
    """The worker processes; None: documents are checked in this one."""

    @property
    def of_parent(self) -> ProcessCosts:
        """What this process costs."""
        own = ProcessCosts(self.parent_bytes, 0, 0, "measured here")
        return own if self.crew is None else self.crew.costs


def validator_plan(machine: Machine, before: Sequence[Phase], sizes: ValidatorSizes) -> Plan:
    """As many threads as were asked for, or fit, each with room for a likely document or less.

    So many workers as were asked for, where there are any.
    """
    crew, asked = sizes.crew, sizes.threads
    if crew is not None:
        asked = crew.workers
    wanted = max(LEAST_DOCUMENT_BYTES, LIKELY_FACTOR * sizes.longest_document)
    counts = [asked] if asked else range(machine.cores, 0, -1)
    for threads in counts:
        room = LEAST_DOCUMENT_BYTES
        least = Plan(_phases(before, sizes, threads, room), machine.budget_bytes, "")
        if least.fits:
            more = (machine.budget_bytes - _serving(sizes, threads, room).bytes) // threads
            room = min(wanted, room + more)
            break
    notes = []
    if room < wanted:
        each = "thread" if crew is None else "worker"
        notes.append(
            f"each {each} has {format_size(room)} for a document: what takes more is refused alone"
        )
    return Plan(
        phases=_phases(before, sizes, threads, room),
        budget_bytes=machine.budget_bytes,
        budget_source=machine.budget_source,
        limits=machine.limits,
        settings={
            **({"workers": 0, "threads": threads} if crew is None else crew.settings),
            "document_bytes": room,
        },
        notes=notes,
    )


def _phases(before: Sequence[Phase], sizes: ValidatorSizes, threads: int, room: int) -> list[Phase]:
    rules = sizes.rules
    n_rules = given("rules", rules.n_rules)
    chunk = CHUNK_COPIES * given("chunk_bytes", rules.chunk_bytes)
    index = Phase(
        "index",
        [
            _parent(sizes),
            Term.of("rule table", TABLE_RULE_BYTES * n_rules, "index of the rule file"),
            Term.of("chunks", chunk, "index of the rule file"),
        ],
    )
    return [*before, index, _serving(sizes, threads, room)]


def _serving(sizes: ValidatorSizes, threads: int, room: int) -> Phase:
    rules, source = sizes.rules, "index of the rule file"
    counts = counting_bytes(rules.n_rules)
    results = given("result_buffer", RESULT_BYTES)
    crew = sizes.crew
    once = 0 if crew is None else counts  # rules are told of here, too
    terms = [
        _parent(sizes),
        *([] if crew is None else _workers(crew)),
        Term.of("rule table", counts, source).for_each(threads, once=once),
        Term.of(
            "documents", given("document", room), "what the budget leaves", at_most=True
        ).for_each(threads),
        Term.of("results", results, "constants of the code").for_each(threads),
        Term.of("window", given("window", WINDOW_BYTES), "constants of the code", at_most=True),
    ]
    if sizes.findings is not None:
        terms.append(document_terms(rules.n_rules, *sizes.findings, rules.body_atoms, threads))
    return Phase("check", terms)


def _workers(crew: Crew) -> list[Term]:
    n_processes = executor_named(crew.method).n_processes(crew.workers)
    return [
        processes.worker(crew.costs).for_each(crew.workers, once=processes.helpers(crew.costs)),
        processes.kernel_memory(1 + n_processes, min(1 + n_processes, os.cpu_count() or 1)),
    ]


def _parent(sizes: ValidatorSizes) -> Term:
    return processes.parent(sizes.of_parent)
