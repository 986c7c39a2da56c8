"""How many examples a property test draws, by the profile that the run was started with."""

from __future__ import annotations

from hypothesis import settings


def examples(count: int) -> settings:
    """So many by the profile `ci`, a tenth of them by `dev`; never with a time limit."""
    return settings(max_examples=max(1, count * settings().max_examples // 100))
