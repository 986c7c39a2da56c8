"""Plans the same run for several numbers of workers, one row each, from one preparation."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from pff_stream.errors import UsageError
from pff_stream.execute.executors import executor_of
from planner.plan import Plan
from planner.sizes import format_size
from planner.text import WIDTH

MOST_ROWS = 256
_RANGE = re.compile(r"workers=([0-9]{1,6})(?:\.\.([0-9]{1,6}))?", re.ASCII)
_LIST = re.compile(r"workers=[0-9]{1,6}(?:,[0-9]{1,6})+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A plan for each number of workers, in the order asked for."""

    plans: tuple[Plan, ...]

    @property
    def fits(self) -> bool:
        """Whether any of them fits."""
        return any(plan.fits for plan in self.plans)

    def to_json(self) -> dict[str, object]:
        """The rows as JSON types."""
        first = self.plans[0]
        return {
            "format_version": 1,
            "budget_bytes": first.budget_bytes,
            "budget_source": first.budget_source,
            "sweep": [
                {
                    **plan.settings,
                    "peak_bytes": plan.peak_bytes,
                    "peak_phase": plan.peak_phase.name,
                    "fits": plan.fits,
                }
                for plan in self.plans
            ],
        }

    def rows(self) -> Iterator[tuple[Plan, str, str]]:
        """Each plan with its workers and how they are started."""
        for plan in self.plans:
            yield plan, str(plan.settings["workers"]), executor_of(plan.settings).name

    def table(self) -> str:
        """The rows for people."""
        first = self.plans[0]
        budget = f"Budget {format_size(first.budget_bytes)}: {first.budget_source}"
        width = max(len(plan.peak_phase.name) for plan in self.plans)
        lines = [
            *textwrap.wrap(budget, WIDTH, subsequent_indent="    "),
            "",
            f"{'workers':>7}  {'start method':<12}  {'peak':>10}  {'in':<{width}}  fits",
        ]
        for plan, workers, method in self.rows():
            fits = "yes" if plan.fits else "no"
            peak, phase = format_size(plan.peak_bytes), plan.peak_phase.name
            lines.append(f"{workers:>7}  {method:<12}  {peak:>10}  {phase:<{width}}  {fits}")
        return "\n".join(lines)


def parse_sweep(text: str) -> list[int]:
    """The numbers of `workers=1..16`, `workers=4` or `workers=1,2,8`; UsageError for the rest."""
    form = _RANGE.fullmatch(text.replace(" ", ""))
    counts: list[int] = []
    if form is not None:
        first = int(form[1])
        last = int(form[2] or first)
        counts = list(range(first, min(last, first + MOST_ROWS) + 1))
    elif _LIST.fullmatch(text.replace(" ", "")):
        counts = [int(word) for word in text.partition("=")[2].split(",")]
    if not counts or min(counts) < 1 or len(counts) > MOST_ROWS:
        raise UsageError(
            f"--sweep: found {text[:40]!r}, expected workers=FIRST..LAST or workers=N,N, "
            f"such as workers=1..16, at most {MOST_ROWS} rows"
        )
    return counts
