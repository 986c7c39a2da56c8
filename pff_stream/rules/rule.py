"""A rule as it is meant, whatever format it was written in: what a rule format makes of a text.

Imports nothing heavy: a worker settles texts by the names of its graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pff_stream.words import counted

MAX_VARIABLES = 26
"""Distinct variables of a rule."""
MAX_BODY_ATOMS = 8191
"""Atoms of a body, and so many names of a rule are no more than a chunk can take."""
MAX_NAME_BYTES = 65536
"""Bytes of all names of a rule together, repeated ones counted again."""
SELF = "me_myself_i"

Lookup: TypeAlias = Callable[[bytes], bool]
"""Whether a graph has a name (UTF-8)."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable; two of one name in a rule are the same one."""

    name: str

    def __hash__(self) -> int:
        return hash(self.name)  # that of a tuple of it is slower


Term: TypeAlias = "str | Variable"
"""A constant by its name, or a variable."""


@dataclass(frozen=True, slots=True)
class Atom:
    """`relation(subject, object)`."""

    relation: str
    subject: Term
    object: Term

    @property
    def terms(self) -> tuple[Term, Term]:
        """Subject and object."""
        return self.subject, self.object


@dataclass(frozen=True, slots=True)
class Different:
    """A filter atom: two terms that stand for different entities. It is no triple."""

    left: Term
    right: Term

    @property
    def terms(self) -> tuple[Term, Term]:
        """Both sides."""
        return self.left, self.right


@dataclass(frozen=True, slots=True)
class Rule:
    """`head <= body`. Without body atoms (a zero rule) the head has at most one variable."""

    head: Atom
    body: tuple[Atom, ...]
    over_objects: bool = False
    """A zero rule whose variable stands for each object of the relation, not for each subject."""
    filters: tuple[Different, ...] = ()
    """What else every grounding of the body has to fulfil."""

    def variables(self) -> dict[Variable, None]:
        """Those of the body (of a zero rule: of its head), in order of first appearance."""
        found: dict[Variable, None] = {}
        for atom in self.body or (self.head,):
            if isinstance(atom.subject, Variable):
                found[atom.subject] = None
            if isinstance(atom.object, Variable):
                found[atom.object] = None
        return found

    def problem(self) -> tuple[str, str] | None:
        """What was found that no rule can have, and what was expected instead; else None."""
        known = self.variables()
        if len(known) > MAX_VARIABLES:
            return counted(len(known), "variable"), f"at most {MAX_VARIABLES}"
        if len(self.body) + len(self.filters) > MAX_BODY_ATOMS:
            found = counted(len(self.body) + len(self.filters), "body atom")
            return found, f"at most {MAX_BODY_ATOMS}"
        if not self.body and len(known) > 1:
            return "two variables in the head of a rule without a body", "at most one"
        for term in self.head.terms:
            if isinstance(term, Variable) and term not in known:
                found = f"variable {term.name} of the head in no body atom"
                return found, "every variable of the head in the body"
        return (self._problem_of_filters() if self.filters else None) or self._problem_of_names()

    def _problem_of_filters(self) -> tuple[str, str] | None:
        known = {term for atom in self.body for term in atom.terms if isinstance(term, Variable)}
        for one in self.filters:
            variables = [term for term in one.terms if isinstance(term, Variable)]
            if not variables or one.left == one.right:
                return "an inequality that always or never holds", "one of two different terms"
            for variable in variables:
                if variable not in known:
                    found = f"variable {variable.name} of an inequality in no body atom"
                    return found, "every variable of an inequality in the body"
        return None

    def _problem_of_names(self) -> tuple[str, str] | None:
        total_bytes = 0
        ones: tuple[Atom | Different, ...] = (self.head, *self.body, *self.filters)
        terms = [term for one in ones for term in one.terms]
        for name in (self.head.relation, *(atom.relation for atom in self.body), *terms):
            if isinstance(name, Variable):
                continue
            try:
                total_bytes += len(name.encode())
            except UnicodeEncodeError:
                return f"the name {name!r}", "text that UTF-8 can write"
            if not name or "\t" in name or "\0" in name or "\n" in name:
                return f"the name {name!r}", "a name without NUL, tab and newline"
        if SELF in terms:
            return f"the constant {SELF}", "another name, or the variable that it stands for"
        if total_bytes > MAX_NAME_BYTES:
            return f"names of {total_bytes} bytes", f"at most {MAX_NAME_BYTES}"
        return None


@dataclass(frozen=True, slots=True)
class Rejected:
    """No rule; `column` counts characters of the text from 1."""

    column: int
    found: str
    expected: str

    def __str__(self) -> str:
        return f"column {self.column}: found {self.found}, expected {self.expected}"


class UnreadableRulesError(Exception):
    """A source that cannot be read as a whole; becomes an `InputError` that names the source."""

    def __init__(self, line: int, found: str, expected: str) -> None:
        super().__init__(f"line {line}: found {found}, expected {expected}")
