"""The pool when nothing dies: all answers, a bounded window, errors kept, light workers."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError
from pff_stream.execute.pool import Completed, Poisoned, Pool
from tests.execute import pool_tasks
from tests.execute.pool_processes import make_pool, nothing_left

PROCESSES = ("fork", "spawn", "forkserver")
METHODS = (*PROCESSES, "thread")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Every test ends in time and leaves nothing behind."""
    with nothing_left():
        yield


def answer_of(pool: Pool[Any, Any], task: object) -> Any:
    """The answer to a single task."""
    (result,) = pool.imap_unordered([task])
    assert isinstance(result, Completed)
    return result.answer


@pytest.mark.parametrize("method", METHODS)
def test_all_answers(method: str) -> None:
    """Every task is answered once, in any order, and a pool can be used again."""
    with make_pool(method, pool_tasks.squares) as pool:
        for count in (100, 0, 1, 30):
            results = list(pool.imap_unordered(range(count)))
            assert all(isinstance(result, Completed) for result in results)
            assert sorted((r.task, r.answer) for r in results if isinstance(r, Completed)) == [
                (n, n * n) for n in range(count)
            ]
        assert pool.retried == 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("method", "workers", "window"),
    [*(("fork", *one) for one in ((1, 1), (3, 1), (2, 50))), *((one, 3, 7) for one in METHODS)],
)
def test_window_is_never_exceeded(method: str, workers: int, window: int) -> None:
    """Of an endless source, at most a window is drawn and not consumed, at any pace."""
    drawn = 0

    def source() -> Iterator[int]:
        nonlocal drawn
        for number in itertools.count():
            drawn += 1
            yield number

    with make_pool(method, pool_tasks.squares, workers=workers, window=window) as pool:
        results = pool.imap_unordered(source())
        for consumed in range(1, 200):
            next(results)
            if consumed in (20, 100):
                time.sleep(0.1)
            assert drawn - consumed <= window


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
def test_large_tasks_and_answers(method: str) -> None:
    """Tasks and answers far larger than what a channel holds block nobody."""
    tasks = [bytes([n]) * (1 << 20) for n in range(30)]
    with make_pool(method, pool_tasks.blobs) as pool:
        sizes = [len(result.answer) for result in pool.imap_unordered(tasks)]  # type: ignore[union-attr]
    assert sizes == [1 << 20] * 30


@pytest.mark.thorough
def test_answers_wait_in_the_workers() -> None:
    """While nobody consumes, large answers stay where they were made."""
    with make_pool("fork", pool_tasks.large, window=64) as pool:
        results = pool.imap_unordered([1 << 20] * 64)
        next(results)
        before = resident_bytes()
        time.sleep(0.3)
        assert resident_bytes() - before < 1 << 20
        assert sum(1 for _ in results) == 63


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
def test_exception_comes_back_as_itself(method: str) -> None:
    """What a task raises is raised here, with the place in the worker, and closes the pool."""
    with make_pool(method, pool_tasks.fails) as pool:
        with pytest.raises(InputError, match="in the task") as caught:
            list(pool.imap_unordered(["InputError"]))
        if method != "thread":
            assert "pool_tasks.py" in str(caught.value.__cause__)
        with pytest.raises(ValueError, match="the pool is closed"):
            next(iter(pool.imap_unordered([])))


@pytest.mark.parametrize("task", ["Unpicklable", "unpicklable answer"])
def test_what_cannot_be_sent_is_an_error(task: str) -> None:
    """An exception or an answer that cannot be pickled ends the run; it does not hang it."""
    with (
        make_pool("spawn", pool_tasks.fails) as pool,
        pytest.raises(Exception, match=".") as caught,
    ):
        list(pool.imap_unordered([task]))
    if task == "Unpicklable":
        assert str(caught.value) == "Unpicklable: two arguments"


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("kind", "error"), [("InputError", InputError), ("MemoryError", MemoryError)]
)
def test_set_up_fails(method: str, kind: str, error: type[Exception]) -> None:
    """What the set-up of a worker raises keeps its type."""
    with make_pool(method, pool_tasks.fails_to_set_up, kind) as pool, pytest.raises(error):
        list(pool.imap_unordered(range(10)))


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
def test_memory_error_is_poisoned_without_a_death(method: str) -> None:
    """A task that runs out of memory is split to the unit that does it; its worker lives on."""
    options = {"split": pool_tasks.halves, "workers": 1}
    with make_pool(method, pool_tasks.spans, frozenset([21]), "MemoryError", **options) as pool:
        results = pool.imap_unordered([(0, 64), (64, 128)])
        first = next(results)
        pids = pool.pids
        rest = [first, *results]
        assert pool.pids == pids
    assert [r for r in rest if isinstance(r, Poisoned)] == [Poisoned((21, 22), "MemoryError")]
    numbers = [n for r in rest if isinstance(r, Completed) for n in r.answer]
    assert sorted(numbers) == [n for n in range(128) if n != 21]


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
def test_source_raises(method: str) -> None:
    """An exception of the source of tasks comes through, and ends the workers."""

    def source() -> Iterator[int]:
        yield from range(5)
        raise InputError("truncated")

    with (
        make_pool(method, pool_tasks.squares) as pool,
        pytest.raises(InputError, match="truncated"),
    ):
        list(pool.imap_unordered(source()))


