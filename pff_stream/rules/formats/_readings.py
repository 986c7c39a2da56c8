"""Reads one AnyBURL rule text with its names verbatim, however ambiguous it is.

Names are neither quoted nor escaped, so a separator may also be part of a name and a text may
have exponentially many readings. They are never listed: each step that narrows them asks a chart
(dynamic programme over the places where an atom can end) whether any reading is left, and only
what is left after the last step is written out. The work on one text is bounded by `MAX_STEPS`.

A worker imports this module, so it imports nothing heavy. It holds no state. What blanks around
names mean is `anyburl`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pff_stream.rules import rule
from pff_stream.rules.formats._chart import (
    NAMES,
    NESTED,
    SAFE,
    VARIABLE,
    Chart,
    Path,
    Span,
    TooManyWaysError,
)
from pff_stream.rules.rule import Lookup, Rejected

ARROW = b" <= "
SELF = b"me_myself_i"
MAX_READINGS = 64
ATOM_FORM = "relation(term,term)"
_SHOWN = 60

Named: TypeAlias = Callable[[bytes, bool], bytes]
"""The name that a part of a text is; True for a relation."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One atom; a term of exactly one letter A-Z is a variable, any other a constant."""

    relation: bytes
    subject: bytes
    object: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """A rule as it is meant: `me_myself_i` resolved, no body atoms for a zero rule."""

    head: Atom
    body: tuple[Atom, ...]
    over_objects: bool = False
    """The zero rule `h(me_myself_i,Y) <= `: stands for each object of h, not for each subject."""
    ambiguous: bool = field(default=False, compare=False)
    """Several readings were left after the first step, so a graph's names may choose another."""
    blanks: bool = field(default=False, compare=False)
    """Read without blanks, so a graph that has names with these may choose another."""
    spans: tuple[Span, ...] = field(default=(), compare=False, repr=False)
    """Where its atoms stand in the text."""

    def rule(self) -> rule.Rule:
        """The same in the terms of all formats."""
        body = tuple(_rule_atom(atom) for atom in self.body)
        return rule.Rule(_rule_atom(self.head), body, self.over_objects)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Several readings are left and only a graph's names can choose; at most 64 are listed."""

    readings: tuple[Reading, ...]


def is_variable(term: bytes) -> bool:
    """Whether a term is a variable: exactly one upper-case letter A to Z."""
    return len(term) == 1 and b"A" <= term <= b"Z"


def verbatim(name: bytes, is_relation: bool) -> bytes:
    """Each name as it stands."""
    return name


def read_verbatim(
    text: bytes, has_entity: Lookup | None = None, has_relation: Lookup | None = None
) -> Reading | Unsettled | Rejected:
    """The reading of one rule text (valid UTF-8, no line end), with or without a graph's names."""
    text = completed(text)
    direct = direct_path(text)
    if direct is not None:
        return checked(text, direct, ambiguous=False)
    if (has_entity is None) != (has_relation is None):
        raise ValueError("names are looked up with both functions or with neither")
    chart = Chart(text, with_self(has_entity), has_relation)
    return narrowed(chart, with_graph=has_entity is not None)


def completed(text: bytes) -> bytes:
    """The text, whose line may have lost the blank at its end."""
    return text + b" " if text.endswith(ARROW[:-1]) else text


def show(reading: Reading) -> str:
    """A reading with every name quoted, since all readings of a text look the same without."""
    atoms = [_show_atom(atom) for atom in (reading.head, *reading.body)]
    return f"{atoms[0]} <= {', '.join(atoms[1:])}".rstrip()


def write_rule(reading: Reading) -> bytes:
    """The text of a reading as AnyBURL writes it (`me_myself_i` stays resolved)."""
    head, *body = (
        b"%b(%b,%b)" % (atom.relation, atom.subject, atom.object)
        for atom in (reading.head, *reading.body)
    )
    return head + ARROW + b", ".join(body)


def with_self(has_entity: Lookup | None) -> Lookup | None:
    """The look-up, with the term that stands for the other one."""
    if has_entity is None:
        return None
    return lambda name: name == SELF or has_entity(name)


def direct_path(text: bytes) -> Path | None:
    """The spans of a text with no more `(`, `)` and `,` than its separators need, else None."""
    arrow = text.find(ARROW)
    if arrow < 0 or text.find(ARROW, arrow + 1) >= 0:
        return None
    start = arrow + len(ARROW)
    ends = [(0, arrow)]
    while start < len(text):
        end = text.find(b", ", start)
        if end < 0:
            end = len(text)
        elif end + 2 == len(text):
            return None
        ends.append((start, end))
        start = end + 2
    spans = [_direct_span(text, start, end) for start, end in ends]
    return [span for span in spans if span] if all(spans) else None


def _direct_span(text: bytes, start: int, end: int) -> Span | None:
    opened, comma = text.find(b"(", start, end), text.find(b",", start, end)
    counts = [text.count(mark, start, end) for mark in (b"(", b",", b")")]
    if counts != [1, 1, 1] or text[end - 1 : end] != b")":
        return None
    if not start < opened < comma - 1 < end - 3:
        return None
    return start, opened, comma, end


