"""The client's connection to a Dask cluster: all that is asked of `distributed` on this side.

News comes as events in one queue, whichever thread of Dask has them first. Does not know what is
asked of workers. No cluster is ever started here: an address is given, or there is none.
"""

from __future__ import annotations

import itertools
import json
import logging
import operator
import pickle
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from pff_stream.closing import Closing
from pff_stream.errors import UsageError, WorkersFailedError

CONNECT_SECONDS = 20.0
FETCH_SECONDS = 3.0
"""A result that takes longer is looked for again when the news of its worker is heard."""
ASK_SECONDS = 300.0
"""Within so long a worker answers what is asked of it beside its tasks."""
_POLL_SECONDS = 0.02
GONE = "the scheduler of the cluster is gone"


class RemoteWorker(NamedTuple):
    """A Dask worker as its scheduler knows it."""

    address: str
    name: str
    threads: int

    def __str__(self) -> str:
        return f"{self.name} ({self.address})" if self.name != self.address else self.address


class Gone(NamedTuple):
    """A worker has left the cluster."""

    address: str


class Came(NamedTuple):
    """A worker has come to it."""

    address: str


class Done(NamedTuple):
    """A call has an answer, has failed, or will have none."""

    call: Call


class _Named:
    """Unpickled where a function is to be called, it is what that returns.

    So nobody but the worker reads the name of the function: a scheduler that had to would need this
    package, and hold all that it imports.
    """

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


class WorkerLostError(Exception):
    """The worker of a call is gone, or does not answer."""


class Call:
    """Something that a worker was asked for."""

    def __init__(self, future: Any, address: str) -> None:
        self.address = address
        self.future = future

    @property
    def status(self) -> str:
        """pending, finished, error, cancelled or lost."""
        return str(self.future.status)

    @property
    def error(self) -> BaseException:
        """Why it failed; only with the status `error`."""
        found: BaseException = self.future.exception()
        return found

    def result(self) -> Any:
        """Its answer, which the worker keeps until `release`; WorkerLostError where none comes."""
        try:
            return self.future.result(timeout=FETCH_SECONDS)
        except Exception as error:
            raise WorkerLostError(str(error)) from error

    def release(self) -> None:
        """Lets the worker forget it."""
        self.future.release()


def _end_callbacks() -> None:
    """Ends the thread that Dask calls callbacks in, which it keeps for the next client.

    A process with one thread can be forked, as it could before.
    """
    from distributed import Future

    executor = getattr(Future, "_cb_executor", None)
    if executor is not None and getattr(Future, "_cb_executor_pid", None) is not None:
        executor.shutdown()
        Future._cb_executor = Future._cb_executor_pid = None


def _check_certificates(where: str, security: Any) -> None:
    """`UsageError` where a cluster speaks TLS, and Dask is told of no certificate for it."""
    address = where
    with suppress(OSError, ValueError, KeyError, TypeError):
        if "://" not in where:
            with open(where, encoding="utf-8") as file:
                address = str(json.load(file)["address"])
    if not address.startswith("tls://"):
        return
    told = "expected ca-file, client.cert and client.key below distributed.comm.tls of Dask's own "
    told += "configuration"
    try:
        context = security.get_connection_args("client").get("ssl_context")
    except (OSError, ValueError) as error:
        raise UsageError(f"--cluster {where}: {error}: {told}") from error
    if context is None:
        raise UsageError(f"--cluster {where}: found no certificate, {told}")


