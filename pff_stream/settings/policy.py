"""What a user bears: violations by `--fail-on`, unreadable rules by `--on-bad-rule`."""

from __future__ import annotations

import re
from fractions import Fraction

from pff_stream.errors import UsageError

_FORM = re.compile(
    r"(violations|none)|count>(\d{1,18})|rate>(\d{1,18}(?:\.\d{1,18})?)(%?)", re.ASCII
)


def fail_on(expression: str, *, violations: int, predictions: int) -> bool:
    """Whether so many violations of so many predictions are what `expression` names.

    `violations`: there is one; `none`: never; `count>N`: more than N violations; `rate>P`: more
    than the share P of all predictions are violations, P as 0.05 or 5%, compared exactly (without
    predictions the rate is 0). Spaces do not matter. `UsageError` for anything else.
    """
    form = _FORM.fullmatch(expression.replace(" ", ""))
    if form is None:
        raise UsageError(
            f"--fail-on: found {expression!r}, expected violations, none, count>N or rate>P "
            "(P as 0.05 or 5%)"
        )
    word, count, rate, percent = form.groups()
    if count is not None:
        return violations > int(count)
    if rate is not None:
        share = Fraction(rate) / (100 if percent else 1)
        if share > 1:
            raise UsageError(
                f"--fail-on: found the rate {rate}{percent}, expected at most 1 or 100%"
            )
        return violations > share * predictions
    return word == "violations" and violations > 0


def too_many_rejected(on_bad_rule: str, rejected: int, rules: int) -> bool:
    """Whether `rejected` of `rules` lines are more than `fail`, `skip` or `P%` bears.

    Exact, so that no count is on the wrong side by rounding; the expression is checked already.
    """
    if on_bad_rule in ("fail", "skip"):
        return on_bad_rule == "fail" and rejected > 0
    return rejected * 100 > Fraction(on_bad_rule.removesuffix("%")) * rules
