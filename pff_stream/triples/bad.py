"""What happens to input that is no triple: the first one ends the reading, or all are counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pff_stream.errors import InputError

BadTriplePolicy = Literal["fail", "skip"]
KEPT = 10


@dataclass(frozen=True, slots=True)
class BadTriple:
    """One place in the input that is no triple."""

    source: str
    number: int
    message: str
    unit: str = "line"
    """What is counted, from 1: lines of a file, or triples where these are not lines."""

    def __str__(self) -> str:
        return f"{self.source}, {self.unit} {self.number}: {self.message}"


@dataclass(slots=True)
class BadTriples:
    """Counts bad triples and keeps the first ones; under `fail` the first one is raised."""

    policy: BadTriplePolicy = "fail"
    count: int = 0
    first: list[BadTriple] = field(default_factory=list)

    def add(self, source: str, number: int, message: str, unit: str = "line") -> None:
        """Raises `InputError` under the policy `fail`."""
        bad = BadTriple(source, number, message, unit)
        if self.policy == "fail":
            raise InputError(str(bad))
        self.count += 1
        if len(self.first) < KEPT:
            self.first.append(bad)
