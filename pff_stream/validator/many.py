"""Many documents, checked by threads that last as long as their results are asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from itertools import count
from operator import length_hint
from typing import TYPE_CHECKING, Any, TypeAlias

from pff_stream.errors import DocumentError, UsageError
from pff_stream.progress.choose import watched
from pff_stream.validator.failed import FailedCheck
from pff_stream.validator.result import CheckResult
from pff_stream.validator.serving import Asked, ClosedError
from pff_stream.validator.window import Limits, Ways, Window

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

    ways: Ways[Named, CheckResult | FailedCheck] = Ways(
        submit,
        lambda named: size_of(named[1]),
        lambda future: _held_by(future.result()),
        lambda future: future.result(),
    )
    window = Window(ways, limits, ordered=ordered)
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
    begun: dict[Future[Any], tuple[WorkersServing, Begun]] = {}

    def submit(named: Named) -> Future[Any]:
        name, document = name_and_document(named)
        try:
            found = _begun(serving, document, name, asked)
        except DocumentError as error:
            failed: Future[Any] = Future()
            failed.set_result(FailedCheck(name, error))
            return failed
        future = found[1].future
        begun[future] = found
        return future

    def weigh_result(future: Future[Any]) -> int:
        found = begun.get(future)
        return 0 if found is None else found[1].task.text_bytes + future.result().held_bytes

    def finish(future: Future[Any]) -> CheckResult | FailedCheck:
        found = begun.get(future)
        if found is None:
            failed: FailedCheck = future.result()
            return failed
        if not future.done():
            wait((future,))  # until here it can be given up
        at, one = begun.pop(future)
        try:
            return at.finish(one)
        except DocumentError as error:
            return FailedCheck(one.task.content.name, error)

    ways: Ways[Named, CheckResult | FailedCheck] = Ways(
        submit, lambda named: size_of(named[1]), weigh_result, finish
    )
    window = Window(ways, limits, ordered=ordered)
    try:
        yield from window.results(documents)
    finally:
        if window.is_here:
            for at, one in begun.values():
                at.give_up(one)
            wait(begun)
            for _, one in begun.values():
                one.stack.close()


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


def name_and_document(named: object) -> Named:
    """A pair as the caller gave it; `UsageError` where it is none."""
    if isinstance(named, tuple) and len(named) == 2 and isinstance(named[0], str):
        return named
    raise UsageError(f"found {type(named).__name__}, expected a pair of a name and a document")


def size_of(document: object) -> int:
    """Bytes of a document that is a text, about; 0 of one whose size is not known."""
    if isinstance(document, (str, bytes, bytearray)):
        return len(document)
    n_bytes = getattr(document, "nbytes", 0)  # of a table, an array, a view of memory
    return n_bytes if isinstance(n_bytes, int) else 0


def _held_by(result: CheckResult | FailedCheck) -> int:
    return result.held_bytes if isinstance(result, CheckResult) else 0