def test_wrong_options() -> None:
    """Options that cannot be meant are refused at once."""
    for changes in ({"workers": 0}, {"window": 0}, {"stall_seconds": 0}):
        with pytest.raises(ValueError, match="0 workers|a window of 0|stall after 0 s"):
            make_pool("fork", pool_tasks.squares, **changes)
    with pytest.raises(ValueError, match="start method 'green': expected one of fork, "):
        make_pool("green", pool_tasks.squares)


@pytest.mark.thorough
def test_one_stream_at_a_time() -> None:
    """A pool serves one stream of tasks at a time."""
    with make_pool("fork", pool_tasks.squares) as pool:
        next(pool.imap_unordered(range(5)), None)  # closed at once, and the pool with it
        with pytest.raises(ValueError, match="the pool is closed"):
            next(pool.imap_unordered(range(5)))
    with make_pool("fork", pool_tasks.squares) as pool:
        first = pool.imap_unordered(range(5))
        next(first)
        with pytest.raises(ValueError, match="the pool is in use"):
            next(pool.imap_unordered(range(5)))


@pytest.mark.thorough
def test_while_waiting_is_called() -> None:
    """The parent is told regularly that nothing has come yet."""
    calls: list[float] = []
    options: dict[str, Any] = {"while_waiting": lambda: calls.append(time.monotonic())}
    with make_pool("fork", pool_tasks.sleeps, **options) as pool:
        assert len(list(pool.imap_unordered([0.9]))) == 1
    assert 2 <= len(calls) <= 10


def test_spawned_worker_imports_little() -> None:
    """A worker holds no multiprocessing, and nothing else that it can do without."""
    with make_pool("spawn", pool_tasks.describes) as pool:
        modules = set(answer_of(pool, "modules"))
    heavy = {"multiprocessing", "subprocess", "socket", "ctypes", "logging", "selectors", "numpy"}
    assert not modules & (heavy | {"pff_stream.execute.pool", "pff_stream.execute.launch"})


@pytest.mark.thorough
@pytest.mark.parametrize("method", PROCESSES)
def test_worker_environment(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers use one thread for linear algebra unless the user says otherwise."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with make_pool(method, pool_tasks.describes) as pool:
        assert answer_of(pool, "OPENBLAS_NUM_THREADS") == "1"
        assert answer_of(pool, "OMP_NUM_THREADS") == "3"


@pytest.mark.thorough
@pytest.mark.parametrize("method", PROCESSES)
def test_worker_is_the_kernels_first_choice(method: str) -> None:
    """Where memory runs out all the same, the kernel kills a worker before the parent."""
    with make_pool(method, pool_tasks.describes) as pool:
        assert answer_of(pool, "oom_score_adj") >= 500


@pytest.mark.thorough
@pytest.mark.parametrize("method", PROCESSES)
def test_worker_signals(method: str) -> None:
    """Ctrl-C is the parent's affair, and no handler of the parent runs in a worker."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with make_pool(method, pool_tasks.describes) as pool:
            signals = answer_of(pool, "signals")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert signals == [signal.SIG_IGN, signal.SIG_DFL, signal.SIG_DFL]


@pytest.mark.thorough
def test_forked_worker_holds_no_end_of_others() -> None:
    """A forked worker holds its own two descriptors of the pool, however many workers there are."""
    counts = []
    for workers in (1, 4):
        with make_pool("fork", pool_tasks.describes, workers=workers) as pool:
            results = pool.imap_unordered(["descriptors"] * 40)
            counts.append(max(len(r.answer) for r in results if isinstance(r, Completed)))
    assert counts[0] == counts[1]


@pytest.mark.thorough
def test_main_module_is_not_imported_again(tmp_path: Path) -> None:
    """Neither spawn nor the fork server runs the parent's main module in a worker."""
    script = tmp_path / "command.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "print('main runs', flush=True)\n"
        "from tests.execute import pool_tasks\n"
        "from tests.execute.pool_processes import make_pool\n"
        "for method in ('spawn', 'forkserver'):\n"
        "    with make_pool(method, pool_tasks.squares) as pool:\n"
        "        print(sum(r.answer for r in pool.imap_unordered(range(4))), flush=True)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.stderr) == ("main runs\n14\n14\n", "")


def test_set_up_of_the_main_module_is_refused() -> None:
    """A set-up that no worker could import is refused before any worker starts."""

    def setup(progress: object) -> Any:
        return None

    setup.__module__ = "__main__"
    for method in ("spawn", "forkserver"):
        with pytest.raises(ValueError, match="main module"):
            make_pool(method, setup)
