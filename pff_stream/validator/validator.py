"""A validator: rules that are opened once, and documents that are checked by them one by one."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pff_stream.closing import Closing
from pff_stream.errors import DocumentError, UsageError
from pff_stream.limits.leftovers import remove_leftovers
from pff_stream.validator.failed import FailedCheck
from pff_stream.validator.many import numbered, results_of, results_of_workers, shown_while
from pff_stream.validator.opening import FINDINGS, Opening, Places
from pff_stream.validator.result import CheckResult
from pff_stream.validator.serving import Asked, ClosedError, Serving, renewed_in_forks
from pff_stream.validator.window import PER_CHECK, Limits

if TYPE_CHECKING:
    from pff_stream.progress.calling import Told
    from pff_stream.rules.given import RuleGiven
    from pff_stream.validator.serving import Serving
    from pff_stream.validator.workers import WorkersServing
    from planner.plan import Plan


class Validator(Closing):
    """Checks documents one by one, in the caller's process and threads, or in workers.

    ::

        with Validator("rules.pffr", min_confidence=0.9) as validator:
            result = validator.check({"id": "a", "status": "active"}, name="order-7")
            for finding in result.findings:
                print(finding.pointer, finding.message)

    Starts no process (but `workers`) and no thread of its own (but those of `check_many`), and sets
    no signal handler. May be used by many threads at once; results stay usable when it is closed.
    A fork of the process has a working copy, or with workers a `UsageError`.
    """

    def __init__(
        self,
        rules: str | os.PathLike[str] | Iterable[RuleGiven],
        *,
        threads: int | None = None,
        workers: int = 0,
        budget: str | int | None = None,
        max_document: str | int | None = None,
        **options: Any,
    ) -> None:
        """Reads, plans and indexes the rules: a path, texts, or tuples as `validate` takes them.

        `threads`: checks that are done at once (more wait); None: as many as there are cores.
        `workers`: processes that check instead; 0: none. `budget`: ceiling in bytes (or as
        `512MiB`) for this whole process and its workers; None: what the machine allows.
        `max_document`: bytes of the longest JSON text. `options` are the other fields of
        `InputOptions`, `EvaluationOptions`, `FindingsOptions` and `ResourceOptions`. Raises
        `InputError`, `UsageError`, `RefusedError` before anything large is allocated, and
        `WorkersFailedError` where workers cannot be started.
        """
        remove_leftovers()
        self._opening = Opening(Places(threads, workers), budget, max_document, options)
        self._rules = rules if isinstance(rules, (str, os.PathLike)) else None
        self.forked()
        renewed_in_forks(self)
        self._is_closed = False
        self._opened = self._opening.open(rules)

    @classmethod
    def from_rules(cls, rules: Iterable[RuleGiven], **options: Any) -> Self:
        """A validator of rules that are given one by one; `options` as of `Validator`."""
        return cls(list(rules), **options)

    @property
    def plan(self) -> Plan:
        """What it holds at most, by named terms."""
        return self._opened.plan

    @property
    def at_once(self) -> int:
        """How many documents can be checked at once; of more, some wait."""
        return self._opened.serving.at_once

    @property
    def serving(self) -> Serving | WorkersServing:
        """The rules at work, for who asks more of them than `check` tells."""
        return self._opened.serving

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers there are now; none where documents are checked here."""
        return self._opened.serving.pids

    def check(
        self, document: object, name: str = "document", findings: int | None = FINDINGS
    ) -> CheckResult:
        """What the rules say of one document, with its first `findings` (None: all).

        A `str` or `bytes` is JSON text, an `os.PathLike` a path; a list of tuples is triples, any
        other list a JSON array, a dict a JSON object. What gives a stream of Arrow is a table of
        triples (a data frame, say), as is an array of numpy of shape (n, 3). `name` is told in
        results and messages, and names objects without an id. Raises `DocumentError` for what is no
        document, or takes more than there is room for: the next one can be checked.
        """
        return self.checked(document, name, Asked(findings))

    def checked(self, document: object, name: str, asked: Asked) -> CheckResult:
        """The same, as it is asked for; `CancelledError` where it is not wanted any more."""
        while True:
            serving = self._opened.serving
            try:
                return serving.check(document, name, asked)
            except ClosedError:
                if self._is_closed or serving is self._opened.serving:
                    raise
                # It was reloaded just now.

    def check_many(
        self,
        documents: Iterable[Any],
        *,
        ordered: bool = True,
        findings: int | None = FINDINGS,
        named: bool = False,
        window: int | None = None,
        progress: bool | Told = False,
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
        `progress` is that of `run`; it counts results that were asked for.
        """
        if window is not None and window < 1:
            raise UsageError(f"window: found {window}, expected 1 or more")
        items = documents if named else numbered(documents)
        serving = self._opened.serving
        limits = Limits(window or PER_CHECK * serving.at_once)
        if not isinstance(serving, Serving):
            asked = Asked(findings)
            results = results_of_workers(items, self._workers, asked, limits, ordered=ordered)
            return shown_while(results, documents, progress)

        def check(name: str, document: object) -> CheckResult | FailedCheck:
            try:
                return self.check(document, name, findings)
            except DocumentError as error:
                return FailedCheck(name, error)

        results = results_of(items, check, serving.at_once, limits, ordered=ordered)
        return shown_while(results, documents, progress)

    def _workers(self) -> WorkersServing:
        """The workers there are now."""
        serving = self._opened.serving
        if self._is_closed or isinstance(serving, Serving):
            raise ClosedError
        return serving

    def reload(self, rules: str | os.PathLike[str] | Iterable[RuleGiven] | None = None) -> None:
        """Goes on with the rules as they are now at their path, or with others.

        Documents are checked all the time: what has begun ends on the rules it began with, and is
        waited for. Both sets of rules (and of workers) are there meanwhile, and must fit. Raises as
        the constructor does, and goes on as it was then.
        """
        with self._reloading:
            if self._is_closed:
                raise ClosedError
            again = self._rules if rules is None else rules
            if again is None:
                raise UsageError("reload: found no rules, expected some: these have no path")
            before, self._opened = self._opened, self._opening.open(again)
            self._rules = again if isinstance(again, (str, os.PathLike)) else None
            before.serving.retire()
            before.budget.close()

    def forked(self) -> None:
        """In a fork, and at the beginning: no thread is reloading or closing it."""
        self._reloading = threading.Lock()

    def close(self) -> None:
        """Ends it; what is being checked is finished first, by workers within ten seconds."""
        self._is_closed = True
        with self._reloading:
            self._opened.serving.close()
            self._opened.budget.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Validator cannot be pickled or copied: open one in each process, by the path of its "
            "rules"
        )
