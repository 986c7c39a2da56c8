"""What a rule means, written so that it can be checked by reading: the oracle of all other tests.

Slow and obvious on purpose: every grounding of every body is enumerated, and heads are collected in
a set. It shares no code with the product. It does not cover what a run adds to the meaning of one
rule: `filtered`, `too-large` and `failed` are decisions of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

OBJECT_IDENTITY = "object-identity"
HOMOMORPHISM = "homomorphism"
SEMANTICS = (OBJECT_IDENTITY, HOMOMORPHISM)

Triple = tuple[str, str, str]
"""(subject, relation, object), all by name."""

Grounding = dict[str, str]
"""Name of a variable to name of an entity."""


@dataclass(frozen=True, slots=True, order=True)
class Var:
    """A variable: one upper-case letter in rule text."""

    name: str


@dataclass(frozen=True, slots=True, order=True)
class Const:
    """An entity by name; it need not be in the graph."""

    name: str


@dataclass(frozen=True, slots=True, order=True)
class Myself:
    """`me_myself_i`: no entity and no constant; the atom's other term stands here too."""


Term = Var | Const | Myself


@dataclass(frozen=True, slots=True)
class Atom:
    """`relation(left, right)`: left is the subject, right the object."""

    relation: str
    left: Term
    right: Term

    @property
    def terms(self) -> tuple[Term, Term]:
        """Subject term, then object term."""
        return self.left, self.right


@dataclass(frozen=True, slots=True)
class Rule:
    """`head <= body`; without body atoms it is a zero rule."""

    head: Atom
    body: tuple[Atom, ...] = ()
    filters: tuple[tuple[Term, Term], ...] = ()
    """Inequalities: both terms stand for different entities in every grounding. They name no
    constant that object identity keeps other variables from."""

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """The head, then the body in order."""
        return (self.head, *self.body)


@dataclass(frozen=True, slots=True)
class Expected:
    """All that the definition says about one rule on one graph."""

    outcome: str
    """`satisfied`, `violated`, `vacuous` or `rejected`."""
    reason: str = ""
    """For `vacuous`: `relation`, `constant` or `no match`; for `rejected`: what is wrong;
    for `violated`: `head relation` where the graph does not have it."""
    predictions: frozenset[Triple] = frozenset()
    support: int = 0
    confidence: float | None = None
    """support / (predictions + unseen); None without predictions."""
    violations: tuple[Triple, ...] = ()
    """The first `max_examples` violations by (subject id, object id)."""
    violation_count: int = 0
    """All violations, those beyond `max_examples` included."""
    witnesses: Mapping[Triple, tuple[Triple, ...]] = field(default_factory=dict)
    """For each of `violations` the body triples of its least grounding, one per body atom."""


class Graph:
    """Triples with the entity numbers that the order of examples is defined by."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        """Number the entities by first appearance, subject before object; duplicates collapse."""
        self.ids: dict[str, int] = {}
        self.triples: dict[Triple, None] = {}
        self.by_relation: dict[str, list[Triple]] = {}
        self._by_end: dict[tuple[str, int, str], list[Triple]] = {}
        for triple in triples:
            subject, relation, object_ = triple
            for entity in (subject, object_):
                self.ids.setdefault(entity, len(self.ids))
            if triple not in self.triples:
                self.triples[triple] = None
                self.by_relation.setdefault(relation, []).append(triple)
                self._by_end.setdefault((relation, 0, subject), []).append(triple)
                self._by_end.setdefault((relation, 2, object_), []).append(triple)

    def candidates(self, atom: Atom, grounding: Grounding) -> list[Triple]:
        """Triples of the atom's relation that agree with a term that has a value, if any."""
        for position, term in ((0, atom.left), (2, atom.right)):
            entity = _value(term, grounding)
            if entity is not None:
                return self._by_end.get((atom.relation, position, entity), [])
        return self.by_relation.get(atom.relation, [])

    def id_of(self, entity: str) -> int:
        """Number of an entity; -1 where the graph does not have it."""
        return self.ids.get(entity, -1)


