from collections.abc import Sequence

from typing_extensions import Buffer

from pff_stream.triples._name_runs import NameRuns
from pff_stream.triples.bad import BadTriples

RECORD_BYTES: int
MAX_LINE_BYTES: int
MAX_TRIPLES: int
MAX_NAMES: int

class TripleLines:
    def __init__(
        self,
        bad: BadTriples,
        max_line_bytes: int = ...,
        spill: tuple[int, int] = ...,
        spill_bytes: int = ...,
        runs: NameRuns | None = ...,
        limits: tuple[int, int] = ...,
    ) -> None: ...
    most_names_bytes: int
    @property
    def n_read(self) -> int: ...
    @property
    def n_blank(self) -> int: ...
    @property
    def n_comments(self) -> int: ...
    @property
    def spilled(self) -> bool: ...
    @property
    def entity_names_bytes(self) -> int: ...
    def start_run(self) -> None: ...
    @property
    def n_entities(self) -> int: ...
    @property
    def n_relations(self) -> int: ...
    @property
    def entity_name_bytes(self) -> int: ...
    @property
    def relation_name_bytes(self) -> int: ...
    @property
    def flags(self) -> int: ...
    def start_file(
        self,
        name: str,
        columns: Sequence[int] = ...,
        verbatim: bool = ...,
        lines_before: int = ...,
        n_columns: int = ...,
        more_columns: bool = ...,
        cuts_dots: bool = ...,
    ) -> None: ...
    def feed(self, block: Buffer) -> None: ...
    def end_file(self) -> None: ...
