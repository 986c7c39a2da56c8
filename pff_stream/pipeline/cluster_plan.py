"""What `plan --cluster` says: the plan of this host, and that of each worker of the others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pff_stream.pipeline.cluster import NONE_FITS, Cluster
from planner.text import refusal, table

if TYPE_CHECKING:
    from pff_stream.plan.hosts import HostPlan
    from pff_stream.report.records import Json
    from planner.plan import Plan

SCHEDULER_MIB, SCHEDULER_TASK_KIB = 57, 3
"""What a scheduler holds, and for each call; measured. It is not held to anything here."""


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """The plan of a run over a cluster: of this host, and of each worker of the others."""

    here: Plan
    hosts: tuple[tuple[str, HostPlan], ...]
    """Each with the name of its Dask worker."""
    refused: tuple[tuple[str, str], ...]
    """Workers that take no part, each with the reason."""
    needs_all: bool
    """Whether a worker that takes no part is one too few."""

    @classmethod
    def of(cls, here: Plan, cluster: Cluster) -> ClusterPlan:
        """What was planned on the hosts."""
        names = cluster.names
        return cls(
            here,
            tuple((names[one], plan) for one, plan in sorted(cluster.plans.items())),
            tuple((names[one], why) for one, why in sorted(cluster.refused.items())),
            cluster.resources.workers is not None,
        )

    @property
    def fits(self) -> bool:
        """Whether a run would begin."""
        return self.here.fits and bool(self.hosts) and not (self.refused and self.needs_all)

    def table(self) -> str:
        """For people, one host after the other."""
        parts = ["On this host", table(self.here)]
        for name, plan in self.hosts:
            parts += [f"On {name}", plan.text]
        parts += [f"Takes no part: {name}: {why}" for name, why in self.refused]
        parts.append(f"The scheduler: {SCHEDULER_MIB} MiB, and {SCHEDULER_TASK_KIB} KiB a call")
        return "\n\n".join(parts)

    def to_json(self) -> dict[str, Json]:
        """All plans, and why others take no part."""
        return {
            "here": self.here.to_json(),
            "hosts": {name: json.loads(plan.plan) for name, plan in self.hosts},
            "refused": dict(self.refused),
        }

    def refusal(self) -> str:
        """Why it would not begin; empty where it would."""
        if not self.here.fits:
            return refusal(self.here)
        if self.fits:
            return ""
        return "\n  ".join([NONE_FITS, *(f"{name}: {why}" for name, why in self.refused)])
