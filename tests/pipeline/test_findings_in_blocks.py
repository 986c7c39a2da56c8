"""Findings of a graph that is read in blocks, with room for half of it: the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pff_stream.plan.sizes import BLOCKS
from pff_stream.triples._resident import side_bytes
from pff_stream.triples.graph import attach
from tests.warm import run

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize(
    "asked",
    [
        ("--findings", "1000"),
        ("--findings", "1000", "--max-disk", "1MiB"),
        (
            *("--findings", "all", "--floor", "0.6", "--score", "noisy-or"),
            *("--assumption", "partial", "--confidence", "exact"),
        ),
    ],
    ids=["the first", "the first with little disk", "all above a floor"],
)
def test_same_findings_with_half_of_the_graph(
    asked: tuple[str, ...], inputs: tuple[str, str], tmp_path: Path
) -> None:
    """Listing, what stands there instead, kinds and places do not depend on what is in memory."""
    rules, triples = inputs
    graph, saved = tmp_path / "graph.pffg", tmp_path / "plan.json"
    run("encode", triples, "-o", graph, check=0)
    run("run", rules, graph, *asked, "--out", tmp_path / "whole", "--fail-on", "none", check=0)
    run("plan", rules, graph, *asked, "--out", tmp_path / "blocks", "-o", saved, check=0)
    plan = json.loads(saved.read_text())
    with attach(str(graph)) as attached:
        half = int(np.frombuffer(side_bytes(attached.view), np.int64).sum()) // 2
    plan["settings"].update(
        backing=BLOCKS, resident_bytes=half, names_in_memory=True, chunks_together=1
    )
    saved.write_text(json.dumps(plan))
    out = ("--out", tmp_path / "blocks", "--fail-on", "none")
    run("run", rules, graph, *asked, "--plan", saved, *out, check=0)
    whole = (tmp_path / "whole" / "findings.jsonl").read_bytes()
    assert whole.count(b"\n") >= 1000
    assert (tmp_path / "blocks" / "findings.jsonl").read_bytes() == whole
    summary = json.loads((tmp_path / "blocks" / "summary.json").read_text())
    assert summary["run"]["backing"] == BLOCKS
