"""The terms of an evaluation chunk, checked before anybody indexes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pff_stream.rules._chunks import find_wrong_terms
from pff_stream.rules.rule import MAX_BODY_ATOMS, MAX_VARIABLES

if TYPE_CHECKING:
    from pff_stream.rules.chunk import RuleChunk

OUTSIDE = "column {} names a relation or term outside of the chunk"
LONG_BODY = 4
WRONG = (
    "",
    OUTSIDE.format("atoms"),
    OUTSIDE.format("heads"),
    "column rule_body does not name every body, one after the other",
    "column body_ends has a body of {} atoms",
    "column atoms numbers variables out of order",
    "column atoms has an inequality that is not behind the atoms",
    "column atoms has an inequality without a variable of the atoms",
    "column heads has a variable that the body does not bind",
    "column heads has other variables than a zero rule can have",
)
"""By the number that `find_wrong_terms` gives."""


def check_terms(chunk: RuleChunk) -> None:
    """ValueError unless indices of atoms, heads and bodies lie inside, and variables are numbered.

    Inequalities are behind the atoms of their body, over variables that these bind.
    """
    columns = chunk.atoms, chunk.body_ends, chunk.rule_body, chunk.heads
    wrong = find_wrong_terms(*columns, chunk.n_names, MAX_VARIABLES, MAX_BODY_ATOMS)
    if wrong == LONG_BODY:
        ends = chunk.body_ends.astype(np.int64)
        raise ValueError(WRONG[wrong].format(int(np.diff(ends, prepend=0).max())))
    if wrong:
        raise ValueError(WRONG[wrong])
