"""What readers of triples tell of the memory that they hold beside blocks of lines."""

from __future__ import annotations

from typing import Protocol


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
