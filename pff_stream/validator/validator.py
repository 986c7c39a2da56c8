"""A validator: rules that are opened once, and documents that are checked by them one by one."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pff_stream.closing import Closing
from pff_stream.errors import DocumentError, RefusedError, UsageError
from pff_stream.evaluate.options import evaluator_options
from pff_stream.files.temporary import working_folder
from pff_stream.findings.of_document import WantedOfDocument
from pff_stream.plan.budget import MemoryBudget
from pff_stream.plan.preparation import Preparation
from pff_stream.plan.validator import ValidatorSizes, validator_plan
from pff_stream.report.spooled import merge_options
from pff_stream.rules.sizes import RuleSizes
from pff_stream.settings.commands import ValidatorSettings
from pff_stream.triples.options import encode_options
from pff_stream.validator.checker import CheckOptions
from pff_stream.validator.content import content_of
from pff_stream.validator.failed import FailedCheck
from pff_stream.validator.many import numbered, results_of
from pff_stream.validator.result import CheckResult
from pff_stream.validator.rules import ValidatorRules, opened_rules
from pff_stream.validator.serving import Serving
from pff_stream.validator.window import PER_CHECK, Limits
from planner.probe import measure_self
from planner.text import refusal

if TYPE_CHECKING:
    from pff_stream.rules.given import RuleGiven
    from pff_stream.rules.share import CompileShare
    from planner.plan import Plan

GIVEN = "rules given by the caller"
_FINDINGS = 100


class Validator(Closing):
    """Checks documents one by one, in the caller's process and threads.

    with Validator("rules.pffr", min_confidence=0.9) as validator:
        result = validator.check({"id": "a", "status": "active"}, name="order-7")
        for finding in result.findings:
            print(finding.pointer, finding.message)

    Starts no process and no thread, and sets no signal handler. May be used by many threads at
    once; results stay usable when it is closed.
    """

    def __init__(
        self,
        rules: str | os.PathLike[str] | Iterable[RuleGiven],
        *,
        threads: int | None = None,
        budget: str | int | None = None,
        max_document: str | int | None = None,
        **options: Any,
    ) -> None:
        """Reads, plans and indexes the rules: a path, texts, or tuples as `validate` takes them.

        `threads`: checks that are done at once (more wait); None: as many as there are cores.
        `budget`: ceiling in bytes (or as `512MiB`) for this whole process; None: what the machine
        allows. `max_document`: bytes of the longest JSON text. `options` are the other fields of
        `InputOptions`, `EvaluationOptions`, `FindingsOptions` and `ResourceOptions`. Raises
        `InputError`, `UsageError`, and `RefusedError` before anything large is allocated.
        """
        given = None if isinstance(rules, (str, os.PathLike)) else rules
        path = GIVEN if given is not None else os.fspath(rules)  # type: ignore[arg-type]
        sizes = {"budget_bytes": budget, "max_document_bytes": max_document}
        options |= {name: size for name, size in sizes.items() if size is not None}
        if threads is not None and threads < 1:
            raise UsageError(f"threads: found {threads}, expected 1 or more")
        self._settings = ValidatorSettings.of(rules=path, **options)
        self._most_bytes = self._settings.reading.max_document_bytes
        self._folder = working_folder()
        self._budget = MemoryBudget(self._settings.resources)
        try:
            self._open(path, given, threads)
        except BaseException:
            self._budget.close()
            raise

    @classmethod
    def from_rules(cls, rules: Iterable[RuleGiven], **options: Any) -> Self:
        """A validator of rules that are given one by one; `options` as of `Validator`."""
        return cls(list(rules), **options)

    @property
    def plan(self) -> Plan:
        """What it holds at most, by named terms."""
        return self._plan

    def check(
        self, document: object, name: str = "document", findings: int | None = _FINDINGS
    ) -> CheckResult:
        """What the rules say of one document, with its first `findings` (None: all).

        A `str` or `bytes` is JSON text, an `os.PathLike` a path; a list of tuples is triples, any
        other list a JSON array, a dict a JSON object. `name` is told in results and messages, and
        names objects without an id. Raises `DocumentError` for what is no document, or takes more
        than there is room for: the next one can be checked.
        """
        serving = self._serving
        content = content_of(document, name, self._most_bytes)
        checked = serving.checked(content, findings)
        told = serving.options.reading, serving.options.merging
        return CheckResult(checked, serving.rules, told, serving.rows)

    def check_many(
        self,
        documents: Iterable[Any],
        *,
        ordered: bool = True,
        findings: int | None = _FINDINGS,
        named: bool = False,
        window: int | None = None,
    ) -> Generator[CheckResult | FailedCheck]:
        """A result for each document, as they are asked for; as `check` has it.

        Documents are taken from `documents` by the thread that asks for results, at most `window`
        ahead of it (None: four for each check at once), and fewer where they are large; `threads`
        threads check them, and end when the iterator is closed or exhausted. `ordered`: in the
        order of the documents, else as they are finished. `named`: `documents` are pairs of a name
        and a document; else names are `document 1`, `document 2` and so on.

        A document that cannot be checked is a `FailedCheck` with its `error`; what the source
        raises is raised behind the results before it. A source that waits (for messages, say) keeps
        finished results back meanwhile: check its documents by `check`, or with `AsyncValidator`.
        """
        if window is not None and window < 1:
            raise UsageError(f"window: found {window}, expected 1 or more")
        items = documents if named else numbered(documents)
        limits = Limits(window or PER_CHECK * self._serving.at_once)

        def check(name: str, document: object) -> CheckResult | FailedCheck:
            try:
                return self.check(document, name, findings)
            except DocumentError as error:
                return FailedCheck(name, error)

        return results_of(items, check, self._serving.at_once, limits, ordered=ordered)

    def close(self) -> None:
        """Ends it; what is being checked is finished first by whoever checks it."""
        self._serving.close()
        self._budget.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Validator cannot be pickled or copied: open one in each process, by the path of its "
            "rules"
        )

    # --- opening -------------------------------------------------------------------------------

    def _open(self, path: str, given: Iterable[RuleGiven] | None, threads: int | None) -> None:
        settings, budget = self._settings, self._budget
        preparation = Preparation(settings.inputs, given, None, settings.resources)
        parent_bytes = measure_self().bytes
        share: CompileShare = preparation.agree(budget.machine, parent_bytes)
        with opened_rules(path, settings.reading, self._folder, share, given) as (opened, stack):
            before = preparation.compiled(opened, parent_bytes)
            sizes = ValidatorSizes(
                parent_bytes=measure_self().bytes,
                rules=RuleSizes.of(opened.file),
                max_document_bytes=settings.reading.max_document_bytes,
                findings=(_FINDINGS, settings.findings.max_reasons),
                threads=threads,
            )
            self._plan = budget.agree(
                lambda resources, machine, fixed: validator_plan(machine, before, sizes), {}
            )
            if not self._plan.fits:
                raise RefusedError(refusal(self._plan))
            indexed = ValidatorRules(opened, settings, self._folder, stack)
        threads = int(self._plan.settings["threads"] or 1)
        self._serving = Serving(indexed, self._check_options(indexed), threads)

    def _check_options(self, rules: ValidatorRules) -> CheckOptions:
        settings = self._settings
        evaluation = settings.evaluation
        return CheckOptions(
            reading=encode_options(settings.reading)._replace(
                memory_bytes=int(self._plan.settings["document_bytes"] or 0),
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
        )
