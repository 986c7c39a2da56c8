from collections.abc import Callable

from pff_stream.report._pass import Formatter

ROWS_BYTES: int

def row_bytes() -> int: ...

class RuleRows(Formatter):
    def __init__(self, write: Callable[[memoryview], object]) -> None: ...
    def finish_rows(self) -> None: ...
