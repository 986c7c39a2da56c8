"""What a user bears: violations by `--fail-on`, unreadable rules by `--on-bad-rule`.

Both are read here, when options are, and decided here, when a run has ended. Shares are exact: no
count is on the wrong side by rounding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pff_stream.errors import UsageError

if TYPE_CHECKING:
    from fractions import Fraction

_NUMBER = r"(?P<number>[0-9]{1,18}(?:\.[0-9]{1,18})?)"
_CONDITION = (
    r"(?a)(?P<word>violations|none|new|nothing-checked)|(?P<of>count|new)>(?P<count>[0-9]{1,18})"
    rf"|rate>{_NUMBER}(?P<percent>%?)|score>=(?P<score>[0-9]{{1,18}}(?:\.[0-9]{{1,18}})?)"
)
FAIL_ON = "violations, none, count>N, rate>P, new, new>N, score>=S or nothing-checked"
"""What a condition can be, for messages."""
_BAD_RULE = rf"(?a)(?P<word>fail|skip)|{_NUMBER}(?P<percent>%)"


class Checked(NamedTuple):
    """What a run came to, as conditions ask for it."""

    violations: int
    support: int
    """Predictions that are triples of the graph."""
    predictions: int
    new: int | None = None
    """Findings that an earlier run had not; None: they were not compared."""
    best_score: float | None = None
    """Of all findings; None without any."""


def read_fail_on(value: object) -> str:
    """The conditions without spaces, commas between them; ValueError where it is none."""
    if not isinstance(value, str):
        raise ValueError
    conditions = value.replace(" ", "").split(",")
    for one in conditions:
        _condition(one)
    if "none" in conditions and len(conditions) > 1:
        raise ValueError
    return ",".join(conditions)


def read_bad_rule(value: object) -> str:
    """The same of `fail`, `skip` or `P%`."""
    return _read(value)[0]


def fails_on(expression: str, checked: Checked) -> list[str]:
    """The conditions of `expression` that a run meets, in their order.

    `violations`: there is one; `none`: never; `count>N`: more than N violations; `rate>P`: more
    than the share P of support and violations together are violations, P as 0.05 or 5% (without
    either the rate is 0); `new`, `new>N`: findings that the baseline has not; `score>=S`: a finding
    has this score; `nothing-checked`: no rule had a prediction. `UsageError` for anything else.
    """
    try:
        conditions = read_fail_on(expression).split(",")
    except ValueError:
        raise UsageError(
            f"--fail-on: found {expression!r}, expected {FAIL_ON}; several with commas between"
        ) from None
    return [one for one in conditions if _holds(_condition(one), checked)]


def asks_for_new(expression: str) -> bool:
    """Whether a condition of `--fail-on` is about findings that a baseline has not."""
    return any(one.startswith("new") for one in expression.split(","))


def asks_for_score(expression: str) -> bool:
    """Whether a condition of `--fail-on` is about the scores of findings."""
    return any(one.startswith("score") for one in expression.split(","))


def _holds(form: re.Match[str], checked: Checked) -> bool:
    word = form["word"] or form["of"]
    if form["score"] is not None:
        return checked.best_score is not None and checked.best_score >= float(form["score"])
    if form["number"] is not None:
        decided = checked.support + checked.violations
        return checked.violations > _share(form["number"], form["percent"]) * decided
    if word == "nothing-checked":
        return not checked.predictions
    if word == "none":
        return False
    found = (checked.new or 0) if word == "new" else checked.violations
    return found > int(form["count"] or 0)


def _condition(text: str) -> re.Match[str]:
    """The parts of a condition; ValueError where it is none."""
    form = re.fullmatch(_CONDITION, text)
    if form is None:
        raise ValueError
    if form["number"] is not None and _is_over_all(form["number"], form["percent"]):
        raise ValueError
    if form["score"] is not None and float(form["score"]) > 1:
        raise ValueError
    return form


def allowed_share(on_bad_rule: str) -> Fraction | int:
    """The share of rules that may be rejected: 0 for `fail`, 1 for `skip`, P/100 for `P%`.

    `UsageError` for anything else.
    """
    try:
        form = _read(on_bad_rule)
    except ValueError:
        raise UsageError(
            f"--on-bad-rule {on_bad_rule!r}: expected fail, skip or a share as 1%"
        ) from None
    return _allowed(form)


def too_many_rejected(on_bad_rule: str, rejected: int, n_rules: int) -> bool:
    """Whether `rejected` of `n_rules` lines are more than `fail`, `skip` or `P%` bears."""
    return rejected > allowed_share(on_bad_rule) * n_rules


def _read(value: object) -> re.Match[str]:
    form = re.fullmatch(_BAD_RULE, value.replace(" ", "")) if isinstance(value, str) else None
    if form is None or (
        form["number"] is not None and _is_over_all(form["number"], form["percent"])
    ):
        raise ValueError
    return form


def _allowed(form: re.Match[str]) -> Fraction | int:
    if form["number"] is None:
        return int(form["word"] == "skip")
    return _share(form["number"], form["percent"])


def _is_over_all(number: str, percent: str) -> bool:
    """Whether a share is more than 1."""
    whole, _, part = number.partition(".")
    most = 100 if percent else 1
    return int(whole) > most or (int(whole) == most and bool(part.strip("0")))


def _share(number: str, percent: str) -> Fraction:
    from fractions import Fraction  # not where options are only read

    return Fraction(number) / (100 if percent else 1)
