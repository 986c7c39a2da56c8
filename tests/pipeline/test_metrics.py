"""`metrics.tsv` from end to end: every cell from the counts, the triples and the rule file."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from pff_stream.report.formats.metrics import COLUMNS
from tests.warm import run

TRIPLES = """ana\tborn\trome
bo\tborn\toslo
ana\tlives\tparis
bo\tlives\toslo
cy\tlives\tparis
dee\tlives\tcairo
"""
RULES = """7\t3\t0.42\tborn(X,Y) <= lives(X,Y)
9\t2\t0.5\tborn(X,rome) <= lives(X,paris)
born(X,rome) <= lives(X,cairo)
died(X,Y) <= born(X,Y)
4\t1\t0.001\tlives(X,Y) <= born(X,Y)
born(X,Y) <= owns(X,Y)
no rule\tat all
"""
EXPECTED = """\
1,violated,,4,1,3,2,1,0.2,0.3333333333333333,0.5,7,3,0.42,,,,"born(X,Y) <= lives(X,Y)"
2,satisfied,,2,1,1,1,0,0.3333333333333333,0.5,0.5,9,2,0.5,,,,"born(X,rome) <= lives(X,paris)"
3,vacuous,all predictions unknown,1,0,1,1,0,0.0,0.0,0.0,,,,,,,"born(X,rome) <= lives(X,cairo)"
4,vacuous,all predictions unknown,2,0,2,2,0,0.0,0.0,,,,,,,,"died(X,Y) <= born(X,Y)"
5,filtered,below --min-confidence,,,,,,,,,4,1,0.001,,,,"lives(X,Y) <= born(X,Y)"
6,vacuous,relation not in the graph,0,0,0,0,0,,0.0,0.0,,,,,,,"born(X,Y) <= owns(X,Y)"
"""


def rows(path: Path) -> list[dict[str, str]]:
    """The lines of a file of columns, by the names in its first line."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.quick
def test_each_kind_of_row(tmp_path: Path) -> None:
    """What has no value is an empty cell; a line that could not be read keeps its text."""
    (tmp_path / "rules.tsv").write_text(RULES)
    (tmp_path / "graph.tsv").write_text(TRIPLES)
    out = tmp_path / "out"
    options = ["--assumption", "partial", "--unseen", "1", "--min-confidence", "0.1"]
    inputs = [tmp_path / "rules.tsv", tmp_path / "graph.tsv"]
    run("run", *inputs, *options, "--on-bad-rule", "skip", "--out", out, check=1)
    found = rows(out / "metrics.tsv")
    expected = list(csv.DictReader(EXPECTED.splitlines(), COLUMNS))
    assert found[:6] == expected
    last = found[6]
    assert (last["outcome"], last["rule"]) == ("rejected", r"no rule\tat all")
    assert not any(last[name] for name in list(last)[3:17])


@pytest.mark.parametrize("assumption", ["closed", "partial"])
def test_every_rule_of_umls(data: Path, tmp_path: Path, assumption: str) -> None:
    """Shares follow from the counts; facts are counted in the triples themselves."""
    rules, train = data / "umls" / "rules.tsv.gz", data / "umls" / "train.tsv.gz"
    out = tmp_path / "out"
    run("run", rules, train, "--assumption", assumption, "--out", out, check=1)
    with gzip.open(train, "rt", encoding="utf-8") as file:
        facts = Counter(line.split("\t")[1] for line in set(file))
    with gzip.open(rules, "rt", encoding="utf-8") as file:
        mined = [line.rstrip("\n").split("\t") for line in file]
    with (out / "rules.tsv").open(encoding="utf-8") as file:
        counted = iter(file.read().splitlines())
    seen = 0
    for row, of_miner in zip(rows(out / "metrics.tsv"), mined, strict=True):
        assert [row["rule"], row["miner_predictions"], row["miner_support"]] == [
            of_miner[3],
            *of_miner[:2],
        ]
        assert float(row["miner_confidence"]) == float(of_miner[2])
        predictions, support, unknown = (
            int(row[name]) for name in ("predictions", "support", "unknown")
        )
        assert next(counted).split("\t")[:2] == [row["predictions"], row["support"]]
        absent = predictions - support
        assert int(row["absent"]) == absent
        assert int(row["violations"]) == absent - unknown * (assumption == "partial")
        decided, of_head = predictions - unknown, facts[row["rule"].split("(")[0]]
        assert row["confidence"] == (repr(support / predictions) if predictions else "")
        assert row["partial_confidence"] == (repr(support / decided) if decided else "")
        assert row["head_coverage"] == (repr(support / of_head) if of_head else "")
        seen += 1
    assert seen == len(mined) > 1000
    run("report", out, "--report", f"metrics={tmp_path / 'again.tsv'}", check=0)
    assert (tmp_path / "again.tsv").read_bytes() == (out / "metrics.tsv").read_bytes()
