from collections.abc import Callable, Sequence
from typing import Final

from pff_stream.triples._triple_lines import TripleLines
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats._document import DocumentWalk

WANTED_BYTES: Final[int]
FOUND_BYTES: Final[int]

class WantedPlaces:
    def __init__(self, triples: Sequence[tuple[bytes, bytes, bytes]]) -> None: ...
    @property
    def held_bytes(self) -> int: ...
    @property
    def found(self) -> list[tuple[str, int, str | None, bytes] | None]: ...
    def settle(
        self, source: str, line_of: Callable[[int], int], before: str | None = None
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
