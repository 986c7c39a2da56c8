"""Vectors for many sources at once are planned where they pay."""

from __future__ import annotations

import pytest

from pff_stream.plan.by_rules import RulesWorkload, lanes_pay
from pff_stream.triples.terms import GraphSizes
from tests.plan.sized import RULES, sized


def of(n_entities: int, n_triples: int | None) -> GraphSizes:
    """A graph in memory."""
    return GraphSizes(200 * n_entities, True, n_entities, 40, n_triples)


@pytest.mark.parametrize(
    ("n_entities", "n_triples", "pays"),
    [
        (14_505, 272_115, True),
        (40_559, 86_835, True),
        (1_000_000, 4_000_000, False),
        (1_000_000, 20_000_000, True),
        (1_000_000, None, True),
    ],
)
def test_lanes_are_planned_where_they_pay(
    n_entities: int, n_triples: int | None, pays: bool
) -> None:
    """Small graphs, dense ones, and those of which nothing is known; others have no candidate."""
    graph = of(n_entities, n_triples)
    assert lanes_pay(graph) == pays
    candidates = RulesWorkload(sized(graph, RULES, cores=2)).candidates([1, 2], ["fork"])
    assert {bool(one["wide"]) for one in candidates} == {False, pays}


@pytest.mark.parametrize(("n_triples", "notes"), [(4_000_000, 0), (20_000_000, 1)])
def test_only_what_would_pay_is_missed(n_triples: int, notes: int) -> None:
    """A note says that the vectors do not fit; not where nobody wants them."""
    workload = RulesWorkload(sized(of(1_000_000, n_triples), RULES, cores=2))
    settings = workload.candidates([1], ["fork"])[-1]
    assert not settings["wide"]
    assert len(workload.notes(settings)) == notes
