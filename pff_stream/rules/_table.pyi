from pff_stream.rules.asked import Relations
from pff_stream.rules.chunk import RuleChunk

class GatheredRules:
    def __init__(
        self,
        min_support: int = ...,
        min_confidence: float = ...,
        relations: Relations = ...,
        *,
        keeps_filtered: bool = ...,
    ) -> None: ...
    def add(self, chunk: RuleChunk) -> None: ...

class TableBuilder(GatheredRules):
    @property
    def held_bytes(self) -> int: ...
    def size(self) -> int: ...
    def write_into(self, buffer: object) -> None: ...

class RuleTable:
    n_names: int
    n_bodies: int
    n_rules: int
    n_filtered: int
    max_body_rules: int
    max_body_atoms: int
    def __init__(self, buffer: object) -> None: ...
    @property
    def held_bytes(self) -> int: ...
