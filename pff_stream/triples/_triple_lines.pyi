from collections.abc import Sequence

from typing_extensions import Buffer

from pff_stream.triples.bad import BadTriples

RECORD_BYTES: int
MAX_LINE_BYTES: int

class TripleLines:
    def __init__(
        self,
        bad: BadTriples,
        max_line_bytes: int = ...,
        spill: tuple[int, int] = ...,
        spill_bytes: int = ...,
    ) -> None: ...
    @property
    def n_read(self) -> int: ...
    @property
    def n_blank(self) -> int: ...
    @property
    def n_comments(self) -> int: ...
    @property
    def spilled(self) -> bool: ...
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
