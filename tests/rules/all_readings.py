"""The specification again, by listing: every reading of a short text, then the steps as written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pff_stream.rules.formats._readings import SELF, Atom, Reading, is_variable

Listed = tuple[Atom, ...]
"""Head and body atoms, names verbatim."""

_DIRECT_ATOM = r"[^(),]+\([^(),]+,(?! )[^(),]+\)"
_DIRECT = re.compile(rf"{_DIRECT_ATOM} <= (?:{_DIRECT_ATOM}(?:, {_DIRECT_ATOM})*)?", re.DOTALL)


def left_after_narrowing(
    text: bytes,
    has_entity: Callable[[bytes], bool] | None = None,
    has_relation: Callable[[bytes], bool] | None = None,
) -> tuple[list[Listed], bool]:
    """What steps (1) to (5) leave, and whether more than one was left after (1)."""
    if text.endswith(b" <="):
        text += b" "
    readings = list(_rules(text))
    if _DIRECT.fullmatch(text.decode()) and len(re.findall(b"(?= <= )", text)) == 1:
        most = max(len(reading) for reading in readings)
        return [reading for reading in readings if len(reading) == most], False
    readings = _narrow(readings, lambda rule: all(map(_has_variable, rule)))
    ambiguous = len(readings) > 1
    if has_entity is not None and has_relation is not None:
        readings = _narrow(
            readings,
            lambda rule: all(
                has_relation(atom.relation)
                and all(
                    is_variable(term) or term == SELF or has_entity(term) for term in _terms(atom)
                )
                for atom in rule
            ),
        )
    readings = _narrow(readings, is_safe)
    readings = _narrow(readings, lambda rule: all(map(_is_nested, rule)))
    most = max((len(rule) for rule in readings), default=0)
    return [rule for rule in readings if len(rule) == most], ambiguous


def meant(listed: Listed) -> Reading:
    """The reading with `me_myself_i` resolved."""
    head, *body = listed
    over_objects = not body and head.subject == SELF and is_variable(head.object)
    return Reading(_resolved(head), tuple(map(_resolved, body)), over_objects)


def is_safe(rule: Listed) -> bool:
    """Whether the body binds the head; a zero rule has at most one variable."""
    head = {term for term in _terms(rule[0]) if is_variable(term)}
    if len(rule) == 1:
        return len(head) < 2
    return head <= {term for atom in rule[1:] for term in _terms(atom)}


def has_self_twice(rule: Listed) -> bool:
    """Whether an atom has `me_myself_i` on both sides."""
    return any(_terms(atom) == (SELF, SELF) for atom in rule)


def _narrow(readings: list[Listed], keep: Callable[[Listed], bool]) -> list[Listed]:
    return [reading for reading in readings if keep(reading)] or readings


def _rules(text: bytes) -> Iterator[Listed]:
    for arrow in range(len(text)):
        if text.startswith(b" <= ", arrow):
            for head in _atoms(text[:arrow]):
                for body in _bodies(text[arrow + 4 :]):
                    yield (head, *body)


def _bodies(text: bytes) -> Iterator[Listed]:
    if not text:
        yield ()
        return
    for end in range(len(text) + 1):
        if end == len(text):
            yield from ((atom,) for atom in _atoms(text))
        elif text.startswith(b", ", end) and end + 2 < len(text):
            rests = list(_bodies(text[end + 2 :]))
            yield from ((atom, *rest) for atom in _atoms(text[:end]) for rest in rests)


def _atoms(text: bytes) -> Iterator[Atom]:
    if not text.endswith(b")"):
        return
    for opened in range(1, len(text)):
        if text[opened] == ord("("):
            for comma in range(opened + 2, len(text) - 2):
                if text[comma] == ord(","):
                    yield Atom(text[:opened], text[opened + 1 : comma], text[comma + 1 : -1])


def _terms(atom: Atom) -> tuple[bytes, bytes]:
    return atom.subject, atom.object


def _has_variable(atom: Atom) -> bool:
    return is_variable(atom.subject) or is_variable(atom.object)


def _is_nested(atom: Atom) -> bool:
    for name in (atom.relation, *_terms(atom)):
        depth = 0
        for mark in name:
            depth += (mark == ord("(")) - (mark == ord(")"))
            if depth < 0:
                return False
        if depth:
            return False
    return True


def _resolved(atom: Atom) -> Atom:
    if atom.subject == SELF:
        return Atom(atom.relation, atom.object, atom.object)
    if atom.object == SELF:
        return Atom(atom.relation, atom.subject, atom.subject)
    return atom
