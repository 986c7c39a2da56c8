"""How a run is cut into tasks: the interface of the two ways, `by_rules` and `by_document`.

A run goes over a list of documents. A single graph is a list of one, which all workers share: it is
cut by rules. Many documents are cut by document: each task is one, with all rules.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from pff_stream.checkpoint.state import read_settings
from pff_stream.execute.job import Job
from pff_stream.findings.confidence import Ranking, ranking_of
from pff_stream.inputs import Rules
from pff_stream.limits.meter import MemoryMeter
from pff_stream.notes import Notes
from pff_stream.observer import Observer
from pff_stream.pipeline.conclude import write_summary
from pff_stream.pipeline.ranked import ranking_notes
from pff_stream.plan.accuracy import Compared
from pff_stream.plan.budget import MemoryBudget
from pff_stream.plan.costs import Costs
from pff_stream.report.records import Json
from pff_stream.report.summary import Summary
from pff_stream.report.totals import RunTotals
from pff_stream.rules.asked import Relations
from pff_stream.settings.commands import RunSettings
from planner.model import Phase, Settings
from planner.plan import Plan

if TYPE_CHECKING:
    from pff_stream.findings.baseline import Baseline
    from pff_stream.pipeline.cluster import Cluster, HostWork
    from pff_stream.report.found import FoundTotals
    from pff_stream.report.read_back import FinishedRun


@dataclass(frozen=True, slots=True)
class Basis:
    """What the plan of a run is made from, beside its documents."""

    settings: RunSettings
    budget: MemoryBudget
    rules: Rules
    folder: str
    """Where temporary files go."""
    spool_folder: str
    """Where what is found goes until it is merged."""
    costs: Costs
    """What processes cost, with both inputs open."""
    before: Sequence[Phase]
    """The phases that are over."""


class Documents(ABC):
    """The documents of a run, opened as far as its plan needs it."""

    @property
    @abstractmethod
    def hashes(self) -> Mapping[str, str]:
        """What the documents are, for the summary and for a run that is resumed."""

    maps_large_files = True
    """Whether workers may map files that are larger than what else they hold."""
    notes: Notes = Notes()
    """What was noticed when they were opened."""
    labels: Mapping[str, Json] = {}
    """What a list of documents says of itself."""

    @abstractmethod
    def plan(self, basis: Basis) -> Plan:
        """The plan that the budget agrees to; one that does not fit says why."""

    @abstractmethod
    def begin(self, ready: Ready, observer: Observer, stack: ExitStack) -> Work:
        """The work of an accepted plan; `stack` closes what it opens."""

    @abstractmethod
    def host_work(self, settings: RunSettings, rules: Rules) -> HostWork:
        """What a host of a cluster plans by, behind `plan`."""

    def check(self) -> None:  # noqa: B027  # not all documents stay open
        """`AlteredError` where a file that the workers read was written to since it was opened."""


class Tasks(ABC):
    """Tasks for a pool of workers, and what becomes of their answers."""

    job: Job
    """What the workers are told."""
    window: int
    """Tasks that are drawn and not answered yet, at most."""
    unit: str
    """What is counted as progress, in the plural."""
    n_units: int
    phase = "list"
    """What their wall time is told as, where they come behind those of the run."""

    @abstractmethod
    def tasks(self) -> Iterator[Any]:
        """All that is to be done, in order."""

    @abstractmethod
    def split(self, task: Any) -> Sequence[Any]:
        """The parts of a task; none where it cannot be split."""

    @abstractmethod
    def poisoned(self, task: Any, cause: str) -> Any:
        """The answer of a task that killed its worker again and again."""

    @abstractmethod
    def take(self, task: Any, answer: Any) -> int:
        """Keeps an answer; returns how many units are done by it."""

    def tick(self) -> None:  # noqa: B027  # only some have a journal
        """Called again and again while tasks are at work."""


class ListedTasks(Tasks):
    """Tasks that list violations, and what they listed."""

    failed: dict[int, str]
    """Rules that killed their worker, by source, with the cause."""

    @abstractmethod
    def listed(self) -> Iterator[memoryview]:
        """All runs of records, in any order; raises where one is not what it was."""

    @abstractmethod
    def close(self) -> None:
        """Gives back what is held."""


class Work(Tasks):
    """A run at work, from its first task to its last output."""

    n_done: int = 0
    """Units that an earlier run did."""
    notes: Notes = Notes()
    """What was noticed while it was at work, beside what its inputs told before."""

    @abstractmethod
    def totals(self, carry_out: CarryOut, observer: Observer, stack: ExitStack) -> RunTotals:
        """What all answers come to; writes the results, whose files `stack` keeps or abandons.

        What is to be found out besides is carried out by the same workers.
        """

    def noticed(self, totals: RunTotals) -> Notes:
        """What the totals give cause to say."""
        return Notes()

    def end(self, summary: Summary) -> None:  # only some have open writers
        """The last that the writers of the results are told."""

    @abstractmethod
    def arguments_on(self, settings: Settings, share_bytes: int | None) -> tuple[Any, ...]:
        """What workers of another host are told, which has this plan for each of them."""

    result_files: Collection[str]
    """Names of the files that it writes into the folder of results, beside the summary."""

    @abstractmethod
    def results(self, summary: Summary) -> FinishedRun:
        """All that was written, as reports read it back."""

    def keep(self, out: str, summary: Summary) -> None:
        """Writes what the run came to into its folder, last of all its results."""
        write_summary(out, summary)

    def finish(self) -> None:  # only some have a state
        """All results have their names: nothing is left to be resumed."""

    def facts(self) -> Mapping[str, Json]:
        """What the workers did, for the summary."""
        return {}

    def compared(self) -> list[Compared]:
        """The terms of the plan beside what was measured."""
        return []


CarryOut: TypeAlias = "Callable[[Tasks], None]"
"""Has all tasks answered by workers as the plan has them."""


@dataclass(slots=True)
class Ready:
    """A run that is planned, before anything of it is evaluated."""

    settings: RunSettings
    budget: MemoryBudget
    folder: str
    """Where temporary files go."""
    rules: Rules
    documents: Documents
    plan: Plan
    meter: MemoryMeter
    """Measures from the beginning of the run to its end."""
    baseline: Baseline | None = None
    """Findings of an earlier run; None: there are none to compare with."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time by phase."""
    relations: Relations = ()
    """The head relations that were asked for; none: all."""
    cluster: Cluster | None = None
    """Where it is evaluated; None: on this host."""
    began: tuple[str, str] | None = None
    """A folder and the name of the state in it that this run goes on from; None: it is new."""

    @property
    def semantics(self) -> str:
        """What the run's semantics are: as asked for, else by the rule file."""
        return self.settings.reading.semantics or self.rules.file.semantics

    @property
    def ranking(self) -> Ranking:
        """The confidence that rules are ranked by: as asked for, else by the rule file."""
        return ranking_of(self.settings.evaluation.confidence, self.rules.file)

    def ranking_notes(self, found: FoundTotals | None, *, of_documents: bool) -> Notes:
        """What is said of that confidence, where there are findings that are ranked by it."""
        if found is None or not found.total:
            return Notes()
        return ranking_notes(self.ranking, of_documents=of_documents)

    @property
    def hashes(self) -> dict[str, str]:
        """Hashes of the contents of all inputs, by name."""
        baseline = {} if self.baseline is None else {"baseline": self.baseline.content_hash}
        return {"rules": self.rules.source_hash.hex(), **self.documents.hashes, **baseline}

    @property
    def notes(self) -> Notes:
        """What was skipped and noticed in the inputs; of a run that goes on, at its beginning."""
        if self.began is not None:
            return Notes.from_json(read_settings(*self.began)["notes"])
        notes = Notes()
        notes.merge(self.rules.notes)
        notes.merge(self.documents.notes)
        if self.baseline is not None:
            notes.merge(self.baseline.notes)
        return notes

    def check_inputs(self) -> None:
        """`AlteredError` where a file that workers read was written to since it was opened."""
        if self.rules.opened is not None:
            self.rules.opened.check()
        self.documents.check()


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Adds the wall time of the block to a phase."""
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - began
