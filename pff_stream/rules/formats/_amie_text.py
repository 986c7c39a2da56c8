"""AMIE's rule texts: `?a  knows  ?c  ?c  likes  ?b   => ?a  likes  ?b`, or in datalog notation.

Names stand verbatim, without quotes, so a text may have several readings. What nearly all texts
are, names without separators in them, is read directly (`clear`). Of any other text all readings
are weighed (`_amie_readings`), and the least odd ones are kept; the names of a graph choose first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pff_stream.rules.formats._amie_readings import (
    APART,
    ARROW,
    Cost,
    TooManyWaysError,
    Weighed,
    term_of,
)
from pff_stream.rules.rule import Atom, Different, Lookup, Rejected, Rule, Term, Variable

MAX_UNCLEAR_CHARACTERS = 4096
"""A text that is not clear is rejected where it is longer."""
_DATALOG = re.compile(r"([^(),]+)\(([^(),]+),([^(),]+)\)(?: |$)")
_PREFIXED = re.compile(r"(p[0-9]+):(.*)", re.DOTALL)
_TYPED = re.compile(r"(.*\^\^)(p[0-9]+):([^>]*)>?", re.DOTALL)
VARIABLE = r"\?_?[a-z][0-9]{0,2}"


@dataclass(frozen=True, slots=True)
class Unclear:
    """The readings that are left of a text, two or more."""

    readings: tuple[Rule, ...]

    def rejected(self) -> Rejected:
        """Where nothing chooses between them."""
        shown = " or ".join(show(reading) for reading in self.readings[:3])
        return Rejected(1, f"{len(self.readings)} readings: {shown}", "one reading")


def read_text(
    text: str, has_entity: Lookup | None = None, has_relation: Lookup | None = None
) -> Rule | Unclear | Rejected:
    """The rule that a text is, by the names of a graph where it is given."""
    rule = clear(text)
    if rule is not None:
        return rule
    if len(text) > MAX_UNCLEAR_CHARACTERS:
        found = f"an unclear text of {len(text)} characters"
        return Rejected(1, found, f"at most {MAX_UNCLEAR_CHARACTERS}, or clear names")
    found_readings: dict[Rule, Cost] = {}
    try:
        if has_entity is not None and has_relation is not None:
            found_readings = dict(Weighed(has_entity, has_relation).readings(text))
        # A graph that has the names of no reading chooses none.
        found_readings = found_readings or dict(Weighed().readings(text))
    except TooManyWaysError:
        return Rejected(1, f"{text[:60]!r} with too many readings", "a clear text")
    if not found_readings:
        return _problem_of(text)
    least = min(found_readings.values())
    best = tuple(rule for rule, cost in found_readings.items() if cost == least)
    return best[0] if len(best) == 1 else Unclear(best)


def clear(text: str) -> Rule | None:
    """The only sensible reading of a text in which nothing is doubtful, else None."""
    body_text, arrow, head_text = text.partition(ARROW)
    if not arrow or ARROW in head_text or '"' in text or "!=" in text:
        return None
    head_parts = head_text.strip(" ").split(APART)
    if len(head_parts) == 3:
        parts = body_text.strip(" ").split(APART)
    else:
        head_parts = _datalog_parts(head_text.strip(" "))
        parts = _datalog_parts(body_text.strip(" "))
    if len(head_parts) != 3 or not parts or len(parts) % 3:
        return None
    head = _clear_atom(head_parts, 0)
    body = [_clear_atom(parts, at) for at in range(0, len(parts), 3)]
    if head is None or None in body:
        return None
    return Rule(head, tuple(atom for atom in body if atom is not None))


def _datalog_parts(text: str) -> list[str]:
    """Names of atoms `relation(term,term)`, one blank apart; none where it is not clearly that."""
    parts: list[str] = []
    at = 0
    while match := _DATALOG.match(text, at):
        relation, subject, object_ = match.groups()
        parts += (subject, relation, object_)
        at = match.end()
    return parts if at == len(text) else []


def _clear_atom(parts: list[str], at: int) -> Atom | None:
    subject, relation, object_ = parts[at : at + 3]
    if not (subject and relation and object_) or " " in (
        subject[0] + subject[-1] + relation[0] + relation[-1] + object_[0] + object_[-1]
    ):
        return None
    left, right = term_of(subject), term_of(object_)
    if isinstance(left, str) and isinstance(right, str):
        return None
    return None if relation[0] == "?" else Atom(relation, left, right)


def show(rule: Rule) -> str:
    """A reading so that one sees what was read as a name."""

    def shown(term: Term) -> str:
        return term.name if isinstance(term, Variable) else repr(term)

    filters = [f"{shown(one.left)}!={shown(one.right)}" for one in rule.filters]
    head, *body = (
        f"{atom.relation!r}({shown(atom.subject)},{shown(atom.object)})"
        for atom in (rule.head, *rule.body)
    )
    return f"{', '.join([*filters, *body])} => {head}"


def expanded(rule: Rule, namespaces: Mapping[str, str]) -> Rule:
    """The rule with `pN:local` as `<namespace local>`, for the pN that are known."""

    def named(name: str) -> str:
        match = _PREFIXED.fullmatch(name)
        if match is not None and match[1] in namespaces:
            return f"<{namespaces[match[1]]}{match[2]}>"
        match = _TYPED.fullmatch(name) if name[:1] == '"' else None
        if match is not None and match[2] in namespaces:
            return f"{match[1]}<{namespaces[match[2]]}{match[3]}>"
        return name

    def of(term: Term) -> Term:
        return named(term) if isinstance(term, str) else term

    def atom(given: Atom) -> Atom:
        return Atom(named(given.relation), of(given.subject), of(given.object))

    return replace(
        rule,
        head=atom(rule.head),
        body=tuple(map(atom, rule.body)),
        filters=tuple(Different(of(one.left), of(one.right)) for one in rule.filters),
    )


def _problem_of(text: str) -> Rejected:
    """Why a text has no reading."""
    if ") <= " in text and ARROW not in text:
        return Rejected(
            1,
            "AnyBURL's notation",
            "AMIE's own: what -ofmt anyburl writes has no inequalities, and other names",
        )
    if ARROW not in text:
        return Rejected(len(text) + 1, "no ' => '", "body, three blanks, '=> ' and the head")
    head = text.rpartition(ARROW)[2]
    column = len(text) - len(head) + 1
    form = "subject, relation and object with two blanks between, or relation(subject,object)"
    if not any(Weighed().heads(head.strip(" "))):
        return Rejected(column, f"the head {head[:60]!r}", f"{form}; one of the ends a variable")
    return Rejected(1, f"the body {text[: column - 5][:60]!r}", f"atoms, each {form}")
