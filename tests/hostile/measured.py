"""A whole command, measured from outside, in a control group of its own where one can be made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from profiling.outside import Peak, measure

MIB = 1 << 20
SLACK_BYTES = 2 * MIB
"""What a control group counts in advance, and page cache that is on its way out."""


def measured(arguments: Sequence[str | Path], standard_input: Path | None = None) -> Peak:
    """Runs the command to its end."""
    command = [sys.executable, "-m", "pff_stream", *map(str, arguments)]
    given = None if standard_input is None else str(standard_input)
    return measure(command, standard_input=given)


def held_bytes(peak: Peak) -> int:
    """The most that its processes held and nobody could have taken back: no page cache."""
    return min(peak.tree_bytes, peak.bytes)
