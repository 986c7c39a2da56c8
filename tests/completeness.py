"""Partial completeness, by its definition: what the slow evaluator says under that assumption.

As slow and obvious as `reference`: for every prediction all facts of its relation are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.reference import OBJECT_IDENTITY, Atom, Const, Graph, Rule, Triple, evaluate, resolve


@dataclass(frozen=True, slots=True)
class Partial:
    """What the definition says about one rule where absent predictions may be unknown."""

    outcome: str
    reason: str
    unknown: int
    """Predictions whose value of the functional variable has no fact of the head's relation."""
    violations: tuple[Triple, ...]
    """All absent predictions that are not unknown, by (subject id, object id)."""
    witnesses: Mapping[Triple, tuple[Triple, ...]] = field(default_factory=dict)


def evaluate_partial(
    rule: Rule,
    triples: Iterable[Triple],
    semantics: str = OBJECT_IDENTITY,
    places: Mapping[str, int] | None = None,
) -> Partial:
    """Apply the definition; `places`: functional places (0 subject, 2 object) that were given."""
    graph = Graph(triples)
    closed = evaluate(rule, graph, semantics)
    if not closed.predictions:
        return Partial(closed.outcome, closed.reason, 0, ())
    place = functional_place(resolve(rule).head, graph, places or {})
    unknown = {triple for triple in closed.predictions if not has_fact(triple, place, graph)}
    violations = tuple(triple for triple in closed.violations if triple not in unknown)
    outcome, reason = "violated" if violations else "satisfied", ""
    if len(unknown) == len(closed.predictions):
        outcome, reason = "vacuous", "all unknown"
    return Partial(outcome, reason, len(unknown), violations, closed.witnesses)


def functional_place(head: Atom, graph: Graph, places: Mapping[str, int]) -> int:
    """Where the functional variable of a head stands in a triple: 0 subject, 2 object."""
    is_left, is_right = isinstance(head.left, Const), isinstance(head.right, Const)
    if is_left != is_right:
        return 2 if is_left else 0
    if head.relation in places:
        return places[head.relation]
    facts = graph.by_relation.get(head.relation, [])
    subjects, objects = {fact[0] for fact in facts}, {fact[2] for fact in facts}
    return 0 if len(subjects) >= len(objects) else 2


def has_fact(triple: Triple, place: int, graph: Graph) -> bool:
    """Whether some fact of the triple's relation has the same entity in this place."""
    return any(fact[place] == triple[place] for fact in graph.by_relation.get(triple[1], []))
