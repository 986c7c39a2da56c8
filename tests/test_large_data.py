"""Counts on large graphs equal those of another implementation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_end_to_end import compare, digest
from tests.warm import run

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def same_bytes() -> dict[str, str]:
    """The hash of the results that every way to run must give, by data set."""
    return {}


@pytest.mark.parametrize(
    ("method", "workers"),
    [
        ("fork", 4),
        pytest.param("fork", 1, marks=pytest.mark.slow),
        pytest.param("forkserver", 2, marks=pytest.mark.slow),
        ("spawn", 2),
    ],
)
def test_large_rule_set_on_a_small_graph(
    method: str, workers: int, shared_data: Path, tmp_path: Path, same_bytes: dict[str, str]
) -> None:
    """128,319 rules on 1,125 triples: all 127,642 counts of the oracle, the same bytes always."""
    folder = shared_data / "fb15k237"
    options = ("--workers", workers, "--start-method", method, "--out", tmp_path / "r")
    run("run", folder / "rules128319.tsv.gz", folder / "sample1125.tsv", *options, check=1)
    if digest(tmp_path / "r") != same_bytes.get("fb15k237"):
        assert "fb15k237" not in same_bytes, "other bytes than before"
        same_bytes["fb15k237"] = digest(tmp_path / "r")
        oracle = folder / "oracle_pyclause_rules128319_x_sample1125.tsv.gz"
        equal, differing = compare(tmp_path / "r" / "rules.tsv", oracle, folder / "sample1125.tsv")
        assert (equal, differing) == (127_642, [])


@pytest.mark.parametrize(
    ("name", "rules", "oracle", "equal", "known"),
    [
        ("wn18rr", "anyburl_rules_100s", "oracle_pyclause_rules_x_train", 31_009, 18),
        ("fb15k237", "rules128319", "oracle_pyclause_uc_ud_z_b1_x_train", 116_027, 3),
        *(  # some of whose rules are in each run of the tests
            pytest.param(name, "anyburl_rules40000", oracle, *counts, marks=pytest.mark.slow)
            for oracle in ["oracle_pyclause_rules40000_x_train"]
            for name, *counts in (("umls", 39_999, 1), ("nations", 40_000, 0))
        ),
    ],
)
def test_large_graphs_equal_their_oracles(
    name: str, rules: str, oracle: str, equal: int, known: int, shared_data: Path, tmp_path: Path
) -> None:
    """Whole mined rule sets on whole graphs; those that differ are zero rules with c in h."""
    folder = shared_data / name
    triples = next(path for path in folder.iterdir() if path.name.startswith("train.tsv"))
    run("run", folder / f"{rules}.tsv.gz", triples, "--out", tmp_path / "r", check=1)
    found, differing = compare(tmp_path / "r" / "rules.tsv", folder / f"{oracle}.tsv.gz", triples)
    assert (found, len(differing)) == (equal, known)
    assert all(text.rstrip().endswith("<=") for text in differing)
