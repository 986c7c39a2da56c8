from collections.abc import Callable, Sequence
from typing import Final

from pff_stream.triples._triple_lines import TripleLines
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats._document import DocumentWalk

WANTED_BYTES: Final[int]
POINTER_BYTES: Final[int]
FOUND_BYTES: Final[int]

def pointer_bytes(n: int) -> int: ...

class WantedPlaces:
    def __init__(self, triples: Sequence[tuple[bytes, bytes, bytes]]) -> None: ...
    @property
    def held_bytes(self) -> int: ...
    @property
    def found(self) -> list[tuple[str, int, bytes | None, bytes] | None]: ...
    @property
    def n_long(self) -> int: ...
    def settle(
        self, source: str, line_of: Callable[[int], int], before: bytes | None = None
    ) -> None: ...

class PlaceLines(TripleLines):
    def __init__(self, bad: BadTriples, wanted: WantedPlaces) -> None: ...

class PlaceWalk(DocumentWalk):
    def __init__(
        self,
        id_parts: Sequence[Sequence[Sequence[str]]],
        injective: bool,
        by_path: bool,
        wanted: WantedPlaces,
    ) -> None: ...
