"""How many rules are in force: their violations are listed until there are enough triples.

Rules are chosen in their order. The cut is the first rule at which the distinct triples reach what
is wanted, whatever rounds led there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pff_stream.findings._joined import Joined
    from pff_stream.findings.order import RankedRule


class Order(Protocol):
    """Violated rules by rank, as many as were chosen so far."""

    n: int
    """Rules that were chosen."""
    violations: int
    """Violations of those that repeat no other."""

    @property
    def is_all(self) -> bool:
        """Whether there are no more."""

    def extend(self, violations: int | None, most: int | None = None) -> None:
        """Chooses the next rules, until they have so many violations (None: all of them)."""

    def with_repeats(self, rank: int) -> int:
        """The last rank of the rules that repeat this one, or this one."""

    def rule(self, rank: int) -> RankedRule:
        """The rule of a rank, from 0."""

    def logs(self) -> NDArray[np.float64]:
        """log1p(-confidence) of all, by rank; 0 for one that repeats another."""


def choose(
    order: Order,
    joined: Joined,
    limit: int | None,
    list_from: Callable[[int], None],
    room: Callable[[int], int | None] = lambda violations: None,
    ahead: int = 1,
    list_large: Callable[[int], bool] = lambda missing: False,
) -> int:
    """Chooses until there are `limit` triples (None: all rules); returns the rank of the last rule.

    -1 where no rule is violated. `list_from` adds the violations of the rules from a rank on to
    `joined`; `room` tells how many more may be listed beside those that are. Rules often predict
    the same: to begin with, `ahead` times as many violations are listed as triples are wanted.
    `list_large` chooses the next rule, which has more violations than there is room for, and adds
    what so many missing triples need of it; False where it cannot.
    """
    more = None if limit is None else ahead * limit
    missing = 0 if limit is None else limit
    while True:
        first = order.n
        order.extend(more, room(order.violations))
        if order.n > first:
            list_from(first)
        is_left_out = order.n == first and (order.is_all or not list_large(missing))
        if limit is None:
            return order.n - 1
        new = joined.new_by_rank(order.n)
        so_far = np.add.accumulate(new, dtype=np.uint64)
        reached = np.flatnonzero(so_far >= limit)
        if len(reached):
            last = int(reached[0])
            joined.keep_first(last, limit - int(so_far[last]) + int(new[last]))
            return order.with_repeats(last)
        if order.is_all or is_left_out:
            return order.n - 1
        missing = limit - int(new.sum(dtype=np.uint64))
        more = 2 * missing
