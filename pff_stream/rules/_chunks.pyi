from collections.abc import Callable, Sequence

BUILDER_BYTES: int
NAME_TABLE_BYTES: int
LONGEST_LINE_BYTES: int
MAX_CHUNK_RULES: int

class ChunkBuilder:
    bodies: int
    max_body_atoms: int
    max_variables: int
    def __init__(
        self,
        sink: Callable[[int, int, int, Sequence[memoryview]], object],
        max_rules: int = ...,
    ) -> None: ...
