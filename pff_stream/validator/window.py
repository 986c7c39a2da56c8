"""A stream of documents through checks at work: lazy at both ends, a bounded window between.

A document is taken from its source by whoever asks for a result, in their thread, when the window
has room for it: a consumer that is slow or stops stops the source. Does not cover: who checks.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from pff_stream.errors import UsageError
from pff_stream.plan.validator import WINDOW_BYTES

Item = TypeVar("Item")
Result = TypeVar("Result")

PER_CHECK = 4
"""Documents in the window for each check that can be done at once."""


class Limits(NamedTuple):
    """What is in the window at most."""

    documents: int
    bytes: int = WINDOW_BYTES
    """Of texts and graphs, at which no further document is taken; there is always one."""


class Ways(NamedTuple, Generic[Item, Result]):
    """What is done with a document on its way."""

    submit: Callable[[Item], Future[Any]]
    weigh: Callable[[Item], int]
    """What it holds, in bytes."""
    weigh_result: Callable[[Future[Any]], int]
    """What its result holds; the future is done, and no error."""
    finish: Callable[[Future[Any]], Result]
    """Its result, waited for; in the thread that asks for it."""


class Window(Generic[Item, Result]):
    """Documents that are taken and whose results are not asked for yet, in the order of either."""

    def __init__(self, ways: Ways[Item, Result], limits: Limits, *, ordered: bool) -> None:
        self._ways = ways
        self._limits = limits
        self._ordered = ordered
        self._held: deque[Future[Any]] = deque()
        self._weights: dict[Future[Any], int] = {}
        self._weight = 0  # the sum of these
        self._finished: SimpleQueue[Future[Any]] = SimpleQueue()
        self._unweighed: SimpleQueue[Future[Any]] = SimpleQueue()
        self._owner = os.getpid()

    def results(self, source: Iterable[Item]) -> Iterator[Result]:
        """A result for each document. What the source raises comes behind the results before it."""
        items = iter(source)
        failure: BaseException | None = None
        is_open = True
        while True:
            n_taken = 0
            while is_open and self._has_room() and not (n_taken and self._is_one_ready()):
                try:
                    item = next(items)
                except StopIteration:
                    is_open = False
                except Exception as error:
                    is_open, failure = False, error
                else:
                    n_taken += 1
                    self._take(item)
                    del item
            if not self._held:
                break
            yield self._next()
            if not self.is_here:
                raise UsageError("these results were begun in another process: begin anew here")
        if failure is not None:
            raise failure

    def cancel(self) -> None:
        """Gives up what nobody is at yet."""
        for future in self._held:
            future.cancel()
        self._held.clear()
        self._weights.clear()

    @property
    def is_here(self) -> bool:
        """Whether this is the process that began it: a fork has none of its threads."""
        return self._owner == os.getpid()

    def _has_room(self) -> bool:
        if len(self._held) >= self._limits.documents:
            return False
        self._weigh_results()
        return not self._held or self._weight < self._limits.bytes

    def _weigh_results(self) -> None:
        """Adds what results hold that have come since the last time."""
        while not self._unweighed.empty():
            future = self._unweighed.get()
            is_held = future in self._weights and not future.cancelled()
            if is_held and future.exception() is None:
                self._add(future, self._ways.weigh_result(future))

    def _add(self, future: Future[Any], weight: int) -> None:
        self._weights[future] = self._weights.get(future, 0) + weight
        self._weight += weight

    def _take(self, item: Item) -> None:
        future = self._ways.submit(item)
        self._held.append(future)
        self._add(future, self._ways.weigh(item))
        future.add_done_callback(self._unweighed.put)
        if not self._ordered:
            future.add_done_callback(self._finished.put)

    def _is_one_ready(self) -> bool:
        return self._held[0].done() if self._ordered else not self._finished.empty()

    def _next(self) -> Result:
        future = self._held[0] if self._ordered else self._finished.get()
        result = self._ways.finish(future)
        self._held.remove(future)
        self._weight -= self._weights.pop(future)
        return result
