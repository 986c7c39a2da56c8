"""Violated and satisfied rules of one small graph with examples, each made when it is asked for.

What `validate_rules` answers with where a validator can check the triples. Rules of a file stay
open for the next call, while the file is the same.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pff_stream.evaluate._kernel import TableCounter
from pff_stream.report._rows import RuleRows
from pff_stream.report.records import (
    REASON_TEXTS,
    Counts,
    Outcome,
    Reason,
    RuleOutcome,
    read_records,
)
from pff_stream.report.sums import ROW
from pff_stream.report.violations import violations_of
from pff_stream.triples._graph import GraphView
from pff_stream.validator.result import Made
from pff_stream.validator.serving import Serving
from pff_stream.validator.validator import Validator
from pff_stream.work.spooled import is_settled

if TYPE_CHECKING:
    from pff_stream.report.records import Violation
    from pff_stream.validator.checker import Checked

KEPT_VALIDATORS = 4
"""Rule files that stay open."""
BATCH = 256
"""Rules whose examples are found at once."""
_KEPT_BATCHES = 4

Both = tuple[Sequence[RuleOutcome], Sequence[RuleOutcome]]


class Most(NamedTuple):
    """Examples at most."""

    of_rule: int
    of_all: int


class OpenValidators:
    """Validators of rule files by what the files are now; the one that waited longest goes."""

    def __init__(self, most: int = KEPT_VALIDATORS) -> None:
        self._most = most
        self.renew()

    def renew(self) -> None:
        """Forgets all: also what a fork left locked."""
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[object, ...], Validator] = OrderedDict()

    def of(self, path: str, options: dict[str, Any]) -> Validator:
        """The validator of the rules at a path; opened once, whoever asks meanwhile waits."""
        found = os.stat(path)
        told = repr(sorted(options.items()))
        of_file = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
        key = (os.path.abspath(path), of_file, told)
        with self._lock:
            validator = self._open.get(key)
            if validator is None:
                validator = Validator(path, **options)
                self._open[key] = validator
                if len(self._open) > self._most:
                    self._open.popitem(last=False)[1].close()
            self._open.move_to_end(key)
            return validator


def rule_outcomes(validator: Validator, document: object, name: str, most: Most) -> Both | None:
    """The violated and the satisfied rules, in the order of the rules.

    None where the triples say nothing, or their names settle how rules are read: that is for a run.
    """
    serving = validator.serving
    assert isinstance(serving, Serving)  # it was opened without workers
    rules, options = serving.rules, serving.options
    checked = serving.checked(document, name, 0)
    graph = GraphView(checked.graph)
    if not graph.n_triples or not rules.is_table_usable(options.counting):
        return None
    if not is_settled(rules.file, graph):
        return None
    examined = _Examined(serving, checked, most)
    totals = checked.totals
    return (
        Made(totals.count(Outcome.VIOLATED), examined.violated),
        Made(totals.count(Outcome.SATISFIED), examined.satisfied),
    )


class _Examined:
    """Counts of a graph's rules, counted again when the first is asked for, and their examples."""

    def __init__(self, serving: Serving, checked: Checked, most: Most) -> None:
        self._rules, self._options = serving.rules, serving.options
        self._graph = GraphView(checked.graph)
        self._most = most
        self._lock = threading.RLock()
        self._batch = lru_cache(_KEPT_BATCHES)(self._examples)

    def violated(self, at: int) -> RuleOutcome:
        """The violated rule of this place, with its examples."""
        with self._lock:
            examples = self._batch(at // BATCH)[at % BATCH]
            return self._outcome(self._rows[Outcome.VIOLATED][at], examples)

    def satisfied(self, at: int) -> RuleOutcome:
        """The satisfied rule of this place."""
        with self._lock:
            return self._outcome(self._rows[Outcome.SATISFIED][at], ())

    @cached_property
    def _rows(self) -> dict[Outcome, Any]:
        """The rules of an outcome, in the order of the rules; the counter knows the violated."""
        found = bytearray()
        rows = RuleRows(found.extend)
        self._table = self._rules.table()
        options = self._options
        self._counter = TableCounter(
            self._graph,
            options.semantics,
            options.counting,
            wide=False,
            most=self._most.of_rule,
        )
        self._counter.count_table(self._table, rows, keeps_violated=True)
        rows.finish_rows()
        self._places = np.argsort(self._counter.violated_sources()).astype(np.uint32)
        counted = np.frombuffer(bytes(found), ROW)
        counted = counted[np.argsort(counted["source"], kind="stable")]
        return {
            outcome: counted[counted["outcome"] == outcome]
            for outcome in (Outcome.VIOLATED, Outcome.SATISFIED)
        }

    @cached_property
    def _left(self) -> Any:
        """How many examples each violated rule has, by both bounds."""
        rows = self._rows[Outcome.VIOLATED]
        violations = rows["predictions"] - rows["support"]
        if self._options.merging.partial:
            violations -= rows["unknown"]
        kept = np.minimum(violations, self._most.of_rule)
        before = np.add.accumulate(kept) - kept
        return np.clip(self._most.of_all - before, 0, kept)

    def _examples(self, number: int) -> list[tuple[Violation, ...]]:
        """Those of some rules that follow one another."""
        left = self._left[number * BATCH : (number + 1) * BATCH].tolist()
        found: list[list[Violation]] = [[] for _ in left]
        if any(left):
            places = self._places[number * BATCH : (number + 1) * BATCH]
            runs: list[bytes] = []
            self._counter.list_violations(
                self._table, places, 0, lambda run: runs.append(bytes(run))
            )
            for run in runs:
                for record in read_records(run):
                    found[record.source].extend(violations_of(record, self._graph))
        return [tuple(one[:most]) for one, most in zip(found, left, strict=True)]

    def _outcome(self, row: Any, examples: tuple[Violation, ...]) -> RuleOutcome:
        rules, merging, source = self._rules, self._options.merging, int(row["source"])
        counts = Counts(*(int(row[name]) for name in Counts._fields))
        return RuleOutcome(
            line=rules.catalogue.line(source),
            text=rules.catalogue.text(source).decode("utf-8", "surrogateescape"),
            outcome=Outcome(int(row["outcome"])),
            reason=REASON_TEXTS[Reason(int(row["reason"]))],
            counts=counts,
            confidence=merging.confidence(counts),
            miner_confidence=rules.mined_of(source).confidence,
            examples=examples,
            partial_confidence=merging.partial_confidence(counts),
            partial=merging.partial,
        )


validators = OpenValidators()
"""Those of this process."""
os.register_at_fork(after_in_child=validators.renew)
