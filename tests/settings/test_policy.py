"""What `--fail-on` accepts, and what it decides."""

from __future__ import annotations

import pytest

from pff_stream.errors import UsageError
from pff_stream.settings.policy import fail_on


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
    assert fail_on(expression, violations=violations, predictions=predictions) is fails


@pytest.mark.parametrize(
    "expression",
    [
        *("", "violation", "none>1", "count", "count>", "count>-1", "count>1.5", "count>=1"),
        *("rate>x", "rate>1e-3", "rate>.", "rate>1.01", "rate>101%", "rate>٣%", "rate<1"),
    ],
)
def test_bad_expressions(expression: str) -> None:
    """Anything else is a usage error that says what was expected."""
    with pytest.raises(UsageError, match=r"--fail-on: found .* expected"):
        fail_on(expression, violations=1, predictions=1)
