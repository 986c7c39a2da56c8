"""What a document came to: counts at once, objects of findings and rules when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import numpy as np

from pff_stream.notes import Notes
from pff_stream.report.formats.findings import as_json
from pff_stream.report.records import REASON_TEXTS, Counts, Outcome, Reason
from pff_stream.report.streams import RuleMetric
from pff_stream.report.sums import ROW, with_shares
from pff_stream.triples._graph import GraphView
from pff_stream.validator.placing import made_findings

if TYPE_CHECKING:
    from pff_stream.errors import DocumentError
    from pff_stream.report.spooled import MergeOptions
    from pff_stream.report.streams import Finding
    from pff_stream.triples.options import EncodeOptions
    from pff_stream.validator.checker import CheckedDocument
    from pff_stream.validator.rules import ValidatorRules

Item = TypeVar("Item")


class Made(Sequence[Item], Generic[Item]):
    """A sequence whose items are made when they are asked for; equal to any sequence alike."""

    def __init__(self, n: int, make: Callable[[int], Item], places: range | None = None) -> None:
        self._make = make
        self._places = range(n) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Made[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Made[Item]:
        if isinstance(index, slice):
            return Made(0, self._make, self._places[index])
        return self._make(self._places[index])

    def __iter__(self) -> Iterator[Item]:
        return map(self._make, self._places)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(
            one == another for one, another in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} items>"


@dataclass(frozen=True, slots=True)
class RuleCounts:
    """Rules by outcome, and sums over those that were evaluated."""

    satisfied: int
    violated: int
    vacuous: int
    filtered: int
    too_large: int
    rejected: int
    reasons: Mapping[str, int]
    """Rules by why they have their outcome, in words; vacuous ones have one each."""
    predictions: int
    support: int
    unknown: int
    violations: int


class CheckResult:
    """One document, checked; holds its graph and text for what is asked later."""

    error: DocumentError | None = None
    """Why it could not be checked: only results of `check_many` have one, see `FailedCheck`."""

    def __init__(
        self,
        checked: CheckedDocument,
        rules: ValidatorRules,
        told: tuple[EncodeOptions, MergeOptions],
        rows: Callable[[GraphView], bytes],
    ) -> None:
        """`told` is how documents are read and results merged; `rows` counts all rules again."""
        self._checked = checked
        self._rules = rules
        self._reading, self._merging = told
        self._count = rows
        self.name = checked.content.name
        self.seconds = checked.seconds
        """What the check took."""
        if checked.n_findings:
            rules.tell_ranking()

    def __repr__(self) -> str:
        totals = self._checked.totals
        return (
            f"<{self.name}: {totals.word}, {totals.count(Outcome.VIOLATED)} rules violated, "
            f"{self._checked.n_findings} findings>"
        )

    @property
    def notes(self) -> Notes:
        """What was skipped or noticed in the document."""
        return self._checked.notes

    @property
    def held_bytes(self) -> int:
        """Of its graph and text, as long as it is held."""
        content = self._checked.content
        return self._checked.graph_bytes + len(content.text or content.lines or b"")

    @property
    def ok(self) -> bool:
        """Whether no rule is violated, and at least one was satisfied or had nothing to say."""
        return not self._checked.totals.violations

    @property
    def unchecked(self) -> bool:
        """Whether no rule made a prediction."""
        return self._checked.totals.word == "unchecked"

    @cached_property
    def counts(self) -> RuleCounts:
        """Rules by outcome and reason, and sums of their counts."""
        totals = self._checked.totals
        return RuleCounts(
            satisfied=totals.count(Outcome.SATISFIED),
            violated=totals.count(Outcome.VIOLATED),
            vacuous=totals.count(Outcome.VACUOUS),
            filtered=totals.count(Outcome.FILTERED),
            too_large=totals.count(Outcome.TOO_LARGE),
            rejected=totals.count(Outcome.REJECTED),
            reasons={
                text: totals.because(reason)
                for reason, text in REASON_TEXTS.items()
                if text and totals.because(reason)
            },
            predictions=totals.counts.predictions,
            support=totals.counts.support,
            unknown=totals.counts.unknown,
            violations=totals.violations,
        )

    @property
    def findings(self) -> Sequence[Finding]:
        """Missing triples, best first, with reasons and places; as many as were asked for."""
        return Made(self._checked.n_findings, lambda at: self._findings[at])

    @property
    def violated(self) -> Sequence[RuleMetric]:
        """The violated rules, in the order of the rules."""
        return self._of(Outcome.VIOLATED)

    @property
    def satisfied(self) -> Sequence[RuleMetric]:
        """The satisfied rules, in the order of the rules."""
        return self._of(Outcome.SATISFIED)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: the counts as in `documents.jsonl`, findings as in `findings.jsonl`."""
        totals = self._checked.totals
        return {
            "document": self.name,
            "outcome": totals.word,
            "rules": {outcome.word: totals.count(outcome) for outcome in Outcome},
            "reasons": dict(self.counts.reasons),
            **totals.counts._asdict(),
            "violations": totals.violations,
            "findings": [as_json(one) for one in self.findings],
            "notes": self.notes.to_json(),
            "seconds": self.seconds,
        }

    # --- findings ------------------------------------------------------------------------------

    @cached_property
    def _findings(self) -> list[Finding]:
        return made_findings(self._checked, self._reading, self._rules.catalogue)

    def prepare(self) -> None:
        """Makes now what takes some time to make: the findings."""
        _ = self._findings

    # --- rules ---------------------------------------------------------------------------------

    def _of(self, outcome: Outcome) -> Made[RuleMetric]:
        n = self._checked.totals.count(outcome)
        return Made(n, lambda at: self._metric(self._rows[outcome][at]))

    @cached_property
    def _rows(self) -> Mapping[Outcome, Any]:
        """Counts of the rules of an outcome, in the order of the rules; counted again for it."""
        rows = np.frombuffer(self._count(GraphView(self._checked.graph)), ROW)
        rows = rows[np.argsort(rows["source"], kind="stable")]
        return {
            outcome: rows[rows["outcome"] == outcome]
            for outcome in (Outcome.SATISFIED, Outcome.VIOLATED)
        }

    def _metric(self, row: Any) -> RuleMetric:
        rules, source = self._rules, int(row["source"])
        told = RuleMetric(
            line=rules.catalogue.line(source),
            outcome=Outcome(int(row["outcome"])),
            reason=REASON_TEXTS[Reason(int(row["reason"]))],
            counts=Counts(*(int(row[name]) for name in Counts._fields)),
            text=rules.catalogue.text(source).decode("utf-8", "surrogateescape"),
            document=self.name,
            miner=self._rules.mined_of(source),
        )
        return with_shares(told, int(row["facts"]), self._merging)
