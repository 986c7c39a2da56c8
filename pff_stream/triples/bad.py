"""What happens to input that is no triple: the first one ends the reading, or all are counted.

Counted ones may be any number, or a share of all that was read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pff_stream.errors import InputError
from pff_stream.notes import BAD_TRIPLES, Notes, Place
from pff_stream.settings.policy import too_many_rejected
from pff_stream.words import counted


@dataclass
class BadTriples:
    """Counts bad triples and keeps the first ones; under `fail` the first one is raised."""

    policy: str = "fail"
    """`fail`, `skip`, or the share that may be bad (`P%`)."""
    notes: Notes = field(default_factory=Notes)
    """Bad triples, and whatever else a reader counts (`notes.add`)."""

    @property
    def count(self) -> int:
        """How many triples were bad."""
        return self.notes.count(BAD_TRIPLES)

    @property
    def first(self) -> tuple[Place, ...]:
        """The first of them."""
        return self.notes.first(BAD_TRIPLES)

    def add(self, source: str, number: int, message: str, unit: str = "line") -> None:
        """Raises `InputError` under the policy `fail`."""
        if self.policy == "fail":
            raise InputError(str(Place(source, number, message, unit)))
        self.notes.add(BAD_TRIPLES, source, number, message, unit=unit)

    def check(self, n_read: int) -> None:
        """`InputError` where the bad ones are more than their share of all, `n_read` good ones."""
        n_all = n_read + self.count
        if self.count and too_many_rejected(self.policy, self.count, n_all):
            listed = "".join(f"\n  {bad}" for bad in self.first)
            raise InputError(
                f"{self.count:,} of {counted(n_all, 'triple')} could not be read, more than "
                f"--on-bad-triple {self.policy} allows; the first:{listed}"
            )
