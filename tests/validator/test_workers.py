"""A validator with worker processes: the same answers, whatever dies, and whose they are."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from pff_stream import DocumentError, UsageError, Validator
from tests.validator.test_check_many import BAD, GOOD, RULES, in_a_fork

pytestmark = pytest.mark.thorough

MANY = [{"id": n, "code": "FIBRA200", "speed": n} for n in range(3000)]
LARGE = {"plan": BAD["plan"], "many": MANY, "text": "x" * 100_000}
TRIPLES = [(str(one["id"]), str(key), str(one[key])) for one in MANY for key in ("code", "speed")]


@pytest.fixture(scope="module")
def workers() -> Iterator[Validator]:
    """Two of them."""
    with Validator.from_rules(RULES, workers=2) as validator:
        yield validator


@pytest.fixture(scope="module")
def here() -> Validator:
    """The same in this process."""
    return Validator.from_rules(RULES)


def told(result: Any) -> Any:
    """All that a result tells, without the time that it took."""
    return {**result.to_dict(), "seconds": None}, list(result.violated), list(result.satisfied)


DOCUMENTS: list[Any] = [
    BAD,
    json.dumps(BAD),
    LARGE,
    json.dumps(LARGE, indent=1),
    bytearray(json.dumps(LARGE).encode()),
    [*MANY, {"plan": GOOD["plan"], 5: {"é": [None, True, 1.5, MANY]}}, {}],
    [("1", "code", "FIBRA200"), ("1", "speed", "50")],
    TRIPLES,
]
NAMES = ["dict", "str", "large", "large text", "large bytes", "array", "tuples", "many tuples"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_as_in_this_process(workers: Validator, here: Validator, document: Any) -> None:
    """Findings, places, counts and rules, whether a document goes by message or by file."""
    assert told(workers.check(document, "d")) == told(here.check(document, "d"))


def test_a_path(workers: Validator, tmp_path: Path) -> None:
    """Is opened by the worker, from wherever it was named."""
    path = Path(os.path.relpath(tmp_path / "a.json"))
    path.write_text(json.dumps(BAD))
    assert workers.check(path).findings[0].pointer == "/plan/speed"


WRONG: list[Any] = ["{", {"a": {1}}, {"many": MANY, "a": {1}}, json.dumps(LARGE) + "}", 5]
WRONG += ["x" * 70_000 + "\ud800", [("a", "b")], Path("missing.json")]


@pytest.mark.parametrize("document", WRONG, ids=map(str, range(len(WRONG))))
def test_no_document(workers: Validator, here: Validator, document: Any) -> None:
    """The same error, of this document alone."""
    with pytest.raises(DocumentError) as expected:
        here.check(document, "d")
    with pytest.raises(DocumentError) as found:
        workers.check(document, "d")
    if not isinstance(document, Path):  # which is told as a whole
        assert str(found.value) == str(expected.value)


def test_many(workers: Validator) -> None:
    """In order, with errors in their places."""
    documents = [BAD, "{", GOOD, LARGE] * 5
    results = list(workers.check_many(documents))
    assert [result.ok for result in results] == [False, False, True, False] * 5
    assert [result.error is None for result in results] == [True, False, True, True] * 5


def test_a_worker_is_killed_under_load(workers: Validator) -> None:
    """Every document is answered; what killed its worker twice is an error of its own."""
    killed = 0
    results = workers.check_many([LARGE] * 40, ordered=False)
    for number, result in enumerate(results):
        assert result.error is None or "killed its worker" in str(result.error)
        if number in (5, 15) and (pids := workers.pids):
            os.kill(pids[number % len(pids)], signal.SIGKILL)
            killed += 1
    assert number == 39 and killed
    assert not workers.check(BAD).ok


def test_idle_workers_are_killed(workers: Validator) -> None:
    """Others are started for the next document."""
    workers.check(GOOD)
    for pid in workers.pids:
        os.kill(pid, signal.SIGKILL)
    assert workers.check(GOOD).ok


def test_threads_share_workers(workers: Validator) -> None:
    """Each has the answer to its own document."""
    with ThreadPoolExecutor(12) as threads:
        documents = [(f"n{n}", BAD if n % 2 else GOOD) for n in range(120)]
        found = list(threads.map(lambda pair: workers.check(pair[1], pair[0]), documents))
    assert [(one.name, one.ok) for one in found] == [(n, d is GOOD) for n, d in documents]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_of_the_host(workers: Validator) -> None:
    """Has a clear error, ends no worker, and holds none beyond its parent."""
    workers.check(GOOD)
    pids = workers.pids

    def work() -> None:
        with pytest.raises(UsageError, match="of which this one is a fork"):
            workers.check(GOOD)
        with pytest.raises(UsageError, match="of which this one is a fork"):
            list(workers.check_many([GOOD]))
        assert workers.pids == []
        workers.reload(RULES)  # which gives it workers of its own
        assert workers.check(GOOD).ok and workers.pids
        workers.close()
        with Validator.from_rules(RULES, workers=1) as own:
            assert own.check(GOOD).ok

    assert in_a_fork(work) == 0
    assert workers.check(GOOD).ok and workers.pids == pids


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_host_that_becomes_a_daemon() -> None:
    """It closes all descriptors, and forks once more: its fork says nothing of the pool's."""
    said: list[object] = []

    def says_nothing() -> None:
        assert said == []

    def work() -> None:
        sys.unraisablehook = said.append
        own = Validator.from_rules(RULES, workers=1)
        assert own.check(GOOD).ok
        os.closerange(3, 1 << 10)
        assert in_a_fork(says_nothing) == 0

    assert in_a_fork(work) == 0


