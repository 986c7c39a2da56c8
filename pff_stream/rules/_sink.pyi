from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pff_stream.rules._runs import SortedRuns
from pff_stream.rules.columns import MinerColumn
from pff_stream.rules.rule import Rule

def sink_bytes(n_columns: int) -> int: ...

class RuleSink:
    rules: int
    rejected: int
    longest_text: int
    unsettled: int
    ambiguous: int
    blanks: int
    first_blanks: list[tuple[int, str]]
    open_temporary: Callable[[], Any]
    namespaces: dict[str, str]
    def __init__(
        self,
        runs: SortedRuns,
        source_sink: Callable[[int, int, Mapping[str, bytes | memoryview]], object],
        on_reject: Callable[[int, int, str, str], bytes],
        columns: Sequence[MinerColumn],
        open_temporary: Callable[[], Any] = ...,
    ) -> None: ...
    @property
    def columns(self) -> dict[str, int]: ...
    @property
    def in_range(self) -> dict[str, int]: ...
    def add(
        self,
        line: int,
        text: str,
        rule: Rule,
        values: Mapping[str, float | int | None] | None = ...,
        doubtful: bool = ...,
    ) -> None: ...
    def reject(self, line: int, text: str, column: int, found: str, expected: str) -> None: ...
    def finish(self) -> None: ...
