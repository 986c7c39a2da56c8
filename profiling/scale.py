"""Runs compile, encode, plan and run over growing graphs and rule sets, and checks what comes out.

    python -m profiling.scale --quick           100,000 triples and rules, in CI
    python -m profiling.scale                   the whole series, hours on a busy machine
    python -m profiling.scale --sizes 1e7:1e6   one size (triples:rules), added to what was measured

Each command is a process of its own under `--budget`; memory of its whole tree is sampled from
outside. Exit code 1 where the counts of a planted rule are wrong, a command failed, a run's peak
was over its plan or any peak over the budget. What was measured is kept in
`docs/performance-scale.json`; table and plot in `docs/` are made from it. CPU seconds (of all
processes) are compared, not wall time: they depend less on what else the machine does.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from planner.sizes import format_size, parse_size
from planner.watch import TreeWatch
from profiling.make_graph import write_triples
from profiling.make_rules import write_rules
from profiling.planted import Sizes, planted_rules

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance-scale.md"
PLOT = ROOT / "docs" / "performance-scale.svg"
KEPT = ROOT / "docs" / "performance-scale.json"
BEGIN, END = "<!-- scale: begin -->", "<!-- scale: end -->"
COMMANDS = ("compile", "encode", "plan", "run")
QUICK = ((100_000, 100_000),)
SERIES = (
    (100_000, 100_000),
    (100_000, 1_000_000),
    (1_000_000, 100_000),
    (1_000_000, 1_000_000),
    (1_000_000, 10_000_000),
    (10_000_000, 1_000_000),
    (10_000_000, 10_000_000),
    (20_000_000, 10_000_000),
)
RELATIONS = 800
SAMPLE_SHARE = 10
"""The sampler rests so many times as long as it samples."""

Json: TypeAlias = "dict[str, int | float | str | bool | None]"


@dataclass(frozen=True, slots=True)
class Measured:
    """One command at one size."""

    triples: int
    rules: int
    command: str
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    """Unreclaimable memory of all its processes together, at its highest."""
    planned_bytes: int | None
    """Of a run: what its plan said."""
    edges: int | None
    day: str


class Failed(Exception):
    """A command, a count or a peak was not what it has to be."""


def measure(arguments: list[str], good: tuple[int, ...]) -> tuple[float, float, int]:
    """Runs the command line; wall seconds, CPU seconds, peak bytes of its tree."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as talk:
        process = subprocess.Popen(
            [sys.executable, "-m", "pff_stream", *arguments], cwd=ROOT, stdout=talk, stderr=talk
        )
        watch = TreeWatch(process.pid)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            watch.sample()
            time.sleep(max(0.005, SAMPLE_SHARE * watch.sample_seconds))
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in good:
            talk.seek(0)
            raise Failed(
                f"pff-stream {' '.join(arguments)}: exit code {process.returncode}\n"
                + talk.read().decode(errors="replace")
            )
    wall_seconds = time.perf_counter() - began
    return wall_seconds, usage.ru_utime + usage.ru_stime, watch.peak_bytes


def check_planted(sizes: Sizes, rules: Path) -> None:
    """Every planted rule must be in the results, with the counts that it was made for."""
    wrong = {one.rule: (one.predictions, one.support) for one in planted_rules(sizes)}
    with rules.open(encoding="utf-8") as file:
        for line in file:
            predictions, support, _, rule = line.rstrip("\n").split("\t", 3)
            if rule in wrong:
                if wrong[rule] != (int(predictions), int(support)):
                    raise Failed(f"{rule}: found {predictions}, {support}, expected {wrong[rule]}")
                del wrong[rule]
    if wrong:
        raise Failed(f"not in {rules}: {', '.join(wrong)}")


def measure_size(sizes: Sizes, folder: Path, budget: str) -> list[Measured]:
    """All four commands; what is no longer needed is removed on the way."""
    triples, rules = folder / "triples.tsv", folder / "rules.tsv"
    graph, compiled, out = folder / "graph.pffg", folder / "rules.pffr", folder / "out"
    inputs = [str(compiled), str(graph)]
    found: list[Measured] = []

    def measured(command: str, arguments: list[str], good: tuple[int, ...] = (0,)) -> None:
        wall, cpu, peak = measure([command, *arguments, "--budget", budget, "--quiet"], good)
        planned = edges = None
        if command == "run":
            run = json.loads((out / "summary.json").read_bytes())["run"]
            planned, edges = run["planned_peak_bytes"], run["edges"]
        allowed = planned if planned is not None else parse_size(budget)
        day = dt.datetime.now(dt.UTC).date().isoformat()
        one = Measured(sizes.triples, sizes.rules, command, wall, cpu, peak, planned, edges, day)
        found.append(one)
        print(
            f"{sizes.triples:>12,} triples {sizes.rules:>12,} rules  {command:<8}"
            f"{wall:>9.1f} s {cpu:>9.1f} s CPU {format_size(peak):>12}"
            + (f" of {format_size(planned)} planned" if planned is not None else ""),
            flush=True,
        )
        if peak > allowed:
            raise Failed(
                f"{command}: a peak of {format_size(peak)}, {format_size(allowed)} allowed"
            )

    write_triples(triples, sizes)
    measured("encode", [str(triples), "-o", str(graph)])
    triples.unlink()
    write_rules(rules, sizes)
    measured("compile", [str(rules), "-o", str(compiled)])
    rules.unlink()
    measured("plan", inputs)
    measured("run", [*inputs, "--out", str(out)], good=(1,))
    check_planted(sizes, out / "rules.tsv")
    shutil.rmtree(out)
    return found