def _serve(connection: Any) -> None:
    with Validator.from_rules(RULES, workers=1) as validator:
        connection.send([validator.check(GOOD).ok, validator.check(BAD).ok])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_in_a_daemon_of_the_host(method: Any) -> None:
    """A daemonic process of multiprocessing may have workers, too."""
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    assert ours.poll(60) and ours.recv() == [True, False]
    process.join(60)
    assert process.exitcode == 0


def test_nothing_is_left() -> None:
    """No process and no descriptor, also when it is closed while checks are under way."""
    own = psutil.Process()
    Validator.from_rules(RULES, workers=1).close()
    before = own.num_fds(), len(own.children(recursive=True))
    validator = Validator.from_rules(RULES, workers=1)
    ended: list[Any] = []

    def check(validator: Validator) -> None:
        try:
            while True:
                ended.append(validator.check(LARGE).ok)
        except UsageError as error:
            ended.append(str(error))

    threads = [threading.Thread(target=check, args=(validator,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    validator.close()
    for thread in threads:
        thread.join(30)
    assert ended.count("the validator is closed") == 4
    with pytest.raises(UsageError, match="the validator is closed"):
        validator.check(GOOD)
    del validator, threads, thread  # rules are there as long as anybody has them
    gc.collect()
    assert (own.num_fds(), len(own.children(recursive=True))) == before


def test_reloaded_under_load(tmp_path: Path) -> None:
    """New rules, while documents are checked all the time; the old workers end."""
    path = tmp_path / "rules.txt"
    path.write_text("1\t1\t1.0\tspeed(X,200) <= code(X,FIBRA200)\n")
    with Validator(path, workers=1) as validator:
        before = validator.pids
        with ThreadPoolExecutor(3) as threads:
            checks = [threads.submit(validator.check, BAD) for _ in range(60)]
            path.write_text("1\t1\t1.0\tspeed(X,50) <= code(X,FIBRA200)\n")
            validator.reload()
            found = [check.result().ok for check in checks]
        assert validator.check(BAD).ok and not validator.check(GOOD).ok
        assert set(found) <= {True, False} and not set(before) & set(validator.pids)
        assert not any(map(psutil.pid_exists, before))
        with pytest.raises(DocumentError):
            validator.check("{")


def test_what_cannot_be() -> None:
    """Is told before anything is started."""
    with pytest.raises(UsageError, match="threads: found together with workers"):
        Validator.from_rules(RULES, workers=1, threads=1)
    with pytest.raises(UsageError, match="workers: found -1"):
        Validator.from_rules(RULES, workers=-1)
    with pytest.raises(UsageError, match="start_method: found fork for a validator"):
        Validator.from_rules(RULES, workers=1, start_method="fork")


def test_the_plan(workers: Validator) -> None:
    """Has the workers, and what they hold is within it."""
    plan = workers.plan
    assert plan.settings["workers"] == 2 and plan.fits
    (term,) = (one for one in plan.phases[-1].terms if one.name == "workers")
    assert term.bytes > 2 << 20
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(workers)


@pytest.mark.parametrize("ordered", [True, False])
def test_closed_early(workers: Validator, ordered: bool) -> None:
    """Never more than the window is taken, and nothing is at work behind it."""
    taken = 0

    def source() -> Iterator[Any]:
        nonlocal taken
        while True:
            taken += 1
            yield BAD

    results = workers.check_many(source(), ordered=ordered, window=5)
    assert taken == 0
    for n_consumed in range(20):
        next(results)
        assert taken - n_consumed <= 5
    results.close()
    assert taken <= 25 and not workers.check(BAD).ok


def test_results_are_about_the_triples_that_were_checked() -> None:
    """Also where their list is another by the time that rules are asked for."""
    document: list[object] = [("a", "knows", "b")]
    with Validator([(3, 3, 1.0, "likes(X,Y) <= knows(X,Y)")], workers=1) as validator:
        result = validator.check(document)
        text = validator.check({"@id": "a", "knows": {"@id": "b"}})
        document[:] = [("a", "knows", "b"), ("a", "likes", "b")]
    assert [one.line for one in result.violated] == [1]
    assert [one.line for one in text.violated] == [1]
    assert [one.message for one in result.findings] == [one.message for one in text.findings]
