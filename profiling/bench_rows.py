"""The rows of the benchmark's table: what is measured, and what is required of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from profiling import bench_data as data
from profiling.bench_measure import (
    MIB,
    Median,
    command_median,
    evaluation_median,
    peak_bytes,
    program,
    run_summary,
    spend,
)

START_METHODS = ("fork", "forkserver", "spawn", "thread")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; figures are text, empty where the row has none."""

    work: str
    required: str = ""
    reached: str = ""
    spread: str = ""
    edges: str = ""
    nanoseconds: str = ""
    peak_mib: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """Rows to be measured, with the key that chooses them."""

    key: str
    measure: Callable[[], list[Row]]


def jobs(folder: Path, runs: int, n_documents: int) -> list[Job]:
    """All jobs that this machine has the data for."""
    source = data.shared()
    small = partial(data.umls, folder)
    found = [
        Job("evaluate-umls", partial(evaluation, "umls, 6,000 rules", "", small, runs, folder))
    ]
    if source is None:
        return found
    large, wordnet, document = (
        partial(prepare, folder, source)
        for prepare in (data.fb15k237, data.wn18rr, data.sample1125)
    )
    return [
        *found,
        *(
            Job(key, partial(evaluation, what, required, which, runs, folder))
            for key, what, required, which in (
                ("evaluate-fb", "128,319 rules x FB15k-237 train", "1.5", large),
                ("evaluate-wn", "31,029 rules x WN18RR train", "0.3", wordnet),
                ("evaluate-doc", "128,319 rules x 1,125 triples", "0.02", document),
            )
        ),
        Job(
            "run-doc",
            partial(whole_run, "run rules.pffr sample1125.tsv", "0.8", document, runs, folder),
        ),
        Job("run-fb", partial(whole_run, "run rules.pffr train.tsv", "4", large, runs, folder)),
        Job("compile", partial(compiling, document, runs)),
        Job("compile-gz", partial(compiling_packed, source, folder, runs)),
        Job("encode", partial(encoding, large, runs)),
        Job("documents", partial(many_documents, large, n_documents, folder)),
        Job("two-workers", partial(two_workers, large, runs, folder)),
        Job("start-methods", partial(start_methods, document, runs, folder)),
    ]


def _row(work: str, required: str, reached: Median, peak: int | None, edges: int | None) -> Row:
    return Row(
        work,
        required,
        f"{reached.yardsticks:.3g}",
        f"{reached.least:.3g} to {reached.most:.3g}",
        f"{edges:,}" if edges is not None else "",
        f"{reached.cpu_seconds * 1e9 / edges:.1f}" if edges else "",
        f"{peak / MIB:.1f}" if peak is not None else "",
    )


def _run(folder: Path, rules: Path, triples: Path, *more: str) -> list[str]:
    out = str(folder / "out")
    return program("run", str(rules), str(triples), "--out", out, "--overwrite", *more)


def evaluation(
    what: str, required: str, prepare: Callable[[], data.Data], runs: int, folder: Path
) -> list[Row]:
    """The evaluator's calls alone: one worker, counts only, graph encoded, rules compiled."""
    ready = prepare()
    command = _run(folder, ready.rules, ready.graph, "--workers", "1", "--max-examples", "0")
    reached, edges = evaluation_median(runs, command, folder / "out")
    return [_row(f"evaluation alone, {what}", required, reached, peak_bytes(command), edges)]


def whole_run(
    what: str, required: str, prepare: Callable[[], data.Data], runs: int, folder: Path
) -> list[Row]:
    """A whole run with its results written, triples read as text."""
    ready = prepare()
    command = _run(folder, ready.rules, ready.triples)
    reached = command_median(runs, command)
    edges = int(run_summary(folder / "out")["edges"])
    row = _row(f"whole command, {what} --out DIR", required, reached, peak_bytes(command), None)
    return [Row(row.work, required, row.reached, row.spread, f"{edges:,}", "", row.peak_mib)]


def compiling(prepare: Callable[[], data.Data], runs: int) -> list[Row]:
    """Rule text to a rule file."""
    ready = prepare()
    command = program("compile", str(ready.rules_text), "-o", str(ready.rules))
    work = "whole command, compile of 128,319 rules"
    return [_row(work, "0.6", command_median(runs, command), peak_bytes(command), None)]


def compiling_packed(source: Path, folder: Path, runs: int) -> list[Row]:
    """The same from gzip."""
    packed = source / "fb15k237" / "rules128319.tsv.gz"
    command = program("compile", str(packed), "-o", str(folder / "packed.pffr"))
    work = "the same from gzip"
    return [_row(work, "", command_median(runs, command), peak_bytes(command), None)]


def encoding(prepare: Callable[[], data.Data], runs: int) -> list[Row]:
    """TSV to a graph file."""
    ready = prepare()
    command = program("encode", str(ready.triples), "-o", str(ready.graph))
    work = "whole command, encode of FB15k-237 train"
    return [_row(work, "0.6", command_median(runs, command), peak_bytes(command), None)]


def many_documents(prepare: Callable[[], data.Data], count: int, folder: Path) -> list[Row]:
    """A manifest of documents, counts only, measured once: it takes minutes."""
    ready = prepare()
    manifest = data.documents(folder, ready.triples, count)
    command = program("run", "--manifest", str(manifest), "--rules", str(ready.rules))
    few = data.documents(folder, ready.triples, min(count, 50))
    peak = peak_bytes(program("run", "--manifest", str(few), "--rules", str(ready.rules)))
    reached = command_median(1, command)
    work = f"{count:,} JSON documents of about 1,100 triples, manifest, without --out"
    row = _row(work, f"{12 * count / 1000:g}", reached, peak, None)
    return [Row(row.work, row.required, row.reached, "one run", "", "", row.peak_mib)]


def two_workers(prepare: Callable[[], data.Data], runs: int, folder: Path) -> list[Row]:
    """Wall time of two workers as a share of one's, in turns."""
    ready = prepare()
    whole, phase = [], []
    for _ in range(runs):
        walls, phases = [], []
        for workers in ("1", "2"):
            listed = ("--violations", str(folder / "violations.jsonl"))
            command = _run(folder, ready.rules, ready.graph, *listed, "--workers", workers)
            walls.append(spend(command).wall_seconds)
            phases.append(float(run_summary(folder / "out")["seconds"]["evaluate"]))
        whole.append(walls[1] / walls[0])
        phase.append(phases[1] / phases[0])
    what = "wall time of two workers, as a share of one's, FB15k-237 train"
    return [
        Row(
            f"{what}, {part}",
            required,
            f"{statistics.median(shares):.2f}",
            f"{min(shares):.2f} to {max(shares):.2f}",
        )
        for part, required, shares in (
            ("evaluation", "0.6", phase),
            ("whole run, 480 MB written", "0.65", whole),
        )
    ]


def start_methods(prepare: Callable[[], data.Data], runs: int, folder: Path) -> list[Row]:
    """Each way to start workers, on one small document."""
    ready = prepare()
    rows = []
    for method in START_METHODS:
        command = _run(
            folder, ready.rules, ready.triples, "--workers", "2", "--start-method", method
        )
        reached = command_median(runs, command)
        peaks = statistics.median(peak_bytes(command) for _ in range(3))
        row = _row(f"2 workers on 1,125 triples, {method}", "", reached, int(peaks), None)
        rows.append(row)
    return rows