class Link(Closing):
    """A client of one cluster."""

    def __init__(self, where: str) -> None:
        """Connects; `where` is an address or the path of a scheduler file.

        `UsageError` where `distributed` is not installed, `WorkersFailedError` where no scheduler
        answers.
        """
        if find_spec("distributed") is None:
            raise UsageError(
                f"--cluster {where}: found no distributed, which talks to it: "
                "pip install 'pff-stream[dask]'"
            )
        from distributed import Client, Security

        security = Security()
        _check_certificates(where, security)
        for name in ("distributed", "distributed.client", "distributed.core"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what there is to say, is said here
        told: dict[str, Any] = {"timeout": CONNECT_SECONDS, "security": security}
        told |= {"address": where} if "://" in where else {"scheduler_file": where}
        try:
            self._client: Any = Client(
                **told, direct_to_workers=True, set_as_default=False, name="pff-stream"
            )
        except (OSError, ValueError, TypeError) as error:
            raise WorkersFailedError(
                f"--cluster {where}: no scheduler answers there: {error or type(error).__name__}"
            ) from error
        self.where = where
        self.run = uuid.uuid4().hex[:12]
        """Names what belongs to this client."""
        self._numbers = itertools.count()
        self._events: SimpleQueue[Gone | Came | Done] = SimpleQueue()
        self._gone: set[str] = set()
        self.most_calls = 0
        """The most calls that were under way at once."""
        self._calls: set[str] = set()
        self._client.subscribe_topic("all", self._news)

    def close(self) -> None:
        """Lets go of everything that was asked for."""
        with suppress(Exception):
            self._client.close(timeout=5)
        _end_callbacks()

    @property
    def is_connected(self) -> bool:
        """Whether there is a scheduler still."""
        return bool(self._client.status == "running")

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return str(self._client.scheduler.address)

    def workers(self) -> list[RemoteWorker]:
        """Those there are now, by their addresses."""
        found = self._client.scheduler_info(n_workers=-1)["workers"]
        return [
            RemoteWorker(address, str(told["name"]), int(told["nthreads"]))
            for address, told in sorted(found.items())
        ]

    def call(self, function: Callable[..., Any], *arguments: Any, worker: str) -> Call:
        """Has a worker call a function of a module, of which only the name is sent."""
        named = pickle.dumps(_Named(function, arguments), 5)
        return self._submitted(pickle.loads, named, worker=worker)

    def _submitted(self, function: Callable[..., Any], *arguments: Any, worker: str) -> Call:
        """The function is one of the standard library: the scheduler reads it, too."""
        key = f"pff-stream-{self.run}-{next(self._numbers)}"
        self._calls.add(key)
        self.most_calls = max(self.most_calls, len(self._calls))
        future = self._client.submit(
            function, *arguments, key=key, workers=[worker], allow_other_workers=False, pure=False
        )
        call = Call(future, worker)
        future.add_done_callback(lambda _: self._is_done(key, call))
        return call

    def look(
        self, function: Callable[..., Any], *arguments: Any, workers: Iterable[str]
    ) -> dict[str, Any]:
        """The same of something short, which a worker answers even where it is paused.

        Dask pauses one that holds much of its limit: it begins no call any more, and says nothing.
        """
        found: dict[str, Any] = self._client.run(
            function, *arguments, workers=list(workers), on_error="return"
        )
        return found

    def ask(
        self, function: Callable[..., Any], *arguments: Any, workers: Iterable[str]
    ) -> dict[str, Any]:
        """What each of some workers answers, or raises; those that go meanwhile are left out."""
        return self._answers(
            {worker: self.call(function, *arguments, worker=worker) for worker in workers}
        )

    def _answers(self, calls: dict[str, Call]) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        deadline = time.monotonic() + ASK_SECONDS
        while calls and time.monotonic() < deadline:
            for worker, call in list(calls.items()):
                if worker in self._gone:
                    del calls[worker]
                elif call.status == "finished":
                    with suppress(WorkerLostError):
                        answers[worker] = call.result()
                        call.release()
                        del calls[worker]
                elif call.status == "error":
                    answers[worker] = call.error
                    del calls[worker]
                elif call.status == "lost":
                    del calls[worker]
                elif call.status != "pending":
                    raise WorkersFailedError(GONE)
            time.sleep(_POLL_SECONDS if calls else 0)
        return answers

    def send(self, data: bytes, function: Callable[..., Any], *arguments: Any, worker: str) -> None:
        """Has a worker take a block of bytes, past the scheduler: `function(data, *arguments)`."""
        named = self._submitted(pickle.loads, pickle.dumps(function), worker=worker)
        block = self._client.scatter(data, workers=[worker], direct=True, hash=False)
        try:
            told = (operator.call, named.future, block, *arguments)
            answer = self._answers({worker: self._submitted(*told, worker=worker)}).get(worker)
        finally:
            block.release()
            named.release()
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            raise WorkerLostError(worker)

    def next_event(self, seconds: float) -> Gone | Came | Done | None:
        """What comes next, waited for so long at most."""
        try:
            return self._events.get(timeout=seconds) if seconds else self._events.get_nowait()
        except Empty:
            return None

    def is_gone(self, address: str) -> bool:
        """Whether a worker has left."""
        return address in self._gone or not self.is_connected

    def put_back(self, event: Gone | Came | Done) -> None:
        """Looks at it again later."""
        self._events.put(event)

    def cancel(self, calls: Iterable[Call]) -> None:
        """Nobody waits for them any more."""
        with suppress(Exception):
            self._client.cancel([call.future for call in calls], force=True)

    def _is_done(self, key: str, call: Call) -> None:
        self._calls.discard(key)
        self._events.put(Done(call))

    def _news(self, event: tuple[float, dict[str, Any]]) -> None:
        """In a thread of Dask: something happened in the cluster."""
        _, told = event
        address = told.get("worker")
        if told.get("action") == "remove-worker" and address:
            self._gone.add(address)
            self._events.put(Gone(address))
        elif told.get("action") == "add-worker" and address:
            self._events.put(Came(address))
