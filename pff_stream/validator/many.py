"""Many documents, checked by threads that last as long as their results are asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from itertools import count
from operator import length_hint
from typing import TYPE_CHECKING, Any, TypeAlias

from pff_stream.errors import DocumentError, UsageError
from pff_stream.progress.choose import watched
from pff_stream.validator.failed import FailedCheck
from pff_stream.validator.result import CheckResult
from pff_stream.validator.serving import Asked, ClosedError
from pff_stream.validator.window import Limits, Window

if TYPE_CHECKING:
    from pff_stream.progress.calling import Told
    from pff_stream.validator.workers import Begun, WorkersServing

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


def results_of_workers(
    documents: Iterable[Named],
    serving: Callable[[], WorkersServing],
    asked: Asked,
    limits: Limits,
    *,
    ordered: bool,
) -> Generator[CheckResult | FailedCheck]:
    """The result of each document by the workers that `serving` has when it begins."""
    begun: dict[Future[Any], Callable[[], None]] = {}

    def submit(named: Named) -> Future[CheckResult | FailedCheck]:
        name, document = name_and_document(named)
        promise: Future[CheckResult | FailedCheck] = Future()
        promise.set_running_or_notify_cancel()
        try:
            at, one = _begun(serving, document, name, asked)
        except DocumentError as error:
            promise.set_result(FailedCheck(name, error))
            return promise
        begun[one.future] = partial(at.give_up, one)
        one.future.add_done_callback(partial(_keep, promise, name, partial(at.finish, one)))
        one.future.add_done_callback(lambda future: begun.pop(future))
        return promise

    weights = (lambda named: size_of(named[1])), _held_by
    window = Window(submit, weights, limits, ordered=ordered)
    try:
        yield from window.results(documents)
    finally:
        if window.is_here:
            left = dict(begun)
            for give_up in left.values():
                give_up()
            wait(left)


def shown_while(
    results: Generator[CheckResult | FailedCheck], documents: Iterable[Any], progress: bool | Told
) -> Generator[CheckResult | FailedCheck]:
    """The results, with their number shown meanwhile where that is wanted."""
    if not progress:
        return results
    return _shown(results, length_hint(documents) or None, progress)


def _shown(
    results: Generator[CheckResult | FailedCheck], total: int | None, progress: bool | Told
) -> Generator[CheckResult | FailedCheck]:
    with closing(results), watched(progress) as observer:
        observer.phase("check", total, "documents")
        for result in results:
            observer.advance(1)
            yield result


def _begun(
    serving: Callable[[], WorkersServing], document: object, name: str, asked: Asked
) -> tuple[WorkersServing, Begun]:
    """A document on its way, and to whose workers: others where rules were reloaded just now."""
    while True:
        at = serving()
        try:
            return at, at.begin(document, name, asked)
        except ClosedError:
            if serving() is at:
                raise


def _keep(
    promise: Future[CheckResult | FailedCheck],
    name: str,
    finish: Callable[[], CheckResult],
    _: Future[Any],
) -> None:
    """What a document came to, as soon as it is there."""
    try:
        promise.set_result(finish())
    except DocumentError as error:
        promise.set_result(FailedCheck(name, error))
    except BaseException as error:
        promise.set_exception(error)


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
