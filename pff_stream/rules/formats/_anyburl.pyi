from collections.abc import Callable, Sequence

from pff_stream.rules._runs import RuleRuns
from pff_stream.rules.compile import GraphNames

READER_BYTES: int

class RuleReader:
    rules: int
    rejected: int
    unsettled: int
    ambiguous: int
    def __init__(
        self,
        runs: RuleRuns,
        source_sink: Callable[[int, Sequence[bytes | memoryview]], object],
        read_text: Callable[[bytes], tuple[int, bytes, bytes] | tuple[int, str, str]],
        on_reject: Callable[[int, int, str, str], bytes],
        graph: GraphNames | None,
    ) -> None: ...
    def feed(self, block: bytes) -> None: ...
    def finish(self) -> None: ...
