"""What an observer of a run is told: phases, counts, memory; the engine knows no terminal."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """What the engine tells while it works; every method is cheap and never raises."""

    def phase(self, name: str, total: int | None, unit: str = "rules") -> None:
        """A phase begins; `total` in `unit` (rules, bytes, documents...), None where unknown."""

    def advance(self, n: int) -> None:
        """`n` more units of the phase are done."""

    def memory(self, now: int, planned: int, budget: int) -> None:
        """Bytes of the process tree now, the planned peak, and the budget."""

    def note(self, text: str) -> None:
        """Something worth a line of its own."""

    def close(self) -> None:
        """The work is over; nothing of the progress stays on the screen."""


class Tick(Protocol):
    """Is called again and again while something takes its time; cheap most times."""

    def __call__(self, *, now: bool = False) -> None:
        """`now`: at this moment memory is as it was at its highest, or tells how high that was."""


def no_tick(*, now: bool = False) -> None:
    """For callers whom nobody watches."""


class Silent:
    """Says nothing: for `--quiet` and for callers from Python."""

    def phase(self, name: str, total: int | None, unit: str = "rules") -> None:
        """Says nothing."""

    def advance(self, n: int) -> None:
        """Says nothing."""

    def memory(self, now: int, planned: int, budget: int) -> None:
        """Says nothing."""

    def note(self, text: str) -> None:
        """Says nothing."""

    def close(self) -> None:
        """Says nothing."""
