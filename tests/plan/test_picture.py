"""Plans as pictures: every phase and term with a bar, whatever they are called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pff_stream.errors import UsageError
from pff_stream.plan.picture import markdown_of, page_of, write_pictures
from pff_stream.plan.sweep import Sweep
from planner.formula import given
from planner.model import Limit, Phase, Term
from planner.plan import Plan
from tests.report.pages import Page
from tests.report.test_bounded_reports import HOSTILE
from tests.warm import started

pytest.importorskip("jinja2", reason="the extra `report` is not installed")


def plan_of(budget: int, workers: int = 2, **more: object) -> Plan:
    """Of two phases, the second of them the largest."""
    small = Term.of("graph", given("graph", 1 << 20), "counts of the input")
    large = Term.of("parent", given("parent", 3 << 20), "measured here", at_most=True)
    return Plan(
        phases=[Phase("encode", [small]), Phase(HOSTILE, [small, large])],
        budget_bytes=budget,
        budget_source="--budget",
        limits=[Limit("budget", budget, HOSTILE, True)],
        settings={"workers": workers, "start_method": "fork", "window": None},
        suggestions=[] if budget > 4 << 20 else [f"--workers 1 {HOSTILE}"],
        notes=[HOSTILE],
        identity={"rules": "00"},
    )


@pytest.mark.parametrize(("budget", "verdict"), [(8 << 20, "Fits"), (2 << 20, "refused")])
def test_page(budget: int, verdict: str) -> None:
    """Each phase with its terms; bars are shares of the largest phase, red where it is too much."""
    page = Page(page_of(plan_of(budget)))
    assert verdict in page.text and (page.count("script"), page.count("style")) == (0, 1)
    bars = [(one["class"], one["width"]) for tag, one in page.tags if tag == "rect"]
    over = "planned" if budget == 8 << 20 else "over"
    phases = [("planned", "25.0"), (over, "100.0")]
    assert bars == [*phases, ("planned", "25.0"), ("planned", "75.0"), ("planned", "25.0")]
    assert page.count("details") == 2
    assert not [c for c in page.text if not c.isprintable() and c != "\n"]
    assert not [one for _, one in page.tags for name in one if name.startswith("on")]
    links = {str(one["href"])[1:] for tag, one in page.tags if tag == "a"}
    assert links <= {one.get("id") for _, one in page.tags}
    assert page.text.count("graph") >= 2 and "at most: parent" in page.text


def test_markdown() -> None:
    """A table a phase, the largest term first."""
    text = markdown_of(plan_of(8 << 20))
    assert text.startswith("# Fits: needs at most 4.0 MiB, budget 8.0 MiB\n")
    rows = re.findall(r"^\| (graph|parent) \| ([\d.]+ MiB) \| (█*) \|", text, re.MULTILINE)
    assert rows == [
        ("graph", "1.0 MiB", "█" * 5),
        ("parent", "3.0 MiB", "█" * 15),
        ("graph", "1.0 MiB", "█" * 5),
    ]
    assert "<script" not in text and not [c for c in text if not c.isprintable() and c != "\n"]
    assert "--workers 1" in markdown_of(plan_of(2 << 20)).replace("\\", "")


def test_several_plans() -> None:
    """A row for each number of workers."""
    sweep = Sweep((plan_of(8 << 20, 1), plan_of(2 << 20, 7)))
    page = Page(page_of(sweep))
    assert "1 of 2 fit" in page.text and page.count("details") == 0
    bars = [(one["class"], one["width"]) for tag, one in page.tags if tag == "rect"]
    assert bars == [("planned", "100.0"), ("over", "100.0")]
    assert "| 7 | fork | 4.0 MiB | " in markdown_of(sweep)


def test_what_is_written(tmp_path: Path) -> None:
    """What shows a plan, and nothing for the other reports of the run."""
    asked = [str(tmp_path / name) for name in ("a.html", "b.md", "c.sarif", "d.jsonl")]
    assert write_pictures(plan_of(8 << 20), asked) == asked[:2]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.html", "b.md"]
    with pytest.raises(UsageError, match=r"found x\.txt"):
        write_pictures(plan_of(8 << 20), ["x.txt"])


@pytest.mark.thorough
def test_of_the_command(tmp_path: Path) -> None:
    """Beside the table, or to standard output in its place."""
    (tmp_path / "r.tsv").write_text("2\t1\t0.5\tknows(X,Y) <= likes(X,Y)\n")
    (tmp_path / "t.tsv").write_text("ana\tlikes\tbob\n")
    given_options = ["plan", "r.tsv", "t.tsv"]
    done = started([*given_options, "--report", "p.html"], folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "FITS" in done.stdout and done.stdout.endswith("report: p.html\n")
    assert "Fits: needs" in (tmp_path / "p.html").read_text()
    done = started([*given_options, "--report", "markdown=-"], folder=tmp_path)
    assert done.stdout.startswith("# Fits: needs") and "FITS" in done.stderr
    done = started([*given_options, "--report", "gone/p.html"], folder=tmp_path)
    assert done.returncode == 74, done.stderr
