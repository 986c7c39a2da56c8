"""What a plan knows of the work: how a run is cut into tasks, and what those need.

One file for each way: `by_rules` (one graph, which all share; a task is some of the rules) and
`by_document` (a task is a document, a graph of its own, and all rules). Not done here: choosing
(`choose`), working (`run`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from pff_stream.plan.sizes import ProcessCosts
from planner.model import Phase, Setting, Settings, Term
from planner.plan import Plan
from planner.search import Candidate

Build = Callable[[Settings], list[Phase]]
"""All phases of a run with some settings."""


class Workload(ABC):
    """The work of a run, by the numbers that its memory depends on."""

    unit: str
    """What there is to share out, in the plural."""

    @property
    @abstractmethod
    def n_tasks(self) -> int:
        """How many tasks there are at most: more workers have nothing to do."""

    @abstractmethod
    def phases(self, costs: ProcessCosts, settings: Settings) -> list[Phase]:
        """The phases of a run from the moment that its inputs are ready."""

    @abstractmethod
    def candidates(self, counts: Sequence[int], methods: Sequence[str]) -> list[Settings]:
        """Settings by expected speed, best first; of equal ones the start method named first."""

    @abstractmethod
    def leanest(self, workers: int, method: str) -> dict[str, Setting]:
        """The settings that need least memory with so many workers."""

    def check_saved(self, settings: Settings) -> None:  # noqa: B027  # most ways take any
        """`UsageError` where the settings of a saved plan cannot be for this work."""

    def mapped_bytes(self, settings: Settings) -> int:
        """Bytes of files that the workers read again and again, for which room should be left."""
        return 0

    def improved(self, chosen: Candidate, build: Build, budget_bytes: int) -> Candidate:
        """The same settings with what makes them faster in the memory that is left."""
        return chosen

    def refined(self, plan: Plan, *, is_saved: bool) -> Workload | None:
        """The same work by a closer look, where that may change the plan; None where it may not."""
        return None

    def notes(self, settings: Settings | None) -> list[str]:
        """What is worth saying of the settings that were chosen; None: none fits."""
        return []


class SharedWorkload(Workload):
    """Work that hosts of a cluster can evaluate."""

    has_later_workers = True
    """Whether workers are at work in phases behind the evaluation, too."""

    @abstractmethod
    def client_terms(self, costs: ProcessCosts) -> list[Term]:
        """What this process holds while workers of other hosts evaluate."""

    def refined(self, plan: Plan, *, is_saved: bool) -> SharedWorkload | None:
        """The same work by a closer look, where that may change the plan; None where it may not."""
        return None
