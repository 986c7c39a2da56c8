"""Holds the settings that the planner chooses against the best of a sweep that fits the budget.

    python -m profiling.plan_speed               some minutes on an idle machine
    python -m profiling.plan_speed --folder DIR  keeps the inputs there

For every budget each start method with 1, 2 and 4 workers is planned; what fits is run, and so is
what the planner takes when it is free. Each distinct setting runs so many times in turn with the
others, and its least wall time counts: what else the machine does only adds to it. Ends with 1
where a choice is more than 10 % slower than the best that fits. The table goes to
docs/plan-grid.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

from profiling.grid_page import write_document
from profiling.plan_grid import COMMAND, MINED, START_METHODS, Configuration, Inputs

BUDGETS_MIB = (32, 40, 48, 64, 96, 128, 256, 512, 1024, 4096)
WORKERS = (1, 2, 4)
MOST_SLOWER = 1.1
HEADER = (
    "| triples | rules | budget | chosen | seconds | best that fits | seconds | slower |\n"
    "|--:|--:|--:|---|--:|---|--:|--:|"
)

Settings = tuple[str, int, bool]
"""Start method, workers, whether 512 sources at once are taken."""


def planned(options: list[str]) -> Settings | None:
    """The settings of the plan under these options; None where it is refused."""
    made = subprocess.run([*COMMAND, "plan", "--json", *options], capture_output=True, check=False)
    plan = json.loads(made.stdout)
    if not plan["fits"]:
        return None
    chosen = plan["settings"]
    return str(chosen["start_method"]), int(chosen["workers"]), bool(chosen["wide"])


def seconds_of(options: list[str]) -> float:
    """Wall time of a run."""
    began = time.perf_counter()
    subprocess.run([*COMMAND, "run", "--quiet", *options], check=True, capture_output=True)
    return time.perf_counter() - began


def compare(files: list[str], title: str, rounds: int) -> tuple[list[str], int]:
    """(A row for each budget, how many choices are too slow)."""
    fitting: dict[int, set[Settings]] = {}
    free: dict[int, Settings] = {}
    options: dict[Settings, list[str]] = {}
    for budget in BUDGETS_MIB:
        inputs = [*files, f"--budget={budget}MiB", "--fail-on=none"]
        found = planned(inputs)
        if found is None:
            continue
        free[budget] = found
        options.setdefault(found, inputs)
        fitting[budget] = {found}
        for start, workers in product((*START_METHODS, "thread"), WORKERS):
            wish = [*inputs, f"--start-method={start}", f"--workers={workers}"]
            settings = planned(wish)
            if settings is not None:
                fitting[budget].add(settings)
                options.setdefault(settings, wish)
    seconds: dict[Settings, list[float]] = {settings: [] for settings in options}
    for _ in range(rounds):
        for settings, wish in options.items():
            seconds[settings].append(seconds_of(wish))
    least = {settings: min(times) for settings, times in seconds.items()}
    rows, slow = [], 0
    for budget, chosen in free.items():
        best = min(fitting[budget], key=lambda settings: least[settings])
        ratio = least[chosen] / least[best]
        slow += ratio > MOST_SLOWER
        cells = (
            title,
            f"{budget} MiB",
            said(chosen),
            f"{least[chosen]:.2f}",
            said(best),
            f"{least[best]:.2f}",
            f"{100 * ratio - 100:.0f} %",
        )
        rows.append(f"| {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    return rows, slow


def said(settings: Settings) -> str:
    """Settings in words."""
    start, workers, wide = settings
    return f"{workers} by {start}" + ("" if wide else ", one source at a time")


def main() -> int:
    """Compares on two graphs; 1 where a choice is too slow."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where inputs are kept for the next time")
    arguments = parser.parse_args()
    rows, slow = [], 0
    print(HEADER)
    with tempfile.TemporaryDirectory(prefix="pff-stream-speed-", dir="/var/tmp") as temporary:
        folder: Path = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        inputs = Inputs(folder)
        configurations = [Configuration("", 0, 100_000, 100_000, False)]
        if MINED.is_dir():
            configurations.append(Configuration("", 0, 272_115, 128_319, False, mined=True))
        for one in configurations:
            title = f"{one.n_triples:,} | {one.n_rules:,}" + (", mined" if one.mined else "")
            found, too_slow = compare(inputs.files(one), title, arguments.rounds)
            rows += found
            slow += too_slow
    verdict = f"{len(rows)} budgets, {slow} choices more than 10 % slower than the best that fits."
    print(verdict)
    write_document("speed", rows, verdict, HEADER)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
