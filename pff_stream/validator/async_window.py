"""A stream of documents through checks that are awaited: lazy at both ends, a bounded window."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from collections.abc import Iterable as SyncIterable
from typing import Any, Generic, TypeVar

from pff_stream.validator.window import Limits

Result = TypeVar("Result")
_END = object()


class Window(Generic[Result]):
    """Documents that are taken and whose results are not asked for yet."""

    def __init__(
        self,
        check: Callable[[Any], Awaitable[Result]],
        weigh: Callable[[Any], int],
        limits: Limits,
        *,
        ordered: bool,
    ) -> None:
        """`weigh` says what a document holds, in bytes."""
        self._check = check
        self._weigh = weigh
        self._limits = limits
        self._ordered = ordered
        self._held: deque[tuple[asyncio.Future[Result], int]] = deque()
        self._taking: asyncio.Future[Any] | None = None
        self._is_open = True
        self._failure: Exception | None = None

    async def results(
        self, source: SyncIterable[Any] | AsyncIterable[Any]
    ) -> AsyncGenerator[Result]:
        """A result for each document. What the source raises comes behind the results before it."""
        items = aiter(source) if isinstance(source, AsyncIterable) else aiter(_each(source))
        try:
            while True:
                if self._is_open and self._taking is None and self._has_room():
                    self._taking = asyncio.ensure_future(_next(items))
                ready = self._ready()
                if ready is not None:
                    yield ready.result()
                elif not (self._held or self._taking):
                    break
                else:
                    await self._wait()
                self._take()
            if self._failure is not None:
                raise self._failure
        finally:
            await self._end()

    def _has_room(self) -> bool:
        if len(self._held) >= self._limits.documents:
            return False
        return not self._held or sum(size for _, size in self._held) < self._limits.bytes

    def _ready(self) -> asyncio.Future[Result] | None:
        """The next result, which is the consumer's from here on; None: there is none yet."""
        looked_at = 1 if self._ordered else len(self._held)
        for at, (future, _) in zip(range(looked_at), self._held, strict=False):
            if future.done():
                del self._held[at]
                return future
        return None

    async def _wait(self) -> None:
        """For what comes first: a document, or the next result."""
        waited: list[asyncio.Future[Any]] = [self._taking] if self._taking else []
        futures = [future for future, _ in self._held]
        waited += futures[:1] if self._ordered else futures
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)

    def _take(self) -> None:
        if self._taking is None or not self._taking.done():
            return
        taken, self._taking = self._taking, None
        try:
            item = taken.result()
        except Exception as error:
            self._is_open, self._failure = False, error
            return
        if item is _END:
            self._is_open = False
        else:
            size = self._weigh(item)
            self._held.append((asyncio.ensure_future(self._check(item)), size))

    async def _end(self) -> None:
        """Gives up what nobody will ask for."""
        left: list[asyncio.Future[Any]] = [future for future, _ in self._held]
        if self._taking is not None:
            left.append(self._taking)
        self._held.clear()
        for future in left:
            future.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _each(documents: SyncIterable[Any]) -> AsyncIterator[Any]:
    for document in documents:
        yield document


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)
