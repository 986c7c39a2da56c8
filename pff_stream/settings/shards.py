"""Which part of a run is done.

Not done here: what it consists of (`rules.shard`), what is in its folder (`checkpoint.parts`).
"""

from __future__ import annotations

from pff_stream.settings.models import Options


class ShardOptions(Options):
    """Which part of a run is done: all parts together make the results of the whole."""

    shard: str | None = None
    """`I/N`, counted from 1; None: all of it."""

    @property
    def is_part(self) -> bool:
        """Whether results are made later, of all parts."""
        return self.shard is not None
