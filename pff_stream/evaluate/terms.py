"""What one evaluator holds, as terms: its arrays, and what it reads chunks and results with.

The numbers are those of the code that allocates (`scratch_bytes`, `chunk_room_bytes`, ...), which
counts each entity, name, atom and rule alike: how much, is asked of it. For a plan only: no worker
imports this.
"""

from __future__ import annotations

from pff_stream.evaluate._kernel import chunk_room_bytes, scratch_bytes
from pff_stream.rules.sizes import RuleSizes
from pff_stream.rules.terms import checking, decoded
from planner.formula import Formula, given
from planner.model import Input, Term

SCRATCH, CHUNKS = "scratch and results", "chunks"
"""Groups of terms: each worker process says what it took for either when it set up."""
BOUND_BYTES = 8
"""A bound on the work of one entity at one step of a body."""
BLOCKS_MODULES_BYTES = 64 << 10
"""Private pages of the modules that only reading in blocks imports; 48 KiB were measured."""


def scratch(entities: Formula, *, wide: bool) -> Formula:
    """The vectors of an evaluator; `wide` for 512 sources at once."""
    once_bytes = scratch_bytes(0, wide)
    each = entities * (scratch_bytes(1, wide) - once_bytes)
    return each + once_bytes if once_bytes else each


def evaluator_terms(
    n_entities: int,
    rules: RuleSizes,
    result_bytes: int,
    *,
    wide: bool,
    together: int = 1,
    checks: bool = True,
) -> list[Term]:
    """What a worker takes when it sets up, for tasks of so many chunks `together`.

    `checks`: whether it has a room of its own to check a chunk in (see `checking_term`).
    """
    chunks = given("chunk_bytes", rules.chunk_bytes) + _kept(rules, together)
    chunks += decoded(rules, together)
    if checks:
        chunks += checking(rules)
    return [
        Term.of(
            "scratch",
            scratch(given("entities", n_entities), wide=wide),
            "header of the graph, constants of the evaluator",
            group=SCRATCH,
        ),
        Term.of("chunks", chunks, "index of the rule file", group=CHUNKS),
        Term.of(
            "results", given("result_buffer", result_bytes), "constant of the code", group=SCRATCH
        ),
    ]


def checking_term(rules: RuleSizes) -> Term:
    """What checking a chunk takes for a while, where workers do so one at a time."""
    return Term.of("chunk being checked", checking(rules), "index of the rule file", group=CHUNKS)


def work_bounds(n_entities: int, rules: RuleSizes) -> Term:
    """What bounding the work before it is begun holds."""
    steps = given("body_atoms", rules.body_atoms) + 1
    return Term.of(
        "work bounds",
        BOUND_BYTES * given("entities", n_entities) * steps,
        "header of the graph, index of the rule file",
        group=SCRATCH,
    )


def block_terms(
    n_relations: int,
    rules: RuleSizes,
    result_bytes: int,
    *,
    resident_bytes: int,
    needed: dict[str, Input],
    together: int,
) -> list[Term]:
    """What a worker takes besides to read the graph in blocks; `needed` says what it must hold."""
    # What only a graph read in blocks needs is not imported for any other.
    from pff_stream.evaluate._blocks import block_room_bytes
    from pff_stream.triples._name_search import names_room_bytes
    from pff_stream.triples._resident import tables_bytes
    from pff_stream.triples._window import FILE_WINDOW_BYTES

    atoms, rules_together = together * rules.chunk_atoms, together * rules.chunk_rules
    names = given("chunks", together) * given("chunk_names", rules.chunk_names)
    in_order = block_room_bytes(together, atoms, rules_together, result_bytes)
    return [
        Term.of(
            "relations resident",
            given("resident_bytes", resident_bytes),
            "header of the graph, what the budget leaves",
            also=needed,
        ),
        Term.of(
            "reading in blocks",
            names * names_room_bytes(1)
            + given("relations", n_relations) * tables_bytes(1)
            + given("in_order", in_order)
            + (FILE_WINDOW_BYTES + BLOCKS_MODULES_BYTES),
            "headers, constants of the code",
        ),
    ]


def _kept(rules: RuleSizes, together: int) -> Formula:
    """What an evaluator keeps of the names, atoms and rules of a task."""
    each_bytes = [chunk_room_bytes(*one) for one in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    of_names, of_atoms, of_rules = each_bytes
    return given("chunks", together) * (
        of_names * given("chunk_names", rules.chunk_names)
        + of_atoms * given("chunk_atoms", rules.chunk_atoms)
        + of_rules * given("chunk_rules", rules.chunk_rules)
    )
