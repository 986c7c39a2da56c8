"""Opens the rules of a validator: read, planned, indexed; once more when it is reloaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pff_stream.errors import RefusedError, UsageError
from pff_stream.evaluate.options import evaluator_options
from pff_stream.files.temporary import working_folder
from pff_stream.findings.of_document import WantedOfDocument
from pff_stream.limits.fence import share_bytes
from pff_stream.limits.meter import MemoryMeter
from pff_stream.observer import Silent
from pff_stream.plan.budget import MemoryBudget
from pff_stream.plan.costs import measure_costs, standing_crew
from pff_stream.plan.preparation import Preparation
from pff_stream.plan.validator import ValidatorSizes, validator_plan
from pff_stream.report.spooled import merge_options
from pff_stream.rules.sizes import RuleSizes
from pff_stream.settings.commands import ValidatorSettings
from pff_stream.triples.options import encode_options
from pff_stream.validator.checker import CheckOptions
from pff_stream.validator.rules import ValidatorRules, opened_rules
from pff_stream.validator.serving import Serving
from planner.probe import measure_self
from planner.text import refusal

if TYPE_CHECKING:
    from pff_stream.plan.costs import Crew
    from pff_stream.rules.given import RuleGiven
    from pff_stream.rules.share import CompileShare
    from pff_stream.validator.workers import WorkersServing
    from planner.model import Phase
    from planner.plan import Plan

GIVEN = "rules given by the caller"
FINDINGS = 100
"""Found in each document, where nothing else is asked for."""


class Opened(NamedTuple):
    """Rules at work, and what was agreed on for them."""

    serving: Serving | WorkersServing
    plan: Plan
    budget: MemoryBudget


@dataclass(frozen=True, slots=True)
class Places:
    """Where documents are checked: in threads of the caller, or in worker processes."""

    threads: int | None
    """At most so many at once; None: as many as there are cores."""
    workers: int
    """Processes; 0: none."""

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"threads: found {self.threads}, expected 1 or more")
        if self.workers < 0:
            raise UsageError(f"workers: found {self.workers}, expected 0 or more")
        if self.workers and self.threads is not None:
            raise UsageError("threads: found together with workers, which check in their stead")


class Opening:
    """How rules are opened: the options of a validator, which stay."""

    def __init__(
        self,
        places: Places,
        budget: str | int | None,
        max_document: str | int | None,
        options: Mapping[str, Any],
    ) -> None:
        sizes = {"budget_bytes": budget, "max_document_bytes": max_document}
        given = {name: size for name, size in sizes.items() if size is not None}
        self._places = places
        self._options = {**options, **given}
        self._folder = working_folder()

    def open(self, rules: str | os.PathLike[str] | Iterable[RuleGiven]) -> Opened:
        """The rules at work. Raises as `Validator` does, and has given everything back then."""
        given = None if isinstance(rules, (str, os.PathLike)) else rules
        path = GIVEN if given is not None else os.fspath(rules)  # type: ignore[arg-type]
        settings = ValidatorSettings.of(rules=path, **self._options)
        budget = MemoryBudget(settings.resources)
        try:
            return self._open(path, settings, budget, given)
        except BaseException:
            budget.close()
            raise

    def _open(
        self,
        path: str,
        settings: ValidatorSettings,
        budget: MemoryBudget,
        given: Iterable[RuleGiven] | None,
    ) -> Opened:
        preparation = Preparation(settings.inputs, given, None, settings.resources)
        parent_bytes = measure_self().bytes
        share: CompileShare = preparation.agree(budget.machine, parent_bytes)
        with opened_rules(path, settings.reading, self._folder, share, given) as (opened, stack):
            before = preparation.compiled(opened, parent_bytes)
            crew, probes = self._crew(settings, budget)
            sizes = ValidatorSizes(
                parent_bytes=measure_self().bytes,
                rules=RuleSizes.of(opened.file),
                longest_document=settings.reading.max_document_bytes,
                findings=(FINDINGS, settings.findings.max_reasons),
                threads=self._places.threads,
                crew=crew,
            )
            plan = budget.agree(
                lambda resources, machine, fixed: validator_plan(
                    machine, [*before, *probes], sizes
                ),
                {},
            )
            if not plan.fits:
                raise RefusedError(refusal(plan))
            indexed = ValidatorRules(opened, settings, self._folder, stack)
        options = self._check_options(settings, indexed, plan)
        if crew is None:
            serving = Serving(indexed, options, int(plan.settings["threads"] or 1))
            return Opened(serving, plan, budget)
        from pff_stream.validator.workers import WorkersServing

        share_of_each = share_bytes(plan, settings.resources)
        at_work = WorkersServing(indexed, options, (crew.method, crew.workers), share_of_each)
        return Opened(at_work, plan, budget)

    def _crew(
        self, settings: ValidatorSettings, budget: MemoryBudget
    ) -> tuple[Crew | None, list[Phase]]:
        """The workers with what they cost here, and the phases that found it out."""
        workers = self._places.workers
        if not workers:
            return None, []
        meter = MemoryMeter(Silent())
        costs = measure_costs(budget.machine.budget_bytes, self._folder, meter)
        return standing_crew(settings.resources, workers, costs), costs.phases

    def _check_options(
        self, settings: ValidatorSettings, rules: ValidatorRules, plan: Plan
    ) -> CheckOptions:
        evaluation = settings.evaluation
        return CheckOptions(
            reading=encode_options(settings.reading)._replace(
                memory_bytes=int(plan.settings["document_bytes"] or 0),
                needs_triples=False,
                window_bytes=settings.resources.max_window_bytes,
            ),
            semantics=rules.semantics,
            counting=evaluator_options(evaluation, rules.relations, examples=False),
            merging=merge_options(evaluation, self._folder),
            wanted=replace(
                WantedOfDocument.of(
                    settings.findings, evaluation, rules.ranking.kind, self._folder
                ),
                max_disk_bytes=settings.resources.max_disk_bytes,
            ),
            folder=self._folder,
            longest_document=settings.reading.max_document_bytes,
        )
