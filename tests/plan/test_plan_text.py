"""What `plan` prints fits 80 columns, whatever is planned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import RefusedError
from pff_stream.observer import Silent
from pff_stream.pipeline.run import make_plan, make_sweep
from pff_stream.settings.commands import RunSettings
from planner.text import LEAD, refusal, table

RULES = "10\t9\t0.9\tspeed(X,200) <= code(X,F200)\n"
LONG = "a folder with a long name" * 5


def fits(text: str, lead: int = 0) -> bool:
    """Whether no line is longer than 80 columns."""
    return max(map(len, (" " * lead + text).split("\n"))) <= 80


def settings(folder: Path, way: str, **options: Any) -> RunSettings:
    """A run over a graph, a document or a manifest in a folder of a long name."""
    where = folder / LONG
    where.mkdir()
    (where / "r.tsv").write_text(RULES)
    document = where / "d.json"
    document.write_text(json.dumps({"id": "d", "code": "F200"}))
    (where / "t.tsv").write_text("d\tcode\tF200\n")
    (where / "m.yaml").write_text("tasks:\n  - d: d.json\n")
    inputs: dict[str, Any] = {"manifest": str(where / "m.yaml")}
    if way != "manifest":
        inputs = {"triples": (str(document if way == "document" else where / "t.tsv"),)}
    out = str(where / "results")
    return RunSettings.of(rules=str(where / "r.tsv"), **inputs, out=out, **options)


@pytest.mark.parametrize(
    "way",
    ["graph", *(pytest.param(one, marks=pytest.mark.thorough) for one in ("document", "manifest"))],
)
@pytest.mark.parametrize(
    "budget", [None, pytest.param(1 << 30, marks=pytest.mark.thorough), 1 << 20]
)
def test_a_plan_fits_80_columns(way: str, budget: int | None, tmp_path: Path) -> None:
    """Whether it fits the budget or not, with reports of long names."""
    report = tmp_path / LONG / "report.tsv"
    asked = settings(tmp_path, way, budget_bytes=budget, report=(f"metrics={report}",), workers=2)
    try:
        plan = make_plan(asked, Silent())
    except RefusedError as error:  # nothing of it fits: there is no plan
        assert fits(str(error), LEAD)
        return
    assert fits(table(plan))
    if not plan.fits:
        assert fits(refusal(plan), LEAD)


@pytest.mark.thorough
def test_a_sweep_fits_80_columns(tmp_path: Path) -> None:
    """Its budget goes on in the next line."""
    made = make_sweep(settings(tmp_path, "graph"), "workers=1..2", Silent())
    assert fits(made.table())
    assert len(made.plans) == 2
