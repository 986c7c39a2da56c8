"""A manifest over a Dask cluster: the same bytes, with 50 to 100 documents at once."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from tests.dask_processes import ROOT, DaskProcesses
from tests.execute.pool_processes import within
from tests.pipeline.faults import Running

pytestmark = pytest.mark.cluster
pytest.importorskip("distributed")

EXAMPLE = ROOT / "docs" / "example"
N_DOCUMENTS = 300


def test_same_bytes(tmp_path: Path) -> None:
    """Documents, findings and counts by rule are those of a run on this host; nothing is left."""
    lines = (EXAMPLE / "train.tsv").read_text().splitlines(keepends=True)
    tasks = ["tasks:"]
    for number in range(N_DOCUMENTS):
        (tmp_path / f"d{number}.tsv").write_text("".join(lines[number::N_DOCUMENTS]))
        tasks.append(f"  - d{number}: d{number}.tsv")
    (tmp_path / "m.yaml").write_text("\n".join(tasks) + "\n")
    # By a name that only the client's folder makes a path of.
    words = ("run", "--rules", EXAMPLE / "umls_rules.tsv", "--manifest", "m.yaml")
    there = partial(os.chdir, tmp_path)
    assert Running(tmp_path, *words, "--out", "here", before=there).end()[0] == 1
    with DaskProcesses(tmp_path / "dask") as cluster:
        worker = cluster.add(threads=2)
        more = ("--out", "there", "--cluster", cluster.address)
        code, said = Running(tmp_path, *words, *more, before=there).end()
        assert code == 1, said
        assert within(60.0, lambda: not worker.kept())
    for name in ("documents.jsonl", "findings.jsonl", "metrics.tsv"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
