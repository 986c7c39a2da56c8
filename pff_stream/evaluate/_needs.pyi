import numpy as np
import numpy.typing as npt

from pff_stream.evaluate._kernel import Columns
from pff_stream.triples._graph import GraphView

def largest_need(
    graph: GraphView,
    chunk: Columns,
    distinct: bool,
    side_bytes: npt.NDArray[np.int64],
    least_bytes: int,
) -> tuple[int, list[int]]: ...
