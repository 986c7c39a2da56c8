"""What a plan and a refusal say to people."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.formula import given as quantity
from planner.model import Limit, Phase, Term
from planner.plan import Plan
from planner.text import LEAD, refusal, table
from tests.planner.fake_machine import GIB, MIB
from tests.planner.test_plan import plans

AVAILABLE = Limit("available", 6 * GIB, "/proc/meminfo MemAvailable 6.5 GiB - 512.0 MiB reserve")


def plan(
    budget_bytes: int,
    suggestions: tuple[str, ...] = (),
    least_bytes: int | None = None,
    available: Limit = AVAILABLE,
) -> Plan:
    """A run of 437 MiB in two phases under --budget."""
    run = [
        Term("parent", 46 * MIB, "measured at start", {}, "measured here"),
        Term("graph", MIB, "header.total_bytes", {"total_bytes": MIB}, "graph.pffg"),
        Term(
            "workers",
            320 * MIB,
            "workers x (worker_bytes + scratch_bytes)",
            {"workers": 8, "worker_bytes": 16 * MIB, "scratch_bytes": 24 * MIB},
            "probe of fork",
        ),
        Term("results in flight", 70 * MIB, "window x block", {"window": 1000, "share": 0.5}),
        Term("nothing", 0, ""),
    ]
    source = f"--budget {budget_bytes // MIB}.0 MiB"
    return Plan(
        [Phase("encode", [Term("encoder", 60 * MIB, "")]), Phase("run", run)],
        budget_bytes,
        source,
        [Limit("budget", budget_bytes, source, deciding=True), available],
        {"workers": 8, "chunk_bytes": 512 * 1024, "start_method": "fork", "max_work": None},
        suggestions,
        ["mapped code and files, 30 MiB, can be reclaimed"],
        least_bytes,
    )


def test_the_table_of_a_plan_that_fits() -> None:
    """The table shows terms with bars, phases, budget with source, and the verdict."""
    assert table(plan(6242 * MIB), 100) == (
        "Memory plan: workers 8 chunk-bytes 512.0 KiB start-method fork\n"
        "\n"
        "Largest phase: run\n"
        "  parent              46.0 MiB  #             measured at start (measured here)\n"
        "  graph                1.0 MiB  .             header.total_bytes (total_bytes 1.0 MiB;"
        " graph.pffg)\n"
        "  workers            320.0 MiB  #########     workers x (worker_bytes + scratch_bytes)"
        " (workers 8,\n"
        "                                              worker_bytes 16.0 MiB, scratch_bytes 24.0"
        " MiB; probe\n"
        "                                              of fork)\n"
        "  results in flight   70.0 MiB  ##            window x block (window 1,000, share 0.5)\n"
        "  nothing                  0 B\n"
        "  peak               437.0 MiB\n"
        "  budget               6.1 GiB                --budget 6242.0 MiB\n"
        "\n"
        "All phases, one after the other\n"
        "  encode              60.0 MiB  ##\n"
        "> run                437.0 MiB  ############\n"
        "\n"
        "FITS (8 %): needs 437.0 MiB, budget 6.1 GiB\n"
        "Note: mapped code and files, 30 MiB, can be reclaimed"
    )


def test_the_table_of_a_refused_plan_says_what_fits() -> None:
    """A refused plan is told with its budget and with the options that fit."""
    text = table(plan(300 * MIB, ("--workers 3",)))
    assert "REFUSED: needs 437.0 MiB, budget 300.0 MiB (--budget 300.0 MiB)" in text
    assert "What fits:\n  --workers 3\n  --budget 437MiB\n" in text


def test_a_refusal_names_the_largest_terms_and_what_fits() -> None:
    """A refusal says need, budget with source, three largest terms, and options that fit."""
    assert refusal(plan(300 * MIB, ("--workers 3", "--start-method fork")), 150) == (
        "refused: needs 437.0 MiB, budget 300.0 MiB (--budget 300.0 MiB)\n"
        "Largest in run:\n"
        "  workers            320.0 MiB  workers x (worker_bytes + scratch_bytes) (workers 8,"
        " worker_bytes 16.0 MiB, scratch_bytes 24.0 MiB; probe of fork)\n"
        "  results in flight   70.0 MiB  window x block (window 1,000, share 0.5)\n"
        "  parent              46.0 MiB  measured at start (measured here)\n"
        "What fits:\n"
        "  --workers 3\n"
        "  --start-method fork\n"
        "  --budget 437MiB"
    )


def test_where_no_setting_fits_a_budget_that_does_is_named() -> None:
    """With a budget below the smallest settings, the least budget that would do is suggested."""
    text = refusal(plan(20 * MIB, least_bytes=60 * MIB + 1))
    assert text.endswith("What fits:\n  --budget 61MiB (with the smallest settings)")


def test_where_the_machine_is_too_small_it_is_said() -> None:
    """Where not even the machine allows the least, it is said that nothing fits, and why."""
    small = Limit("cgroup", 40 * MIB, "cgroup v2 /sys/fs/cgroup/memory.max 40.0 MiB")
    text = refusal(plan(20 * MIB, least_bytes=60 * MIB, available=small))
    assert text.endswith(
        "Nothing fits: the least budget that would do is 60MiB (with the smallest\n"
        "    settings), and what there is is less: cgroup v2 /sys/fs/cgroup/memory.max\n"
        "    40.0 MiB"
    )


def test_sizes_that_round_alike_are_told_in_bytes() -> None:
    """A peak one byte over the budget does not read `needs 437.0 MiB, budget 437.0 MiB`."""
    text = refusal(plan(437 * MIB - 1, ("--workers 7",)))
    assert text.startswith("refused: needs 458,227,712 B, budget 458,227,711 B")


def test_a_plan_that_fits_is_not_refused() -> None:
    """Asking why a fitting plan is refused is a mistake of the caller."""
    with pytest.raises(ValueError, match="not refused"):
        refusal(plan(GIB))


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    """Names with escapes and newlines stay on their line and are shown without effect."""
    odd = Plan([Phase("a\nb", [Term("\x1b[31mred", 1, "x\r\ny")])], 0, "\x07bell")
    text = table(odd) + refusal(odd)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "Largest phase: a b" in text


@given(plans, st.integers(60, 200))
def test_no_line_is_wider_than_asked(plan: Plan, width: int) -> None:
    """Whatever the plan, its table keeps to the width and says whether it fits."""
    lines = table(plan, width).split("\n")
    assert all(len(line) <= width for line in lines)
    assert any(line.startswith("FITS" if plan.fits else "REFUSED") for line in lines)
    if not plan.fits:
        first, *others = refusal(plan, width).split("\n")
        assert all(len(line) <= width for line in (" " * LEAD + first, *others))


@pytest.mark.parametrize("budget_bytes", [GIB, MIB])
@pytest.mark.parametrize("long", ["reports/of/" * 12 + "x.md", "many words " * 20])
def test_long_names_fit_80_columns(long: str, budget_bytes: int) -> None:
    """Of terms, phases, formulas, sources and settings, whatever they hold; cut with a sign."""
    term = Term(f"{long}: buffer", 3 * MIB, f"{long} x 2", {long: 3}, long, at_most=True)
    phases = [Phase(long, [term]), Phase("other", [Term("parent", MIB, "", {}, long)])]
    limit = Limit("cgroup", MIB, long)
    made = Plan(
        phases, budget_bytes, long, [limit], {"backing": long}, (f"--out {long}",), [long], 2 * MIB
    )
    text = table(made)
    assert max(map(len, text.split("\n"))) <= 80
    assert "..." in text
    if not made.fits:
        first, *others = refusal(made).split("\n")
        assert max(map(len, (" " * LEAD + first, *others))) <= 80


def test_a_bound_is_said_to_be_one() -> None:
    """In its row, and wherever its phase is summed: the plan is at most that, not that."""
    size = quantity("largest_bytes", 5 * MIB)
    bound = Term.of("documents", 24 * size, "files", at_most=True)
    phases = [Phase("compile", [Term("compiler", MIB, "")]), Phase("documents", [bound])]
    lines = table(Plan(phases, 200 * MIB, "test"), 100).splitlines()
    (row,) = (line for line in lines if line.startswith("  documents") and "24 x" in line)
    assert "at most: 24 x largest_bytes (largest_bytes 5.0 MiB; files)" in row
    assert [line.split()[0] for line in lines if line.endswith("  at most")] == ["peak", ">"]
    assert "FITS (60 %): needs at most 120.0 MiB, budget 200.0 MiB" in lines
    assert refusal(Plan(phases, MIB, "test")).startswith("refused: needs at most 120.0 MiB, budget")
    exact = replace(bound, at_most=False)
    assert "at most" not in table(Plan([phases[0], Phase("documents", [exact])], MIB, "test"))