def evaluate(
    rule: Rule,
    triples: Iterable[Triple] | Graph,
    semantics: str = OBJECT_IDENTITY,
    unseen: int = 0,
    max_examples: int | None = None,
) -> Expected:
    """Apply the definition to one rule; `triples` in the order in which they are read."""
    graph = triples if isinstance(triples, Graph) else Graph(triples)
    problem = why_rejected(rule)
    if problem:
        return Expected("rejected", problem)
    rule = resolve(rule) if rule.body else rule
    missing = _what_is_missing(rule, graph)
    least = {} if missing else _least_groundings(rule, graph, semantics)
    predictions = frozenset(least)
    if not predictions:
        return Expected("vacuous", missing or "no match")
    support = sum(triple in graph.triples for triple in predictions)
    wrong = sorted(
        (triple for triple in predictions if triple not in graph.triples),
        key=lambda triple: (graph.id_of(triple[0]), graph.id_of(triple[2])),
    )
    shown = tuple(wrong[:max_examples])
    return Expected(
        outcome="violated" if wrong else "satisfied",
        reason="head relation" if wrong and rule.head.relation not in graph.by_relation else "",
        predictions=predictions,
        support=support,
        confidence=support / (len(predictions) + unseen),
        violations=shown,
        violation_count=len(wrong),
        witnesses={head: ground(rule.body, least[head]) for head in shown},
    )


def why_rejected(rule: Rule) -> str:
    """Why a rule cannot be evaluated at all; empty for a good one."""
    if any(atom.left == atom.right == Myself() for atom in rule.atoms):
        return "me_myself_i on both sides"
    head = set(variables((rule.head,)))
    if not rule.body:
        return "zero rule with two variables" if len(head) > 1 else ""
    unbound = sorted(head - set(variables(rule.body)))
    return f"unsafe: {', '.join(unbound)} not in the body" if unbound else ""


def resolve(rule: Rule) -> Rule:
    """Write each atom's other term in the place of its `me_myself_i`."""

    def atom(given: Atom) -> Atom:
        left = given.right if isinstance(given.left, Myself) else given.left
        right = given.left if isinstance(given.right, Myself) else given.right
        return Atom(given.relation, left, right)

    return Rule(atom(rule.head), tuple(atom(given) for given in rule.body), rule.filters)


def variables(atoms: Iterable[Atom]) -> list[str]:
    """Names of the variables in order of first appearance, subject before object in an atom."""
    seen: dict[str, None] = {}
    for atom in atoms:
        for term in atom.terms:
            if isinstance(term, Var):
                seen.setdefault(term.name)
    return list(seen)


def constants(atoms: Iterable[Atom]) -> set[str]:
    """Names of all entities that the atoms name."""
    return {term.name for atom in atoms for term in atom.terms if isinstance(term, Const)}


def ground(atoms: Iterable[Atom], grounding: Grounding) -> tuple[Triple, ...]:
    """The atoms as triples, once all their variables have a value."""

    def name(term: Term) -> str:
        entity = _value(term, grounding)
        assert entity is not None, f"{term} has no value"
        return entity

    return tuple((name(atom.left), atom.relation, name(atom.right)) for atom in atoms)


def groundings(rule: Rule, graph: Graph, semantics: str) -> Iterator[Grounding]:
    """Every grounding of the body (of a zero rule: every value of its head's variable)."""
    if rule.body:
        for grounding in _extend(rule.body, {}, graph, _forbidden(rule, semantics)):
            if all(_value(a, grounding) != _value(b, grounding) for a, b in rule.filters):
                yield grounding
        return
    head = rule.head
    names = variables((head,))
    if not names:
        yield {}
        return
    # The free variable ranges over the side of the relation on which it is written.
    position = 0 if isinstance(head.left, Var) else 2
    for entity in dict.fromkeys(triple[position] for triple in graph.by_relation[head.relation]):
        if entity not in (_forbidden(rule, semantics) or ()):
            yield {names[0]: entity}


def _forbidden(rule: Rule, semantics: str) -> set[str] | None:
    """What no variable may equal; None where variables may coincide with anything."""
    if semantics == HOMOMORPHISM:
        return None
    assert semantics == OBJECT_IDENTITY, semantics
    return constants(rule.atoms)


