"""What readers of triples tell of the memory that they hold beside blocks of lines."""

from __future__ import annotations

from typing import Protocol

from pff_stream.errors import RefusedError
from planner.sizes import format_size


class HeldMemory(Protocol):
    """Is told what a reader holds beside the blocks; what is little need not be told."""

    def fits(self, n_bytes: int) -> bool:
        """Whether so many bytes may be held beside what is held already."""

    def expect(self, n_bytes: int, what: str) -> None:
        """So many bytes will be held for `what`; raises `RefusedError` where they do not fit."""

    def hold(self, n_bytes: int) -> None:
        """So many bytes are held at this moment, or nearly so."""


class Unlimited(HeldMemory):
    """For whoever reads without a plan."""

    def fits(self, n_bytes: int) -> bool:
        """Any document does."""
        return True

    def expect(self, n_bytes: int, what: str) -> None:
        """Any document may be read."""

    def hold(self, n_bytes: int) -> None:
        """Nobody asks."""


class Bounded(HeldMemory):
    """For whoever reads within a limit, and keeps nothing but what the reader holds."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.held_bytes = 0
        """By readers, now."""

    def fits(self, n_bytes: int) -> bool:
        """What is within the limit."""
        return n_bytes <= self._limit_bytes

    def expect(self, n_bytes: int, what: str) -> None:
        """`RefusedError` for what is not."""
        if not self.fits(n_bytes):
            raise RefusedError(
                f"refused: {what} takes {format_size(n_bytes)} to read; "
                f"{format_size(self._limit_bytes)} may be used"
            )

    def hold(self, n_bytes: int) -> None:
        """Remembers it, for who is to fit beside it."""
        self.held_bytes = n_bytes
