from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from pff_stream.files.writers import ByteSink
from pff_stream.report._runs import RunHeap

SINK_BYTES: int

class RunCutter(RunHeap):
    def merge(
        self,
        out: ByteSink,
        borders: NDArray[np.uint64],
        begins: NDArray[np.uint64],
        examples: NDArray[np.uint64],
        spooled: NDArray[np.uint64],
        withdrawn: Collection[int] = ...,
    ) -> None: ...
