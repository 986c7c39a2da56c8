"""The part of a generated graph that is drawn: relations by Zipf's law, skewed entities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from profiling.planted import Numbers, Sizes, Triples, uniform


class Drawn:
    """How drawn relations look; arrays over the relations only."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.first = sizes.core.start
        n = sizes.relations - self.first
        numbers = np.arange(n)
        core = numbers < len(sizes.core)
        shares = np.where(core, 0.0, 1.0 / np.maximum(1, numbers - len(sizes.core) + 1))
        left = max(sizes.drawn_triples - len(sizes.core) * sizes.core_pool, sizes.drawn_triples / 2)
        counts = np.where(core, sizes.core_pool, shares / shares.sum() * left)
        self.cumulated = np.cumsum(counts) / counts.sum()
        general = np.cumsum(shares**0.8 * ~core)
        self.for_rules = general / general[-1]
        most = sizes.drawn_entities
        self.subjects = np.clip((0.6 * counts).astype(np.int64), 4, most)
        self.objects = np.clip((0.25 * counts).astype(np.int64), 4, most)
        self.subjects[core] = self.objects[core] = sizes.core_pool
        salt = sizes.seed * 8
        self.subject_start = (uniform(numbers, salt + 1) * most).astype(np.int64) * ~core
        self.object_start = (uniform(numbers, salt + 2) * most).astype(np.int64) * ~core
        self.power_subjects = np.where(core, 1.5, 1.6)
        self.power_objects = np.where(core, 1.5, 2.2)

    def triples(self, random: np.random.Generator, count: int) -> Triples:
        """So many triples."""
        r = np.searchsorted(self.cumulated, random.random(count), side="right")
        r = np.minimum(r, len(self.cumulated) - 1)
        subject = _powers(random.random(count), self.subjects[r], self.power_subjects[r])
        object_ = _powers(random.random(count), self.objects[r], self.power_objects[r])
        most = self.sizes.drawn_entities
        return (
            (self.subject_start[r] + subject) % most,
            self.first + r,
            (self.object_start[r] + object_) % most,
        )

    def pick(self, u: NDArray[np.float64]) -> Numbers:
        """Places of relations for rules, large ones more often."""
        places = np.searchsorted(self.for_rules, u, side="right")
        return np.minimum(places, len(self.for_rules) - 1)

    def constant(
        self, r: Numbers, at_subject: NDArray[np.bool_], u: NDArray[np.float64]
    ) -> Numbers:
        """Entities that relations name often, at one side of them."""
        n = np.where(at_subject, self.subjects[r], self.objects[r])
        start = np.where(at_subject, self.subject_start[r], self.object_start[r])
        power = np.where(at_subject, 1.6, 2.0)
        return (start + _powers(u, n, power)) % self.sizes.drawn_entities


def _powers(u: NDArray[np.float64], n: Numbers, power: NDArray[np.float64]) -> Numbers:
    return np.minimum((n * u**power).astype(np.int64), n - 1)
