"""Parts of the sources of a body: their counts add up to the whole, whatever is counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pff_stream.evaluate._kernel import Evaluator
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.rules.chunk import RuleChunk
from pff_stream.triples._graph import GraphView
from tests import strategies
from tests.evaluate.evaluated import WAYS
from tests.evaluate.test_large_graphs import chain_rules, large_graph
from tests.examples import examples
from tests.graphs import chunk_of_rules, graph_of
from tests.reference import why_rejected

pytestmark = pytest.mark.same_answer


def options() -> st.SearchStrategy[EvaluatorOptions]:
    """All that changes what is counted or written."""
    names = st.sampled_from([name.encode() for name in (*strategies.RELATIONS, "n")])
    return st.builds(
        EvaluatorOptions,
        max_examples=st.sampled_from([0, 1, 3, 1000]),
        min_support=st.integers(0, 2),
        min_confidence=st.just(0.0),
        max_work=st.none() | st.integers(0, 60),
        partial=st.booleans(),
        relations=st.lists(st.tuples(names, st.booleans()), max_size=2).map(tuple),
        functional=st.lists(
            st.tuples(names, st.sampled_from(["subject", "object"])), max_size=2
        ).map(tuple),
        after=st.tuples(st.integers(-1, 3), st.integers(-1, 3)),
    )


def records(evaluator: Evaluator, chunk: RuleChunk, counts: NDArray[np.int64] | None) -> bytes:
    """All that is written of a chunk."""
    found: list[bytes] = []
    evaluator.evaluate(chunk, 0, chunk.n_rules, lambda run: found.append(bytes(run)), 0, counts)
    return b"".join(found)


def added_up(
    graph: GraphView, chunk: RuleChunk, semantics: str, n_parts: int, **told: Any
) -> NDArray[np.int64]:
    """The counts of all parts, each by an evaluator of its own."""
    parts = [
        Evaluator(graph, semantics, **told).count_part(chunk, 0, chunk.n_rules, part, n_parts)
        for part in range(n_parts)
    ]
    total = parts[0].copy()
    for part in parts[1:]:
        total[:, :3] += part[:, :3]
        assert (part[:, 3:] == total[:, 3:]).all()  # outcome and reason are those of the body
    return total


@given(data=st.data())
@examples(80)
def test_parts_add_up(data: st.DataObject) -> None:
    """Into the same bytes: counts, outcomes, reasons, examples and witnesses."""
    graph = graph_of(data.draw(strategies.graphs()))
    drawn = data.draw(strategies.rule_sets(filters=True))
    chunk = chunk_of_rules([rule for rule in drawn if not why_rejected(rule)])
    semantics = data.draw(strategies.semantics)
    asked, wide = data.draw(options()), data.draw(st.booleans())
    n_parts = data.draw(st.integers(1, 5))
    for way in WAYS.values():
        told: dict[str, Any] = {"options": asked, "way": way, "wide": wide}
        whole = Evaluator(graph, semantics, **told)
        expected = records(whole, chunk, None)
        counts = added_up(graph, chunk, semantics, n_parts, **told)
        assert records(whole, chunk, counts) == expected
        assert records(whole, chunk, None) == expected  # nothing of the parts is left behind


@pytest.mark.parametrize("semantics", ["object-identity", "homomorphism"])
def test_parts_of_many_sources(semantics: str) -> None:
    """More than are counted at once, in every way."""
    graph, chunk = graph_of(large_graph(5, 1500, 6000)), chunk_of_rules(chain_rules(3))
    for way in WAYS.values():
        told: dict[str, Any] = {"options": EvaluatorOptions(partial=True), "way": way}
        expected = records(Evaluator(graph, semantics, **told), chunk, None)
        for n_parts in (2, 7):
            counts = added_up(graph, chunk, semantics, n_parts, **told)
            assert records(Evaluator(graph, semantics, **told), chunk, counts) == expected


def test_wrong_parts() -> None:
    """A part that there is not, counts of other rules."""
    graph, chunk = graph_of([("a", "r0", "b")]), chunk_of_rules([])
    evaluator = Evaluator(graph, "object-identity")
    for part, n_parts in ((2, 2), (0, 0)):
        with pytest.raises(ValueError, match="part"):
            evaluator.count_part(chunk, 0, 0, part, n_parts)
    assert evaluator.count_part(chunk, 0, 0, 1, 2).shape == (0, 5)
