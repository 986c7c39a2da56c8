from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pff_stream.evaluate._kernel import TableCounter
from pff_stream.findings._sorted import Sorter
from pff_stream.findings.catalogue import RuleCatalogue
from pff_stream.findings.order import RankedRule, RankedSource

def put_texts(
    sorter: Sorter,
    texts: NDArray[np.uint8],
    text_ends: NDArray[np.uint32],
    kept: NDArray[np.bool_],
    first: int,
) -> None: ...
def number_texts(sorter: Sorter, orders: NDArray[np.uint32]) -> None: ...

class TableOrder:
    n: int
    violations: int
    without_value: int
    below_floor: int
    def __init__(
        self,
        catalogue: RuleCatalogue,
        counter: TableCounter,
        kind: int,
        floor: float | None = ...,
        more: int = ...,
    ) -> None: ...
    @property
    def is_all(self) -> bool: ...
    def extend(self, violations: int | None, most: int | None = ...) -> None: ...
    def with_repeats(self, rank: int) -> int: ...
    def places(self, first: int) -> NDArray[np.uint32]: ...
    def rule(self, rank: int) -> RankedRule: ...
    def packed(self, ranks: Iterable[int]) -> dict[int, RankedSource]: ...
    def logs(self) -> NDArray[np.float64]: ...
