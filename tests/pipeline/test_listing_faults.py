"""Workers that die while they list violations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.faults import Running

pytestmark = pytest.mark.thorough


def test_rule_that_kills_the_worker_that_lists_it(inputs: tuple[str, str], tmp_path: Path) -> None:
    """It has failed, its counts are withdrawn, and it is no reason: as if it were not there."""
    out, good = tmp_path / "r", tmp_path / "good"
    assert Running(tmp_path, "run", *inputs, "--out", good).end()[0] == 1
    best = json.loads((good / "findings.jsonl").read_text().splitlines()[0])["reasons"][0]["rule"]
    code, said = Running(
        tmp_path, "run", *inputs, "--out", out, "--start-method", "fork", kill_listing=best - 1
    ).end()
    assert code == 4, said
    lines = (out / "outcomes.tsv").read_text().splitlines()
    expected = (good / "outcomes.tsv").read_text().splitlines()
    assert [n for n, line in enumerate(lines, 1) if line != expected[n - 1]] == [best]
    assert lines[best - 1].split("\t")[1:] == ["failed", "killed its worker: killed by SIGKILL"]
    found = [json.loads(line) for line in (out / "findings.jsonl").read_text().splitlines()]
    assert len(found) == 1000
    assert all(reason["rule"] != best for one in found for reason in one["reasons"])
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["rules"]["failed"], summary["findings"]["not_looked_at"]) == (1, 1)
