"""Answers that are taken in the order of their tasks, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Answered = TypeVar("Answered")


class InTurn(Generic[Answered]):
    """Keeps what comes before its turn: of tasks from the next in turn on, at most `most`."""

    def __init__(self, first: int, most: int) -> None:
        """`first` is the number of the task whose turn comes first; those before have none."""
        self._next = first
        self._most = most
        self._early: dict[int, Answered] = {}

    def has_room(self, number: int) -> bool:
        """Whether a task may be begun: not where too many would wait for their turn behind one."""
        return number - self._next < self._most

    def take(self, number: int, answered: Answered) -> Iterator[Answered]:
        """Those whose turn has come now, in order."""
        self._early[number] = answered
        while self._next in self._early:
            yield self._early.pop(self._next)
            self._next += 1

    def __len__(self) -> int:
        """How many wait."""
        return len(self._early)
