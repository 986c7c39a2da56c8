"""A validator for asyncio: awaited, bounded, cancelled, closed, under every loop that is here."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import pickle
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from itertools import count
from typing import Any

import pytest

from pff_stream import AsyncValidator, DocumentError, UsageError, Validator
from tests.validator.test_check_many import BAD, GOOD, RULES, in_a_fork

LARGE = {"plan": BAD["plan"], "many": [{"id": n, "code": "X", "speed": n} for n in range(20_000)]}

Main = Callable[[], Coroutine[Any, Any, None]]


def by_asyncio(main: Main) -> None:
    """Under the loop that Python has."""
    asyncio.run(main())


def by_uvloop(main: Main) -> None:
    """Under uvloop."""
    if importlib.util.find_spec("uvloop") is None:
        pytest.skip("uvloop is not installed")
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


@pytest.fixture(params=[by_asyncio, by_uvloop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    """Each loop."""
    return request.param  # type: ignore[no-any-return]


def opened(**options: Any) -> AsyncValidator:
    """In threads of this process, where nothing else is asked for."""
    return AsyncValidator(RULES, **{"workers": 0, "threads": 2, **options})


def n_threads() -> int:
    """Threads of ours, when those that are about to end have ended."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = sum(thread.name.startswith("pff-stream") for thread in threading.enumerate())
        if not found:
            break
        time.sleep(0.001)
    return found


def test_a_document(run: Callable[[Main], None]) -> None:
    """The same as without asyncio; nothing is left."""

    async def main() -> None:
        async with opened() as validator:
            assert validator.plan.settings["threads"] == 2
            results = await asyncio.gather(
                *(validator.check(BAD if n % 2 else GOOD, f"n{n}") for n in range(40))
            )
            assert [(one.name, one.ok) for one in results] == [
                (f"n{n}", n % 2 == 0) for n in range(40)
            ]
            assert results[1].findings[0].pointer == "/plan/speed"
            with pytest.raises(DocumentError, match="bad, line 1"):
                await validator.check("{", "bad")

    run(main)
    assert n_threads() == 0


class Source:
    """Documents without an end, and how many were taken."""

    def __init__(self) -> None:
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[Any]:
        for document in self:
            yield document
            await asyncio.sleep(0)

    def __iter__(self) -> Iterator[Any]:
        for number in count():
            self.taken += 1
            yield "{" if number % 5 == 4 else BAD


class Synchronous(Source):
    """The same without `await`."""

    __aiter__ = None  # type: ignore[assignment]


@pytest.mark.thorough
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("kind", [Source, Synchronous])
def test_many(run: Callable[[Main], None], kind: type[Source], ordered: bool) -> None:
    """Never more than the window is taken, whatever the consumer does; errors in their places."""

    async def main() -> None:
        async with opened() as validator:
            source = kind()
            async with aclosing(validator.check_many(source, ordered=ordered, window=6)) as results:
                n_consumed = 0
                async for result in results:
                    assert (result.error is not None) == (result.name.endswith(("5", "0")))
                    assert source.taken - n_consumed <= 6
                    n_consumed += 1
                    if n_consumed == 30:
                        await asyncio.sleep(0.05)
                        assert source.taken - n_consumed <= 6
                        break

    run(main)
    assert n_threads() == 0


def test_a_source_that_waits_keeps_nothing_back(run: Callable[[Main], None]) -> None:
    """Each message of a queue is answered before the next one comes."""

    async def main() -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue()

        async def messages() -> AsyncIterator[Any]:
            while True:
                yield await queue.get()

        async with (
            opened() as validator,
            aclosing(validator.check_many(messages(), named=True)) as results,
        ):
            for number in range(5):
                await queue.put((f"m{number}", BAD))
                assert (await asyncio.wait_for(anext(results), 60)).name == f"m{number}"

    run(main)


def test_what_a_source_raises(run: Callable[[Main], None]) -> None:
    """Comes behind the results before it."""

    async def source() -> AsyncIterator[Any]:
        yield GOOD
        yield BAD
        raise KeyError("the source")

    async def main() -> None:
        async with opened() as validator:
            results = validator.check_many(source())
            assert [(await anext(results)).ok, (await anext(results)).ok] == [True, False]
            with pytest.raises(KeyError, match="the source"):
                await anext(results)

    run(main)


def test_cancelled(run: Callable[[Main], None]) -> None:
    """By time-outs and by hand, waiting and at work: the validator goes on, nothing runs."""

    async def main() -> None:
        async with opened(threads=1) as validator:
            text = json.dumps(LARGE)
            for seconds in (0.0, 0.0001, 0.003, 0.01):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await asyncio.gather(*(validator.check(text) for _ in range(20)))
            checks = [asyncio.ensure_future(validator.check(text)) for _ in range(20)]
            await asyncio.sleep(0)
            for check in checks:
                check.cancel()
            ended = await asyncio.gather(*checks, return_exceptions=True)
            assert {type(one) for one in ended} == {asyncio.CancelledError}
            assert not (await asyncio.wait_for(validator.check(BAD), 60)).ok

    run(main)
    assert n_threads() == 0


