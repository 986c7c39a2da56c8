"""A plan knows its peak and whether it fits, and survives being saved."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.model import KERNEL, PROCESSES, Limit, Phase, Term
from planner.plan import Plan, as_options, nearest

KEYS = {
    "format_version",
    "machine",
    "identity",
    "peak_bytes",
    "budget_bytes",
    "budget_source",
    "limits",
    "fits",
    "terms",
    "phases",
    "settings",
    "suggestions",
    "notes",
}

sizes = st.integers(0, 2**40)
terms = st.builds(
    lambda name, size, inputs, *kind: Term(name, size, "n x each", inputs, "measured", *kind),
    st.text(min_size=1, max_size=8),
    sizes,
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=2),
    st.sampled_from([PROCESSES, KERNEL, "graph"]),
    st.booleans(),
    st.booleans(),
)
phases = st.builds(
    Phase,
    st.text(min_size=1, max_size=8),
    st.lists(terms, max_size=4, unique_by=lambda term: term.name),
)
plans = st.builds(
    Plan,
    st.lists(phases, min_size=1, max_size=4, unique_by=lambda phase: phase.name),
    sizes,
    st.text(max_size=20),
    st.lists(st.builds(Limit, st.text(max_size=5), sizes, st.text(max_size=9), st.booleans())),
    st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5)),
    st.lists(st.text(max_size=9), max_size=3),
    st.lists(st.text(max_size=9), max_size=3),
)


@given(plans)
def test_terms_sum_to_the_peak(plan: Plan) -> None:
    """The terms are those of the largest phase, and sum to the peak."""
    assert sum(term.bytes for term in plan.terms) == plan.peak_bytes
    assert plan.peak_bytes == max(phase.bytes for phase in plan.phases)
    assert plan.peak_phase.terms == plan.terms
    assert plan.fits == (plan.peak_bytes <= plan.budget_bytes)


@given(plans)
def test_a_saved_plan_reads_back(plan: Plan) -> None:
    """The JSON has exactly the documented keys, sums by itself, and gives the same plan."""
    saved = json.loads(json.dumps(plan.to_json()))
    assert saved.keys() == KEYS
    assert sum(term["bytes"] for term in saved["terms"]) == saved["peak_bytes"]
    assert {key for term in saved["terms"] for key in term} <= {
        "name",
        "bytes",
        "formula",
        "inputs",
        "source",
        "group",
        "per_worker",
        "at_most",
    }
    for phase in saved["phases"]:
        assert sum(term["bytes"] for term in phase["terms"]) == phase["bytes"]
    assert Plan.from_json(saved) == plan
    assert pickle.loads(pickle.dumps(plan)) == plan


def small() -> Plan:
    """A plan of one phase that fits."""
    return Plan([Phase("run", [Term("all", 5, "")])], 10, "--budget 10 B")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "format version 2; this reads 1"),
        ({"peak_bytes": 4}, "do not sum"),
        ({"phases": []}, "at least one phase"),
        ({"phases": [{"name": "run"}]}, "not a saved plan: KeyError"),
        ({"phases": 3}, "not a saved plan"),
        ({"budget_bytes": -1}, "expected a whole number from 0"),
    ],
)
def test_refuses_what_is_no_saved_plan(change: dict[str, Any], message: str) -> None:
    """A plan of another version, or one that was altered, is refused with what is wrong."""
    with pytest.raises(ValueError, match=message):
        Plan.from_json({**small().to_json(), **change})


def test_refuses_json_that_is_no_object() -> None:
    """A list is not a saved plan."""
    with pytest.raises(ValueError, match="expected an object"):
        Plan.from_json([])  # type: ignore[arg-type]


def test_phases_have_names_of_their_own() -> None:
    """Two phases of one name would not be told apart."""
    with pytest.raises(ValueError, match="two phases have one name: run, run"):
        Plan([Phase("run", []), Phase("run", [])], 1, "")


def test_a_suggestion_that_is_followed_fits() -> None:
    """What is suggested for a refused plan leads to a plan that fits."""
    wish = {"workers": 9}

    def build(settings: Any) -> list[Phase]:
        return [Phase("run", [Term("workers", 7 * settings["workers"], "")])]

    found = nearest(build, wish, {"workers": range(8, 0, -1)}, 30)
    suggestions = [as_options(candidate.settings, wish) for candidate in found.fitting]
    assert suggestions == ["--workers 4"]
    refused = Plan(build(wish), 30, "test", settings=wish, suggestions=suggestions)
    followed = Plan(build({"workers": int(suggestions[0].split()[1])}), 30, "test")
    assert (refused.fits, followed.fits) == (False, True)
