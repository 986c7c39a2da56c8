"""A short series of every fuzz target, and a long one with `-m slow` (see docs/fuzzing.md)."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.target import ACCEPTED, REFUSED
from tests.fuzz.targets import PLACES, target


def series(name: str, inputs: int, seed: int) -> Counter[str]:
    """Checks the seeds and then mutated inputs; outcomes."""
    chosen, random = target(name), Random(seed)
    given = [*chosen.seeds]
    given += (mutated(random, chosen.seeds, chosen.words) for _ in range(inputs))
    outcomes = Counter[str]()
    for data in given:
        try:
            outcomes[chosen.check(data)] += 1
        except Exception as error:
            pytest.fail(f"{name}: {data!r}: {type(error).__name__}: {error}")
    return outcomes


@pytest.mark.thorough
@pytest.mark.parametrize("name", PLACES)
def test_short_series(name: str) -> None:
    """No input crashes, hangs or is read otherwise than it says; both outcomes are met."""
    assert set(series(name, 150, seed=1)) == {ACCEPTED, REFUSED}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
def test_long_series(name: str) -> None:
    """The same for many more inputs."""
    assert sum(series(name, 50_000, seed=2).values()) > 50_000
