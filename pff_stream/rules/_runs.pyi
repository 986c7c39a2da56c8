from collections.abc import Callable

from pff_stream.rules._chunks import ChunkBuilder
from pff_stream.rules._writer import Temporary

RUNS_FIXED_BYTES: int
SLOT_BYTES: int

class HeldRun: ...

class SortedRuns(HeldRun):
    n_spilled: int
    place: str
    @property
    def touched_bytes(self) -> int: ...
    def __init__(
        self,
        builder: ChunkBuilder,
        arena_bytes: int,
        n_slots: int,
        open_temporary: Callable[[], Temporary],
    ) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...
