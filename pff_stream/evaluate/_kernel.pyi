from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.report._rows import RuleRows
from pff_stream.rules._table import RuleTable
from pff_stream.triples._graph import GraphView

class Columns(Protocol):
    """The columns of a chunk that the evaluator reads; see `docs/files.md`."""

    @property
    def names(self) -> bytes | NDArray[np.uint8]: ...
    @property
    def name_ends(self) -> NDArray[np.uint32]: ...
    @property
    def name_hashes(self) -> NDArray[np.uint64]: ...
    @property
    def atoms(self) -> NDArray[np.int32]: ...
    @property
    def body_ends(self) -> NDArray[np.uint32]: ...
    @property
    def rule_body(self) -> NDArray[np.uint32]: ...
    @property
    def heads(self) -> NDArray[np.int32]: ...
    @property
    def sources(self) -> NDArray[np.uint64]: ...
    @property
    def flags(self) -> NDArray[np.uint8]: ...
    @property
    def miner_support(self) -> NDArray[np.int64]: ...
    @property
    def miner_confidence(self) -> NDArray[np.float64]: ...

def scratch_bytes(n_entities: int, wide: bool) -> int: ...
def chunk_room_bytes(n_names: int, n_atoms: int, n_rules: int) -> int: ...
def bound_room_bytes(n_names: int, n_atoms: int) -> int: ...
def rejected_record(source: int, reason: bytes) -> bytes: ...
def violated_rule_bytes() -> int: ...
def sorting_bytes(buffer_bytes: int) -> int: ...
def largest_need(
    graph: GraphView,
    chunk: Columns,
    distinct: bool,
    side_bytes: NDArray[np.int64],
    least_bytes: int,
) -> tuple[int, list[int]]: ...

class Counter:
    def __init__(
        self,
        graph: GraphView,
        semantics: str,
        options: EvaluatorOptions = ...,
        *,
        wide: bool = ...,
        progress: memoryview | bytearray | None = ...,
        way: int = ...,
    ) -> None: ...
    @property
    def edges(self) -> int: ...

class Evaluator(Counter):
    def __init__(
        self,
        graph: GraphView,
        semantics: str,
        options: EvaluatorOptions = ...,
        *,
        wide: bool = ...,
        buffer_bytes: int = ...,
        progress: memoryview | bytearray | None = ...,
        way: int = ...,
    ) -> None: ...
    def reserve(self, n_names: int, n_atoms: int, n_rules: int) -> None: ...
    def evaluate(
        self,
        chunk: Columns,
        start: int,
        stop: int,
        flush: Callable[[memoryview], object],
        skipped: int = ...,
        counts: NDArray[np.int64] | None = ...,
    ) -> tuple[int, int]: ...
    def count_part(
        self, chunk: Columns, start: int, stop: int, part: int, n_parts: int
    ) -> NDArray[np.int64]: ...

class TableCounter(Evaluator):
    n_violated: int
    def __init__(
        self,
        graph: GraphView,
        semantics: str,
        options: EvaluatorOptions = ...,
        *,
        most: int | None = ...,
        wide: bool = ...,
        progress: memoryview | bytearray | None = ...,
        way: int = ...,
    ) -> None: ...
    def violated_sources(self) -> NDArray[np.uint32]: ...
    def count_table(
        self, table: RuleTable, rows: RuleRows | None = ..., *, keeps_violated: bool = ...
    ) -> tuple[tuple[int, int, int, int], tuple[int, int, int], tuple[int, ...]]: ...
    def list_violations(
        self,
        table: RuleTable,
        places: NDArray[np.uint32],
        first: int,
        flush: Callable[[memoryview], object],
    ) -> None: ...

class BoundSearch(Evaluator):
    def __init__(self, graph: GraphView, semantics: str) -> None: ...
    def find(
        self, chunk: Columns, rules: NDArray[np.int64], subject: int, object: int
    ) -> list[tuple[int, bytes]]: ...
