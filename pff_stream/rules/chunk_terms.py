"""The terms of an evaluation chunk, checked before anybody indexes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pff_stream.rules._format import INEQUALITY
from pff_stream.rules.rule import MAX_BODY_ATOMS, MAX_VARIABLES

if TYPE_CHECKING:
    from pff_stream.rules.chunk import RuleChunk


def check_terms(chunk: RuleChunk) -> None:
    """ValueError unless indices of atoms, heads and bodies lie inside, and variables are numbered.

    Inequalities are behind the atoms of their body, over variables that these bind.
    """
    atoms, heads = chunk.atoms.reshape(-1, 3), chunk.heads.reshape(-1, 3)
    for name, table in (("atoms", atoms), ("heads", heads)):
        # As unsigned numbers, what is below 0 is above every limit (int32 wraps around).
        # The relation of an inequality is -1, which becomes 0; no head has one.
        relations = table[:, 0].view(np.uint32) + np.uint32(name == "atoms")
        terms = table[:, 1:] + np.int32(chunk.n_names)
        if len(table) and not (
            int(relations.max()) < chunk.n_names + (name == "atoms")
            and int(terms.view(np.uint32).max()) < chunk.n_names + MAX_VARIABLES
        ):
            raise ValueError(f"column {name} names a relation or term outside of the chunk")
    # Every body has a rule, and they come in order: each step, the first one from -1, is 0 or 1.
    bodies = chunk.rule_body.astype(np.int64)
    steps = np.diff(bodies, prepend=-1)
    last = int(bodies[-1]) if len(bodies) else -1
    # Not `0 in steps`: numpy then asks for a method by a new string each time, and the interpreter
    # keeps those (see `execute.worker_main`).
    skips, begins_late = (steps.view(np.uint64) > 1).any(), (steps[:1] == 0).any()
    if last != chunk.n_bodies - 1 or bool(skips or begins_late):
        raise ValueError("column rule_body does not name every body, one after the other")
    ends = chunk.body_ends.astype(np.int64)
    sizes: npt.NDArray[np.int64] = ends.copy()
    sizes[1:] -= ends[:-1]
    if len(sizes) and int(sizes.max()) > MAX_BODY_ATOMS:
        raise ValueError(f"column body_ends has a body of {sizes.max()} atoms")
    variables = _count_variables(chunk, atoms, sizes)
    _check_heads(heads, variables[bodies], sizes[bodies] == 0)


def _check_heads(
    heads: npt.NDArray[np.int32],
    variables: npt.NDArray[np.int64],
    is_zero_rule: npt.NDArray[np.bool_],
) -> None:
    """The head has variables of its body; a zero rule's at most one (0, or 1 on both sides)."""
    left, right = heads[:, 1], heads[:, 2]
    highest = np.maximum(left, right)
    if bool((~is_zero_rule & (highest >= variables)).any()):
        raise ValueError("column heads has a variable that the body does not bind")
    is_wrong = np.where(np.minimum(left, right) < 0, highest > 0, (left != right) | (highest > 1))
    if bool((is_zero_rule & is_wrong).any()):
        raise ValueError("column heads has other variables than a zero rule can have")


def _count_variables(
    chunk: RuleChunk, atoms: npt.NDArray[np.int32], sizes: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Variables per body; ValueError where they are not numbered in order of appearance."""
    counts = np.zeros(chunk.n_bodies, np.int64)
    if not len(atoms):
        return counts
    ends = chunk.body_ends.astype(np.int64)
    # One running maximum serves all bodies: numbers of body k are lifted by 32 k, above those
    # of all bodies before it, and a constant counts as -1.
    lift = np.repeat(np.arange(chunk.n_bodies, dtype=np.int64) * 32, sizes * 2)
    terms = atoms[:, 1:].reshape(-1)
    lifted = lift + np.maximum(terms, -1)
    highest = np.maximum.accumulate(lifted)
    before = np.maximum(np.concatenate(([-1], highest[:-1])), lift - 1)
    if bool((lifted > before + 1).any()):
        raise ValueError("column atoms numbers variables out of order")
    filtered = atoms[:, 0] == INEQUALITY
    if bool(filtered.any()):
        _check_inequalities(
            atoms, filtered, ends, bool((lifted > before)[np.repeat(filtered, 2)].any())
        )
    filled = sizes > 0
    counts[filled] = highest[ends[filled] * 2 - 1] - 32 * np.flatnonzero(filled) + 1
    return counts


def _check_inequalities(
    atoms: npt.NDArray[np.int32],
    filtered: npt.NDArray[np.bool_],
    ends: npt.NDArray[np.int64],
    binds: bool,
) -> None:
    """`filtered` tells which atoms are none, `binds` whether one of these has a new variable."""
    is_first = np.zeros(len(atoms) + 1, np.bool_)
    is_first[0] = True
    is_first[ends] = True
    is_first = is_first[:-1]
    behind = np.concatenate(([False], filtered[:-1])) & ~is_first
    left, right = atoms[filtered, 1], atoms[filtered, 2]
    if bool((filtered & is_first).any() or (behind & ~filtered).any()):
        raise ValueError("column atoms has an inequality that is not behind the atoms")
    if binds or bool((left < 0).any() or (left == right).any()):
        raise ValueError("column atoms has an inequality without a variable of the atoms")
