"""Many documents: lazy at both ends, in order and as finished, and what ends them."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import pytest

from pff_stream import DocumentError, UsageError, Validator

RULES = ["speed(X,200) <= code(X,FIBRA200)", "speed(X,50) <= code(X,COPPER)"]
GOOD = {"plan": {"code": "FIBRA200", "speed": 200}}
BAD = {"plan": {"code": "FIBRA200", "speed": 50}}


@pytest.fixture(scope="module")
def validator() -> Validator:
    """By two threads."""
    return Validator.from_rules(RULES, threads=2)


class Source:
    """Documents without an end, and how many were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[Any]:
        for number in count():
            self.taken += 1
            yield BAD if number % 3 == 0 else GOOD


def n_threads() -> int:
    """Threads that check."""
    return sum(thread.name.startswith("pff-stream") for thread in threading.enumerate())


@pytest.mark.parametrize("ordered", [True, False])
def test_never_more_than_the_window_is_taken(validator: Validator, ordered: bool) -> None:
    """Whatever the consumer does, and nothing before it asks."""
    source = Source()
    results = validator.check_many(source, ordered=ordered, window=5)
    assert source.taken == 0
    for n_consumed in range(50):
        next(results)
        assert source.taken - n_consumed <= 5
    before = source.taken
    time.sleep(0.02)
    assert source.taken == before
    results.close()
    assert n_threads() == 0


def test_in_order(validator: Validator) -> None:
    """Names by place, results as `check` has them."""
    results = list(islice(validator.check_many(Source()), 9))
    assert [result.name for result in results] == [f"document {n}" for n in range(1, 10)]
    assert [result.ok for result in results] == [False, True, True] * 3
    assert results[0].findings[0].message == "expected 200, found 50, because code is FIBRA200"
    gc.collect()
    assert n_threads() == 0


def test_as_finished(validator: Validator) -> None:
    """All of them, under the names that they are given."""
    documents = [(f"d{n}", BAD if n % 2 else GOOD) for n in range(20)]
    results = list(validator.check_many(documents, ordered=False, named=True))
    assert {result.name: result.ok for result in results} == {
        name: document is GOOD for name, document in documents
    }


def test_a_bad_document_ends_nothing(validator: Validator) -> None:
    """Its error stands in its place."""
    good, bad, wrong, last = validator.check_many([GOOD, "{", object(), BAD])
    assert (good.error, last.error, last.ok) == (None, None, False)
    assert isinstance(bad.error, DocumentError) and str(bad.error).startswith("document 2")
    assert isinstance(wrong.error, DocumentError) and not wrong.ok and not wrong.findings
    assert bad.to_dict()["outcome"] == "failed"


class Text(str):
    """A document that can be watched."""

    __slots__ = ("__weakref__",)


def test_errors_hold_no_documents(validator: Validator) -> None:
    """However long they are kept."""
    document = Text("{")
    watched = weakref.ref(document)
    (failed,) = validator.check_many([document])
    del document
    assert failed.error is not None and watched() is None


def test_large_documents_make_the_window_small(validator: Validator) -> None:
    """By the bytes of their texts: there is always one."""
    taken = []

    def source() -> Iterator[bytes]:
        for number in range(4):
            taken.append(number)
            yield b'{"a": "b"}' + b" " * (20 << 20)

    results = validator.check_many(source(), window=100)
    next(results)
    assert len(taken) == 1
    assert len(list(results)) == 3


def test_an_error_of_the_source(validator: Validator) -> None:
    """Is raised behind the results of what it gave before."""

    def source() -> Iterator[Any]:
        yield GOOD
        yield BAD
        raise KeyError("the source")

    results = validator.check_many(source(), window=50)
    assert [next(results).ok, next(results).ok] == [True, False]
    with pytest.raises(KeyError, match="the source"):
        next(results)
    assert n_threads() == 0


def test_wrong_arguments(validator: Validator) -> None:
    """At once where they can be seen."""
    with pytest.raises(UsageError, match="window: found 0"):
        validator.check_many([], window=0)
    with pytest.raises(UsageError, match="expected a pair of a name and a document"):
        list(validator.check_many([GOOD], named=True))


def test_closed_meanwhile() -> None:
    """A clear error; no thread stays."""
    validator = Validator.from_rules(RULES, threads=1)
    results = validator.check_many(Source(), window=2)
    next(results)
    validator.close()
    with pytest.raises(UsageError, match="the validator is closed"):
        list(islice(results, 5))
    assert n_threads() == 0


def in_a_fork(work: Any) -> int:
    """The exit code of a fork that does some work and no more."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    raise AssertionError("the fork hangs")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_has_a_working_copy(validator: Validator) -> None:
    """Also where all that may check are at work in threads that the child has not."""
    results = validator.check_many(Source(), window=20)
    next(results)

    def work() -> None:
        assert not validator.check(BAD).ok
        assert len(list(islice(validator.check_many(Source()), 8))) == 8
        with pytest.raises(UsageError, match="begun in another process"):
            list(results)

    assert in_a_fork(work) == 0
    assert next(results).ok
    results.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_while_all_checks_are_taken() -> None:
    """The child does not wait for threads that it has not."""
    validator = Validator.from_rules(RULES, threads=1)
    entered, done = threading.Event(), threading.Event()

    class Slow(os.PathLike[str]):
        """A path that is asked for, and waits."""

        def __fspath__(self) -> str:
            entered.set()
            done.wait(60)
            return "/nowhere/at/all"

    def check() -> None:
        with pytest.raises(DocumentError):
            validator.check(Slow())

    thread = threading.Thread(target=check)
    thread.start()
    assert entered.wait(60)
    try:
        assert in_a_fork(lambda: validator.check(GOOD)) == 0
    finally:
        done.set()
        thread.join()


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_while_rules_are_loaded_anew() -> None:
    """The child neither waits for the thread that loads them nor closes what is its parent's."""
    validator = Validator.from_rules(RULES, threads=1)
    entered, done = threading.Event(), threading.Event()

    def slowly() -> Iterator[str]:
        entered.set()
        done.wait(60)
        yield from RULES

    thread = threading.Thread(target=validator.reload, args=(slowly(),))
    thread.start()
    assert entered.wait(60)

    def work() -> None:
        validator.reload(RULES)
        assert validator.check(GOOD).ok
        validator.close()

    try:
        assert in_a_fork(work) == 0
    finally:
        done.set()
        thread.join()
    assert validator.check(GOOD).ok


@pytest.mark.parametrize("rules", [RULES, ["3\t3\t1.0\t" + rule for rule in RULES]])
def test_what_findings_are_ranked_by_is_told_once(
    rules: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Where a document alone says it, and with the first findings."""
    with Validator.from_rules(rules) as validator:
        for document in (GOOD, BAD, BAD):
            validator.check(document, findings=0)
        assert not caplog.records
        for document in (GOOD, BAD, BAD):
            validator.check(document)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == (rules is RULES) and all("on each document alone" in one for one in said)
