"""What a merge takes: spooled results with their rules, and how it goes over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pff_stream.report._runs import FAN_IN, MAX_RECORD_BYTES, WINDOW_BYTES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pff_stream.report.records import Counts
    from pff_stream.report.run_table import PackedRuns, RunTable
    from pff_stream.settings.models import EvaluationOptions
    from pff_stream.triples._graph import GraphView

MAX_VIOLATIONS = 1_000_000


class SourceChunk(Protocol):
    """Rules in source order, n of them; see docs/files.md."""

    @property
    def first(self) -> int:
        """Ordinal of the first rule in the source."""

    @property
    def lines(self) -> NDArray[np.uint64]:
        """Line of each rule."""

    @property
    def texts(self) -> bytes | memoryview | NDArray[np.uint8]:
        """The texts one after another."""

    @property
    def text_ends(self) -> NDArray[np.uint32]:
        """End of each text."""

    @property
    def rejected(self) -> NDArray[np.uint32]:
        """End of each reason; a rule without one was not rejected."""

    @property
    def reasons(self) -> bytes | memoryview | NDArray[np.uint8]:
        """Why rules were rejected, one reason after another."""

    @property
    def miner(self) -> Mapping[str, NDArray[Any]]:
        """What the miner wrote beside each rule, by column, as it lies in the file."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """The results of all rules of a source, as workers left them."""

    graph: GraphView
    """Names of the ids in the results."""
    files: Sequence[int]
    """Descriptors of the spools."""
    runs: RunTable | PackedRuns
    """Where the results lie in them."""
    chunks: Iterable[SourceChunk]
    """The source chunks of the rule file, in order."""
    first: int = 0
    """Ordinal of the first rule that is taken; the first chunk has it."""
    stop: int | None = None
    """And of the first that is not; None: there is none."""
    is_checked: bool = False
    """Whether the runs are parts of runs whose checksums were right."""


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """What a merge writes at most, and what it holds at once."""

    unseen: int = 0
    """Added to the predictions in every confidence."""
    partial: bool = False
    """Whether unknown predictions are no violations."""
    max_violations: int = MAX_VIOLATIONS
    """Violations given to formatters in all."""
    temporary_dir: str | None = None
    """Folder where runs are merged first when there are more than `fan_in`; None: the system's."""
    fan_in: int = FAN_IN
    """Runs that are read at once."""
    window_bytes: int = WINDOW_BYTES
    """Read ahead of each of them."""
    withdrawn: Mapping[int, str] = field(default_factory=dict)
    """Rules by ordinal whose results are void, with the reason: they have failed."""
    is_part: bool = False
    """Whether rules without results are passed over: those are of other parts."""
    max_record_bytes: int = MAX_RECORD_BYTES
    """A longer record is taken for damage."""

    def confidence(self, counts: Counts) -> float | None:
        """The support by the predictions and unseen ones; None without predictions."""
        if not counts.predictions:
            return None
        return counts.support / (counts.predictions + self.unseen)

    def partial_confidence(self, counts: Counts) -> float | None:
        """The support by the decided predictions and unseen ones; None where that is 0."""
        return counts.partial_confidence(self.unseen)


def merge_options(evaluation: EvaluationOptions, temporary_dir: str) -> MergeOptions:
    """The settings in the terms of a merge."""
    return MergeOptions(
        unseen=evaluation.unseen,
        partial=evaluation.partial,
        max_violations=evaluation.max_violations,
        temporary_dir=temporary_dir,
    )
