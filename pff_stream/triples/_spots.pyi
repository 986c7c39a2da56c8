from typing import Final

import numpy as np
from numpy.typing import NDArray

from pff_stream.triples._encode import Encoder
from pff_stream.triples.formats._document import DocumentWalk

ANY_ID: Final[int]
NOWHERE: Final[int]

def spots(
    encoder: Encoder, walk: DocumentWalk, text: bytes, wanted: memoryview | NDArray[np.uint32]
) -> bytes | None: ...
def places_at(
    text: bytes, offsets: memoryview | NDArray[np.uint32]
) -> dict[int, tuple[int, str]] | None: ...
