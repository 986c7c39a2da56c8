"""Runs a graph of twice the budget in blocks, and the same in memory: same bytes, and how fast.

    python -m profiling.blocks                  makes its data: some minutes, 2 GB of disk
    python -m profiling.blocks --folder DIR     keeps the data there, or takes what is there

Encoding, compiling and the run in blocks each happen in a control group limited to the budget, half
of the graph, where one can be made; the graph is not in the page cache when they begin. Ends with 1
where results differ, a group's limit was met by a kill, or the speed is under 20 %.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from profiling.make_graph import write_triples
from profiling.make_rules import write_rules
from profiling.outside import measure
from profiling.planted import Sizes

MIB = 1 << 20
COMMAND = (sys.executable, "-m", "pff_stream")
RESULTS = ("findings.jsonl", "rules.tsv", "outcomes.tsv", "metrics.tsv")
LEAST_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Ran:
    """One run."""

    seconds: float
    """Wall time of evaluation and merge."""
    cpu_seconds: float
    settings: str
    peak_bytes: int


def main() -> None:
    """Makes the data where it is not there, runs both ways and compares."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--triples", type=int, default=16_000_000)
    parser.add_argument("--entities", type=int, default=1_500_000)
    parser.add_argument("--relations", type=int, default=237)
    parser.add_argument("--rules", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    sizes = Sizes(given.triples, given.entities, given.relations, given.rules)
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
        compare(given.folder, sizes)
        return
    with tempfile.TemporaryDirectory(prefix="pff-stream-blocks-", dir="/var/tmp") as folder:
        compare(Path(folder), sizes)


def compare(folder: Path, sizes: Sizes) -> None:
    """Both ways to run, with what they took."""
    graph, rules = folder / "graph.pffg", folder / "rules.pffr"
    if not graph.exists():
        write_triples(folder / "triples.tsv", sizes)
        command("encode", folder / "triples.tsv", "-o", graph)
    if not rules.exists():
        write_rules(folder / "rules.tsv", sizes)
        command("compile", folder / "rules.tsv", "-o", rules)
    budget = graph.stat().st_size // 2 // MIB * MIB
    print(f"graph {graph.stat().st_size / MIB:.1f} MiB, budget {budget / MIB:.0f} MiB")
    if (folder / "triples.tsv").exists():
        again = folder / "again.pffg"
        drop(folder / "triples.tsv")
        command("encode", folder / "triples.tsv", "-o", again, budget=budget)
        same(graph, again)
        again.unlink()
    if (folder / "rules.tsv").exists():
        again = folder / "again.pffr"
        command("compile", folder / "rules.tsv", "-o", again, budget=budget)
        again.unlink()
    in_memory = run(folder, graph, rules, None)
    in_blocks = run(folder, graph, rules, budget)
    for name in RESULTS:
        same(folder / "memory" / name, folder / "blocks" / name)
    share = in_memory.seconds / in_blocks.seconds
    for name, ran in (("in memory", in_memory), ("in blocks", in_blocks)):
        print(
            f"{name}: {ran.seconds:.1f} s, {ran.cpu_seconds:.1f} s of CPU, "
            f"{ran.peak_bytes / MIB:.1f} MiB; {ran.settings}"
        )
    print(f"the same bytes, at {100 * share:.0f} % of the speed")
    if share < LEAST_SHARE:
        raise SystemExit(1)


def run(folder: Path, graph: Path, rules: Path, budget: int | None) -> Ran:
    """A run with all memory, or in a group of the budget."""
    out = folder / ("memory" if budget is None else "blocks")
    drop(graph)
    peak = command(
        "run", rules, graph, "--out", out, "--overwrite", "--fail-on", "none", budget=budget
    )
    found = json.loads((out / "summary.json").read_text())["run"]
    if (budget is not None) != (found["backing"] == "file, in blocks"):
        raise SystemExit(f"found the backing {found['backing']}")
    return Ran(
        found["seconds"]["evaluate"] + found["seconds"]["merge"],
        found["evaluation_cpu_seconds"],
        f"{found['workers']} workers, {found['backing']}",
        peak,
    )


def command(*arguments: object, budget: int | None = None) -> int:
    """Runs a command, in a group of the budget; the peak of what cannot be reclaimed, in bytes."""
    words = [*COMMAND, *map(str, arguments)]
    if budget is not None:
        words += ["--budget", str(budget)]
    found = measure(words, limit_bytes=budget, interval_seconds=0.05)
    if found.exit_code != 0 or found.oom_kills:
        raise SystemExit(f"{' '.join(words)}: ended with {found.exit_code}\n{found.output}")
    print(
        f"{arguments[0]}: {found.seconds:.1f} s, {found.tree_bytes / MIB:.1f} MiB"
        + ("" if budget is None else f" in a group of {budget / MIB:.0f} MiB")
    )
    return found.tree_bytes


def drop(path: Path) -> None:
    """Takes a file out of the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def same(one: Path, other: Path) -> None:
    """Ends where two files differ."""
    with one.open("rb") as left, other.open("rb") as right:
        while (part := left.read(MIB)) == right.read(MIB):
            if not part:
                return
    raise SystemExit(f"{one} and {other} differ")


if __name__ == "__main__":
    main()
