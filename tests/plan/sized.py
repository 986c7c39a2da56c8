"""Sizes of runs that are only planned."""

from __future__ import annotations

from pff_stream.plan.blocks import BlockSizes
from pff_stream.plan.sizes import RunSizes
from pff_stream.report.sizes import ResultSizes, fan_in
from pff_stream.rules.sizes import RuleSizes
from pff_stream.triples.terms import GraphSizes
from pff_stream.work.task import RESULT_BYTES

RULES = RuleSizes(
    n_rules=4096,
    n_chunks=1,
    chunk_bytes=256 << 10,
    chunk_rules=4096,
    chunk_names=0,
    chunk_atoms=0,
    chunk_bodies=0,
    source_chunk_bytes=600 << 10,
    body_atoms=3,
)
"""Rules of one full chunk."""


def sized(
    graph: GraphSizes,
    rules: RuleSizes,
    *,
    results_bytes: int = 0,
    cores: int = 1,
    blocks: BlockSizes | None = None,
) -> RunSizes:
    """A run whose chunks each leave two runs of results."""
    merged_at_once = fan_in(rules.n_chunks, results_bytes)
    results = ResultSizes(
        n_runs=2 * rules.n_chunks,
        fan_in=merged_at_once,
        buffer_bytes=RESULT_BYTES,
        spool_in_memory_bytes=0,
        outputs=(),
        n_outputs=0,
        reports=(),
    )
    return RunSizes(
        graph, rules, results, bounds_work=False, findings=None, cores=cores, blocks=blocks
    )
