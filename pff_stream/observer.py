"""What an observer of a run is told: phases, counts, memory; the engine knows no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol


class Observer(Protocol):
    """What the engine tells while it works; methods are cheap; what one raises ends the work."""

    def phase(self, name: str, total: int | None, unit: str = "rules", done: int = 0) -> None:
        """A phase begins; `total` in `unit` (rules, bytes, documents...), None where unknown.

        `done`: so many of it were done by an earlier run.
        """

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

    def __call__(self, done: int = 0, *, now: bool = False) -> None:
        """`done`: so many more units of the phase.

        `now`: at this moment memory is as it was at its highest, or tells how high that was.
        """


def no_tick(done: int = 0, *, now: bool = False) -> None:
    """For callers whom nobody watches."""


def advancing(observer: Observer) -> Tick:
    """Tells an observer what is done, where nobody looks at memory."""

    def tick(done: int = 0, *, now: bool = False) -> None:
        observer.advance(done)

    return tick


def ticked(blocks: Iterable[bytes], tick: Tick) -> Iterator[bytes]:
    """The blocks, with a tick before each and one at the end, of the bytes that were taken."""
    done = 0
    for block in blocks:
        tick(done)
        yield block
        done = len(block)
    tick(done, now=True)


class Silent:
    """Says nothing: for `--quiet` and for callers from Python."""

    def phase(self, name: str, total: int | None, unit: str = "rules", done: int = 0) -> None:
        """Says nothing."""

    def advance(self, n: int) -> None:
        """Says nothing."""

    def memory(self, now: int, planned: int, budget: int) -> None:
        """Says nothing."""

    def note(self, text: str) -> None:
        """Says nothing."""

    def close(self) -> None:
        """Says nothing."""
