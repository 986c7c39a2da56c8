"""Holds what is planned for documents against what the kernel counts, over their shapes.

    python -m profiling.plan_grid --documents                   all shapes, some 3 minutes
    python -m profiling.plan_grid --documents --only string     those whose name contains a word

What is known when a document is read may be over by 2 % or 3 MiB; what is planned by a bound says
`at most`, and is at most a quarter over for the densest document that there is. Never may it be
under.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profiling.document_shapes import Shape, shapes
from profiling.grid_page import write_document
from profiling.outside import Peak, measure, page_cache_bytes

MIB = 1 << 20
ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "pff_stream"]
BYTES = 20 * MIB
OVER_BYTES, OVER_SHARE = 3 * MIB, 50
"""A plan may be over by so much, or by one of so many parts."""
BOUND_SHARE = 4
HEADER = (
    "| document | MiB | phase | planned | tree | group | planned over peak |\n"
    "|---|--:|---|--:|--:|--:|--:|"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was planned for a shape, and what it took."""

    shape: Shape
    file_bytes: int
    plan: dict[str, Any]
    peak: Peak
    summary: dict[str, Any] | None = None
    """What the run said of itself, where it was asked to."""

    @property
    def planned_bytes(self) -> int:
        """Of the largest phase."""
        return int(self.plan["peak_bytes"])

    @property
    def over_bytes(self) -> int:
        """How much more was planned than was held; negative where it was less."""
        return self.planned_bytes - self.peak.bytes

    @property
    def held(self) -> bool:
        """Whether the band holds."""
        if self.over_bytes < 0:
            return False
        most = self.peak.at_most_bytes
        over = self.planned_bytes - most
        largest = max(self.plan["phases"], key=lambda phase: phase["bytes"])
        # Findings of any names are said to be a bound, too.
        if self.shape.is_bound or any(term.get("at_most") for term in largest["terms"]):
            return not self.shape.is_densest or over <= most // BOUND_SHARE
        return over <= max(OVER_BYTES, most // OVER_SHARE)

    def row(self) -> str:
        """A row of the table."""
        peak, phase = self.peak, max(self.plan["phases"], key=lambda phase: phase["bytes"])
        bound = "at most " * any(term.get("at_most") for term in phase["terms"])
        over = f"{self.over_bytes / MIB:+.2f} MiB, {self.over_bytes * 100 / peak.bytes:+.1f} %"
        cells = (
            self.shape.name,
            f"{self.file_bytes / MIB:.1f}",
            phase["name"],
            f"{bound}{self.planned_bytes / MIB:.1f}",
            f"{peak.tree_bytes / MIB:.1f}",
            "none" if peak.group_bytes is None else f"{peak.group_bytes / MIB:.1f}",
            over if self.held else f"**{over}**",
        )
        return f"| {' | '.join(cells)} |"


def find_out_costs() -> None:
    """What a worker costs here is known from now on: the probe is in no plan that follows."""
    example = ROOT / "docs" / "example"
    inputs = [str(example / "umls_rules.tsv"), str(example / "umls_document.json")]
    _output([*COMMAND, "plan", *inputs, "--workers=1"], None)


def measured(shape: Shape, n_bytes: int, *, out: bool = False) -> Outcome:
    """Plans, runs and measures one shape of about so many bytes; `out`: with results."""
    with tempfile.TemporaryDirectory(prefix="pff-stream-grid-", dir="/var/tmp") as folder:
        arguments = shape.write(Path(folder), n_bytes)
        size = max(path.stat().st_size for path in Path(folder).iterdir())
        results = Path(folder, "results")
        given = ["--workers=1", "--fail-on=none", *([f"--out={results}"] if out else [])]
        standard_input = None
        if shape.from_standard_input:
            standard_input = arguments[-1]
            arguments = [*arguments[:-1], "-"]
        planning = [*COMMAND, "plan", "--json", *arguments, *given]
        plan = json.loads(_output(planning, standard_input))
        for path in Path(folder).iterdir():  # what was read is no longer in the page cache
            path.read_bytes()
        command = [*COMMAND, "run", "--quiet", *arguments, *given]
        peak = measure(
            command, standard_input=standard_input, page_cache_bytes=page_cache_bytes(plan)
        )
        if peak.exit_code:
            raise SystemExit(f"{shape.name}: exit code {peak.exit_code}\n{peak.output}")
        summary = json.loads((results / "summary.json").read_bytes()) if out else None
    return Outcome(shape, size, plan, peak, summary)


def _output(command: Sequence[str], standard_input: str | None) -> bytes:
    with open(standard_input or "/dev/null", "rb") as given:
        return subprocess.run(command, check=True, stdin=given, stdout=subprocess.PIPE).stdout


def grid(only: str) -> list[Outcome]:
    """All shapes whose name contains `only`, printed row by row."""
    print(HEADER)
    find_out_costs()
    outcomes = []
    for shape in shapes():
        if only in shape.name:
            outcomes.append(measured(shape, BYTES))
            print(outcomes[-1].row(), flush=True)
    return outcomes


def run(only: str) -> int:
    """The whole grid into docs/plan-grid.md, or some of it; 1 where a plan does not hold."""
    outcomes = grid(only)
    broken = sum(not outcome.held for outcome in outcomes)
    under = sum(outcome.over_bytes < 0 for outcome in outcomes)
    verdict = f"{len(outcomes)} shapes, {broken} outside of the band, {under} of them under."
    print(verdict)
    if not only:
        write_document("documents", (outcome.row() for outcome in outcomes), verdict, HEADER)
    return 1 if broken else 0
