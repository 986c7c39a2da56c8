"""What a user bears: violations by `--fail-on`, unreadable rules by `--on-bad-rule`.

Both are read here, when options are, and decided here, when a run has ended. Shares are exact: no
count is on the wrong side by rounding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pff_stream.errors import UsageError

if TYPE_CHECKING:
    from fractions import Fraction

_NUMBER = r"(?P<number>[0-9]{1,18}(?:\.[0-9]{1,18})?)"
_FAIL_ON = re.compile(
    rf"(?P<word>violations|none)|count>(?P<count>[0-9]{{1,18}})|rate>{_NUMBER}(?P<percent>%?)",
    re.ASCII,
)
_BAD_RULE = re.compile(rf"(?P<word>fail|skip)|{_NUMBER}(?P<percent>%)", re.ASCII)


def read_fail_on(value: object) -> str:
    """The expression without spaces; ValueError where it is none."""
    return _read(_FAIL_ON, value)[0]


def read_bad_rule(value: object) -> str:
    """The same of `fail`, `skip` or `P%`."""
    return _read(_BAD_RULE, value)[0]


def fail_on(expression: str, *, violations: int, predictions: int) -> bool:
    """Whether so many violations of so many predictions are what `expression` names.

    `violations`: there is one; `none`: never; `count>N`: more than N violations; `rate>P`: more
    than the share P of all predictions are violations, P as 0.05 or 5% (without predictions the
    rate is 0). Spaces do not matter. `UsageError` for anything else.
    """
    try:
        form = _read(_FAIL_ON, expression)
    except ValueError:
        raise UsageError(
            f"--fail-on: found {expression!r}, expected violations, none, count>N or rate>P "
            "(P as 0.05 or 5%, at most 1)"
        ) from None
    if form["count"] is not None:
        return violations > int(form["count"])
    if form["number"] is not None:
        return violations > _share(form) * predictions
    return form["word"] == "violations" and violations > 0


def allowed_share(on_bad_rule: str) -> Fraction:
    """The share of rules that may be rejected: 0 for `fail`, 1 for `skip`, P/100 for `P%`.

    `UsageError` for anything else.
    """
    try:
        form = _read(_BAD_RULE, on_bad_rule)
    except ValueError:
        raise UsageError(
            f"--on-bad-rule {on_bad_rule!r}: expected fail, skip or a share as 1%"
        ) from None
    return _share(form)


def too_many_rejected(on_bad_rule: str, rejected: int, n_rules: int) -> bool:
    """Whether `rejected` of `n_rules` lines are more than `fail`, `skip` or `P%` bears."""
    return rejected > allowed_share(on_bad_rule) * n_rules


def _read(pattern: re.Pattern[str], value: object) -> re.Match[str]:
    form = pattern.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
    if form is None or (form["number"] is not None and _share(form) > 1):
        raise ValueError
    return form


def _share(form: re.Match[str]) -> Fraction:
    from fractions import Fraction  # not where options are only listed

    if form["number"] is None:
        return Fraction(form["word"] == "skip")
    return Fraction(form["number"]) / (100 if form["percent"] else 1)
