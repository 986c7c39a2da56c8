"""What is not an error and yet worth a word: counted by kind, with the first places."""

from __future__ import annotations

from dataclasses import dataclass, field

KEPT = 10


@dataclass(slots=True)
class Note:
    """One kind."""

    count: int = 0
    first: list[str] = field(default_factory=list)
    """The first places: file and line."""

    def add(self, count: int, places: list[str]) -> None:
        """So many more."""
        self.count += count
        self.first += places[: KEPT - len(self.first)]