def _extend(
    atoms: tuple[Atom, ...], grounding: Grounding, graph: Graph, forbidden: set[str] | None
) -> Iterator[Grounding]:
    """Every way to complete `grounding` so that the atoms hold too."""
    if not atoms:
        yield grounding
        return
    for subject, _, object_ in graph.candidates(atoms[0], grounding):
        extended = dict(grounding)
        if _bind(atoms[0].left, subject, extended, forbidden) and _bind(
            atoms[0].right, object_, extended, forbidden
        ):
            yield from _extend(atoms[1:], extended, graph, forbidden)


def _bind(term: Term, entity: str, grounding: Grounding, forbidden: set[str] | None) -> bool:
    """Let the term stand for the entity; False where it cannot."""
    known = _value(term, grounding)
    if known is not None:
        return known == entity
    assert isinstance(term, Var)
    if forbidden is not None and (entity in forbidden or entity in grounding.values()):
        return False
    grounding[term.name] = entity
    return True


def _value(term: Term, grounding: Grounding) -> str | None:
    """The entity that a term stands for; None where its variable has no value yet."""
    assert not isinstance(term, Myself), "resolve the rule first"
    return term.name if isinstance(term, Const) else grounding.get(term.name)


def _least_groundings(rule: Rule, graph: Graph, semantics: str) -> dict[Triple, Grounding]:
    """Each prediction with its least grounding: entity ids, variables by first appearance."""
    order = variables(rule.body)
    head = resolve(rule).head
    least: dict[Triple, tuple[tuple[int, ...], Grounding]] = {}
    for grounding in groundings(rule, graph, semantics):
        (prediction,) = ground((head,), grounding)
        rank = tuple(graph.ids[grounding[name]] for name in order)
        if prediction not in least or rank < least[prediction][0]:
            least[prediction] = (rank, grounding)
    return {prediction: grounding for prediction, (_, grounding) in least.items()}


def _what_is_missing(rule: Rule, graph: Graph) -> str:
    """What of the body (of a zero rule: its head's relation) the graph does not have."""
    needed = rule.body or (rule.head,)
    if any(atom.relation not in graph.by_relation for atom in needed):
        return "relation"
    if any(name not in graph.ids for name in constants(rule.body)):
        return "constant"
    return ""


def parse_rule(text: str) -> Rule:
    """Read rule text in which no name holds a comma, a parenthesis or ` <= `.

    >>> parse_rule("likes(X,ana) <= knows(X,A)").head
    Atom(relation='likes', left=Var(name='X'), right=Const(name='ana'))
    """
    head, _, body = text.partition(" <=")
    atoms = body.strip()
    return Rule(_parse_atom(head), tuple(map(_parse_atom, atoms.split(", "))) if atoms else ())


def _parse_atom(text: str) -> Atom:
    relation, terms = text.removesuffix(")").split("(")
    left, right = terms.split(",")
    return Atom(relation, _parse_term(left), _parse_term(right))


def _parse_term(text: str) -> Term:
    if text == "me_myself_i":
        return Myself()
    return Var(text) if len(text) == 1 and "A" <= text <= "Z" else Const(text)


def rule_text(rule: Rule) -> str:
    """AnyBURL text of a rule; a zero rule ends in ` <= `."""

    def term(given: Term) -> str:
        return "me_myself_i" if isinstance(given, Myself) else given.name

    def atom(given: Atom) -> str:
        return f"{given.relation}({term(given.left)},{term(given.right)})"

    return f"{atom(rule.head)} <= {', '.join(map(atom, rule.body))}"


def differs_from_pyclause(rule: Rule, graph: Graph) -> bool:
    """Whether `object-identity` may differ from PyClause's counts, on purpose, for this rule.

    PyClause counts X = c for a zero rule `h(X,c) <= ` (likewise `h(c,Y) <= `), and lets X equal the
    constant or the other variable of the body under a head h(X,X).
    """
    head = resolve(rule).head
    if rule.body:
        return head.left == head.right and isinstance(head.left, Var)
    position = 0 if isinstance(rule.head.left, Var) else 2
    triples = graph.by_relation.get(rule.head.relation, [])
    return any(triple[position] in constants((rule.head,)) for triple in triples)
