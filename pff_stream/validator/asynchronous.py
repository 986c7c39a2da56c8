"""A validator for asyncio: documents are awaited, and the event loop goes on meanwhile.

Threads wait for the workers; the loop only hands documents over and takes results. It does not
matter whose loop it is. Does not cover: the checks themselves (`validator`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, suppress
from operator import length_hint
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias, TypeVar

from pff_stream.errors import DocumentError, UsageError
from pff_stream.progress.choose import watched
from pff_stream.validator.async_window import Window
from pff_stream.validator.failed import FailedCheck
from pff_stream.validator.many import name_and_document, size_of
from pff_stream.validator.opening import FINDINGS
from pff_stream.validator.result import CheckResult
from pff_stream.validator.serving import Asked, ClosedError, Stop
from pff_stream.validator.validator import Validator
from pff_stream.validator.window import PER_CHECK, Limits

if TYPE_CHECKING:
    from pff_stream.progress.calling import Told
    from pff_stream.rules.given import RuleGiven
    from planner.plan import Plan

Value = TypeVar("Value")
Rules: TypeAlias = "str | os.PathLike[str] | Iterable[RuleGiven]"


class AsyncValidator:
    """Checks documents one by one for asyncio, in worker processes or in threads.

    ::

        async with AsyncValidator("rules.pffr", min_confidence=0.9) as validator:
            result = await validator.check({"id": "a", "status": "active"}, name="order-7")

    What is awaited is bounded: beyond the window (four documents for each that can be checked at
    once), `check` waits before it takes the document. A check that is cancelled, or runs out of
    time, is given up: what nobody has begun is never begun, and a worker that is still at it after
    a second is ended; a thread goes on to the end of its document.
    """

    def __init__(self, rules: Rules, *, workers: int = 1, **options: Any) -> None:
        """Opens nothing yet. `options` are those of `Validator`.

        `workers=0`: documents are checked in threads of this process, which takes less memory; but
        while one of them reads a JSON text it holds the interpreter, and with it the event loop,
        for some milliseconds. With workers nothing holds it for longer than one.
        """
        self._rules = rules
        self._options = {"workers": workers, **options}
        self._validator: Validator | None = None
        self._is_closed = False

    async def open(self) -> Self:
        """Reads, plans and indexes the rules, starts the workers. Raises as `Validator` does."""
        if self._validator is not None or self._is_closed:
            raise UsageError("the validator is open already" if self._validator else "it is closed")
        validator = await _apart(lambda: Validator(self._rules, **self._options))
        self._loop = asyncio.get_running_loop()
        self._owner = os.getpid()
        self._at_once = validator.at_once
        self._executor = ThreadPoolExecutor(self._at_once, thread_name_prefix="pff-stream check")
        self._room = asyncio.Semaphore(PER_CHECK * self._at_once)
        self._validator = validator
        return self

    async def close(self) -> None:
        """Ends it: what is being checked is finished first; what waits has a `UsageError`."""
        validator, self._is_closed = self._validator, True
        if validator is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

            def end() -> None:
                validator.close()
                self._executor.shutdown(wait=True)

            await asyncio.shield(_apart(end))

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an AsyncValidator cannot be pickled or copied: open one in each process")

    @property
    def plan(self) -> Plan:
        """What it holds at most, by named terms."""
        return self._opened().plan

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers there are now."""
        return self._opened().pids

    async def check(
        self, document: object, name: str = "document", findings: int | None = FINDINGS
    ) -> CheckResult:
        """What the rules say of one document, as `Validator.check` has it.

        Do not change the document before it is answered: it is read by another thread.
        """
        validator = self._opened()
        stop = Stop()
        asked = Asked(findings, prepared=True, stop=stop)
        await self._room.acquire()
        try:
            future = self._executor.submit(validator.checked, document, name, asked)
        except RuntimeError:  # closed while this waited
            self._room.release()
            raise ClosedError from None
        future.add_done_callback(self._ended)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            stop.set()
            task = asyncio.current_task()
            if self._is_closed and future.cancelled() and not (task and task.cancelling()):
                raise ClosedError from None
            raise
        finally:
            # It holds the error, whose traceback holds this frame, and with it the document.
            del future

    def check_many(
        self,
        documents: Iterable[Any] | AsyncIterable[Any],
        *,
        ordered: bool = True,
        findings: int | None = FINDINGS,
        named: bool = False,
        window: int | None = None,
        progress: bool | Told = False,
    ) -> AsyncGenerator[CheckResult | FailedCheck]:
        """A result for each document, as `Validator.check_many` has it.

        At most `window` documents are taken ahead of the consumer; a source that waits keeps no
        result back. Where it is not consumed to its end, close it (`contextlib.aclosing`). A
        function that `progress` names is called from a thread of its own.
        """
        if window is not None and window < 1:
            raise UsageError(f"window: found {window}, expected 1 or more")
        self._opened()
        limits = Limits(window or PER_CHECK * self._at_once)
        number = 0

        async def check(item: Any) -> CheckResult | FailedCheck:
            nonlocal number
            number += 1
            name, document = name_and_document(item) if named else (f"document {number}", item)
            try:
                return await self.check(document, name, findings)
            except DocumentError as error:
                return FailedCheck(name, error)

        def weigh(item: Any) -> int:
            return size_of(name_and_document(item)[1] if named else item)

        results = Window(check, weigh, limits, ordered=ordered).results(documents)
        return _shown(results, documents, progress) if progress else results

    async def reload(self, rules: Rules | None = None) -> None:
        """Goes on with the rules as they are now at their path, or with others.

        Documents are checked all the time, as with `Validator.reload`.
        """
        validator = self._opened()
        await asyncio.shield(_apart(lambda: validator.reload(rules)))

    def _opened(self) -> Validator:
        if self._validator is None or self._is_closed:
            raise (
                ClosedError
                if self._is_closed
                else UsageError(
                    "the validator is not open: `async with`, or `await validator.open()`"
                )
            )
        if self._owner != os.getpid():
            raise UsageError(
                "the validator is that of the process that opened it, of which this one is a fork: "
                "open one in each process, behind the fork"
            )
        if self._loop is not asyncio.get_running_loop():
            raise UsageError("the validator was opened in another event loop: open one in each")
        return self._validator

    def _ended(self, future: Future[CheckResult]) -> None:
        """In whatever thread: there is room for another document."""
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(self._room.release)


async def _shown(
    results: AsyncGenerator[CheckResult | FailedCheck],
    documents: Iterable[Any] | AsyncIterable[Any],
    progress: bool | Told,
) -> AsyncGenerator[CheckResult | FailedCheck]:
    """The results, with their number shown meanwhile."""
    shown = watched(progress)
    observer = shown.__enter__()
    try:
        observer.phase("check", length_hint(documents) or None, "documents")
        async with aclosing(results):
            async for result in results:
                observer.advance(1)
                yield result
    except BaseException as error:
        shown.__exit__(type(error), error, error.__traceback__)
        raise
    # The function is waited for, which may wait for the loop.
    await _apart(lambda: shown.__exit__(None, None, None))


async def _apart(function: Callable[[], Value]) -> Value:
    """What a function returns in a thread of its own."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="pff-stream opening")
    try:
        return await asyncio.wrap_future(executor.submit(function))
    finally:
        executor.shutdown(wait=False)