# --- the page -----------------------------------------------------------------------------------


def keep(measured: list[Measured]) -> list[Measured]:
    """Adds to what is kept, in place of what was measured at the same size; all of it."""
    kept = []
    if KEPT.exists():
        kept = [Measured(**one) for one in json.loads(KEPT.read_bytes())["measured"]]
    new = {(one.triples, one.rules) for one in measured}
    kept = [one for one in kept if (one.triples, one.rules) not in new] + measured
    kept.sort(key=lambda one: (one.triples, one.rules, COMMANDS.index(one.command)))
    content = {"machine": machine(), "measured": [asdict(one) for one in kept]}
    KEPT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return kept


def machine() -> str:
    """What it was measured on."""
    cpu = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = f"{line.partition(':')[2].strip()} ({cpu})"
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory / 2**30:.0f} GiB, "
        f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    )


def table(kept: list[Measured]) -> list[str]:
    """One line a size: CPU seconds and peak of each command."""
    lines = [
        "| triples | rules | "
        + " | ".join(f"{c}: CPU s | MiB" for c in COMMANDS[:2])
        + " | plan: CPU s | run: CPU s | wall s | MiB | planned | edges |",
        "|" + "---:|" * 12,
    ]
    by_size: dict[tuple[int, int], dict[str, Measured]] = {}
    for one in kept:
        by_size.setdefault((one.triples, one.rules), {})[one.command] = one
    for (triples, rules), of in by_size.items():
        run = of["run"]
        cells = [f"{triples:,}", f"{rules:,}"]
        for command in COMMANDS[:2]:
            cells += [f"{of[command].cpu_seconds:,.1f}", mebi(of[command].peak_bytes)]
        cells += [f"{of['plan'].cpu_seconds:,.1f}", f"{run.cpu_seconds:,.1f}"]
        cells += [f"{run.wall_seconds:,.0f}", mebi(run.peak_bytes), mebi(run.planned_bytes or 0)]
        cells.append(f"{run.edges:,}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def mebi(size: int) -> str:
    """Bytes in MiB."""
    return f"{size / 2**20:,.1f}"


def draw(kept: list[Measured]) -> None:
    """CPU seconds and peaks, log-log: compile and run over rules, encode and run over triples."""
    import matplotlib as mpl

    mpl.use("svg")
    # Text stays text and ids stay the same, so that the file is small and its changes can be read.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "scale", "font.size": 8})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(8, 6), sharex="col", layout="constrained")
    columns = (
        ("rules", "compile", "triples", sorted({one.triples for one in kept})),
        ("triples", "encode", "rules", sorted({one.rules for one in kept})),
    )
    for column, (along, first, other, groups) in enumerate(columns):
        for command in (first, "run"):
            for group in groups:
                points = sorted(
                    (getattr(one, along), one)
                    for one in kept
                    if one.command == command and getattr(one, other) == group
                )
                if len(points) < 2:
                    continue
                x = [size for size, _ in points]
                label = f"{command}, {group:,} {other}"
                style = "o-" if command == "run" else "s--"
                axes[0][column].loglog(
                    x, [one.cpu_seconds for _, one in points], style, label=label
                )
                axes[1][column].loglog(
                    x, [one.peak_bytes / 2**20 for _, one in points], style, label=label
                )
        axes[1][column].set_xlabel(along)
        axes[0][column].legend(fontsize=6)
    axes[0][0].set_ylabel("CPU seconds")
    axes[1][0].set_ylabel("peak of the process tree, MiB")
    for row in axes:
        for one in row:
            one.grid(True, which="major", linewidth=0.3)
    figure.savefig(PLOT, metadata={"Date": None, "Creator": None})


def write_page(kept: list[Measured]) -> None:
    """Replaces what stands between the markers."""
    days = sorted({one.day for one in kept})
    measured_on = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    lines = [
        BEGIN,
        f"Measured {measured_on} on {machine()}, under `--budget` 2 GiB, with as many",
        "workers as the plan chose.",
        "",
        *table(kept),
        "",
        f"![CPU seconds and memory by size]({PLOT.name})",
        END,
    ]
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    PAGE.write_text(before + "\n".join(lines) + after, encoding="utf-8")


def parse_sizes(text: str) -> tuple[int, int]:
    """`triples:rules`, in figures or as 1e6."""
    triples, _, rules = text.partition(":")
    return int(float(triples)), int(float(rules))


def main() -> None:
    """Measures, checks, and writes the page unless it was quick."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="the smallest size; writes no page")
    parser.add_argument("--sizes", type=parse_sizes, nargs="+", help="triples:rules instead")
    parser.add_argument("--budget", default="2GiB")
    parser.add_argument("--folder", type=Path, help="where the data goes for a while")
    given = parser.parse_args()
    for triples, rules in QUICK if given.quick else given.sizes or SERIES:
        with tempfile.TemporaryDirectory(prefix="pff-stream-scale-", dir=given.folder) as folder:
            sizes = Sizes(triples, triples // 4, RELATIONS, rules)
            try:
                measured = measure_size(sizes, Path(folder), given.budget)
            except Failed as failure:
                sys.exit(str(failure))
        if not given.quick:
            kept = keep(measured)
            draw(kept)
            write_page(kept)


if __name__ == "__main__":
    main()
