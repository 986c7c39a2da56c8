"""Which part of a run is done.

Not done here: what it consists of (`rules.shard`), what is in its folder (`checkpoint.parts`).
"""

from __future__ import annotations

from pff_stream.errors import UsageError
from pff_stream.settings.models import Options, OutputOptions


class ShardOptions(Options):
    """Which part of a run is done: all parts together make the results of the whole."""

    shard: str | None = None
    """`I/N`, counted from 1; None: all of it."""

    @property
    def is_part(self) -> bool:
        """Whether results are made later, of all parts."""
        return self.shard is not None

    def check(self, output: OutputOptions) -> None:
        """A part has a folder, and no results of its own."""
        if not self.is_part:
            return
        if output.out is None:
            raise UsageError(
                f"--shard: found {self.shard} without --out DIR, expected both: a part is kept in "
                "its folder until `join` makes results of all parts"
            )
        if output.report or output.names_file is not None:
            raise UsageError(
                "--shard: found together with --report or --names, expected them where the parts "
                "are joined: a part has no results of its own"
            )
        if output.per_document:
            raise UsageError(
                "--shard: found together with --per-document, expected one of the two: a part "
                "makes no folders of results"
            )
