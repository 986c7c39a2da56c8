from pff_stream.findings._sorted import Sorter
from pff_stream.report._pass import Formatter

class RankedRules(Formatter):
    without_value: int
    def pass_over(self, n: int) -> None: ...
    def end(self) -> None: ...

class Ranking(RankedRules):
    below_floor: int
    violations: int
    def __init__(
        self, by_text: Sorter, order: Sorter, kind: int, floor: float | None = ...
    ) -> None: ...
