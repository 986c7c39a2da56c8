"""A rule of very many violations beside rules of few: of it only the first triples are wanted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pff_stream.findings.order import LARGE
from pff_stream.observer import Silent
from pff_stream.pipeline.run import run
from pff_stream.settings.commands import RunSettings

pytestmark = pytest.mark.thorough

N = 300
RULES = """\
2\t1\t0.9\tr(X,Y) <= q(X,Y)
90000\t1\t0.5\tr(X,Y) <= a(X,A), b(A,Y)
3\t1\t0.4\tr(X,y0) <= q(X,A)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rules and triples; the names are met in another order than that of their bytes."""
    folder = tmp_path_factory.mktemp("large")
    hub = [f"x{i}\ta\thub\nhub\tb\ty{i}\n" for i in reversed(range(N))]
    (folder / "t.tsv").write_text("".join(hub) + "x7\tq\ty7\nx3\tq\tz\nx4\tr\ty4\n")
    (folder / "r.tsv").write_text(RULES)
    return folder


def findings(folder: Path, rules: str, n: int, **options: Any) -> tuple[bytes, dict[str, Any]]:
    """The findings of a run, and what the summary counts of them."""
    (folder / "asked.tsv").write_text(rules)
    out = folder / "listed"
    settings = {"workers": 1, "start_method": "thread", "overwrite": True} | options
    run(
        RunSettings.of(
            rules=str(folder / "asked.tsv"),
            triples=(str(folder / "t.tsv"),),
            out=str(out),
            findings=n,
            **settings,
        ),
        Silent(),
    )
    summary = json.loads((out / "summary.json").read_text())
    return (out / "findings.jsonl").read_bytes(), summary["findings"]


@pytest.mark.parametrize(
    ("n", "rules", "kib", "options"),
    [
        (3, RULES, 100, {}),
        (3, RULES, 1 << 10, {"workers": 2, "start_method": "fork"}),
        (20, RULES, 30, {"assumption": "partial"}),
        (700, RULES + RULES.splitlines()[1] + "\n", 2 << 10, {"max_reasons": 1}),
        (2, "9\t1\t0.9\tr(X,new) <= a(X,A)\n", 5, {}),
        (2, "9\t1\t0.9\tr(new,Y) <= b(A,Y)\n", 5, {}),
        (2, "9\t1\t0.9\tr(X,X) <= a(X,A)\n", 5, {}),
        (2, "9\t1\t0.9\tr(X,y3) <= a(X,A), b(A,B)\n", 6, {"semantics": "homomorphism"}),
        (2, "9\t1\t0.9\ta(X,zero) <= \n", 5, {}),
        (2, "9\t1\t0.9\tb(zero,Y) <= \n", 5, {}),
    ],
)
def test_a_rule_that_the_disk_has_no_room_for(
    n: int, rules: str, kib: int, options: dict[str, Any], folder: Path
) -> None:
    """It is listed page by page: the same findings, and the same is counted."""
    whole = findings(folder, rules, n, **options)
    assert whole[1]["total"] > n
    assert findings(folder, rules, n, max_disk_bytes=kib << 10, **options) == whole


def test_less_room_than_the_findings_take(folder: Path) -> None:
    """The list is cut before the rule, which is said."""
    found, summary = findings(folder, RULES, 1500, max_disk_bytes=1 << 20)
    assert (found.count(b"\n"), summary["cut_by_max_disk"]) == (2, True)


@pytest.mark.parametrize("n", [1, 2, 3, 1500])
def test_first_triples_of_a_large_rule(folder: Path, n: int) -> None:
    """Those that come first by name, each once, with all rules that predict it as reasons."""
    out = folder / f"out{n}"
    run(
        RunSettings.of(
            rules=str(folder / "r.tsv"),
            triples=(str(folder / "t.tsv"),),
            out=str(out),
            findings=n,
            workers=1,
            start_method="thread",
        ),
        Silent(),
    )
    found = [json.loads(line) for line in (out / "findings.jsonl").read_text().splitlines()]
    predicted = sorted((f"x{i}", f"y{k}") for i in range(N) for k in range(N))
    assert len(predicted) > LARGE
    best = [("x3", "z"), ("x7", "y7")]
    rest = [pair for pair in predicted if pair not in {("x7", "y7"), ("x4", "y4")}]
    assert [(one["triple"][0], one["triple"][2]) for one in found] == [*best, *rest][:n]
    summary = json.loads((out / "summary.json").read_text())["findings"]
    is_large_in_force = n > len(best)
    assert summary["total"] == len(best) + is_large_in_force * len(rest)
    both = next((one for one in found if one["triple"][2] == "y7" and one["score"] == 0.9), None)
    assert n == 1 or (both is not None and both["reasons_total"] == 1 + is_large_in_force)
