"""Types of the compiled order of rules."""

from pff_stream.report.records import Counts

def rank_confidence(
    kind: int,
    counts: Counts,
    added: int = 0,
    miner: float | None = None,
    miner_pca: float | None = None,
) -> float | None: ...
def ranks_before(a: tuple[float, int, bytes, int], b: tuple[float, int, bytes, int]) -> bool: ...
