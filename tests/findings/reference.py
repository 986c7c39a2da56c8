"""Findings by their definition: all violations of all rules, sorted, joined; slow and obvious."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.completeness import evaluate_partial, functional_place
from tests.reference import OBJECT_IDENTITY, Graph, Rule, Triple, evaluate, resolve, rule_text


@dataclass(frozen=True, slots=True)
class Mined:
    """A rule with its line, and what the miner wrote."""

    line: int
    rule: Rule
    confidence: float

    @property
    def text(self) -> str:
        """As the rule file has it."""
        return rule_text(self.rule)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for."""

    n: int | None = None
    """None: all."""
    floor: float | None = None
    kind: str = "miner"
    noisy_or: bool = False
    partial: bool = False
    max_reasons: int = 10
    semantics: str = OBJECT_IDENTITY


@dataclass(slots=True)
class Ranked:
    """A violated rule and what it is ranked by."""

    mined: Mined
    confidence: float
    violations: tuple[Triple, ...]
    witnesses: dict[Triple, tuple[Triple, ...]]
    place: int
    """Of the functional variable: 0 subject, 2 object."""
    first: Ranked | None = None
    """The earlier line that has the same text."""
    key: tuple[Any, ...] = field(default=())


def findings(
    rules: Sequence[Mined], triples: Sequence[Triple], asked: Asked
) -> list[dict[str, Any]]:
    """As `findings.jsonl` has them, without places."""
    graph = Graph(triples)
    ranked = _in_force(_ranked(rules, graph, triples, asked), asked)
    found: dict[Triple, list[Ranked]] = {}
    for rule in ranked:
        for triple in rule.violations:
            found.setdefault(triple, []).append(rule)
    order = sorted(found, key=lambda triple: _place_in_order(triple, found[triple], ranked, asked))
    return [_written(triple, found[triple], graph, asked) for triple in order[: asked.n]]


def _ranked(
    rules: Sequence[Mined], graph: Graph, triples: Sequence[Triple], asked: Asked
) -> list[Ranked]:
    found: list[Ranked] = []
    first: dict[str, Ranked] = {}
    for mined in rules:
        closed = evaluate(mined.rule, graph, asked.semantics)
        partial = evaluate_partial(mined.rule, triples, asked.semantics)
        violations = partial.violations if asked.partial else closed.violations
        if not violations:
            continue
        predictions = len(closed.predictions)
        if asked.kind == "miner":
            confidence = mined.confidence
        elif asked.kind == "exact":
            confidence = closed.support / predictions
        else:
            decided = predictions - partial.unknown
            if not decided:
                continue
            confidence = closed.support / decided
        witnesses = dict(closed.witnesses)
        place = functional_place(resolve(mined.rule).head, graph, {})
        one = Ranked(mined, confidence, violations, witnesses, place, first.get(mined.text))
        first.setdefault(mined.text, one)
        by = one.first or one
        one.key = (-by.confidence, len(violations), mined.text.encode(), mined.line)
        found.append(one)
    return sorted(found, key=lambda one: one.key)


def _in_force(ranked: list[Ranked], asked: Asked) -> list[Ranked]:
    if asked.floor is not None:
        return [one for one in ranked if (one.first or one).confidence >= asked.floor]
    if asked.n is None:
        return ranked
    distinct: set[Triple] = set()
    for number, one in enumerate(ranked):
        if len(distinct) >= asked.n and one.first is None:
            return ranked[:number]
        distinct |= set(one.violations)
    return ranked


def _score(reasons: list[Ranked], asked: Asked) -> float:
    if not asked.noisy_or:
        return reasons[0].confidence
    logs = 0.0
    for one in reasons:
        if one.first is None:
            logs += math.log1p(-one.confidence) if one.confidence < 1 else -math.inf
    return 1 - math.exp(logs)


def _place_in_order(
    triple: Triple, reasons: list[Ranked], ranked: list[Ranked], asked: Asked
) -> tuple[Any, ...]:
    score = -_score(reasons, asked) if asked.noisy_or else 0.0
    return (score, ranked.index(reasons[0]), *(name.encode() for name in triple))


def _written(triple: Triple, reasons: list[Ranked], graph: Graph, asked: Asked) -> dict[str, Any]:
    subject, relation, object_ = triple
    facts = graph.by_relation.get(relation, [])
    objects = sorted((o for s, _, o in facts if s == subject), key=str.encode)
    subjects = sorted((s for s, _, o in facts if o == object_), key=str.encode)
    is_conflict = any(objects if one.place == 0 else subjects for one in reasons)
    key = hashlib.blake2b(digest_size=8)
    for part in ("", *triple):
        key.update(part.encode() + b"\0")
    assumption = "partial" if asked.partial else "closed"
    return {
        "key": key.hexdigest(),
        "document": "",
        "triple": list(triple),
        "kind": "conflict" if is_conflict else "absent",
        "score": _score(reasons, asked),
        "ranked_by": f"{asked.kind}/{'noisy-or' if asked.noisy_or else 'max'}/{assumption}",
        "floor": asked.floor,
        "found": {
            "objects": objects[:3],
            "objects_total": len(objects),
            "subjects": subjects[:3],
            "subjects_total": len(subjects),
        },
        "reasons_total": len(reasons),
        "reasons": [
            {
                "rule": one.mined.line,
                "rule_text": one.mined.text,
                "rank_confidence": one.confidence,
                "witness": [list(fact) for fact in one.witnesses[triple]],
            }
            for one in reasons[: asked.max_reasons]
        ],
    }
