import numpy as np
from numpy.typing import NDArray

from pff_stream.rules.chunk import RuleChunk
from pff_stream.triples._graph import GraphView

def body_work(
    graph: GraphView, chunk: RuleChunk
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]: ...
