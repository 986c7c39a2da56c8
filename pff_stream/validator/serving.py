"""Rules at work: documents are checked by them, so many at once, by threads of the caller.

What a validator has of one set of rules; `reload` gives it another one, and checks that have begun
end on theirs. A process that is forked meanwhile has a working copy: what the threads were at that
it does not have is nobody's, and given up there.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pff_stream.errors import UsageError
from pff_stream.validator.checker import Checked, Checker, CheckOptions
from pff_stream.validator.content import content_of
from pff_stream.validator.result import CheckResult

if TYPE_CHECKING:
    from pff_stream.triples._graph import GraphView
    from pff_stream.validator.rules import ValidatorRules


class ClosedError(UsageError):
    """The validator is closed, or these rules of it were replaced."""

    def __init__(self) -> None:
        super().__init__("the validator is closed")


class Stop:
    """Tells whoever checks that nobody wants the result any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._then: Callable[[], None] | None = None

    def set(self) -> None:
        """From now on it is not wanted."""
        with self._lock:
            self._is_set = True
            then = self._then
        if then is not None:
            then()

    def check(self) -> None:
        """`CancelledError` where it is set."""
        if self._is_set:
            raise CancelledError

    def when_set(self, then: Callable[[], None]) -> None:
        """Has a function called when it is set, or at once."""
        with self._lock:
            self._then = then
            is_set = self._is_set
        if is_set:
            then()


class Asked(NamedTuple):
    """What is asked for of a document."""

    n: int | None
    """Findings; None: all."""
    prepared: bool = False
    """Whether findings are to be objects at once, which takes longer than to find them."""
    stop: Stop | None = None


class Serving:
    """Rules, and room to check so many documents at once by them."""

    def __init__(self, rules: ValidatorRules, options: CheckOptions, threads: int) -> None:
        self.rules = rules
        self.options = options
        self.at_once = threads
        """How many documents can be checked at once."""
        self._is_closed = False
        self._renew()
        renewed_in_forks(self)

    @property
    def pids(self) -> list[int]:
        """Process ids of workers: there are none."""
        return []

    def check(self, document: object, name: str, asked: Asked) -> CheckResult:
        """What a document comes to; waits where as many as can be are being checked."""
        checked = self.checked(document, name, asked.n, asked.stop)
        result = CheckResult(checked, self.rules, self.options.told, self.rows)
        if asked.prepared:
            result.prepare()
        return result

    def checked(
        self, document: object, name: str, n: int | None, stop: Stop | None = None
    ) -> Checked:
        """The same as data."""
        content = content_of(document, name, self.options.longest_document, self.options.reading)
        with self._checker() as checker:
            if stop is not None:
                stop.check()
            return checker.check(content, n)

    def rows(self, graph: GraphView) -> bytes:
        """What is counted of rules, once more for a result; also when this is closed."""
        if self._is_closed:
            return Checker(self.rules, self.options).rows(graph)
        with self._checker() as checker:
            return checker.rows(graph)

    def close(self) -> None:
        """Takes no more documents; whoever is at one goes on."""
        self._is_closed = True
        self._free.clear()

    def retire(self) -> None:
        """Others are in place: whoever is about to check ends here, nothing is to be waited for."""

    @contextmanager
    def _checker(self) -> Iterator[Checker]:
        """One that nobody else has."""
        with self._room:
            if self._is_closed:
                raise ClosedError
            try:
                checker = self._free.pop()
            except IndexError:
                checker = Checker(self.rules, self.options)
            yield checker
            # One that ended with an error may hold what it was at.
            if not self._is_closed:
                self._free.append(checker)

    def _renew(self) -> None:
        self._free: list[Checker] = []
        self._room = threading.BoundedSemaphore(self.at_once)

    def forked(self) -> None:
        """In the child: threads that had a checker, or waited for one, are not here."""
        self._renew()
        self.rules.forked()


class Renewed(Protocol):
    """What has locks that another thread may hold when its process is forked."""

    def forked(self) -> None:
        """In the child, before anything else: that thread is not here."""


_all: weakref.WeakSet[Renewed] = weakref.WeakSet()


def renewed_in_forks(one: Renewed) -> None:
    """Has it told of forks for as long as it is there."""
    _all.add(one)


def _forked() -> None:
    for one in list(_all):
        one.forked()


os.register_at_fork(after_in_child=_forked)
