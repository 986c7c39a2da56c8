"""Terms sum to phases, and what cannot be a size is refused."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.model import Limit, Phase, Term, peak_bytes


@given(st.lists(st.integers(0, 2**50), max_size=8))
def test_terms_sum_to_their_phase(sizes: list[int]) -> None:
    """A phase has the bytes of its terms, to the byte."""
    phase = Phase("run", [Term(f"part {i}", size, "") for i, size in enumerate(sizes)])
    assert phase.bytes == sum(sizes)


@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=8))
def test_the_peak_is_the_largest_phase(sizes: list[int]) -> None:
    """Phases come one after the other, so the largest one is the peak."""
    phases = [Phase(f"phase {i}", [Term("all", size, "")]) for i, size in enumerate(sizes)]
    assert peak_bytes(phases) == max(sizes)


def test_no_phase_has_no_peak() -> None:
    """Without phases there is no peak to speak of."""
    with pytest.raises(ValueError, match="at least one phase"):
        peak_bytes([])


def test_negative_bytes_are_refused() -> None:
    """A term or a limit cannot be negative."""
    with pytest.raises(ValueError, match="workers: bytes cannot be negative"):
        Term("workers", -1, "")
    with pytest.raises(ValueError, match="negative"):
        Limit("budget", -1, "")


@pytest.mark.parametrize("value", [1.0, "1", None, True])
def test_bytes_are_whole_numbers(value: object) -> None:
    """A float would not sum exactly, so bytes are ints."""
    with pytest.raises(TypeError, match="must be an int"):
        Term("workers", cast(Any, value), "")


def test_names_are_needed_and_differ() -> None:
    """Terms and phases have names, and two terms of a phase have two."""
    with pytest.raises(ValueError, match="needs a name"):
        Term("", 1, "")
    with pytest.raises(ValueError, match="needs a name"):
        Phase("", [])
    with pytest.raises(ValueError, match="two terms are named 'graph'"):
        Phase("run", [Term("graph", 1, ""), Term("graph", 2, "")])


def test_inputs_cannot_be_changed_from_outside() -> None:
    """A term keeps its own copy of its inputs."""
    inputs = {"workers": 3}
    term = Term("workers", 3, "workers", inputs)
    inputs["workers"] = 4
    assert term.inputs == {"workers": 3}
