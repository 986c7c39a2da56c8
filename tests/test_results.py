"""`pff_stream.run`: sequences of findings and rules, read from the results when asked for."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import pff_stream
from pff_stream import InputError, RefusedError, UsageError

RULES = ["knows(X,Y) <= knows(Y,X)", "likes(X,tea) <= likes(X,A)", "knows(X,Y) <= owns(X,Y)"]
HOLDS = "knows(X,Y) <= knows(X,Y)"
TRIPLES = [
    ("ana", "knows", "bo"),
    ("bo", "knows", "ana"),
    ("cy", "knows", "ana"),
    ("cy", "likes", "cake"),
]


@pytest.mark.thorough
def test_what_a_run_comes_to() -> None:
    """Findings best first, all rules, those that are violated and those that hold."""
    with pff_stream.run([*RULES, HOLDS], TRIPLES, workers=1) as result:
        assert [finding.triple for finding in result.findings] == [
            ("ana", "knows", "cy"),
            ("cy", "likes", "tea"),
        ]
        assert result.findings[0].reasons[0].witness == (("cy", "knows", "ana"),)
        assert [metric.line for metric in result.metrics] == [1, 2, 3, 4]
        assert [metric.line for metric in result.violated] == [1, 2]
        assert [metric.line for metric in result.satisfied] == [4]
        assert result.metrics[0].counts.predictions == 3
        assert (result.exit_code, result.reason) == (1, "2 violations (--fail-on violations)")
        assert result.summary["rules"]["violated"] == 2


@pytest.fixture(scope="module")
def result(data: Path) -> pff_stream.results.RunResult:
    """UMLS with 30 findings."""
    folder = data / "umls"
    return pff_stream.run(folder / "rules.tsv.gz", folder / "train.tsv.gz", findings=30, workers=1)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["findings", "metrics", "violated", "satisfied"])
def test_a_sequence_is_as_a_list(result: Any, name: str) -> None:
    """Length, index, slice, membership, equality, order from behind."""
    lazy: Sequence[Any] = getattr(result, name)
    whole = list(lazy)
    n = len(whole)
    assert len(lazy) == n > 0
    others: list[object] = [whole[1:], [*whole[1:], whole[0]], 5]
    assert lazy == whole and whole == lazy
    assert not [one for one in others if lazy == one]
    assert (lazy[0], lazy[-1], lazy[n - 1]) == (whole[0], whole[-1], whole[-1])
    assert lazy[3:9] == whole[3:9] and lazy[::-7] == whole[::-7] and lazy[n:] == []
    assert lazy[2:8][1:-1][0] == whole[3]
    assert list(reversed(lazy[:5])) == whole[4::-1]
    assert whole[2] in lazy and lazy.index(whole[2]) == whole.index(whole[2])
    with pytest.raises(IndexError):
        lazy[n]
    with pytest.raises(TypeError):
        hash(lazy)


@pytest.mark.thorough
def test_the_same_as_the_files_have(result: Any, tmp_path: Path, data: Path) -> None:
    """In a folder of the caller's, which stays."""
    folder, out = data / "umls", tmp_path / "out"
    with pff_stream.run(
        folder / "rules.tsv.gz", folder / "train.tsv.gz", findings=30, workers=1, out=out
    ) as kept:
        assert kept.findings == result.findings
        assert kept.violated == result.violated
    lines = (out / "findings.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["key"] for line in lines] == [one.key for one in result.findings]
    assert len(kept.metrics) == len((out / "metrics.tsv").read_text().splitlines()) - 1


@pytest.mark.thorough
def test_results_live_as_long_as_what_is_read_from_them() -> None:
    """A temporary folder is gone with the last sequence, or when the result is closed."""
    result = pff_stream.run(RULES, TRIPLES, workers=1)
    folder, violated = result.folder, result.violated
    del result
    gc.collect()
    assert [metric.line for metric in violated] == [1, 2]
    del violated
    gc.collect()
    assert not os.path.exists(folder)
    closed = pff_stream.run(RULES, TRIPLES, workers=1)
    closed.close()
    closed.close()
    assert not os.path.exists(closed.folder)
    with pytest.raises(ValueError, match="was closed"):
        len(closed.metrics)


@pytest.mark.thorough
def test_without_findings() -> None:
    """None are looked for, and there are none."""
    result = pff_stream.run(RULES, TRIPLES, findings=0, workers=1)
    assert list(result.findings) == [] and len(result.violated) == 2


@pytest.mark.thorough
def test_what_goes_wrong_is_raised(tmp_path: Path) -> None:
    """As by the command, with nothing left behind."""
    before = set(os.listdir(os.environ.get("TMPDIR", "/tmp")))
    with pytest.raises(InputError, match=r"absent\.tsv"):
        pff_stream.run(tmp_path / "absent.tsv", TRIPLES)
    with pytest.raises(RefusedError):
        pff_stream.run(RULES, TRIPLES, budget_bytes=1 << 20)
    options: list[dict[str, Any]] = [{"manifest": "x"}, {"resume": "x"}]
    for one in options:
        with pytest.raises(UsageError, match=f"--{next(iter(one))}"):
            pff_stream.run(RULES, TRIPLES, **one)
    after = set(os.listdir(os.environ.get("TMPDIR", "/tmp")))
    assert not [name for name in after - before if name.startswith("pff-stream-")]
