"""Holds what is planned for documents against what the kernel counts, over their shapes.

    python -m profiling.document_grid              all shapes, some 10 minutes
    python -m profiling.document_grid string       those whose name contains a word

The other half of `profiling.plan_grid`, which has graphs. What is known when a document is read may
be over by 2 % or 3 MiB; what is planned by a bound says `at most`, and is at most a quarter over
for the densest document that there is. Never may it be under.
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
from profiling.outside import Peak, measure

MIB = 1 << 20
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
        if self.shape.is_bound:
            return not self.shape.is_densest or self.over_bytes <= self.peak.bytes // BOUND_SHARE
        return self.over_bytes <= max(OVER_BYTES, self.peak.bytes // OVER_SHARE)

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


def measured(shape: Shape, n_bytes: int, *options: str) -> Outcome:
    """Plans, runs and measures one shape of about so many bytes."""
    with tempfile.TemporaryDirectory(prefix="pff-stream-grid-", dir="/var/tmp") as folder:
        arguments = shape.write(Path(folder), n_bytes)
        size = max(path.stat().st_size for path in Path(folder).iterdir())
        given = ["--workers=1", "--fail-on=none", *options]
        standard_input = None
        if shape.from_standard_input:
            standard_input = arguments[-1]
            arguments = [*arguments[:-1], "-"]
        planning = [*COMMAND, "plan", "--json", *arguments, *given]
        for _ in range(2):  # the first one finds out what a worker costs here, if nobody has yet
            plan = _output(planning, standard_input)
        for path in Path(folder).iterdir():  # what was read is no longer in the page cache
            path.read_bytes()
        command = [*COMMAND, "run", "--quiet", *arguments, *given]
        peak = measure(command, standard_input=standard_input)
        if peak.exit_code:
            raise SystemExit(f"{shape.name}: exit code {peak.exit_code}\n{peak.output}")
    return Outcome(shape, size, json.loads(plan), peak)


def _output(command: Sequence[str], standard_input: str | None) -> bytes:
    with open(standard_input or "/dev/null", "rb") as given:
        return subprocess.run(command, check=True, stdin=given, stdout=subprocess.PIPE).stdout


def grid(only: str) -> list[Outcome]:
    """All shapes whose name contains `only`, printed row by row."""
    print(HEADER)
    outcomes = []
    for shape in shapes():
        if only in shape.name:
            outcomes.append(measured(shape, BYTES))
            print(outcomes[-1].row(), flush=True)
    return outcomes


def main() -> int:
    """Prints the table; 1 where something is outside of the band."""
    outcomes = grid(" ".join(sys.argv[1:]))
    outside = sum(not one.held for one in outcomes)
    print(f"\n{len(outcomes)} documents, {outside} outside of the band.")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
