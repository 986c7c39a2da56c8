"""The arithmetic of a plan: named terms that sum to phases; the largest phase is the peak.

Nothing here measures, reads or decides; nothing here allocates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from planner.formula import Formula, given, stated

Input = int | float | str
"""A number or a word that a formula was computed from."""

Setting = int | float | str | bool | None
"""A value of a setting, as JSON knows it."""

Settings = Mapping[str, Setting]
"""The settings of one configuration by name."""


PROCESSES, KERNEL = "processes", "kernel and page cache"
"""Groups of terms, see `Term.group`: private memory of processes, and what no process can see."""


def _check_bytes(value: object, what: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what}: bytes must be an int, not {type(value).__name__}")
    if value < 0:
        raise ValueError(f"{what}: bytes cannot be negative ({value})")


@dataclass(frozen=True, slots=True)
class Term:
    """One part of the memory that a phase needs.

    Made by `Term.of`, number and text come from one formula; the plain constructor takes both as
    they are, as a saved plan has them. Raises TypeError when `bytes` is no int, ValueError when it
    is negative or the name empty.
    """

    name: str
    """What the memory holds, in words of the user."""
    bytes: int
    """How much, never negative."""
    formula: str = ""
    """How it was computed, in the names of `inputs`."""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    """What the formula was computed from."""
    source: str = ""
    """Where the inputs come from: measured here, read from a header, a constant of the code."""
    group: str = PROCESSES
    """What it is measured with: the terms of one group cannot be told apart when they are held."""
    per_worker: bool = False
    """Whether it grows with the workers, each of which has its part."""
    at_most: bool = False
    """Whether it is only a bound, since what it depends on is not read yet."""

    @classmethod
    def of(
        cls,
        name: str,
        formula: Formula,
        source: str = "",
        *,
        group: str = PROCESSES,
        at_most: bool = False,
        also: Mapping[str, Input] | None = None,
    ) -> Term:
        """The term that a formula gives; `also` are inputs that it names for people only."""
        inputs = {**formula.inputs, **(also or {})}
        return cls(name, formula.value, str(formula), inputs, source, group, at_most=at_most)

    def for_each(self, workers: int, *, once: Formula | int = 0) -> Term:
        """The same for so many workers, this one being for one of them.

        `once` is what comes once, however many they are. ValueError where it is counted by workers
        already.
        """
        if "workers" in self.inputs:
            raise ValueError(f"{self.name}: counted by workers already")
        formula = given("workers", workers) * stated(self.bytes, self.formula)
        if once:
            formula += once
        return replace(
            self,
            bytes=formula.value,
            formula=str(formula),
            inputs={**formula.inputs, **self.inputs},
            per_worker=True,
        )

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a term needs a name")
        _check_bytes(self.bytes, self.name)
        object.__setattr__(self, "inputs", dict(self.inputs))


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time with the terms that are held in it, all at once.

    Raises ValueError when the name is empty or two terms have one name.
    """

    name: str
    """What is done meanwhile."""
    terms: tuple[Term, ...]
    """What is held; the terms sum to the phase."""

    def __init__(self, name: str, terms: Sequence[Term]) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "terms", tuple(terms))
        if not name:
            raise ValueError("a phase needs a name")
        names = [term.name for term in self.terms]
        for term_name in names:
            if names.count(term_name) > 1:
                raise ValueError(f"{name}: two terms are named {term_name!r}")

    @property
    def bytes(self) -> int:
        """The sum of the terms."""
        return sum(term.bytes for term in self.terms)

    @property
    def at_most(self) -> bool:
        """Whether the sum is only a bound, as one of the terms is."""
        return any(term.at_most for term in self.terms)


def peak_bytes(phases: Sequence[Phase]) -> int:
    """The bytes of the largest phase; ValueError without phases."""
    if not phases:
        raise ValueError("a plan needs at least one phase")
    return max(phase.bytes for phase in phases)


@dataclass(frozen=True, slots=True)
class Limit:
    """One bound on the peak of the whole process tree."""

    kind: str
    """`budget`, `cgroup`, `rlimit`, `commit` or `available`."""
    bytes: int
    """The peak that it allows."""
    source: str
    """Where it comes from and how it was computed, for people."""
    deciding: bool = False
    """Whether this one is the smallest, and so the budget."""

    def __post_init__(self) -> None:
        _check_bytes(self.bytes, self.kind)
