"""What a zero rule with `me_myself_i` stands for, as docs/formats.md says."""

from __future__ import annotations

import pytest

from pff_stream import validate


@pytest.mark.thorough
def test_self_as_subject_stands_for_objects() -> None:
    """`h(me_myself_i,Y) <= ` predicts (e, h, e) for each object of h, not for each subject."""
    triples = [("a", "h", "b"), ("b", "h", "b"), ("a", "h", "c"), ("x", "other", "y")]
    (outcome,) = validate(["h(me_myself_i,Y) <= "], triples)
    assert (outcome.counts.predictions, outcome.counts.support) == (2, 1)
    assert [violation.head for violation in outcome.examples] == [("c", "h", "c")]
