"""Holds a plan of memory: what each phase needs, what may be used, whether it fits, and what would.

A plan is data. It is made from phases that the caller computed with the very numbers that it will
allocate by, and from the limits that were found on the machine; it can be had as JSON, and reads
back from that. The search for settings is in `planner.search` and can be had from here, the text is
in `planner.text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planner.model import PROCESSES, Limit, Phase, Settings, Term, peak_bytes
from planner.saved import check_saved
from planner.search import Build, Candidate, Nearest, as_options, choose, nearest

__all__ = [
    "FORMAT_VERSION",
    "Build",
    "Candidate",
    "Nearest",
    "Plan",
    "as_options",
    "choose",
    "nearest",
]

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The memory that a configuration needs, beside the memory that it may use.

    Raises ValueError without phases, when two have one name, or when the budget is negative.
    """

    phases: Sequence[Phase]
    """What is done one after the other; the largest is the peak."""
    budget_bytes: int
    """The bound on the peak of the whole process tree."""
    budget_source: str
    """Where the budget comes from, for people."""
    limits: Sequence[Limit] = ()
    """Every limit that was found, the deciding one marked."""
    settings: Settings = field(default_factory=dict)
    """The configuration that was planned."""
    suggestions: Sequence[str] = ()
    """Options which, pasted, fit; nearest to the wish first. Empty when it fits as it is."""
    notes: Sequence[str] = ()
    """What people should know: warnings, and what memory is not in the terms."""
    least_bytes: int | None = None
    """What the smallest configuration needs, where no suggestion fits. Not in the JSON."""
    margin_bytes: int = 0
    """How much more the same plan may come to when it is made again, since processes are measured
    anew: what is suggested is to fit then as well. Not in the JSON."""
    machine: Settings = field(default_factory=dict)
    """What people should know of the machine, as `planner.machine.profile` tells it."""
    identity: Settings = field(default_factory=dict)
    """What was planned for, hashes and settings: whoever honours a saved plan compares it."""

    def __post_init__(self) -> None:
        for name in ("phases", "limits", "suggestions", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("settings", "machine", "identity"):
            object.__setattr__(self, name, dict(getattr(self, name)))
        names = [phase.name for phase in self.phases]
        if not names:
            raise ValueError("a plan needs at least one phase")
        if len(set(names)) < len(names):
            raise ValueError(f"two phases have one name: {', '.join(names)}")
        if self.budget_bytes < 0:
            raise ValueError(f"a budget cannot be negative ({self.budget_bytes})")

    @property
    def peak_phase(self) -> Phase:
        """The largest phase, the first of them where several are."""
        return max(self.phases, key=lambda phase: phase.bytes)

    @property
    def peak_bytes(self) -> int:
        """The predicted peak of the whole process tree."""
        return peak_bytes(self.phases)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the largest phase; they sum to the peak."""
        return self.peak_phase.terms

    @property
    def fits(self) -> bool:
        """Whether the peak is within the budget."""
        return self.peak_bytes <= self.budget_bytes

    def to_json(self) -> dict[str, Any]:
        """The plan as plain dicts, lists, strings and numbers, the same for the same plan."""
        return {
            "format_version": FORMAT_VERSION,
            "peak_bytes": self.peak_bytes,
            "budget_bytes": self.budget_bytes,
            "budget_source": self.budget_source,
            "limits": [
                {"kind": x.kind, "bytes": x.bytes, "source": x.source, "deciding": x.deciding}
                for x in self.limits
            ],
            "fits": self.fits,
            "terms": [_term_json(term) for term in self.terms],
            "phases": [
                {
                    "name": phase.name,
                    "bytes": phase.bytes,
                    "terms": [_term_json(term) for term in phase.terms],
                }
                for phase in self.phases
            ],
            "settings": dict(self.settings),
            "suggestions": list(self.suggestions),
            "notes": list(self.notes),
            "machine": dict(self.machine),
            "identity": dict(self.identity),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` gave; unknown keys are ignored.

        Raises ValueError on another format version, missing or wrong values, or sums that do not
        hold.
        """
        if not isinstance(saved, Mapping):
            raise ValueError("not a saved plan: expected an object")
        version = saved.get("format_version")
        if isinstance(version, bool) or version != FORMAT_VERSION:
            raise ValueError(f"a plan of format version {version!r}; this reads {FORMAT_VERSION}")
        try:
            check_saved(saved)
            plan = cls(
                phases=[
                    Phase(phase["name"], [_read_term(term) for term in phase["terms"]])
                    for phase in saved["phases"]
                ],
                budget_bytes=saved["budget_bytes"],
                budget_source=saved["budget_source"],
                limits=[
                    Limit(x["kind"], x["bytes"], x["source"], x["deciding"])
                    for x in saved["limits"]
                ],
                settings=saved["settings"],
                suggestions=saved["suggestions"],
                notes=saved["notes"],
                machine=saved.get("machine", {}),
                identity=saved.get("identity", {}),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a saved plan: {error!r}") from error
        if saved.get("peak_bytes") != plan.peak_bytes:
            raise ValueError("not a saved plan: its terms do not sum to its peak")
        return plan


def _term_json(term: Term) -> dict[str, Any]:
    """What most terms are is left out."""
    found: dict[str, Any] = {
        "name": term.name,
        "bytes": term.bytes,
        "formula": term.formula,
        "inputs": dict(term.inputs),
        "source": term.source,
    }
    if term.group != PROCESSES:
        found["group"] = term.group
    if term.per_worker:
        found["per_worker"] = True
    if term.at_most:
        found["at_most"] = True
    return found


def _read_term(saved: Mapping[str, Any]) -> Term:
    return Term(
        name=saved["name"],
        bytes=saved["bytes"],
        formula=saved["formula"],
        inputs=saved["inputs"],
        source=saved["source"],
        group=saved.get("group", PROCESSES),
        per_worker=bool(saved.get("per_worker")),
        at_most=bool(saved.get("at_most")),
    )
