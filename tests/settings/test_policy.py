"""What `--fail-on` accepts, and what it decides."""

from __future__ import annotations

import pytest

from pff_stream.errors import UsageError
from pff_stream.settings.policy import Checked, asks_for_new, asks_for_score, fails_on, read_fail_on


@pytest.mark.parametrize(
    ("expression", "predictions", "violations", "fails"),
    [
        ("violations", 5, 0, False),
        ("violations", 5, 1, True),
        ("none", 5, 5, False),
        ("count>0", 5, 1, True),
        ("count>3", 5, 3, False),
        ("count > 3", 5, 4, True),
        ("rate>0.05", 100, 5, False),
        ("rate>0.05", 100, 6, True),
        ("rate>5%", 100, 5, False),
        ("rate > 5 %", 100, 6, True),
        ("rate>0.1", 10, 1, False),
        ("rate>0", 0, 0, False),
        ("rate>0.3", 10**30, 3 * 10**29 + 1, True),
        ("rate>0.3", 10**30, 3 * 10**29, False),
        ("rate>100%", 5, 5, False),
    ],
)
def test_decisions(expression: str, predictions: int, violations: int, fails: bool) -> None:
    """Counts and rates are compared exactly, and `more than` is strict."""
    checked = Checked(violations, predictions - violations, predictions)
    assert fails_on(expression, checked) == [expression.replace(" ", "")] * fails


@pytest.mark.parametrize(
    "expression",
    [
        *("", "violation", "none>1", "count", "count>", "count>-1", "count>1.5", "count>=1"),
        *(
            "new>",
            "new>-1",
            "new>1.5",
            "new>=1",
            "score>0.5",
            "score>=",
            "score>=1.01",
            "score>=1e0",
            "score>=50%",
        ),
        *("violations,", ",", "violations,none", "none,none", "violations;new", "nothing_checked"),
        *("rate>x", "rate>1e-3", "rate>.", "rate>1.01", "rate>101%", "rate>٣%", "rate<1"),
    ],
)
def test_bad_expressions(expression: str) -> None:
    """Anything else is a usage error that says what was expected."""
    with pytest.raises(UsageError, match=r"--fail-on: found .* expected"):
        fails_on(expression, Checked(1, 0, 1))
    with pytest.raises(ValueError):
        read_fail_on(expression)


@pytest.mark.parametrize(
    ("expression", "met"),
    [
        ("new", ["new"]),
        ("new>2", ["new>2"]),
        ("new>3", []),
        ("score>=0.7", ["score>=0.7"]),
        ("score>=0.71", []),
        ("score>=0", ["score>=0"]),
        ("nothing-checked", []),
        ("rate>0.1", ["rate>0.1"]),
        ("rate>0.4", []),
        ("count>9, new , score >= 0.5", ["new", "score>=0.5"]),
    ],
)
def test_several_conditions(expression: str, met: list[str]) -> None:
    """Each is judged alone; unknown predictions are no part of a rate."""
    checked = Checked(violations=2, support=3, predictions=50, new=3, best_score=0.7)
    assert fails_on(expression, checked) == met


def test_what_was_not_looked_for() -> None:
    """Without findings no score is reached; without predictions nothing was checked."""
    nothing = Checked(0, 0, 0)
    met = fails_on("violations,score>=0,new,rate>0,nothing-checked", nothing)
    assert met == ["nothing-checked"]
    assert asks_for_new("violations,new>3") and not asks_for_new("violations")
    assert asks_for_score("new,score>=1") and not asks_for_score("new")
