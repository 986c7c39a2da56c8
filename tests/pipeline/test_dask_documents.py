"""A manifest over a Dask cluster: the same bytes, with 50 to 100 documents at once."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.dask_processes import ROOT, DaskProcesses, Elsewhere, can_be_elsewhere
from tests.execute.pool_processes import within
from tests.pipeline.faults import Running

pytestmark = pytest.mark.cluster
pytest.importorskip("distributed")

EXAMPLE = ROOT / "docs" / "example"
N_DOCUMENTS, N_IN_FOLDERS = 300, 60


def test_same_bytes(tmp_path: Path) -> None:
    """Documents, findings and counts by rule are those of a run on this host; nothing is left.

    So are the folders of documents. A host that does not see them takes no part.
    """
    lines = (EXAMPLE / "train.tsv").read_text().splitlines(keepends=True)
    tasks, documents = ["tasks:"], tmp_path / "documents"
    documents.mkdir()
    for number in range(N_DOCUMENTS):
        (documents / f"d{number}.tsv").write_text("".join(lines[number::N_DOCUMENTS]))
        tasks.append(f"  - d{number}: documents/d{number}.tsv")
    (tmp_path / "m.yaml").write_text("\n".join(tasks) + "\n")
    # By a name that only the client's folder makes a path of.
    words = ("run", "--rules", EXAMPLE / "umls_rules.tsv", "--manifest", "m.yaml")
    there = partial(os.chdir, tmp_path)
    assert Running(tmp_path, *words, "--out", "here", before=there).end()[0] == 1
    (tmp_path / "few.yaml").write_text("\n".join(tasks[: 1 + N_IN_FOLDERS]) + "\n")
    each = (*words[:-1], "few.yaml", "--per-document")
    assert Running(tmp_path, *each, "--out", "each-here", before=there).end()[0] == 1
    with DaskProcesses(tmp_path / "dask") as cluster:
        workers = [cluster.add(threads=2)]
        if can_be_elsewhere():
            workers.append(cluster.add(elsewhere=Elsewhere(tmp_path / "documents")))
        where = ("--cluster", cluster.address)
        code, said = Running(tmp_path, *words, "--out", "there", *where, before=there).end()
        assert code == 1, said
        assert said.count("does not see") == len(workers) - 1, said
        code, said = Running(tmp_path, *each, "--out", "each-there", *where, before=there).end()
        assert code == 1, said
        for worker in workers:
            assert within(60.0, lambda worker=worker: not worker.kept())  # type: ignore[misc]
    for name in ("documents.jsonl", "findings.jsonl", "metrics.tsv"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    assert written(tmp_path / "each-there") == written(tmp_path / "each-here")


def written(out: Path) -> dict[str, bytes | dict[str, Any]]:
    """All files of results by name; of summaries what does not differ from run to run."""
    found: dict[str, bytes | dict[str, Any]] = {}
    for path in out.rglob("*.*"):
        content: bytes | dict[str, Any] = path.read_bytes()
        if path.name == "summary.json":
            content = {k: v for k, v in json.loads(path.read_bytes()).items() if k != "run"}
        found[str(path.relative_to(out))] = content
    assert len(found) > N_IN_FOLDERS
    return found
