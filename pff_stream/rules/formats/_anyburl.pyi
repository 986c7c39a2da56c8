from collections.abc import Callable

from pff_stream.rules._sink import RuleSink
from pff_stream.rules.formats.interface import GraphNames

READER_BYTES: int

class AnyBurlEntries: ...

class AnyBurlReader(AnyBurlEntries):
    def __init__(
        self,
        sink: RuleSink,
        read_text: Callable[[bytes], tuple[int, bytes, bytes] | tuple[int, str, str]],
        graph: GraphNames | None,
    ) -> None: ...
    def feed(self, block: bytes) -> None: ...
    def finish(self) -> None: ...
