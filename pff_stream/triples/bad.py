"""What happens to input that is no triple: the first one ends the reading, or all are counted.

Counted ones may be any number, or a share of all that was read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pff_stream.errors import InputError
from pff_stream.settings.policy import too_many_rejected

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

    policy: str = "fail"
    """`fail`, `skip`, or the share that may be bad (`P%`)."""
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

    def check(self, n_read: int) -> None:
        """`InputError` where the bad ones are more than their share of all, `n_read` good ones."""
        n_all = n_read + self.count
        if self.count and too_many_rejected(self.policy, self.count, n_all):
            listed = "".join(f"\n  {bad}" for bad in self.first)
            raise InputError(
                f"{self.count} of {n_all} triples could not be read, more than --on-bad-triple "
                f"{self.policy} allows; the first:{listed}"
            )
