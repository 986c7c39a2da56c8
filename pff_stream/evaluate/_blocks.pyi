from pff_stream.evaluate._kernel import Evaluator
from pff_stream.triples._graph import GraphView
from pff_stream.triples._resident import ResidentRelations

def block_room_bytes(n_atoms: int, n_rules: int, buffer_bytes: int) -> int: ...

class BlockEvaluator(Evaluator):
    def __init__(
        self,
        graph: GraphView,
        semantics: str,
        resident: ResidentRelations,
        *,
        wide: bool = ...,
        max_examples: int = ...,
        min_support: int = ...,
        min_confidence: float = ...,
        max_work: int | None = ...,
        buffer_bytes: int = ...,
        progress: memoryview | bytearray | None = ...,
        way: int = ...,
    ) -> None: ...
