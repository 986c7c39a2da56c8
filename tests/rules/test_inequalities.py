"""Inequalities in a rule file: where they lie, what is counted, and what is refused."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pytest

from pff_stream.rules._format import CHUNK_COLUMNS, INEQUALITY
from pff_stream.rules.chunk import RuleChunk, build_chunk, chunk_of
from pff_stream.rules.keys import inequalities, variable_numbers
from pff_stream.rules.rule import Atom, Different, Rule, Term, Variable
from tests.rules.compiled import compiled

X, Y, Z = (Variable(f"?{letter}") for letter in "xyz")
HEAD = Atom("h", X, Y)
BODY = (Atom("r", X, Z), Atom("s", Z, Y))


def filtered(*pairs: tuple[Term, Term]) -> Rule:
    """The rule with these inequalities."""
    return Rule(HEAD, BODY, filters=tuple(Different(left, right) for left, right in pairs))


def test_they_lie_behind_the_atoms() -> None:
    """Each once and in one order, a variable first, so that equal bodies are one body."""
    same = [
        filtered((Z, "c"), (Y, X), (Z, "a")),
        filtered(("a", Z), (X, Y), ("c", Z), (Y, X)),
    ]
    chunk = build_chunk([*same, Rule(HEAD, BODY)])
    assert chunk.n_bodies == 2
    # Bodies with more pieces come first.
    rows = chunk.atoms.reshape(-1, 3)[2:5].tolist()
    names = [chunk.name(at).decode() for at in range(chunk.n_names)]
    assert rows == [
        [INEQUALITY, 0, 2],
        [INEQUALITY, 1, -1 - names.index("a")],
        [INEQUALITY, 1, -1 - names.index("c")],
    ]
    assert inequalities(same[0], variable_numbers(same[0])) == [(X, Y), (Z, "a"), (Z, "c")]


def test_compiled_as_the_chunk_builder_has_it() -> None:
    """The compiler writes the same columns, and counts inequalities of distinct bodies."""
    lines = [
        "?z!=c ?z!=a ?x  r  ?z  ?z  s  ?y  ?y!=?x  => ?x  h  ?y",
        "?x  r  ?z  ?z  s  ?y   => ?x  h  ?y",
        "?z!=a ?z!=c ?x!=?y ?x  r  ?z  ?z  s  ?y   => ?x  h  ?y",
    ]
    rule = filtered((Z, "c"), (Z, "a"), (Y, X))
    wanted = build_chunk([rule, Rule(HEAD, BODY), rule])
    for chunk_rules in (4096, 1):
        text = "\n".join(lines).encode()
        with compiled(text, rule_format="amie", chunk_rules=chunk_rules) as (_, file):
            assert file.counts["filters"] == 3
            assert (file.max_body_atoms, file.bodies) == (5, 2)
            found = file.read_chunk(0)
            if chunk_rules > 1:
                for name in ("atoms", "body_ends", "rule_body", "heads", "sources"):
                    assert getattr(found, name).tolist() == getattr(wanted, name).tolist(), name


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (filtered(("a", "b")), "always or never"),
        (filtered((X, X)), "always or never"),
        (filtered((Variable("?w"), "a")), "variable ?w of an inequality in no body atom"),
        (filtered((X, "a\tb")), "the name 'a\\tb'"),
        (filtered((X, "me_myself_i")), "the constant me_myself_i"),
        (filtered((X, "x" * 70_000)), "names of 70003 bytes"),
        (filtered(*[(X, f"{n}") for n in range(8_190)]), "8,192 body atoms"),
        (Rule(Atom("h", X, "c"), (), filters=(Different(X, "d"),)), "in no body atom"),
    ],
)
def test_what_no_rule_can_have(rule: Rule, problem: str) -> None:
    """Inequalities are of variables that the body binds, and count as atoms."""
    found = rule.problem()
    assert found is not None and problem in found[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda atoms: atoms[[2, 0, 1, 3]], "out of order"),
        (lambda atoms: atoms[[0, 3, 1, 2]], "not behind the atoms"),
        (lambda atoms: with_terms(atoms, 3, 3), "without a variable of the atoms"),
        (lambda atoms: with_terms(atoms, -1, 0), "without a variable of the atoms"),
        (lambda atoms: with_terms(atoms, 1, 1), "without a variable of the atoms"),
        (lambda atoms: with_terms(atoms, 0, -99), "outside of the chunk"),
        (lambda atoms: with_terms(atoms, 99, 0), "outside of the chunk"),
    ],
)
def test_wrong_ones_are_refused(change: object, message: str) -> None:
    """Nobody indexes with what was not checked."""
    assert callable(change)
    chunk = build_chunk([filtered((X, Y), (Z, "a"))])
    columns = bytes_of(chunk)
    atoms = chunk.atoms.reshape(-1, 3)
    columns["atoms"] = np.ascontiguousarray(change(atoms), np.int32).tobytes()
    with pytest.raises(ValueError, match=message):
        chunk_of(columns, 1, 1)


def test_no_head_is_one() -> None:
    """A head without a relation would be looked up outside of the names."""
    columns = bytes_of(build_chunk([filtered((X, Y))]))
    columns["heads"] = np.array([INEQUALITY, 0, 1], np.int32).tobytes()
    with pytest.raises(ValueError, match="outside of the chunk"):
        chunk_of(columns, 1, 1)


def with_terms(atoms: npt.NDArray[np.int32], left: int, right: int) -> npt.NDArray[np.int32]:
    """The last inequality with other terms."""
    changed = atoms.copy()
    changed[-1] = INEQUALITY, left, right
    return changed


def bytes_of(chunk: RuleChunk) -> dict[str, bytes]:
    """The columns as they lie in a file."""
    known = {field.name for field in fields(chunk)}
    return {name: getattr(chunk, name).tobytes() for name in CHUNK_COLUMNS if name in known}
