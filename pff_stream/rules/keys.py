"""Rules as bytes: what decides their order in the rule file and that two of them mean the same.

The compiled fast path writes the same bytes. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping

from pff_stream.rules.rule import Atom, Rule, Term, Variable

CONSTANT_TAG = b"\x7f"
MOST_TURNED = 8
"""Atoms of a chain whose two directions are one in the order of the rule file."""
_MASK = (1 << 64) - 1
_NUMBER_KEYS = tuple(bytes((1 + number,)) for number in range(64))


def rule_keys(rule: Rule) -> tuple[bytes, bytes]:
    """Body and head as bytes in the order of the rule file; equal bytes, equal meaning.

    Body: 65535 - atoms (u16, big-endian), 1 if it has a constant, then per atom the relation,
    a zero byte and the terms; a term is 1 + its variable number, or 0x7f, the name, a zero byte.
    Inequalities stand behind the atoms, and count as such: each is one without a relation.
    Head: the same for one atom, in the variable numbers of the body.
    """
    numbers = variable_numbers(rule)
    atoms = [_atom_key(atom, numbers) for atom in rule.body]
    filters = [
        b"\0" + _term_key(left, numbers) + _term_key(right, numbers)
        for left, right in inequalities(rule, numbers)
    ]
    constant = any(isinstance(term, str) for atom in rule.body for term in atom.terms)
    start = (65535 - len(atoms) - len(filters)).to_bytes(2, "big") + (
        b"\x01" if constant else b"\x00"
    )
    return start + b"".join((*atoms, *filters)), _atom_key(rule.head, numbers)


def sorted_keys(rule: Rule) -> tuple[bytes, bytes]:
    """The keys of a rule that the rule file is sorted by.

    A body that is a chain as it is written has two directions; its key is that of the lesser, so
    that both directions of one chain follow each other. The last byte says whether it was turned.
    """
    body, head = rule_keys(rule)
    turned = _turned(body)
    if turned is not None and turned < body:
        return turned + b"\x01", head
    return body + b"\x00", head


def variable_numbers(rule: Rule) -> dict[Variable, int]:
    """Numbers of the variables by first appearance in the body.

    That of a zero rule has number 0, or 1 where it stands for the objects of the relation.
    """
    return {
        variable: number + rule.over_objects for number, variable in enumerate(rule.variables())
    }


def inequalities(rule: Rule, numbers: Mapping[Variable, int]) -> list[tuple[Variable, Term]]:
    """Those of a rule in the order of the rule file, each once: first the lower variable."""
    found: dict[tuple[int, int, str], tuple[Variable, Term]] = {}
    for one in rule.filters:
        left, right = one.terms
        if isinstance(left, str) or (
            isinstance(right, Variable) and numbers[right] < numbers[left]
        ):
            left, right = right, left
        assert isinstance(left, Variable)
        if isinstance(right, Variable):
            found[numbers[left], numbers[right], ""] = left, right
        else:
            found[numbers[left], -1, right] = left, right
    return [found[place] for place in sorted(found)]


def name_hash(name: bytes) -> int:
    """The 64-bit hash of a name, the same as in `_names.h`."""
    value = 0x2545F4914F6CDD1D ^ len(name)
    whole = len(name) & ~7
    for at in range(0, whole, 8):
        word = int.from_bytes(name[at : at + 8], "little")
        value = (value ^ word) * 0xFF51AFD7ED558CCD & _MASK
        value ^= value >> 32
    if whole < len(name):
        word = int.from_bytes(name[whole:], "little")
        value = (value ^ word) * 0xFF51AFD7ED558CCD & _MASK
    value ^= value >> 32
    value = value * 0x9E3779B97F4A7C15 & _MASK
    value ^= value >> 29
    value = value * 0xBF58476D1CE4E5B9 & _MASK
    return value ^ value >> 32


def _turned(key: bytes) -> bytes | None:
    """The key of a chain of two atoms or more, as it is from its other end; None for others."""
    n_atoms = 65535 - int.from_bytes(key[:2], "big")
    if not 2 <= n_atoms <= MOST_TURNED or key[2]:
        return None
    atoms: list[tuple[bytes, int, int]] = []
    at = 3
    for number in range(n_atoms):
        end = key.index(0, at)
        relation, left, right = key[at:end], key[end + 1], key[end + 2]
        known = left + right - (number + 2)
        goes_on = known in (1, 2) if number == 1 else known == number + 1
        if number == 0:
            goes_on = (left, right) == (1, 2)
        if not relation or number + 2 not in (left, right) or not goes_on:
            return None
        atoms.append((relation, left, right))
        at = end + 3
    numbers: dict[int, int] = {}
    parts = [key[:3]]
    for relation, *terms in reversed(atoms):
        codes = bytes(numbers.setdefault(term, len(numbers) + 1) for term in terms)
        parts.append(relation + b"\x00" + codes)
    return b"".join(parts)


def _atom_key(atom: Atom, numbers: Mapping[Variable, int]) -> bytes:
    left, right = _term_key(atom.subject, numbers), _term_key(atom.object, numbers)
    return atom.relation.encode() + b"\x00" + left + right


def _term_key(term: Term, numbers: Mapping[Variable, int]) -> bytes:
    if isinstance(term, str):
        return CONSTANT_TAG + term.encode() + b"\x00"
    return _NUMBER_KEYS[numbers[term]]
