import numpy as np
from numpy.typing import NDArray

def names_room_bytes(n_names: int) -> int: ...

class NameSearch:
    def entity_ids(self, names: list[bytes], hashes: NDArray[np.uint64]) -> list[int]: ...
