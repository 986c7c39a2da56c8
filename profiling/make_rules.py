"""Makes rules over a generated graph, in the shares of real mining, and the planted ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from profiling.drawn import Drawn
from profiling.planted import BATCH, Names, Numbers, Sizes, planted_rules, uniform

SHARES = (
    ("constants", 0.54),
    ("dangling", 0.34),
    ("two atoms", 0.015),
    ("closed 1", 0.006),
    ("closed 2", 0.047),
    ("closed 3", 0.047),
    ("zero", 0.002),
    ("self", 0.003),
)
"""Shapes of rules and their shares."""

BODY_POOL = 1.0
"""Bodies with a constant, per rule: about a third of the rules then has a body of its own, fewer
on graphs that are too small for so many constants."""


class RuleMaker:
    """Rules batch by batch; of each shape as many as its share."""

    def __init__(self, sizes: Sizes) -> None:
        self._drawn = Drawn(sizes)
        self._sizes = sizes
        self._names = Names(sizes)
        self._salt = sizes.seed * 8 + 3
        self._pool = max(1, int(BODY_POOL * sizes.rules))

    def batch(self, random: np.random.Generator, count: int) -> list[str]:
        """So many rules, in no order."""
        edges = np.cumsum([0.0] + [share for _, share in SHARES])
        places = (edges / edges[-1] * count).round().astype(int)
        makers: tuple[Callable[[np.random.Generator, int], list[str]], ...] = (
            self._constants,
            self._dangling,
            self._two_atoms,
            lambda r, n: self._closed(r, n, 1),
            lambda r, n: self._closed(r, n, 2),
            lambda r, n: self._closed(r, n, 3),
            self._zero,
            self._self,
        )
        rules: list[str] = []
        for make, (low, high) in zip(makers, pairwise(places), strict=True):
            rules += make(random, int(high - low))
        return [rules[i] for i in random.permutation(len(rules))]

    def _head(self, random: np.random.Generator, n: int) -> list[str]:
        r = self._drawn.pick(random.random(n))
        at_subject = random.random(n) < 0.3
        constant = self._drawn.constant(r, at_subject, random.random(n))
        return self._atoms(r, constant, at_subject)

    def _atoms(
        self, r: Numbers, constant: Numbers, at_subject: NDArray[np.bool_], variable: str = "X"
    ) -> list[str]:
        """Atoms with one variable and one constant."""
        numbers = self._names.numbers(constant).tolist()
        first = self._drawn.first
        return [
            f"relation/{first + relation:03d}(/m/{number:07x},{variable})"
            if left
            else f"relation/{first + relation:03d}({variable},/m/{number:07x})"
            for relation, number, left in zip(r.tolist(), numbers, at_subject.tolist(), strict=True)
        ]

    def _constant_atoms(self, random: np.random.Generator, n: int, variable: str) -> list[str]:
        """Atoms of the pool of bodies: the same place in it is the same atom."""
        place = (random.random(n) * self._pool).astype(np.int64)
        r = self._drawn.pick(uniform(place, self._salt))
        at_subject = uniform(place, self._salt + 1) < 0.3
        constant = self._drawn.constant(r, at_subject, uniform(place, self._salt + 2))
        return self._atoms(r, constant, at_subject, variable)

    def _constants(self, random: np.random.Generator, n: int) -> list[str]:
        heads, bodies = self._head(random, n), self._constant_atoms(random, n, "X")
        return [f"{head} <= {body}" for head, body in zip(heads, bodies, strict=True)]

    def _open_atoms(self, random: np.random.Generator, n: int, pair: tuple[str, str]) -> list[str]:
        """Atoms with two variables over any drawn relation."""
        r = (self._drawn.first + self._drawn.pick(random.random(n))).tolist()
        turned = (random.random(n) < 0.5).tolist()
        x, y = pair
        return [
            f"relation/{relation:03d}({y},{x})" if turn else f"relation/{relation:03d}({x},{y})"
            for relation, turn in zip(r, turned, strict=True)
        ]

    def _dangling(self, random: np.random.Generator, n: int) -> list[str]:
        heads, bodies = self._head(random, n), self._open_atoms(random, n, ("X", "A"))
        return [f"{head} <= {body}" for head, body in zip(heads, bodies, strict=True)]

    def _two_atoms(self, random: np.random.Generator, n: int) -> list[str]:
        half = n // 2
        heads = self._head(random, n)
        firsts = self._core_atoms(random, n, ("X", "A"))
        seconds = self._constant_atoms(random, half, "A")
        seconds += self._core_atoms(random, n - half, ("A", "B"))
        return [f"{h} <= {a}, {b}" for h, a, b in zip(heads, firsts, seconds, strict=True)]

    def _core_atoms(self, random: np.random.Generator, n: int, pair: tuple[str, str]) -> list[str]:
        core = self._sizes.core
        r = random.integers(core.start, core.stop, n).tolist()
        turned = (random.random(n) < 0.5).tolist()
        x, y = pair
        return [
            f"relation/{relation:03d}({y},{x})" if turn else f"relation/{relation:03d}({x},{y})"
            for relation, turn in zip(r, turned, strict=True)
        ]

    def _closed(self, random: np.random.Generator, n: int, atoms: int) -> list[str]:
        core = self._sizes.core
        heads = random.integers(core.start, core.stop, n).tolist()
        variables = ["X", *"AB"[: atoms - 1], "Y"]
        bodies = [self._core_atoms(random, n, pair) for pair in pairwise(variables)]
        return [
            f"relation/{head:03d}(X,Y) <= {', '.join(body)}"
            for head, body in zip(heads, zip(*bodies, strict=True), strict=True)
        ]

    def _zero(self, random: np.random.Generator, n: int) -> list[str]:
        return [f"{head} <= " for head in self._head(random, n)]

    def _self(self, random: np.random.Generator, n: int) -> list[str]:
        first = self._drawn.first
        r = (first + self._drawn.pick(random.random(n))).tolist()
        bodies = self._constant_atoms(random, n, "X")
        return [
            f"relation/{relation:03d}(X,me_myself_i) <= {body}"
            for relation, body in zip(r, bodies, strict=True)
        ]


def write_rules(path: Path, sizes: Sizes) -> None:
    """Writes the rules, planted ones spread among them, with columns like a miner's."""
    random = np.random.default_rng((sizes.seed, 1))
    maker = RuleMaker(sizes)
    planted = [rule.rule for rule in planted_rules(sizes)]
    count = max(0, sizes.rules - len(planted))
    n_batches = max(1, -(-count // BATCH))
    with path.open("w", encoding="ascii") as file:
        for batch in range(n_batches):
            low, high = (count * b // n_batches for b in (batch, batch + 1))
            rules = maker.batch(random, high - low)
            first, last = (len(planted) * b // n_batches for b in (batch, batch + 1))
            rules += planted[first:last]
            support = random.integers(2, 200, len(rules))
            predictions = support + random.integers(0, 300, len(rules))
            columns = (predictions.tolist(), support.tolist(), (support / predictions).tolist())
            file.writelines(
                f"{p}\t{s}\t{c:.7g}\t{rule}\n"
                for p, s, c, rule in zip(*columns, rules, strict=True)
            )


def write_planted(path: Path, sizes: Sizes) -> None:
    """Writes the planted rules with their counts."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(
            f"{rule.rule}\t{rule.predictions}\t{rule.support}\n" for rule in planted_rules(sizes)
        )
