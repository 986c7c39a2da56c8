"""Holds what is planned against what the kernel counts, over a grid of configurations.

    python -m profiling.plan_grid             all of it, some 10 minutes; rewrites docs/plan-grid.md
    python -m profiling.plan_grid --quick     a few configurations, in about a minute
    python -m profiling.plan_grid --certified budgets from 64 MiB, each run in a group limited to it
    python -m profiling.plan_grid --series    10 thousand to 10 million rules, for the same page
    python -m profiling.plan_grid --documents documents of every shape, some 5 minutes

The prediction is that of `pff-stream plan`; the peak is that of `pff-stream run` with the same
options, in a process of its own, measured from outside (`profiling.outside`), with the inputs in
the page cache. It must never be over the prediction, nor further below it than 2 % or 3 MiB,
whichever is larger; else this ends with 1. Inputs are made once, in a folder that can be kept
(`--folder`).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from profiling import document_grid
from profiling.document_grid import BOUND_SHARE, OVER_BYTES, OVER_SHARE
from profiling.grid_page import write_document
from profiling.outside import Peak, group, measure, page_cache_bytes
from profiling.seeded import write_rules, write_triples

MIB = 1 << 20
COMMAND = [sys.executable, "-m", "pff_stream"]
CERTIFIED_HEADER = (
    "| triples | rules | budget | chosen | planned | group's peak | OOM kills | exit | seconds |\n"
    "|--:|--:|--:|---|--:|--:|--:|--:|--:|"
)
CERTIFIED_BUDGETS = (64, 80, 96, 128, 192, 256, 512, 1024, 4096)
SERIES_RULES = (10_000, 1_000_000, 10_000_000)
SERIES_APART_BYTES = MIB
MINED = Path(os.environ.get("PFF_STREAM_SHARED_DATA", "")) / "fb15k237"
"""Real rules and triples, where they are (tests/data/README.md tells their origin)."""
MINED_RULES = "rules128319.tsv.gz"
MINED_TRIPLES = {1_125: "sample1125.tsv", 272_115: "train.tsv.gz"}
START_METHODS = ("fork", "forkserver", "spawn")
HEADER = (
    "| start | workers | triples | from | rules | from | a chunk | violations | planned | tree "
    "| group | files | planned over peak |\n"
    "|---|--:|--:|---|--:|---|--:|---|--:|--:|--:|--:|--:|"
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One run."""

    start_method: str
    workers: int
    n_triples: int
    n_rules: int
    writes: bool
    """Whether results are written to a folder, and violations by rule beside it."""
    triples: str = "pffg"
    """The kind of file that the triples come from: pffg (mapped) or tsv (encoded into memory)."""
    rules: str = "pffr"
    """The kind of file that the rules come from: pffr (compiled) or tsv (text)."""
    chunk_rules: int = 4096
    """Rules of a chunk at most."""
    mined: bool = False
    """Whether the rules are those that AnyBURL mined on FB15k-237, else seeded ones."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was planned for a configuration, and what it took."""

    configuration: Configuration
    planned_bytes: int
    peak: Peak
    is_bound: bool = False
    """Whether the largest phase has terms that are said to be a bound."""

    @property
    def over_bytes(self) -> int:
        """How much more was planned than taken; negative where it was less."""
        return self.planned_bytes - self.peak.bytes

    @property
    def held(self) -> bool:
        """Whether the band holds."""
        most = self.peak.at_most_bytes
        allowed = max(OVER_BYTES, most // (BOUND_SHARE if self.is_bound else OVER_SHARE))
        return self.over_bytes >= 0 and self.planned_bytes - most <= allowed

    def row(self) -> str:
        """A row of the table."""
        c, peak = self.configuration, self.peak
        group = "none" if peak.group_bytes is None else f"{peak.group_bytes / MIB:.1f}"
        over = f"{self.over_bytes / MIB:+.2f} MiB, {self.over_bytes * 100 / peak.bytes:+.1f} %"
        cells = (
            c.start_method,
            f"{c.workers}",
            f"{c.n_triples:,}",
            c.triples,
            f"{c.n_rules:,}",
            f"{c.rules}, mined" if c.mined else c.rules,
            f"{c.chunk_rules:,}",
            "written" if c.writes else "counted",
            f"{'at most ' * self.is_bound}{self.planned_bytes / MIB:.1f}",
            f"{peak.tree_bytes / MIB:.1f}",
            group,
            f"{peak.file_bytes / MIB:.1f}",
            over if self.held else f"**{over}**",
        )
        return f"| {' | '.join(cells)} |"


def all_configurations() -> Iterator[Configuration]:
    """The whole grid."""
    sizes = ((1_000, 10_000), (1_000, 1_000_000), (1_000_000, 10_000))
    for (triples, rules), start, workers in product(sizes, START_METHODS, (1, 2, 4, 8)):
        yield Configuration(start, workers, triples, rules, workers in (2, 8))
    for start, workers in product(START_METHODS, (1, 4)):
        yield Configuration(start, workers, 1_000_000, 1_000_000, workers == 4)
    for workers, triples in product((1, 4), (1_000, 1_000_000)):
        yield Configuration("fork", workers, triples, 10_000, True, "tsv")
        yield Configuration("thread", workers, triples, 10_000, workers == 4)
    yield Configuration("thread", 2, 1_000, 1_000_000, True)
    for start, workers in (("fork", 1), ("fork", 4), ("spawn", 2)):
        yield Configuration(start, workers, 10_000_000, 1_000_000, True)
    yield Configuration("fork", 2, 10_000_000, 10_000, False, "tsv")
    for triples, chunk_rules in product((1_000, 1_000_000), (64, 512)):
        for start, workers in (("fork", 2), ("spawn", 4), ("thread", 2)):
            writes = chunk_rules == 64
            yield Configuration(start, workers, triples, 10_000, writes, chunk_rules=chunk_rules)
    yield Configuration("fork", 4, 1_000, 1_000_000, True, chunk_rules=512)
    yield Configuration("fork", 2, 1_000, 10_000, True, "tsv", "tsv")
    yield Configuration("spawn", 1, 1_000, 1_000_000, False, "pffg", "tsv")
    if MINED.is_dir():
        for triples, start, workers in product((1_125, 272_115), START_METHODS, (1, 2, 4)):
            writes = workers == 2
            yield Configuration(start, workers, triples, 128_319, writes, mined=True)
        for triples in (1_125, 272_115):
            yield Configuration("thread", 2, triples, 128_319, False, mined=True)


def quick_configurations() -> Iterator[Configuration]:
    """Few and small ones that touch everything."""
    for start, workers in product(START_METHODS, (1, 4)):
        yield Configuration(start, workers, 1_000, 10_000, workers == 4)
    yield Configuration("fork", 2, 100_000, 100_000, True)
    yield Configuration("thread", 2, 100_000, 100_000, True)
    yield Configuration("fork", 2, 100_000, 10_000, False, "tsv")


def series_configurations() -> Iterator[Configuration]:
    """The same run with more and more rules: its peak must hardly move."""
    for start, workers in (("fork", 1), ("fork", 2), ("spawn", 2)):
        for rules in SERIES_RULES:
            yield Configuration(start, workers, 1_000, rules, False)


class Inputs:
    """Rules and graphs by their sizes, made when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def files(self, configuration: Configuration) -> list[str]:
        """Rule file and triples of a configuration, in the page cache."""
        triples, rules = configuration.n_triples, configuration.n_rules
        graph = self._folder / f"g{triples}.tsv"
        if configuration.mined:
            graph = self._folder / f"mined{triples}.tsv"
            graph.write_bytes(_read(MINED / MINED_TRIPLES[triples]))
        elif not graph.exists():
            write_triples(graph, triples)
        if configuration.triples == "pffg":
            graph = self._made(graph, graph.with_suffix(".pffg"), "encode")
        text = self._folder / f"r{rules}_{triples}.tsv"
        if configuration.mined:
            text = self._folder / "mined.tsv"
            text.write_bytes(_read(MINED / MINED_RULES))
        elif not text.exists():
            write_rules(text, rules, triples)
        rules_file = text
        if configuration.rules == "pffr":
            size = configuration.chunk_rules
            compiled = text.with_suffix(".pffr" if size == 4096 else f".{size}.pffr")
            rules_file = self._made(text, compiled, "compile", f"--chunk-rules={size}")
        for path in (rules_file, graph):
            with path.open("rb", buffering=0) as file:
                while file.read(MIB):
                    pass
        return [str(rules_file), str(graph)]

    @staticmethod
    def _made(source: Path, target: Path, command: str, *options: str) -> Path:
        if not target.exists():
            made = [*COMMAND, command, str(source), "-o", str(target), "--quiet", *options]
            subprocess.run(made, check=True)
        return target


def _read(path: Path) -> bytes:
    """A file, unpacked where it is packed."""
    found = path.read_bytes()
    return gzip.decompress(found) if path.suffix == ".gz" else found


def measured(configuration: Configuration, inputs: Inputs) -> Outcome:
    """Plans, runs and measures one configuration."""
    with tempfile.TemporaryDirectory(prefix="pff-stream-grid-", dir="/var/tmp") as folder:
        planning = [*COMMAND, "plan", "--json"]
        options = [
            *inputs.files(configuration),
            f"--start-method={configuration.start_method}",
            f"--workers={configuration.workers}",
            "--fail-on=none",
        ]
        if configuration.writes:
            options += [f"--out={folder}/results", f"--violations={folder}/violations.jsonl"]
        for _ in range(2):  # the first one finds out what a worker costs here, if nobody has yet
            plan = subprocess.run([*planning, *options], check=True, capture_output=True, text=True)
        inputs.files(configuration)  # text that was read is no longer in the page cache
        planned = json.loads(plan.stdout)
        command = [*COMMAND, "run", "--quiet", *options]
        peak = measure(command, page_cache_bytes=page_cache_bytes(planned))
        if peak.exit_code:
            raise SystemExit(f"{configuration}: exit code {peak.exit_code}\n{peak.output}")
    largest = max(planned["phases"], key=lambda phase: int(phase["bytes"]))
    is_bound = any(term.get("at_most") for term in largest["terms"])
    return Outcome(configuration, int(planned["peak_bytes"]), peak, is_bound)


def series_verdict(outcomes: Iterable[Outcome]) -> tuple[str, int]:
    """(How far apart the peaks of one series are, how many series are too far apart)."""
    series: dict[tuple[str, int], list[int]] = {}
    for outcome in outcomes:
        configuration = outcome.configuration
        place = (configuration.start_method, configuration.workers)
        series.setdefault(place, []).append(outcome.peak.bytes)
    apart = {place: max(peaks) - min(peaks) for place, peaks in series.items()}
    words = ", ".join(
        f"{start} with {workers}: {size / MIB:.2f} MiB" for (start, workers), size in apart.items()
    )
    return f"Peaks apart: {words}.", sum(size > SERIES_APART_BYTES for size in apart.values())


def certified(inputs: Inputs, n_triples: int, n_rules: int, budget: int) -> tuple[str, bool]:
    """(A row of a run in a group limited to its budget of so many MiB, whether it held)."""
    configuration = Configuration("", 0, n_triples, n_rules, False)
    options = [*inputs.files(configuration), f"--budget={budget}MiB", "--fail-on=none"]
    # In a group of that limit, too: some of it is left for code, more or less by the disk.
    made = measure([*COMMAND, "plan", "--json", *options], limit_bytes=budget * MIB)
    plan = json.loads(made.output[made.output.index("{") :])
    peak = measure([*COMMAND, "run", "--quiet", *options], limit_bytes=budget * MIB)
    chosen = plan["settings"]
    wide = "512 sources at once" if chosen["wide"] else "one source at a time"
    words = f"{chosen['workers']} by {chosen['start_method']}, {wide}"
    held = peak.oom_kills == 0 and peak.exit_code == (0 if plan["fits"] else 3)
    cells = (
        f"{n_triples:,}",
        f"{n_rules:,}",
        f"{budget} MiB",
        words if plan["fits"] else "refused",
        f"{plan['peak_bytes'] / MIB:.1f}",
        "none" if peak.group_bytes is None else f"{peak.group_bytes / MIB:.1f}",
        f"{peak.oom_kills}",
        f"{peak.exit_code}",
        f"{peak.seconds:.1f}",
    )
    return f"| {' | '.join(cells)} |", held


def certify(inputs: Inputs) -> int:
    """Runs under budgets, each in a group limited to it, into the document; 1 where one fails."""
    rows = []
    broken = 0
    print(CERTIFIED_HEADER)
    for triples, rules in ((1_000_000, 10_000), (100_000, 100_000)):
        for budget in CERTIFIED_BUDGETS:
            row, held = certified(inputs, triples, rules, budget)
            broken += not held
            rows.append(row)
            print(row, flush=True)
    verdict = f"{len(rows)} budgets, {broken} of them not kept."
    write_document("certified", rows, verdict, CERTIFIED_HEADER)
    return 1 if broken else 0


def main() -> int:
    """Measures the grid; 1 where the band is broken."""
    parser = argparse.ArgumentParser(description="Planned against measured memory.")
    parser.add_argument("--quick", action="store_true", help="a few configurations")
    parser.add_argument("--certified", action="store_true", help="runs limited to their budget")
    parser.add_argument("--series", action="store_true", help="more and more rules")
    parser.add_argument("--documents", action="store_true", help="documents of every shape")
    parser.add_argument("--folder", type=Path, help="where inputs are kept for the next time")
    parser.add_argument("--only", default="", help="configurations whose row contains this")
    arguments = parser.parse_args()
    if arguments.series:
        chosen = list(series_configurations())
    else:
        chosen = list(quick_configurations() if arguments.quick else all_configurations())
    outcomes: list[Outcome] = []
    with group() as tried:
        if not tried.path:
            print(f"Without the kernel's own figure, which needs a control group: {tried.reason}")
    print(HEADER)
    with tempfile.TemporaryDirectory(prefix="pff-stream-grid-", dir="/var/tmp") as temporary:
        folder: Path = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        # A cache of its own: another version of this program may write the user's.
        os.environ["XDG_CACHE_HOME"] = temporary
        if arguments.documents:
            return document_grid.run(arguments.only)
        inputs = Inputs(folder)
        if arguments.certified:
            return certify(inputs)
        for configuration in chosen:
            if arguments.only in str(configuration):
                outcomes.append(measured(configuration, inputs))
                print(outcomes[-1].row(), flush=True)
    if not outcomes:
        parser.error(f"--only {arguments.only}: no configuration contains it")
    broken = sum(not outcome.held for outcome in outcomes)
    under = sum(outcome.over_bytes < 0 for outcome in outcomes)
    verdict = (
        f"{len(outcomes)} configurations, {broken} outside of the band, {under} of them under; "
        f"planned over peak from {min(o.over_bytes for o in outcomes) / MIB:+.2f} to "
        f"{max(o.over_bytes for o in outcomes) / MIB:+.2f} MiB."
    )
    if arguments.series:
        apart, far = series_verdict(outcomes)
        verdict, broken = f"{apart} {verdict}", broken + far
    print(verdict)
    if not arguments.quick and not arguments.only:
        name = "series" if arguments.series else "grid"
        write_document(name, (outcome.row() for outcome in outcomes), verdict, HEADER)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
