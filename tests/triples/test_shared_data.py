"""Real graphs, where somebody has them: the encoded graph is the file's set of triples."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pff_stream.files.sources import open_blocks
from pff_stream.triples._graph import GraphView
from tests.triples.memory_writer import encoded

_FOLDER = os.environ.get("PFF_STREAM_SHARED_DATA")


@pytest.mark.thorough
@pytest.mark.skipif(not _FOLDER, reason="PFF_STREAM_SHARED_DATA names no folder of real graphs")
@pytest.mark.parametrize(
    "name", ["edge/train.tsv", "nations/train.tsv", "umls/train.tsv", "wn18rr/train.tsv.gz"]
)
def test_real_graphs(name: str) -> None:
    """Every triple of the file is in the graph, and nothing else."""
    path = Path(_FOLDER or "") / name
    data, report = encoded(path)
    view = GraphView(data)
    view.check_contents()
    lines = b"".join(open_blocks(path)).split(b"\n")[:-1]
    found = {
        (view.entity_name(s), view.relation_name(r), view.entity_name(o))
        for s, r, o in view.triples()
    }
    assert found == {tuple(line.split(b"\t")) for line in lines}
    assert report.n_read == len(lines)
