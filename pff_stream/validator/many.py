"""Many documents, checked by threads that last as long as their results are asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any, TypeAlias

from pff_stream.errors import UsageError
from pff_stream.validator.failed import FailedCheck
from pff_stream.validator.result import CheckResult
from pff_stream.validator.window import Limits, Window

Named: TypeAlias = tuple[str, Any]
"""A document behind its name."""
Checks: TypeAlias = Callable[[str, object], CheckResult | FailedCheck]


def numbered(documents: Iterable[Any]) -> Iterator[Named]:
    """Documents with names by their places, from 1."""
    return zip((f"document {number}" for number in count(1)), documents, strict=False)


def results_of(
    documents: Iterable[Named], check: Checks, threads: int, limits: Limits, *, ordered: bool
) -> Generator[CheckResult | FailedCheck]:
    """The result of each document by `check`, which as many threads call."""
    executor = ThreadPoolExecutor(threads, thread_name_prefix="pff-stream check")

    def submit(named: Named) -> Future[CheckResult | FailedCheck]:
        return executor.submit(check, *name_and_document(named))

    weights = (lambda named: size_of(named[1])), _held_by
    window = Window(submit, weights, limits, ordered=ordered)
    try:
        yield from window.results(documents)
    finally:
        if window.is_here:  # in a fork there is no thread to wait for, nor a lock to trust
            window.cancel()
            executor.shutdown(wait=True, cancel_futures=True)


def name_and_document(named: object) -> Named:
    """A pair as the caller gave it; `UsageError` where it is none."""
    if isinstance(named, tuple) and len(named) == 2 and isinstance(named[0], str):
        return named
    raise UsageError(f"found {type(named).__name__}, expected a pair of a name and a document")


def size_of(document: object) -> int:
    """Bytes of a document that is a text, about; 0 of one whose size is not known."""
    return len(document) if isinstance(document, (str, bytes, bytearray)) else 0


def _held_by(result: CheckResult | FailedCheck) -> int:
    return result.held_bytes if isinstance(result, CheckResult) else 0
