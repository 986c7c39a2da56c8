from collections.abc import Callable, Sequence

from pff_stream.evaluate._kernel import Columns, Evaluator
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.triples._graph import GraphView
from pff_stream.triples._resident import ResidentRelations

def block_room_bytes(n_chunks: int, n_atoms: int, n_rules: int, buffer_bytes: int) -> int: ...

class BlockEvaluator(Evaluator):
    def __init__(
        self,
        graph: GraphView,
        semantics: str,
        resident: ResidentRelations,
        options: EvaluatorOptions = ...,
        *,
        wide: bool = ...,
        buffer_bytes: int = ...,
        progress: memoryview | bytearray | None = ...,
        way: int = ...,
    ) -> None: ...
    def reserve_together(self, n_chunks: int, n_names: int, n_atoms: int, n_rules: int) -> None: ...
    def evaluate_together(
        self,
        ranges: Sequence[tuple[Columns, int, int]],
        flush: Callable[[memoryview], object],
        skipped: int = ...,
    ) -> tuple[int, int]: ...
