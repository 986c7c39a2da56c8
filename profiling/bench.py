"""Measures pff-stream against the yardstick and prints the table of docs/performance.md.

    python -m profiling.bench [--write docs/performance.md] [--only KEY,KEY] [--runs N]

Inputs are prepared in a temporary folder. Rows of the large data are left out, and that is said,
where the environment variable PFF_STREAM_SHARED_DATA does not name it.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from profiling.bench_data import ROOT, VARIABLE, shared
from profiling.bench_measure import adopt_orphans
from profiling.bench_rows import Row, jobs
from profiling.yardstick import yardstick

MARKS = ("<!-- benchmark: begin -->", "<!-- benchmark: end -->")
COLUMNS = ("work", "required", "reached", "least to most", "edges", "ns/edge", "peak MiB")
PROBE_CACHE = "XDG_CACHE_HOME"


def table(rows: Sequence[Row]) -> list[str]:
    """The rows as Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * (len(COLUMNS) - 1)]
    for row in rows:
        cells = (
            row.work,
            row.required,
            row.reached,
            row.spread,
            row.edges,
            row.nanoseconds,
            row.peak_mib,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def machine() -> str:
    """Processor, cores, kernel and versions."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    versions = f"Python {platform.python_version()}, numpy {np.__version__}"
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}; {versions}"


def commit() -> str:
    """What was measured."""
    found = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def write_between(page: Path, lines: Sequence[str], marks: tuple[str, str] = MARKS) -> None:
    """Replaces what stands between the two marks."""
    text = page.read_text(encoding="utf-8")
    head, begin, rest = text.partition(marks[0])
    _, end, tail = rest.partition(marks[1])
    if not begin or not end:
        sys.exit(f"{page}: expected {marks[0]} and {marks[1]}")
    page.write_text("\n".join([head + begin, *lines, end + tail]), encoding="utf-8")


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description="Measure pff-stream against the yardstick.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table into FILE")
    parser.add_argument("--only", metavar="KEYS", help="these rows only, by key, with commas")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each, median")
    parser.add_argument("--documents", type=int, default=1000, metavar="N")
    parser.add_argument("--folder", type=Path, help="keep the prepared inputs here")
    parser.add_argument("--list", action="store_true", help="print the keys")
    options = parser.parse_args()
    adopt_orphans()
    began, load = time.time(), os.getloadavg()
    units = [yardstick() for _ in range(3)]
    with tempfile.TemporaryDirectory(prefix="pff-stream-bench-", dir="/var/tmp") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        # Probes of this machine are measured once, outside of the figures.
        os.environ[PROBE_CACHE] = str(folder / "cache")
        all_jobs = jobs(folder, options.runs, options.documents)
        if options.list:
            print("\n".join(job.key for job in all_jobs))
            return
        wanted = options.only.split(",") if options.only else [job.key for job in all_jobs]
        rows = []
        for job in all_jobs:
            if job.key in wanted:
                print(f"{job.key} ...", file=sys.stderr, flush=True)
                rows += job.measure()
    units += [yardstick() for _ in range(3)]
    loads = f"load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after"
    about = (
        f"{machine()}. {time.strftime('%Y-%m-%d', time.gmtime(began))}, commit {commit()}; "
        f"one yardstick was {statistics.median(units):.2f} CPU s ({loads}); medians of "
        f"{options.runs} runs."
    )
    lines = [
        "",
        about,
        "",
        *table(rows),
        "",
    ]
    if shared() is None:
        lines += [f"Rows of the large data are left out: {VARIABLE} is not set.", ""]
    print("\n".join(lines))
    if options.write is not None:
        write_between(options.write, lines)


if __name__ == "__main__":
    main()
