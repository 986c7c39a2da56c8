"""Encodes in a process of its own, so that the peak of encoding is not added to the run's.

The child reads and sorts; the parent owns the store, makes the room when the child knows how much,
and seals it when the child is gone. A child never outlives its parent, nor the call.
"""

from __future__ import annotations

import gc
import mmap
import os
import signal
import time
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from pff_stream.errors import PffStreamError, RefusedError, WorkersFailedError
from pff_stream.execute.call import Ask, CallDiedError, call
from pff_stream.execute.launch import describe_exit
from pff_stream.files import _pages
from pff_stream.files.decoders import DecoderMemory
from pff_stream.files.sources import BLOCK_BYTES, Opener
from pff_stream.observer import Tick, no_tick
from pff_stream.triples.encode import (
    MAPPED_BYTES,
    TRIM_BYTES,
    GraphWriter,
    encode,
    encode_quietly,
)
from pff_stream.triples.inputs import TripleInput
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.report import EncodeReport, log_report
from pff_stream.triples.store import GraphStore
from planner.fence import data_limit, limit_data, restore_data_limit

Work = Callable[[list[str], GraphWriter, EncodeOptions, Callable[[int], object]], EncodeReport]
"""Reads inputs and writes their graph; is told with its last argument that memory is handed on."""


class _Order(NamedTuple):
    """What a child is to do."""

    paths: list[str]
    options: EncodeOptions
    fence_bytes: int | None
    work: Work


class _RoomWanted(NamedTuple):
    """What the child asks for: the arguments of the store's `resize`."""

    size_bytes: int
    beside_bytes: int


class _BytesRead(NamedTuple):
    """What the child tells, and the parent answers by nothing."""

    n_bytes: int


class EncoderKilledError(RefusedError):
    """The encoding process got SIGKILL, which the kernel sends when memory runs out."""


def encode_in_process(
    inputs: Sequence[TripleInput] | str | os.PathLike[str],
    options: EncodeOptions,
    store: GraphStore,
    *,
    method: str | None = None,
    fence_bytes: int | None = None,
    work: Work = encode_quietly,
    tick: Tick = no_tick,
) -> EncodeReport:
    """Encodes `inputs` into `store` and seals it; returns when the child has ended.

    `method`: `fork` or `spawn`; by default fork where this process has one thread on Linux.
    Iterables are encoded in this process: their texts are here already, and a copy costs more than
    it saves. The child's own memory and, for a graph in memory, the graph are each held to the
    memory of the options, the child's own by the kernel to `fence_bytes`, if any; `RefusedError`
    where it does not suffice. `tick` is called while the child works, with the bytes that it read
    of the paths, and when it has ended its work and holds still. `work` is what the child does: a
    function that it can import. Raises what `encode` raises, and `PffStreamError` where the child
    died.
    """
    given = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    paths = [os.fspath(path) for path in given if isinstance(path, (str, os.PathLike))]
    if len(paths) != len(given):
        encoded = encode(given, store, options._replace(memory_bytes=None))
        store.seal()
        return encoded
    store.limit_bytes = options.memory_bytes

    def answer(said: _RoomWanted | _BytesRead) -> str | None:
        if isinstance(said, _BytesRead):
            tick(said.n_bytes)
            return None
        store.resize(*said)
        return store.name

    order = _Order(paths, options, fence_bytes, work)
    try:
        report: EncodeReport = call(_encode, order, answer=answer, method=method, tick=tick)
    except CallDiedError as death:
        raise _died(death.exit_code) from None
    store.seal()
    log_report(report)
    return report


def _died(code: int) -> PffStreamError:
    if code >= 0:
        said = f"the encoding process ended without an answer: {describe_exit(code)}"
        if code > 0:
            return WorkersFailedError(f"{said}; what it wrote to standard error says why")
        return PffStreamError(said)
    said = f"the encoding process was {describe_exit(code)}"
    if code == -signal.SIGKILL:
        return EncoderKilledError(f"{said} (the kernel does that when memory runs out)")
    if code == -signal.SIGABRT:
        return RefusedError(f"refused: {said} (a library does that when it gets no memory)")
    return PffStreamError(said)


def _encode(ask: Ask, order: _Order) -> EncodeReport:
    """The child's work."""
    gc.disable()  # nothing of it is garbage, nor of what it shares with its parent
    if order.fence_bytes is not None:
        limit_data(order.fence_bytes)  # best effort: the plan is checked again by the parent
    _pages.fix_thresholds(MAPPED_BYTES, TRIM_BYTES)
    writer = _RemoteWriter(ask)
    options = order.options._replace(open=_CountingOpener(order.options.open, ask))
    report = order.work(order.paths, writer, options, _lower_limit)
    writer.close()
    return report


def _lower_limit(bytes_less: int) -> None:
    """Leaves a part of what this process may allocate to the page cache."""
    limit = data_limit()
    if limit is not None and limit > bytes_less:
        restore_data_limit(limit - bytes_less)


class _CountingOpener(Opener):
    """Opens inputs by another opener, and tells now and then how much was read of them."""

    INTERVAL_SECONDS = 0.1

    def __init__(self, opener: Opener, ask: Ask) -> None:
        self._open = opener
        self._ask = ask
        self._bytes = 0
        self._next = time.monotonic() + self.INTERVAL_SECONDS

    def __call__(
        self, path: str, block_bytes: int = BLOCK_BYTES, decoders: DecoderMemory | None = None
    ) -> Generator[bytes]:
        """The blocks, each counted when the next one is wanted."""
        for block in self._open(path, block_bytes, decoders):
            yield block
            self._bytes += len(block)
            if (now := time.monotonic()) >= self._next:
                self._tell()
                self._next = now + self.INTERVAL_SECONDS
        self._tell()

    def _tell(self) -> None:
        n_bytes, self._bytes = self._bytes, 0
        self._ask(_BytesRead(n_bytes))


class _RemoteWriter:
    """The store as the child sees it: the parent makes the room, the child opens it by name."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._size_bytes = 0
        self._name = ""
        self._map: mmap.mmap | None = None

    def resize(self, size_bytes: int, beside_bytes: int = 0) -> None:
        """Waits until the parent has made room; it ends this process where there is none."""
        self._name = self._ask(_RoomWanted(size_bytes, beside_bytes))
        self._size_bytes = size_bytes

    def map_writable(self) -> mmap.mmap:
        """The room, opened by its name."""
        fd = os.open(self._name, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(fd, self._size_bytes)
        finally:
            os.close(fd)
        return self._map

    def close(self) -> None:
        """Unmaps the room, which cannot be sealed before."""
        if self._map is not None:
            self._map.close()
