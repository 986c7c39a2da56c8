from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

BUILDER_BYTES: int
LONGEST_LINE_BYTES: int
MAX_CHUNK_RULES: int

class ChunkBuilder:
    bodies: int
    filters: int
    max_body_atoms: int
    def __init__(
        self,
        sink: Callable[[int, int, int, Sequence[memoryview]], object],
        max_rules: int = ...,
    ) -> None: ...

def touched_bytes(columns: Iterable[int], n_names: int) -> int:
    """What a builder touches whose chunks have columns of so many bytes at most."""

def find_bad_name(
    names: npt.NDArray[np.uint8], ends: npt.NDArray[np.uint32], hashes: npt.NDArray[np.uint64]
) -> int:
    """A name that no rule text can hold, or whose hash is not its own; -1: none."""

def find_bad_text(
    texts: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.uint32],
    may_have_tabs: npt.NDArray[np.uint8] | None = None,
) -> int:
    """A text that cannot have been a line or one column of a line; -1: none."""

def find_wrong_terms(
    atoms: npt.NDArray[np.int32],
    body_ends: npt.NDArray[np.uint32],
    rule_body: npt.NDArray[np.uint32],
    heads: npt.NDArray[np.int32],
    n_names: int,
    max_variables: int,
    max_atoms: int,
) -> int:
    """What is wrong with indices of atoms, heads and bodies, by its number; 0: nothing."""
