"""A formula's number and its text are made together: the text read back gives the number."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from planner.formula import Formula, given, least, most
from planner.model import Term
from tests.planner.formula_text import computed

NUMBERS = {"workers": 3, "worker": 41, "chunk_bytes": 1000, "n": 7, "share": 512}

leaves = st.sampled_from([given(name, value) for name, value in NUMBERS.items()])
constants = st.integers(0, 4096)


def together(parts: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
    """Two formulas, or one and a constant, by each operator."""
    others = parts | constants
    return st.one_of(
        st.builds(lambda a, b: a + b, parts, others),
        st.builds(lambda a, b: b + a, parts, constants),
        st.builds(lambda a, b: a - b, parts, others),
        st.builds(lambda a, b: b - a, parts, constants),
        st.builds(lambda a, b: a * b, parts, others),
        st.builds(lambda a, b: b * a, parts, constants),
        st.builds(lambda a, b: a / b, parts, leaves | st.integers(1, 4096)),
        st.builds(lambda a, b: a // b, parts, leaves | st.integers(1, 4096)),
        st.builds(least, parts, others),
        st.builds(most, parts, others),
    )


formulas = st.recursive(leaves, together, max_leaves=12)


@drawn(formulas)
def test_the_text_gives_the_number(formula: Formula) -> None:
    """Read by another reader, with the inputs that are shown."""
    assert computed(str(formula), formula.inputs) == formula.value


@drawn(formulas, st.integers(1, 64))
def test_a_term_says_what_it_is(one: Formula, workers: int) -> None:
    """So does a term, for one worker and for all; it is refused where it would be negative."""
    if one.value < 0:
        with pytest.raises(ValueError, match="negative"):
            Term.of("part", one)
        return
    term = Term.of("part", one, "test")
    assert computed(term.formula, term.inputs) == term.bytes
    if "workers" in term.inputs:
        with pytest.raises(ValueError, match="counted by workers already"):
            term.for_each(workers)
        return
    every = term.for_each(workers, once=4096 * given("pieces", 5))
    assert every.bytes == workers * term.bytes + 4096 * 5
    assert computed(every.formula, every.inputs) == every.bytes
    assert every.per_worker and not term.per_worker
    assert every.source == "test"


def test_the_text_as_people_see_it() -> None:
    """Constants are the numbers that were used; brackets only where they are needed."""
    workers, graph, own = given("workers", 2), given("graph", 10_000), given("own", 1)
    assert str(524288 + workers * 90112) == "524288 + workers x 90112"
    assert (
        str(workers * ((graph + own) / 512 + 2 * 4096)) == "workers x ((graph + own) / 512 + 8192)"
    )
    assert str(graph - (own + 2)) == "graph - (own + 2)"
    assert str(workers * (graph / 448)) == "workers x (graph / 448)"
    assert str(least(workers, 8) * 24) == "least(workers, 8) x 24"
    assert dict((graph + own + graph).inputs) == {"graph": 10_000, "own": 1}
    assert (graph / 3).value == 3334
    assert (graph // 3).value == 3333


def test_one_name_is_one_number() -> None:
    """Else the text could not be read."""
    with pytest.raises(ValueError, match="workers is 2 and 3"):
        given("workers", 2) + given("workers", 3)


@pytest.mark.parametrize("name", ["", "two words", "x", "least", "3"])
def test_a_name_is_one_word(name: str) -> None:
    """What the text needs for itself is no name either."""
    with pytest.raises(ValueError, match="expected one word"):
        given(name, 1)
