"""The work of a run that other hosts evaluate: what this one holds of it.

No worker is started here while they evaluate. What comes behind (merging, listing of what is found)
is done by workers of this host, as its plan has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pff_stream.plan.sizes import ProcessCosts
from pff_stream.plan.workload import Build, SharedWorkload, Workload
from pff_stream.settings.models import ResourceOptions
from planner.model import Phase, Setting, Settings
from planner.plan import Plan
from planner.search import Candidate

EVALUATE, LIST = "evaluate", "list"


@dataclass(frozen=True, slots=True)
class ClientWorkload(Workload):
    """Work whose tasks are handed to other hosts."""

    inner: SharedWorkload
    """The same where this host evaluates."""
    unit: str

    @property
    def n_tasks(self) -> int:
        """Those of one host."""
        return self.inner.n_tasks

    def phases(self, costs: ProcessCosts, settings: Settings) -> list[Phase]:
        """Those of one host; evaluating is handing out and taking in."""
        return [
            Phase(EVALUATE, self.inner.client_terms(costs)) if phase.name == EVALUATE else phase
            for phase in self.inner.phases(costs, settings)
        ]

    def candidates(self, counts: Sequence[int], methods: Sequence[str]) -> list[Settings]:
        """As on one host."""
        return self.inner.candidates(counts, methods)

    def leanest(self, workers: int, method: str) -> dict[str, Setting]:
        """As on one host."""
        return self.inner.leanest(workers, method)

    def check_saved(self, settings: Settings) -> None:
        """As on one host."""
        self.inner.check_saved(settings)

    def mapped_bytes(self, settings: Settings) -> int:
        """As on one host."""
        return self.inner.mapped_bytes(settings)

    def improved(self, chosen: Candidate, build: Build, budget_bytes: int) -> Candidate:
        """As on one host, for the workers that list."""
        if not self.inner.has_later_workers:
            return chosen
        listing = next((phase for phase in chosen.phases if phase.name == LIST), None)
        phases = chosen.phases
        if listing is not None:
            others = [phase for phase in phases if phase.name != EVALUATE]
            phases = (*others, Phase(EVALUATE, listing.terms))
        found = self.inner.improved(Candidate(chosen.settings, phases), build, budget_bytes)
        return Candidate(found.settings, tuple(build(found.settings)))

    def refined(self, plan: Plan, *, is_saved: bool) -> Workload | None:
        """As on one host."""
        inner = self.inner.refined(plan, is_saved=is_saved)
        return None if inner is None else ClientWorkload(inner, self.unit)

    def notes(self, settings: Settings | None) -> list[str]:
        """As on one host, where it has workers."""
        return self.inner.notes(settings) if self.inner.has_later_workers else []


def as_client(
    workload: SharedWorkload, resources: ResourceOptions, cluster: str | None
) -> tuple[Workload, ResourceOptions]:
    """The work as this host has it, with a cluster or without, and what is said of its workers."""
    if cluster is None:
        return workload, resources
    if not workload.has_later_workers:
        resources = resources.replace(workers=1, max_workers=None)  # none is started
    return ClientWorkload(workload, workload.unit), resources
