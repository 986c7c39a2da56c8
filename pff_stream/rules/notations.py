"""Rules written in the notation of a miner, whatever format they were read in.

What is written reads back as the same rule, by the format of that notation and without the names of
a graph; a rule of which that is not so is not converted. What its variables mean is not converted:
a miner's notation does not say it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from pff_stream.rules.columns import (
    CONFIDENCE,
    HEAD_COVERAGE,
    PCA_CONFIDENCE,
    PCA_PREDICTIONS,
    PREDICTIONS,
    SUPPORT,
)
from pff_stream.rules.formats._amie_readings import term_of
from pff_stream.rules.formats.amie import AmieFormat
from pff_stream.rules.formats.anyburl import AnyBurlFormat
from pff_stream.rules.formats.interface import RuleFormat
from pff_stream.rules.rule import SELF, Atom, Different, Rejected, Rule, Term, Variable

Values = Mapping[str, float | int]
"""What the miner says, by column; a column without a value is left out."""


class NotConvertedError(Exception):
    """Says why a rule cannot be written."""


class Notation(Protocol):
    """How one miner writes rules."""

    format: RuleFormat
    """What reads them."""
    header: str
    """A first line; empty: there is none."""

    def line(self, rule: Rule, values: Values) -> str:
        """The rule with what the miner says of it; NotConvertedError where it cannot be written."""


def read_plainly(rule_format: RuleFormat, text: bytes) -> Rule | Rejected:
    """A text as its format reads it without the names of a graph."""
    return rule_format.settle(text, lambda _: False, lambda _: False)


class AnyBurlNotation(Notation):
    """`predicted TAB correct TAB confidence TAB h(X,Y) <= r(X,A), s(A,Y)`, or the rule alone."""

    format = AnyBurlFormat()
    header = ""

    def line(self, rule: Rule, values: Values) -> str:
        """With its counts where all three are known."""
        if rule.filters:
            raise NotConvertedError("AnyBURL has no inequalities")
        _expect_constants(rule, lambda name: len(name) != 1 or not "A" <= name <= "Z")
        ends = "YY" if rule.over_objects else "XY"
        rule = _renamed(_in_a_chain(rule), ends, _letters())
        head, *body = (_with_self(atom, rule) for atom in (rule.head, *rule.body))
        text = f"{head} <= {', '.join(body)}"
        _check(self.format, text, rule)
        columns = [values.get(each.name) for each in (PREDICTIONS, SUPPORT, CONFIDENCE)]
        if None in columns:
            return text
        return "\t".join((*map(str, columns), text))


_AMIE_COLUMNS = {
    "Head Coverage": HEAD_COVERAGE,
    "Std Confidence": CONFIDENCE,
    "PCA Confidence": PCA_CONFIDENCE,
    "Positive Examples": SUPPORT,
    "Body size": PREDICTIONS,
    "PCA Body size": PCA_PREDICTIONS,
}


class AmieNotation(Notation):
    """`?a  r  ?c  ?c  s  ?b   => ?a  h  ?b` and six columns, -1 for no value."""

    format = AmieFormat()
    header = "\t".join(("Rule", *_AMIE_COLUMNS))

    def line(self, rule: Rule, values: Values) -> str:
        """As AMIE writes it where it writes all of its columns."""
        if not rule.body:
            raise NotConvertedError("AMIE has no rules without a body")
        for atom in (rule.head, *rule.body):
            if not any(isinstance(term, Variable) for term in atom.terms):
                raise NotConvertedError(f"AMIE has no atoms without a variable, as {_shown(atom)}")
        _expect_constants(rule, lambda name: isinstance(term_of(name), str))
        rule = _renamed(rule, ("?a", "?b"), _questioned())
        filters = "".join(f"{_name(one.left)}!={_name(one.right)} " for one in rule.filters)
        atoms = ["  ".join(_parts(atom)) for atom in rule.body]
        text = f"{filters}{'  '.join(atoms)}   => {'  '.join(_parts(rule.head))}"
        _check(self.format, text, rule)
        said = [values.get(column.name, -1) for column in _AMIE_COLUMNS.values()]
        return "\t".join((text, *map(str, said)))


NOTATIONS: Mapping[str, Notation] = {"amie": AmieNotation(), "anyburl": AnyBurlNotation()}


def known(values: Mapping[str, float | int]) -> Values:
    """Those values that are some: a count is not -1, a share not NaN."""
    return {name: one for name, one in values.items() if not (one == -1 or math.isnan(one))}


def _expect_constants(rule: Rule, is_constant: Callable[[str], bool]) -> None:
    """NotConvertedError where the notation has a name of the rule as a variable."""
    ones: tuple[Atom | Different, ...] = (rule.head, *rule.body, *rule.filters)
    for term in (term for one in ones for term in one.terms):
        if isinstance(term, str) and not is_constant(term):
            raise NotConvertedError(f"the constant {term!r} would be a variable")


def _check(rule_format: RuleFormat, text: str, rule: Rule) -> None:
    """NotConvertedError unless the text is read as the rule."""
    found = read_plainly(rule_format, text.encode())
    if found == rule:
        return
    if isinstance(found, Rule):
        raise NotConvertedError(f"{text} would be read as another rule")
    raise NotConvertedError(f"{text} would be unclear: found {found.found}")


def _renamed(rule: Rule, ends: tuple[str, str] | str, others: Iterator[str]) -> Rule:
    """The rule with these names for the variables of its head, and the next ones for the others."""
    names = {
        term: Variable(name)
        for term, name in reversed([*zip(rule.head.terms, ends, strict=True)])
        if isinstance(term, Variable)
    }
    for variable in rule.variables():
        if variable not in names:
            used = set(names.values())
            names[variable] = next(one for one in map(Variable, others) if one not in used)

    def of(term: Term) -> Term:
        return names[term] if isinstance(term, Variable) else term

    def atom(given: Atom) -> Atom:
        return Atom(given.relation, of(given.subject), of(given.object))

    return replace(
        rule,
        head=atom(rule.head),
        body=tuple(map(atom, rule.body)),
        filters=tuple(Different(of(one.left), of(one.right)) for one in rule.filters),
    )


def _in_a_chain(rule: Rule) -> Rule:
    """The rule with its body from the head's first variable on, as AnyBURL and PyClause have it.

    Each atom begins where the one before ended; of a body that branches, where it may.
    """
    here: Term | None = next((t for t in rule.head.terms if isinstance(t, Variable)), None)
    met: set[Term] = {term for term in rule.head.terms if isinstance(term, Variable)}
    left, body = list(rule.body), list[Atom]()
    while left:
        atom = min(left, key=lambda atom: (here not in atom.terms, met.isdisjoint(atom.terms)))
        left.remove(atom)
        body.append(atom)
        ends = [term for term in atom.terms if isinstance(term, Variable)]
        here = next((term for term in ends if term != here), here)
        met.update(ends)
    return replace(rule, body=tuple(body))


def _letters() -> Iterator[str]:
    """Further variables of AnyBURL, at most 26 together."""
    yield from "ABCDEFGHIJKLMNOPQRSTUVWZXY"  # those of most heads come last


def _questioned() -> Iterator[str]:
    """Further variables of AMIE."""
    letters = [f"?{chr(code)}" for code in range(ord("c"), ord("z") + 1)]
    yield from letters
    yield from (f"{letter}1" for letter in letters)


def _name(term: Term) -> str:
    return term.name if isinstance(term, Variable) else term


def _parts(atom: Atom) -> tuple[str, str, str]:
    return _name(atom.subject), atom.relation, _name(atom.object)


def _with_self(atom: Atom, rule: Rule) -> str:
    """As AnyBURL writes it: the second of two equal variables is `me_myself_i`."""
    subject, relation, object_ = _parts(atom)
    if atom.subject == atom.object and isinstance(atom.subject, Variable):
        if rule.over_objects:
            subject = SELF
        else:
            object_ = SELF
    return f"{relation}({subject},{object_})"


def _shown(atom: Atom) -> str:
    subject, relation, object_ = _parts(atom)
    return f"{relation}({subject},{object_})"
