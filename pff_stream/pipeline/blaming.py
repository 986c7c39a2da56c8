"""Whom to blame where a merge fails: the results, or the rule file that they are of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pff_stream.errors import DamagedResultsError
from pff_stream.inputs import Rules


@contextmanager
def rules_blamed(rules: Rules) -> Iterator[None]:
    """Around a merge: `InputError` where it fails because of a rule file that was made to."""
    try:
        yield
    except DamagedResultsError:
        rules.check_complete()
        raise
