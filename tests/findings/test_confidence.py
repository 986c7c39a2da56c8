"""The confidence of a rule and the order of rules, against plain fractions and a plain sort."""

from __future__ import annotations

from fractions import Fraction
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.findings._confidence import ranks_before
from pff_stream.findings.confidence import Kind, rank_confidence, rank_key, ranking_of
from pff_stream.report.records import Counts
from tests.rules.compiled import compiled

SMALL = st.integers(0, 20)
LARGE = st.one_of(
    SMALL,
    st.integers(0, 2**63 - 1),
    st.integers(0, 62).flatmap(lambda bit: st.integers(2**bit - 1, 2**bit + 1)),
)


@st.composite
def all_counts(draw: st.DrawFn) -> Counts:
    """Counts as an evaluation can find them, small ones and as large as there can be."""
    predictions = draw(LARGE)
    support = draw(st.integers(0, predictions))
    return Counts(predictions, support, draw(st.integers(0, predictions - support)))


@given(all_counts(), LARGE)
def test_counted_kinds_are_fractions_rounded_once(counts: Counts, unseen: int) -> None:
    """Also where a count is more than a double holds exactly."""
    exact = rank_confidence(Kind.EXACT, counts, unseen)
    partial = rank_confidence(Kind.PARTIAL, counts, unseen)
    if not counts.predictions:
        assert exact == partial == 0.0
        return
    assert exact == float(Fraction(counts.support, counts.predictions + unseen))
    assert partial == counts.partial_confidence(unseen)


def test_only_unknown_predictions_have_no_partial_confidence() -> None:
    """Such a rule is not in force by this kind; by the exact one it has confidence 0."""
    counts = Counts(3, 0, 3)
    assert rank_confidence(Kind.PARTIAL, counts) is None
    assert rank_confidence(Kind.EXACT, counts) == 0.0
    assert rank_confidence(Kind.PARTIAL, counts, 1) == 0.0


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, None, 1.0000001, 7.0])
def test_a_stated_confidence_is_in_force_from_0_to_1(value: float | None) -> None:
    """Whatever the counts are; each kind reads its own column."""
    expected = value if value is not None and value <= 1 else None
    for counts in (Counts(), Counts(2, 1)):
        assert rank_confidence(Kind.MINER, counts, 0, value, 0.25) == expected
        assert rank_confidence(Kind.MINER_PCA, counts, 0, 0.25, value) == expected


def compared(a: tuple[float, int, bytes, int], b: tuple[float, int, bytes, int]) -> int:
    """As compiled code compares them."""
    return ranks_before(b, a) - ranks_before(a, b)


RULES = st.tuples(
    st.sampled_from([0.0, 0.5, 1.0]),
    st.integers(0, 2),
    st.binary(max_size=3),
    st.integers(0, 3),
)


@given(st.lists(RULES, unique=True))
def test_compiled_code_has_the_same_order(rules: list[tuple[float, int, bytes, int]]) -> None:
    """Ties of each place included: bytes as bytes, a shorter text first."""
    by_key = sorted(rules, key=lambda rule: rank_key(*rule))
    by_comparing = sorted(rules, key=cmp_to_key(compared))
    assert by_key == by_comparing


def test_the_order_of_rules() -> None:
    """Confidence falls; violations rise; then the text's bytes."""
    in_order = [
        (0.9, 7, b"z", 0),
        (0.5, 1, b"z", 1),
        (0.5, 2, b"A", 2),
        (0.5, 2, b"a", 3),
        (0.5, 2, b"a", 4),
        (0.0, 0, b"", 5),
    ]
    shuffled = [in_order[place] for place in (5, 2, 0, 4, 3, 1)]
    shuffled.sort(key=lambda rule: rank_key(*rule))
    assert shuffled == in_order


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["4\t2\t0.5\tr(X,Y) <= s(X,Y)", "4\t2\t1.0\tr(X,Y) <= t(X,Y)"], Kind.MINER),
        (["4\t2\t0.5\tr(X,Y) <= s(X,Y)", "4\t9\t2.25\tr(X,Y) <= t(X,Y)"], Kind.EXACT),
        (["4\t2\t0.5\tr(X,Y) <= s(X,Y)", "no rule at all"], Kind.MINER),
        (["r(X,Y) <= s(X,Y)", "4\t2\t0.5\tr(X,Y) <= t(X,Y)"], Kind.EXACT),
        (["r(X,Y) <= s(X,Y)"], Kind.EXACT),
    ],
)
def test_the_default_is_the_miners_where_every_readable_rule_has_it(
    lines: list[str], expected: Kind
) -> None:
    """Counted when rules are compiled; where it falls back, one line says so."""
    text = "".join(f"{line}\n" for line in lines).encode()
    with compiled(text) as (_, file):
        ranking = ranking_of(None, file)
        assert ranking.kind is expected
        assert ("ranked by --confidence exact" in ranking.note) == (expected is Kind.EXACT)
        for kind in Kind:
            asked = ranking_of(kind.word, file)
            assert (asked.kind, asked.note) == (kind, "")
