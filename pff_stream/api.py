"""The same run for Python callers: rules and triples in, outcomes out, with the same bounds.

    for outcome in validate("rules.tsv", "triples.tsv"):
        if outcome.violations:
            print(outcome.line, outcome.text, outcome.examples[0].witness)

Rules are a path, texts, (predicted, support, confidence, text) tuples or a table; triples are
paths, (subject, relation, object) tuples or tables, such as data frames. Inputs are compiled,
encoded and planned as on the command line; nothing that grows with the rules or the violations is
held here.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pff_stream.errors import UsageError
from pff_stream.given import Path, RulesInput, TriplesInput, given_inputs
from pff_stream.notes import Notes

if TYPE_CHECKING:
    from pff_stream.observer import Observer
    from pff_stream.pipeline.by_rules import RulesWork
    from pff_stream.pipeline.evaluate import Running
    from pff_stream.pipeline.run import Given
    from pff_stream.progress.calling import Told
    from pff_stream.report.explanation import Explanation
    from pff_stream.report.records import Record, RuleOutcome
    from pff_stream.results import RunResult
    from pff_stream.rules.file import SourceChunk
    from pff_stream.rules.given import RulesGiven
    from pff_stream.settings.commands import RunSettings


def validate(
    rules: RulesInput,
    triples: TriplesInput,
    *,
    ordered: bool = True,
    progress: bool | Told = False,
    **options: Any,
) -> Outcomes:
    """Yields the outcome of every rule, one by one; `notes` tells what was skipped.

    In source order, or with `ordered=False` as soon as each is known. `progress` is that of `run`;
    while outcomes are drawn, it waits as long as the caller takes. `options` are the fields of
    `InputOptions`, `EvaluationOptions` and `ResourceOptions` (semantics, max_examples, workers,
    budget_bytes, ...). Raises what the command ends with: `InputError`, `UsageError`,
    `RefusedError`, `OutputError`.
    """
    settings, given_rules, given_triples = _inputs(rules, triples, options)
    return Outcomes(settings, (given_rules, given_triples), ordered, progress)


class Outcomes(Iterator["RuleOutcome"]):
    """The outcomes of a run, one by one; closed early, the run ends."""

    def __init__(
        self,
        settings: RunSettings,
        given: Given,
        ordered: bool,
        progress: bool | Told = False,
    ) -> None:
        self.notes = Notes()
        """What was skipped or noticed: the inputs' from the first outcome on, all at the end."""
        self._outcomes = _outcomes(settings, given, ordered, progress, self.notes)

    def __next__(self) -> RuleOutcome:
        return next(self._outcomes)

    def close(self) -> None:
        """Ends the run, and closes what it opened."""
        self._outcomes.close()


def validate_rules(
    rules: RulesInput,
    triples: TriplesInput | dict[str, Any],
    *,
    progress: bool | Told = False,
    **options: Any,
) -> tuple[Sequence[RuleOutcome], Sequence[RuleOutcome]]:
    """All violated and all satisfied rules, as two sequences in the order of the rules.

    Small triples (one path or list of at most 64 MiB, or one document as a dict) are checked in
    this process by a `Validator`, unless an option of `ResourceOptions` is given: outcomes are made
    when they are asked for, and the rules of a file stay open for the next call. All else is a run
    as `validate` makes it, whose outcomes are collected in lists, with its `progress`.
    """
    _inputs(rules, () if isinstance(triples, dict) else triples, options)  # says what is no option
    from pff_stream.limits.room import check_room

    check_room()  # before numpy is imported, which would end the process
    from pff_stream.validator.small import as_file, small_outcomes

    found = small_outcomes(rules, triples, options)
    if found is not None:
        return found
    if isinstance(triples, dict):
        with as_file(triples) as path:
            return validate_rules(rules, path, progress=progress, **options)
    violated: list[RuleOutcome] = []
    satisfied: list[RuleOutcome] = []
    for outcome in validate(rules, triples, progress=progress, **options):
        if outcome.outcome.word == "violated":
            violated.append(outcome)
        elif outcome.outcome.word == "satisfied":
            satisfied.append(outcome)
    return violated, satisfied


