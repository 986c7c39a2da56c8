from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pff_stream.report.records import RuleOutcome
from pff_stream.report.run_table import RunTable
from pff_stream.report.totals import Totals
from pff_stream.triples._graph import GraphView

BUFFER_BYTES: int
MAX_VIOLATIONS: int

class SourceChunk(Protocol):
    """Rules in source order, n of them; see `docs/files.md`."""

    @property
    def first(self) -> int: ...
    @property
    def lines(self) -> NDArray[np.uint64]: ...
    @property
    def texts(self) -> bytes | memoryview | NDArray[np.uint8]: ...
    @property
    def text_ends(self) -> NDArray[np.uint32]: ...
    @property
    def rejected(self) -> NDArray[np.uint32]: ...
    @property
    def reasons(self) -> bytes | memoryview | NDArray[np.uint8]: ...
    @property
    def miner_confidence(self) -> NDArray[np.float64]: ...

class ByteSink(Protocol):
    """What takes the bytes of a file; the view is void after the call."""

    def write(self, view: memoryview, /) -> object: ...

def merge_bytes(
    n_runs: int, *, fan_in: int = ..., window_bytes: int = ..., max_record_bytes: int = ...
) -> int: ...
def write_results(
    graph: GraphView,
    files: Sequence[int],
    runs: RunTable,
    chunks: Iterable[SourceChunk],
    *,
    violations: ByteSink | None = ...,
    rules: ByteSink | None = ...,
    outcomes: ByteSink | None = ...,
    unseen: int = ...,
    max_violations: int = ...,
    buffer_bytes: int = ...,
    fan_in: int = ...,
    window_bytes: int = ...,
    max_record_bytes: int = ...,
    temporary_dir: str | None = ...,
) -> Totals: ...
def iterate(
    graph: GraphView,
    files: Sequence[int],
    runs: RunTable,
    chunks: Iterable[SourceChunk],
    *,
    unseen: int = ...,
    max_violations: int = ...,
    fan_in: int = ...,
    window_bytes: int = ...,
    max_record_bytes: int = ...,
    temporary_dir: str | None = ...,
) -> Iterator[RuleOutcome]: ...
