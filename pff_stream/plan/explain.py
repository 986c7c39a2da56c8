"""What explaining one triple holds: one chunk of rules, the graph as it is mapped, and the reasons.

The graph is read where it lies: pages of a file can be reclaimed, so it may be larger than the
budget. Does not cover: preparing the inputs (`preparation`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pff_stream.evaluate._kernel import bound_room_bytes
from pff_stream.evaluate.terms import evaluator_terms
from pff_stream.plan import process_terms as processes
from pff_stream.plan.sizes import ProcessCosts
from pff_stream.rules.sizes import RuleSizes
from pff_stream.rules.terms import decoding
from pff_stream.triples.terms import GraphSizes, graph_term, page_tables, relation_tables
from planner.formula import given
from planner.machine import Machine
from planner.model import Phase, Term
from planner.plan import Plan

RESULT_BYTES = 4096
"""The buffer that counts of a rule come through."""
SOURCE_COPIES = 3
"""A source chunk as read, as decoded, and what checks it."""
REASON_BYTES, REASON_ATOM_BYTES = 3072, 1024
"""What a reason comes to, with its text and as it is written, and each triple of its witness."""
LEAST_REASONS_BYTES = 1 << 20


def explain_plan(
    machine: Machine,
    before: Sequence[Phase],
    parent_bytes: int,
    sizes: tuple[GraphSizes, RuleSizes],
    *,
    reasons_bytes: int = LEAST_REASONS_BYTES,
    counts: bool = False,
) -> Plan:
    """The plan; reasons have room for `reasons_bytes` or, where that does not fit, for what does.

    With `counts` the rules found are counted as well.
    """
    graph, rules = sizes
    own = _own_terms(graph, rules, counts=counts)
    costs = ProcessCosts(parent_bytes, 0, 0, "measured here")
    fixed = [
        processes.parent(costs),
        graph_term(graph),
        page_tables(graph, 1),
        relation_tables(graph),
        *(term.for_each(1) for term in own),
        processes.kernel_memory(1, 1),
    ]
    left = machine.budget_bytes - sum(term.bytes for term in fixed)
    room = max(min(LEAST_REASONS_BYTES, reasons_bytes), min(reasons_bytes, left))
    reasons = Term.of(
        "reasons", given("reasons", room), "heads of the rules, what the budget leaves",
        at_most=True,
    )  # fmt: skip
    phase = Phase("explain", [*fixed, reasons.for_each(1)])
    return Plan(
        phases=[*before, phase],
        budget_bytes=machine.budget_bytes,
        budget_source=machine.budget_source,
        limits=machine.limits,
        settings={"workers": 1, "start_method": "thread", "reasons_bytes": room},
        least_bytes=max([one.bytes for one in before] + [phase.bytes]),
    )


def _own_terms(graph: GraphSizes, rules: RuleSizes, *, counts: bool) -> list[Term]:
    room = bound_room_bytes(rules.chunk_names, rules.chunk_atoms)
    terms = [
        Term.of(
            "bound search",
            2 * given("chunk_bytes", rules.chunk_bytes) + decoding(rules) + given("names", room),
            "index of the rule file",
        ),
        Term.of(
            "rule texts",
            SOURCE_COPIES * given("source_chunk", rules.source_chunk_bytes),
            "index of the rule file",
        ),
    ]
    if counts:
        terms += evaluator_terms(graph.n_entities, rules, RESULT_BYTES, wide=False)
    return terms
