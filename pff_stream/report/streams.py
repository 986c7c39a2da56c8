"""What result writers are given: a header, then findings, metrics and documents, each in order.

The three streams of one document come one after another: its metrics in the order of the rule
file, its findings, and the document itself. A graph is a single document without a name. Records
may get more fields, with a default; those that are here stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pff_stream.report.records import NOTHING_COUNTED, Counts, Names, Outcome
from pff_stream.report.summary import Json


@dataclass(frozen=True, slots=True)
class OutputSizes:
    """What is known of a run when the memory of its writers is planned."""

    rules: int
    """Rules of the rule file."""
    documents: int = 1
    """Documents of the manifest; 1 for a graph."""


@dataclass(frozen=True, slots=True)
class RunHeader:
    """What is known of a run before its first result."""

    semantics: str
    settings: Mapping[str, Json]
    """What was asked for and changes the results."""
    inputs: Mapping[str, Json]
    """Name of each input to the hash of its content."""
    labels: Mapping[str, Json] = field(default_factory=dict)
    """What a manifest says of itself: `execution_id`, `sequence`."""


class MinerValues(NamedTuple):
    """What the miner wrote beside a rule, None where it wrote nothing."""

    predictions: int | None = None
    support: int | None = None
    confidence: float | None = None
    pca_confidence: float | None = None
    pca_predictions: int | None = None
    head_coverage: float | None = None


NOTHING_MINED = MinerValues()


@dataclass(frozen=True, slots=True)
class RuleMetric:
    """What a run found out about one rule."""

    line: int
    """Line in the rule file, from 1."""
    outcome: Outcome
    reason: str
    """Why it has this outcome, as `outcomes.tsv` writes it; empty where the outcome says all."""
    counts: Counts = NOTHING_COUNTED
    confidence: float | None = None
    """support / (predictions + unseen); None without predictions."""
    text: str = ""
    """The rule; of a line that could not be read with its tabs as `\\t`."""
    document: str = ""
    """Name of the document in its manifest; empty for a graph."""
    violations: int = 0
    """Under the assumption of the run."""
    partial_confidence: float | None = None
    """support / (predictions - unknown + unseen); None where that is 0."""
    head_coverage: float | None = None
    """support / all triples of the head's relation; None where there are none."""
    miner: MinerValues = NOTHING_MINED
    """What the miner wrote beside the rule."""


@dataclass(frozen=True, slots=True)
class FindingReason:
    """One rule of which a finding is a violation."""

    line: int
    """Line in the rule file, from 1."""
    text: str
    witness: tuple[Names, ...]
    """One triple per body atom, in the order of the body."""
    confidence: float
    """support / (predictions + unseen)."""
    miner_confidence: float | None = None
    """What the miner wrote beside the rule; None where it wrote nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A triple that rules predict and the graph does not have."""

    triple: Names
    reasons: tuple[FindingReason, ...]
    """The rules that predict it, the best first. Until findings are joined by triple it is one."""
    document: str = ""
    """Name of the document in its manifest; empty for a graph."""


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """What a document came to."""

    name: str
    """As the manifest has it; empty for a graph."""
    outcome: str
    """`satisfied`, `violated`, `unchecked` (no rule made a prediction) or `failed`."""
    reason: str = ""
    """Why it failed."""
    violated_rules: int = 0
    counts: Counts = NOTHING_COUNTED
    """Summed over its rules."""
    violations: int = 0
