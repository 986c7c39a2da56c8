from pff_stream.triples._graph import GraphView

def scratch_bytes(n_entities: int, wide: bool) -> int: ...
def rule_room_bytes(n_names: int, n_atoms: int, n_rules: int) -> int: ...

class Counter:
    def __init__(
        self,
        graph: GraphView,
        semantics: str,
        *,
        wide: bool = ...,
        min_support: int = ...,
        min_confidence: float = ...,
        max_work: int | None = ...,
        progress: memoryview | bytearray | None = ...,
        way: int = ...,
    ) -> None: ...
    @property
    def edges(self) -> int: ...