def _inputs(
    rules: RulesInput, triples: TriplesInput, options: dict[str, Any]
) -> tuple[RunSettings, RulesGiven | None, list[Any] | None]:
    """Settings, and what was given as objects (None where it is a path)."""
    from pff_stream.settings.commands import CallSettings
    from pff_stream.settings.models import FindingsOptions, OutputOptions

    for name in ("manifest", "shard", *FindingsOptions.names(), *OutputOptions.names()):
        # `fail_on` writes nothing: it may be given, though there is no command that it could end.
        if name != "fail_on" and options.get(name):
            raise UsageError(f"{name}: found in a call of validate, expected on the command line")
    paths, given_rules, given_triples = given_inputs(rules, triples)
    settings = CallSettings.of(**paths, **options | {"findings": 0})
    return settings, given_rules, given_triples


def run(
    rules: RulesInput,
    triples: TriplesInput,
    *,
    out: Path | None = None,
    progress: bool | Told = False,
    **options: Any,
) -> RunResult:
    """Checks all rules, and finds the triples that the best of them miss, as the command `run`.

    The result has `findings`, `metrics`, `violated` and `satisfied` as sequences whose items are
    read from the folder of results when they are asked for: `out`, or a temporary one that is gone
    with the result. `progress`: True shows a line on a terminal, else one every ten seconds, on
    standard error; a function is called with a `Progress`, from a thread of its own, at most ten
    times a second, and what it raises ends the run. `options` are the fields of all groups of
    options (findings, floor, confidence, budget_bytes, ...). Raises what the command ends with but
    for violations.
    """
    _begin()
    from pff_stream.pipeline import run as running
    from pff_stream.progress.choose import watched
    from pff_stream.results import ResultFolder, RunResult
    from pff_stream.settings.commands import RunSettings

    if options.get("shard") is not None:
        raise UsageError("shard: found in a call of run, expected run_shard: a part has no results")
    paths, given_rules, given_triples = given_inputs(rules, triples)
    folder = ResultFolder(None if out is None else os.fspath(out))
    try:
        settings = RunSettings.of(**paths, **options, out=folder.path)
        with watched(progress) as observer:
            result = running.run(settings, observer, given=(given_rules, given_triples))
    except BaseException:
        folder.close()
        raise
    return RunResult(folder, result)


def explain(
    rules: RulesInput,
    triples: TriplesInput,
    triple: tuple[str, str, str],
    *,
    progress: bool | Told = False,
    **options: Any,
) -> Explanation:
    """All rules that predict a triple, whether the graph has it or not, best first.

    `progress` is that of `run`. `options` are the fields of `InputOptions` and `ResourceOptions`.
    Raises `UsageError` where a name of the triple is not known, else as `validate`.
    """
    _begin()
    from pff_stream.pipeline import explain as run
    from pff_stream.progress.choose import watched
    from pff_stream.settings.commands import ExplainSettings

    paths, given_rules, given_triples = given_inputs(rules, triples)
    settings = ExplainSettings.of(**paths, triple=triple, **options)
    with watched(progress) as observer:
        return run.explain(settings, observer, given_rules, given_triples)


def _begin() -> None:
    """What every call begins with, before numpy is imported, which may end the process."""
    from pff_stream.limits.leftovers import remove_leftovers
    from pff_stream.limits.room import check_room

    check_room()
    remove_leftovers()


