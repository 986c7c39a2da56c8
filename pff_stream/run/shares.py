"""What compiling and encoding may take: shares of the budget, known before anything is read."""

from __future__ import annotations

from pff_stream.errors import RefusedError
from pff_stream.run.inputs import RulesGiven, TriplesGiven, is_graph_file, is_rule_file
from pff_stream.run.memory import ProcessCosts, preparation_phases
from pff_stream.run.planning import Costs
from pff_stream.run.settings import COMPILE_BYTES, RunSettings
from planner.machine import Machine
from planner.model import Term, peak_bytes
from planner.plan import Plan
from planner.text import refusal

LEAST_RUN_BYTES = 2 << 20
"""How much more the smallest run takes, by one thread, than encoding the smallest graph."""


def encoder_bytes(budget_bytes: int, costs: Costs) -> int:
    """Bytes for encoding raw triples, the graph included: what is left beside the processes."""
    return budget_bytes - peak_bytes(preparation_phases(alone(costs), None, []))


def share_to_prepare(
    settings: RunSettings,
    machine: Machine,
    costs: Costs,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
) -> int:
    """Bytes for compiling text; 0 where the rules are compiled.

    Raises `RefusedError` before anything is read where even the least that preparing takes does not
    fit. What is compiled and encoded already is planned from its headers.
    """
    compile_least = encode_terms = None
    if rules is not None or not is_rule_file(settings.rules):
        from pff_stream.rules.compile import MIN_MEMORY_BYTES

        compile_least = MIN_MEMORY_BYTES
    raw = settings.triples and not any(is_graph_file(path) for path in settings.triples)
    if raw or triples is not None:
        from pff_stream.triples.sizes import EncodeCounts, encode_memory

        reading = sum(encode_memory(EncodeCounts(0, 0, 0, 0, 0, 0))["reading"].values())
        encode_terms = [Term("encoder", reading, "blocks and tables", {}, "constants of the code")]
    phases = preparation_phases(alone(costs), compile_least, encode_terms)
    budget = machine.budget_bytes
    if phases and peak_bytes(phases) > budget:
        source, limits = machine.budget_source, machine.limits
        plan = Plan(phases, budget, source, limits, margin_bytes=LEAST_RUN_BYTES)
        raise RefusedError(refusal(plan))
    if compile_least is None:
        return 0
    return max(compile_least, min(COMPILE_BYTES, budget - costs.parent_bytes))


def alone(costs: Costs) -> ProcessCosts:
    """The process without workers."""
    return ProcessCosts(costs.parent_bytes, 0, 0, "measured here")