def test_closed_while_checks_are_under_way(run: Callable[[Main], None]) -> None:
    """What is being checked ends, what waits has an error, and nobody waits for ever."""

    async def main() -> None:
        validator = await opened(threads=1).open()
        checks = [asyncio.ensure_future(validator.check(LARGE)) for _ in range(30)]
        await asyncio.sleep(0.02)
        await validator.close()
        ended = await asyncio.wait_for(asyncio.gather(*checks, return_exceptions=True), 60)
        kinds = [str(one) for one in ended if isinstance(one, BaseException)]
        assert len(kinds) > 20 and set(kinds) == {"the validator is closed"}
        with pytest.raises(UsageError, match="the validator is closed"):
            await validator.check(GOOD)
        await validator.close()

    run(main)
    assert n_threads() == 0


def test_wrong_uses() -> None:
    """Each has an error that says what to do."""
    validator = opened()

    async def elsewhere() -> None:
        with pytest.raises(UsageError, match="opened in another event loop"):
            await validator.check(GOOD)
        await validator.close()

    async def main() -> None:
        with pytest.raises(UsageError, match="is not open"):
            await validator.check(GOOD)
        await validator.open()
        with pytest.raises(UsageError, match="open already"):
            await validator.open()
        with pytest.raises(UsageError, match="window: found 0"):
            validator.check_many([], window=0)

    asyncio.run(main())
    asyncio.run(elsewhere())
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(validator)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_has_a_clear_error() -> None:
    """And does not wait for threads that it has not."""

    async def main() -> None:
        async with opened() as validator:
            await validator.check(GOOD)

            def work() -> None:
                check = validator.check(GOOD)
                with pytest.raises(UsageError, match="of which this one is a fork"):
                    check.send(None)

            assert in_a_fork(work) == 0

    asyncio.run(main())


async def longest_turns(work: Coroutine[Any, Any, Any]) -> list[float]:
    """CPU seconds of this thread, turn by turn of its loop, while something is at work."""
    task, turns = asyncio.ensure_future(work), []
    before = time.thread_time()
    while not task.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        turns.append(now - before)
        before = now
    await task
    return sorted(turns)


@pytest.mark.thorough
@pytest.mark.parametrize("document", [BAD, LARGE, json.dumps(LARGE), json.dumps(LARGE).encode()])
def test_the_loop_is_not_held(document: Any) -> None:
    """Not for a millisecond, whatever the size: others take the loop's time, we do not."""

    async def main() -> None:
        async with AsyncValidator(RULES, workers=1) as validator:
            await validator.check(BAD)

            async def work() -> None:
                for _ in range(5):
                    result = await validator.check(document)
                    assert result.findings[0].pointer

            turns = await longest_turns(work())
            # One of very many may be the kernel's, on a machine that is busy.
            assert turns[-3] < 0.001

    asyncio.run(main())


@pytest.mark.thorough
def test_workers(run: Callable[[Main], None]) -> None:
    """Also where one is killed, and where rules are loaded anew."""

    async def main() -> None:
        async with AsyncValidator(RULES, workers=1) as validator:
            checks = [asyncio.ensure_future(validator.check(LARGE)) for _ in range(12)]
            await checks[0]
            import os
            import signal

            os.kill(validator.pids[0], signal.SIGKILL)
            assert not any(one.ok for one in await asyncio.gather(*checks))
            before = validator.pids
            check = asyncio.ensure_future(validator.check(LARGE))
            await validator.reload([RULES[1]])
            await check
            assert (await validator.check(BAD)).unchecked and validator.pids != before

    run(main)


def test_the_same_as_without(run: Callable[[Main], None]) -> None:
    """Of every form of a document."""
    expected = Validator.from_rules(RULES)

    async def main() -> None:
        async with opened() as validator:
            for document in (BAD, json.dumps(BAD), [BAD], [("a", "code", "FIBRA200")]):
                found = await validator.check(document)
                told = {**expected.check(document).to_dict(), "seconds": found.seconds}
                assert found.to_dict() == told

    run(main)


def test_progress_is_told_while_a_stream_is_checked(run: Callable[[Main], None]) -> None:
    """Also where the function waits for the loop, fails, or the consumer stops."""

    async def main() -> None:
        loop, told, reached = asyncio.get_running_loop(), [], asyncio.Event()

        def tell(progress: Any) -> None:
            told.append((progress.phase, progress.done, progress.total))
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(60)
            loop.call_soon_threadsafe(reached.set)

        def fail(progress: Any) -> None:
            raise ValueError("no more")

        async with opened() as validator:
            results = validator.check_many([GOOD] * 20, progress=tell)
            assert [result.ok async for result in results] == [True] * 20
            assert told[-1] == ("check", 20, 20)
            async with aclosing(validator.check_many([GOOD] * 20, progress=tell)) as results:
                await anext(results)
            with pytest.raises(ValueError, match="no more"):
                async for _ in validator.check_many([GOOD] * 20, progress=fail):
                    pass
            assert (await validator.check(GOOD)).ok

    run(main)
    assert not n_threads()