def _outcomes(
    settings: RunSettings, given: Given, ordered: bool, progress: bool | Told, notes: Notes
) -> Generator[RuleOutcome]:
    _begin()
    from pff_stream.pipeline.blaming import rules_blamed
    from pff_stream.pipeline.by_rules import RulesWork
    from pff_stream.pipeline.evaluate import evaluate, started
    from pff_stream.pipeline.prepare import prepared
    from pff_stream.progress.choose import watched
    from pff_stream.report._merge import iterate
    from pff_stream.report.totals import RunTotals, Tally
    from pff_stream.triples.graph import attach

    with (
        watched(progress) as observer,
        prepared(settings, observer, *given) as ready,
        started(ready, observer) as running,
    ):
        notes.merge(ready.notes)
        tally = Tally()
        work = running.work
        assert isinstance(work, RulesWork)  # a call has no manifest
        if ordered:
            evaluate(running, observer)
            observer.phase("merge", work.file.rules)
            with attach(work.graph.name) as graph, rules_blamed(ready.rules):
                for outcome in iterate(work.spooled(graph.view), work.merge_options()):
                    tally.add(outcome)
                    yield outcome
        else:
            ready.rules.check_complete()
            for outcome in _as_they_come(running, work, observer):
                tally.add(outcome)
                yield outcome
        notes.merge(work.noticed(RunTotals.of(tally.totals())))


def _as_they_come(running: Running, work: RulesWork, observer: Observer) -> Iterator[RuleOutcome]:
    """The outcomes in the order in which they are known."""
    from pff_stream.pipeline.evaluate import answers
    from pff_stream.work.task import Answer

    executor = running.elsewhere or running.executor
    answered = answers(running, work, observer, executor)
    with closing(_SpoolReader(work)) as reader, closing(answered) as found:
        yield from reader.rejected()
        for answer in found:
            if not isinstance(answer, Answer):
                continue  # of a first look, which has no outcomes
            for run in answer.runs:
                yield from reader.outcomes(run.offset, run.length)


class _SpoolReader:
    """Decodes outcomes in the order in which they are spooled."""

    def __init__(self, work: RulesWork) -> None:
        from pff_stream.triples.graph import attach

        self._spool = work.spool.fileno()
        self._merging = work.merge_options()
        self._graph = attach(work.graph.name)
        file = work.file
        self._firsts = [0, *accumulate(int(n) for n in file.source_chunks["rules"])]
        self._chunk = lru_cache(maxsize=8)(file.read_source_chunk)

    def close(self) -> None:
        """Lets the graph go."""
        self._graph.close()

    def rejected(self) -> Iterator[RuleOutcome]:
        """The rules that could not be read; they never reach a worker."""
        from pff_stream.report.records import Outcome, Reason, Record

        for index in range(len(self._firsts) - 1):
            chunk = self._chunk(index)
            for place in range(len(chunk)):
                reason = chunk.reason(place)
                if reason:
                    source = chunk.first + place
                    record = Record(source, Outcome.REJECTED, Reason.TEXT, text=reason)
                    yield self._outcome([record])

    def outcomes(self, offset: int, length: int) -> Iterator[RuleOutcome]:
        """The outcomes of one run; the parts of a rule are joined."""
        from pff_stream.report.records import read_records

        parts: list[Record] = []
        for record in read_records(os.pread(self._spool, length, offset)):
            if parts and record.source != parts[0].source:
                yield self._outcome(parts)
                parts = []
            parts.append(record)
        if parts:
            yield self._outcome(parts)

    def _outcome(self, parts: list[Record]) -> RuleOutcome:
        from pff_stream.report.records import RuleOutcome
        from pff_stream.report.violations import violations_of

        record = parts[0]
        chunk, place = self._source(record.source)
        miner = float(chunk.miner_confidence[place])
        return RuleOutcome(
            line=int(chunk.lines[place]),
            text=chunk.text(place).decode("utf-8", "surrogateescape"),
            outcome=record.outcome,
            reason=record.reason.text or record.text,
            counts=record.counts,
            confidence=self._merging.confidence(record.counts),
            miner_confidence=None if miner != miner else miner,
            examples=tuple(
                violation for part in parts for violation in violations_of(part, self._graph.view)
            ),
            partial_confidence=self._merging.partial_confidence(record.counts),
            partial=self._merging.partial,
        )

    def _source(self, source: int) -> tuple[SourceChunk, int]:
        index = bisect_right(self._firsts, source) - 1
        return self._chunk(index), source - self._firsts[index]
