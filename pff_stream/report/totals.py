"""What a run's documents come to: exact counts of each, their sums, and which could not be checked.

A graph is a list of one document. Not done here: counting, writing, judging.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from pff_stream.report.found import FoundTotals
from pff_stream.report.records import Counts, Outcome, Reason, RuleOutcome

WORST_RULES = 10
SHOWN_FAILURES = 10
_BY_TEXT = {"": Reason.NONE, **{reason.text: reason for reason in Reason if reason.text}}


class WorstRule(NamedTuple):
    """A violated rule with as many violations as few others have."""

    line: int
    text: str
    predictions: int
    violations: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything that is counted of one document, or of several; exact, whatever was written."""

    outcomes: tuple[int, ...]
    """Rules by outcome, in the order of `Outcome`; over several documents each rule counts once a
    document."""
    counts: Counts
    """Summed over the rules that were evaluated."""
    violations: int
    violations_written: int = 0
    cut_by_max_examples: int = 0
    """Violations that the workers did not keep; 0 where nothing was to be written."""
    cut_by_max_violations: int = 0
    """Violations that were kept, but not written; 0 where nothing was to be written."""
    worst: tuple[WorstRule, ...] = ()
    """At most ten rules, most violations first, ties by line."""
    reasons: tuple[int, ...] = (0,) * len(Reason)
    """Rules by reason, in the order of `Reason`."""

    @property
    def predictions(self) -> int:
        """All predictions."""
        return self.counts.predictions

    @property
    def support(self) -> int:
        """Predictions that are triples of the graph."""
        return self.counts.support

    @property
    def rules(self) -> int:
        """All rules."""
        return sum(self.outcomes)

    @property
    def word(self) -> str:
        """What became of the document: `unchecked` where no rule made a prediction."""
        if self.violations:
            return "violated"
        return "satisfied" if self.predictions else "unchecked"

    def count(self, outcome: Outcome) -> int:
        """Rules with this outcome."""
        return self.outcomes[outcome]

    def because(self, reason: Reason) -> int:
        """Rules that have their outcome for this reason."""
        return self.reasons[reason]


def added(before: Totals, more: Totals) -> Totals:
    """Both as one; the worst rules are those of both."""
    worst = sorted((*before.worst, *more.worst), key=lambda rule: (-rule.violations, rule.line))
    return Totals(
        outcomes=tuple(map(int.__add__, before.outcomes, more.outcomes)),
        counts=Counts(*map(int.__add__, before.counts, more.counts)),
        violations=before.violations + more.violations,
        violations_written=before.violations_written + more.violations_written,
        cut_by_max_examples=before.cut_by_max_examples + more.cut_by_max_examples,
        cut_by_max_violations=before.cut_by_max_violations + more.cut_by_max_violations,
        worst=tuple(worst[:WORST_RULES]),
        reasons=tuple(map(int.__add__, before.reasons, more.reasons)),
    )


class Tally:
    """Counts outcomes one by one, for whoever takes them without a merge."""

    def __init__(self) -> None:
        self._outcomes = [0] * len(Outcome)
        self._reasons = [0] * len(Reason)
        self._counts = Counts()
        self._violations = 0

    def add(self, rule: RuleOutcome) -> None:
        """Takes the outcome of a rule."""
        self._outcomes[rule.outcome] += 1
        self._reasons[_BY_TEXT.get(rule.reason, Reason.TEXT)] += 1
        self._counts = Counts(*map(int.__add__, self._counts, rule.counts))
        self._violations += rule.violations

    def totals(self) -> Totals:
        """All that were taken."""
        return Totals(
            tuple(self._outcomes), self._counts, self._violations, reasons=tuple(self._reasons)
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be evaluated."""

    document: str
    reason: str


def not_looked_at(totals: Totals) -> int:
    """Rules that nothing is known of, wherever results are called complete."""
    return sum(map(totals.count, (Outcome.TOO_LARGE, Outcome.FAILED, Outcome.REJECTED)))


class RunTotals:
    """Totals over all documents of a run; bounded whatever their number."""

    def __init__(self) -> None:
        self.violated = self.satisfied = self.unchecked = self.failed = 0
        """Documents by what became of them."""
        self.failures: list[Failure] = []
        """The first documents that failed."""
        self._sum: Totals | None = None
        self.findings: FoundTotals | None = None
        """What the findings come to; None where none were looked for."""

    @classmethod
    def of(cls, totals: Totals) -> RunTotals:
        """The totals of a run over one document."""
        run = cls()
        run.add(totals)
        return run

    @classmethod
    def restored(cls, totals: Totals, documents: Mapping[str, int]) -> RunTotals:
        """The totals of so many documents by what became of them, as a summary has them."""
        run = cls()
        run._sum = totals
        run.violated, run.satisfied = documents["violated"], documents["satisfied"]
        run.unchecked, run.failed = documents["unchecked"], documents["failed"]
        return run

    @property
    def by_outcome(self) -> dict[str, int]:
        """Documents by what became of them; the sum is all of them."""
        return {
            "violated": self.violated,
            "satisfied": self.satisfied,
            "unchecked": self.unchecked,
            "failed": self.failed,
        }

    @property
    def documents(self) -> int:
        """All documents."""
        return sum(self.by_outcome.values())

    @property
    def rules(self) -> Totals:
        """The sums over the documents that could be evaluated.

        Worst rules are told of a single document only: those of different ones do not compare.
        """
        return self._sum or Totals((0,) * len(Outcome), Counts(), 0, 0, 0, 0, ())

    def add(self, totals: Totals) -> None:
        """Takes a document that was evaluated."""
        word = totals.word
        self.violated += word == "violated"
        self.satisfied += word == "satisfied"
        self.unchecked += word == "unchecked"
        before = self._sum
        if before is None:
            self._sum = totals
            return
        self._sum = replace(added(before, totals), worst=())

    def add_failed(self, failure: Failure) -> None:
        """Takes a document that could not be evaluated."""
        self.failed += 1
        if self.failed <= SHOWN_FAILURES:
            self.failures.append(failure)
