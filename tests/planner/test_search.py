"""The search finds the best settings that fit, and the nearest ones to a wish that does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.model import Phase, Setting, Settings, Term
from planner.search import as_options, choose, nearest

AXES: Mapping[str, Sequence[Setting]] = {
    "workers": list(range(16, 0, -1)),
    "chunk": [4096, 1024, 256],
    "method": ["spawn", "fork"],
}
WISH: Settings = {"workers": 8, "chunk": 1024, "method": "spawn"}


def build(settings: Settings) -> list[Phase]:
    """A machine of round numbers: workers of 10 or 2, each with a chunk, and 20 for the rest."""
    workers, chunk = settings["workers"], settings["chunk"]
    assert isinstance(workers, int)
    assert isinstance(chunk, int)
    each = 10 if settings["method"] == "spawn" else 2
    return [
        Phase("read", [Term("reader", 15, "")]),
        Phase("run", [Term("base", 20, ""), Term("workers", workers * (each + chunk // 256), "")]),
    ]


def candidates() -> list[Settings]:
    """All settings with spawn, most workers first."""
    return [
        {"workers": workers, "chunk": chunk, "method": "spawn"}
        for workers in range(16, 0, -1)
        for chunk in (4096, 1024, 256)
    ]


def test_the_first_that_fits_is_chosen() -> None:
    """Candidates come best first, and the first that fits is taken without building the rest."""
    built: list[Settings] = []

    def counted(settings: Settings) -> list[Phase]:
        built.append(settings)
        return build(settings)

    chosen = choose(counted, candidates(), 100)
    assert chosen is not None
    assert chosen.settings == {"workers": 7, "chunk": 256, "method": "spawn"}
    assert chosen.peak_bytes == 97
    assert built[-1] == chosen.settings


@given(st.integers(0, 500))
def test_what_is_chosen_fits(budget: int) -> None:
    """What is chosen fits, and nothing is chosen only when nothing fits."""
    chosen = choose(build, candidates(), budget)
    if chosen is None:
        assert all(max(p.bytes for p in build(c)) > budget for c in candidates())
    else:
        assert chosen.peak_bytes <= budget


@given(st.integers(0, 500), st.integers(0, 500))
def test_more_budget_is_never_worse(one: int, other: int) -> None:
    """A larger budget never leads to a later candidate."""
    order = candidates()
    less, more = (choose(build, order, budget) for budget in sorted((one, other)))
    if less is not None:
        assert more is not None
        assert order.index(more.settings) <= order.index(less.settings)


def test_each_axis_alone_comes_first() -> None:
    """One axis at a time is lowered just as far as it must be, in the order of the axes."""
    found = nearest(build, WISH, AXES, 110)
    assert [as_options(c.settings, WISH) for c in found.fitting] == [
        "--workers 6",
        "--chunk 256",
        "--method fork",
    ]


def test_axes_are_lowered_together_when_one_is_not_enough() -> None:
    """Where no axis alone suffices several are lowered, and nothing is given up needlessly."""
    found = nearest(build, WISH, {"chunk": [1024, 256], "method": ["spawn", "fork"]}, 50)
    assert [as_options(c.settings, WISH) for c in found.fitting] == ["--chunk 256 --method fork"]


def test_when_nothing_fits_the_least_is_told() -> None:
    """Where nothing fits, the settings that need least tell which budget would do."""
    found = nearest(build, WISH, AXES, 10)
    assert found.fitting == ()
    assert found.least.settings == {"workers": 1, "chunk": 256, "method": "fork"}
    assert found.least.peak_bytes == 23


@given(st.integers(0, 200))
def test_every_suggestion_fits(budget: int) -> None:
    """All that is suggested fits, is different, and comes out the same when asked again."""
    found = nearest(build, WISH, AXES, budget)
    assert len(found.fitting) <= 3
    assert all(c.peak_bytes <= budget for c in found.fitting)
    assert len({as_options(c.settings, WISH) for c in found.fitting}) == len(found.fitting)
    assert nearest(build, WISH, AXES, budget) == found
    if not found.fitting:
        assert found.least.peak_bytes > budget


@given(st.integers(0, 200), st.integers(0, 200))
def test_more_budget_gives_up_no_more_of_an_axis(one: int, other: int) -> None:
    """The workers that are suggested alone never fall when the budget rises."""
    workers = []
    for budget in sorted((one, other)):
        found = nearest(build, WISH, {"workers": AXES["workers"]}, budget)
        workers.append([c.settings["workers"] for c in found.fitting])
    assert workers[0] <= workers[1]


def test_many_axes_are_searched_in_bounded_time() -> None:
    """Long ladders are thinned, the cheapest value of each still being tried."""
    tried = 0

    def many(settings: Settings) -> list[Phase]:
        nonlocal tried
        tried += 1
        values = [value for value in settings.values() if isinstance(value, int)]
        return [Phase("run", [Term("all", sum(values), "")])]

    axes = {name: list(range(999, -1, -1)) for name in "abcd"}
    found = nearest(many, dict.fromkeys("abcd", 1000), axes, 5)
    assert found.fitting[0].settings == dict.fromkeys("abcd", 0)
    assert tried < 30_000


def test_values_are_told_apart_by_type() -> None:
    """False is not 0: an axis of numbers is not cut short by a wish of False."""
    found = nearest(
        lambda s: [Phase("run", [Term("x", 1 if s["x"] is False else 0, "")])],
        {"x": False},
        {"x": [0]},
        0,
    )
    assert [c.settings for c in found.fitting] == [{"x": 0}]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"start_method": "fork", "workers": 3}, "--start-method fork --workers 3"),
        ({"keep": True, "drop": False, "none": None}, "--keep"),
        ({"out": "a b'c", "empty": ""}, "--out 'a b'\\''c' --empty ''"),
        ({}, ""),
    ],
)
def test_settings_as_options(settings: Settings, text: str) -> None:
    """Settings are written as options that a shell takes as they are meant."""
    assert as_options(settings) == text
