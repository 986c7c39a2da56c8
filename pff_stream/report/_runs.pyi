from collections.abc import Sequence

from pff_stream.report.run_table import PackedRuns, RunTable

FAN_IN: int
WINDOW_BYTES: int
MAX_RECORD_BYTES: int

def header_bytes() -> int: ...
def heap_bytes(
    n_runs: int, fan_in: int = ..., window_bytes: int = ..., max_record_bytes: int = ...
) -> int: ...

class RunHeap:
    def __init__(
        self,
        files: Sequence[int],
        runs: RunTable | PackedRuns,
        *,
        fan_in: int = ...,
        window_bytes: int = ...,
        max_record_bytes: int = ...,
        temporary_dir: str | None = ...,
        checks_sums: bool = ...,
    ) -> None: ...
    def close(self) -> None: ...
