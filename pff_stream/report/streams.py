"""What result writers are given: a header, then findings, metrics and documents, each in order.

The three streams of one document come one after another: its metrics in the order of the rule
file, its findings, and the document itself. A graph is a single document without a name. Records
may get more fields, with a default; those that are here stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pff_stream.report.records import NOTHING_COUNTED, Counts, Json, Names, Outcome
from pff_stream.report.source import NoSources, Sources


@dataclass(frozen=True, slots=True)
class OutputSizes:
    """What is known of a run when the memory of its writers is planned."""

    rules: int
    """Rules of the rule file."""
    documents: int = 1
    """Documents of the manifest; 1 for a graph."""
    findings: int | None = None
    """Findings that are written at most; None: nobody knows."""
    line_bytes: int | None = None
    """A finding as it is written, at most."""
    findings_bytes: int | None = None
    """All of them."""
    text_bytes: int | None = None
    """Of a rule, at most."""
    source_bytes: int | None = None
    """What reading again a text takes that findings stand in; 0: there is none."""

    def findings_of(self, most: int) -> int:
        """How many findings there are of the first `most`."""
        return most if self.findings is None else min(most, self.findings)

    def texts_of(self, n: int, copies: int, most: int) -> int:
        """Bytes of the texts of `n` findings that are written so often, where `most` are enough."""
        if self.findings_bytes is not None:
            most = min(most, copies * self.findings_bytes)
        return most if self.line_bytes is None else min(most, copies * n * self.line_bytes)


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
    sources: Sources = field(default_factory=NoSources)
    """Where the texts are that findings stand in."""


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


class Place(NamedTuple):
    """Where a triple stands, or would."""

    file: str
    """The input as the user named it."""
    line: int
    """From 1: the line of the value; of one that is not there, that of the object."""
    pointer: str | None
    """The JSON pointer (RFC 6901) from the document, or from the array that the file is; None for
    lines of triples."""


@dataclass(frozen=True, slots=True)
class FindingReason:
    """One rule of which a finding is a violation."""

    line: int
    """Line in the rule file, from 1."""
    text: str
    witness: tuple[Names, ...]
    """One triple per body atom, in the order of the body."""
    confidence: float
    """Of the kind that rules are ranked by."""
    where: tuple[Place | None, ...] = ()
    """Of each triple of the witness; empty where no places are told."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in the triple's place: totals, and the first three of each by name."""

    objects: tuple[str, ...] = ()
    """Of (subject, relation, ?)."""
    objects_total: int = 0
    subjects: tuple[str, ...] = ()
    """Of (?, relation, object)."""
    subjects_total: int = 0


CONFLICT, ABSENT = "conflict", "absent"
KINDS = (CONFLICT, ABSENT)
"""Kinds of findings."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A triple that rules predict and the graph does not have."""

    triple: Names
    reasons: tuple[FindingReason, ...]
    """The first of the rules that predict it, the best first."""
    document: str = ""
    """Name of the document in its manifest; empty for a graph."""
    key: str = ""
    """The same for the same triple of the same document: 16 hex digits."""
    kind: str = ABSENT
    """`conflict` where the functional variable of one of its rules has a fact of the relation."""
    score: float = 0.0
    ranked_by: str = ""
    """Confidence, score and assumption, as `miner/max/closed`."""
    floor: float | None = None
    found: Found = field(default_factory=Found)
    where: Place | None = None
    """Of the value that stands there, else of what it would belong to."""
    reasons_total: int = 0
    message: str = ""
    by_object: bool = field(default=False, compare=False)
    """Whether the functional variable of its first rule is the object; not told in any file."""
    new: bool | None = None
    """Whether the baseline has it not; None without a baseline."""

    @property
    def pointer(self) -> str | None:
        """The JSON pointer of its place; None where no place is told, or it is no JSON."""
        return None if self.where is None else self.where.pointer


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
    triples: str = ""
    """The hash of its triples; empty where it has none."""