def narrowed(
    chart: Chart, *, with_graph: bool, named: Named = verbatim
) -> Reading | Unsettled | Rejected:
    """Steps (1) to (5) of the format: each narrows only where it leaves any reading."""
    try:
        return _narrowed(chart, with_graph, named)
    except TooManyWaysError:
        found = "a text with too many separators inside its names to tell them apart"
        return Rejected(1, found, "a rule that can be read within bounded work")


def _narrowed(chart: Chart, with_graph: bool, named: Named) -> Reading | Unsettled | Rejected:
    filters = VARIABLE
    solution = chart.solve(filters)
    if solution is None:
        filters = 0
        solution = chart.solve(filters)
    if solution is None:
        return _malformed(chart)
    ambiguous = solution.has_several()
    for step in (NAMES, SAFE, NESTED) if with_graph else (SAFE, NESTED):
        narrower = chart.solve(filters | step)
        if narrower is not None:
            filters |= step
            solution = narrower
    left = solution.longest(MAX_READINGS)
    if len(left) == 1 or not solution.filters & SAFE:
        return checked(chart.text, left[0], ambiguous, named)
    return Unsettled(tuple(_reading(chart.text, path, True, named) for path in left))


def checked(
    text: bytes, path: Sequence[Span], ambiguous: bool, named: Named = verbatim
) -> Reading | Rejected:
    """The reading of one choice of spans, unless it is unsafe or cannot be meant."""
    for start, opened, comma, end in path:
        if (
            named(text[opened + 1 : comma], False)
            == named(text[comma + 1 : end - 1], False)
            == SELF
        ):
            found = f"me_myself_i on both sides of {_shown(text[start:end])}"
            return _rejected(text, opened + 1, found, "another term on one side")
    reading = _reading(text, path, ambiguous, named)
    head = {term for term in (reading.head.subject, reading.head.object) if is_variable(term)}
    if not reading.body:
        if len(head) < 2:
            return reading
        return _rejected(
            text, path[0][1] + 1, "two variables in the head of a zero rule", "at most one"
        )
    for atom in reading.body:
        head -= {atom.subject, atom.object}
    if not head:
        return reading
    name = min(head)
    _, opened, comma, _ = path[0]
    at = opened + 1 if named(text[opened + 1 : comma], False) == name else comma + 1
    found = f"variable {name.decode()} of the head in no body atom"
    for start, opened, _, _ in path[1:]:
        if b")" in text[start:opened]:
            # Two atoms, as whoever wrote them meant it, with another mark between them.
            found += f", read as one atom of the relation {_shown(text[start:opened])}"
            return _rejected(text, at, found, "body atoms apart by ', '")
    return _rejected(text, at, found, "every variable of the head in the body")


def _reading(text: bytes, path: Sequence[Span], ambiguous: bool, named: Named) -> Reading:
    head, *body = (_atom(text, span, named) for span in path)
    _, opened, comma, _ = path[0]
    is_self = named(text[opened + 1 : comma], False) == SELF
    over_objects = not body and is_self and is_variable(head.object)
    return Reading(head, tuple(body), over_objects, ambiguous, spans=tuple(path))


def _atom(text: bytes, span: Span, named: Named) -> Atom:
    start, opened, comma, end = span
    subject, object_ = (
        named(text[opened + 1 : comma], False),
        named(text[comma + 1 : end - 1], False),
    )
    if subject == SELF:
        subject = object_
    elif object_ == SELF:
        object_ = subject
    return Atom(named(text[start:opened], True), subject, object_)


def _malformed(chart: Chart) -> Rejected:
    """Says where a text stops to be a rule: at the last place that atoms before it reach."""
    text = chart.text
    if not text:
        return Rejected(1, "an empty text", f"{ATOM_FORM} <= {ATOM_FORM}, ...")
    if ARROW not in text:
        found = f"{_shown(text)} without ' <= '"
        return _rejected(text, len(text), found, "a head and a body apart by ' <= '")
    at = chart.farthest(0)
    if at == 0:
        found = _shown(text[: text.index(ARROW)])
        return _rejected(text, 0, found, f"a head {ATOM_FORM} before ' <= '")
    found = _shown(text[at:]) if at < len(text) else "the end of the text"
    return _rejected(text, at, found, f"a body atom {ATOM_FORM}, then ', ' or the end")


def _rejected(text: bytes, at: int, found: str, expected: str) -> Rejected:
    return Rejected(len(text[:at].decode("utf-8", "replace")) + 1, found, expected)


def _shown(name: bytes) -> str:
    shown = name.decode("utf-8", "replace")
    return repr(shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "...")


def _show_atom(atom: Atom) -> str:
    relation, subject, object_ = (
        _shown(name).replace("'", '"') if not is_variable(name) else name.decode()
        for name in (atom.relation, atom.subject, atom.object)
    )
    return f"{relation}({subject},{object_})"


def _rule_atom(atom: Atom) -> rule.Atom:
    subject, object_ = (
        rule.Variable(term.decode()) if is_variable(term) else term.decode()
        for term in (atom.subject, atom.object)
    )
    return rule.Atom(atom.relation.decode(), subject, object_)
