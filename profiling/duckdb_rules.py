"""The honest competitor: the same rules as tables in DuckDB, one statement for each shape of rule.

    python -m profiling.duckdb_rules [--write docs/performance.md]

Needs duckdb, which no extra installs. Both sides start from compiled rules and loaded triples, use
one thread, and count under object identity; what DuckDB finished is evaluated by pff-stream once
more, as a rule file of its own, and every count is compared. `duckdb_tables` makes the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import pff_stream
from pff_stream.rules.file import RuleFile
from planner.watch import TreeWatch
from profiling import bench_data
from profiling.bench import write_between
from profiling.bench_data import Data
from profiling.bench_measure import MIB, adopt_orphans, evaluation_median, peak_bytes, program
from profiling.yardstick import yardstick

MARKS = ("<!-- duckdb: begin -->", "<!-- duckdb: end -->")
CPU_LIMIT_SECONDS = 120.0
WALL_LIMIT_SECONDS = 280.0
MEMORY_LIMIT = "4GB"
SAMPLE_SECONDS = 0.01

_CLOSED = """
WITH found AS (SELECT DISTINCT b.body, e1.a AS x, {last}.b AS y FROM {bodies} b {joins} {where}),
counts AS (SELECT body, count(*) AS predictions FROM found GROUP BY body),
hits AS (
    SELECT r.rule, count(*) AS support
    FROM {shape} r JOIN edge t ON t.r = r.head
    JOIN found f ON f.body = r.body AND f.x = t.a AND f.y = t.b GROUP BY r.rule
)
SELECT r.rule, coalesce(c.predictions, 0), coalesce(h.support, 0)
FROM {shape} r LEFT JOIN counts c USING (body) LEFT JOIN hits h USING (rule)
"""
_OPEN = """
WITH found AS (SELECT DISTINCT r.rule, r.head, r.c, e1.a AS x FROM {shape} r {joins} {where})
SELECT f.rule, count(*), count(t.a)
FROM found f LEFT JOIN edge t ON t.r = f.head AND t.a = f.x AND t.b = f.c GROUP BY f.rule
"""
# One atom, its other variable dangling: X drops out where the constant is its only neighbour.
# Counted so once for a body, nothing has to be made distinct for each rule (8 times faster).
_DANGLING = """
WITH ends AS (
    SELECT r, a, count(*) AS n, min(b) AS b FROM edge
    WHERE r IN (SELECT p1 FROM dangling1) AND a <> b GROUP BY r, a
)
SELECT r.rule, count(*), count(t.a)
FROM dangling1 r JOIN ends e ON e.r = r.p1
LEFT JOIN edge t ON t.r = r.head AND t.a = e.a AND t.b = r.c
WHERE e.a <> r.c AND (e.n > 1 OR e.b <> r.c) GROUP BY r.rule
"""


def _closed(shape: str, atoms: int) -> str:
    """h(X,Y) <= a chain from X to Y; equal bodies are joined once, for all their heads."""
    joins = "JOIN edge e1 ON e1.r = b.p1 "
    joins += " ".join(
        f"JOIN edge e{n} ON e{n}.r = b.p{n} AND e{n}.a = e{n - 1}.b" for n in range(2, atoms + 1)
    )
    terms = ["e1.a", *(f"e{n}.b" for n in range(1, atoms + 1))]
    relations = ", ".join(f"p{n}" for n in range(1, atoms + 1))
    return _CLOSED.format(
        last=f"e{atoms}",
        shape=shape,
        bodies=f"(SELECT DISTINCT body, {relations} FROM {shape})",
        joins=joins,
        where=_different(terms),
    )


def _open(shape: str, atoms: int, constant: bool) -> str:
    """h(X,c) <= a chain from X that ends in a constant, or in a variable of its own."""
    joins = "JOIN edge e1 ON e1.r = r.p1 "
    joins += " ".join(
        f"JOIN edge e{n} ON e{n}.r = r.p{n} AND e{n}.a = e{n - 1}.b" for n in range(2, atoms + 1)
    )
    if constant:
        joins += f" AND e{atoms}.b = r.d"
    variables = ["e1.a", *(f"e{n}.b" for n in range(1, atoms + (not constant)))]
    constants = ["r.c", "r.d"] if constant else ["r.c"]
    return _OPEN.format(shape=shape, joins=joins, where=_different(variables, constants))


def _different(variables: list[str], constants: list[str] | None = None) -> str:
    """Object identity: distinct variables are distinct entities, and no constant of the rule."""
    pairs = [(a, b) for at, a in enumerate(variables) for b in variables[at + 1 :]]
    pairs += [(variable, constant) for variable in variables for constant in constants or []]
    return "WHERE " + " AND ".join(f"{a} <> {b}" for a, b in pairs)


STATEMENTS = {
    "zero": _OPEN.format(
        shape="zero", joins="JOIN edge e1 ON e1.r = r.head", where="WHERE e1.a <> r.c"
    ),
    "constant1": _open("constant1", 1, constant=True),
    "constant2": _open("constant2", 2, constant=True),
    "closed1": _closed("closed1", 1),
    "dangling1": _DANGLING,
    "dangling2": _open("dangling2", 2, constant=False),
    "closed2": _closed("closed2", 2),
    "closed3": _closed("closed3", 3),
}
"""By shape, the cheap ones first."""


def measure(data: Data, counts: Path) -> dict[str, Any]:
    """Runs the statements here until the limit; the counts go to a file."""
    import duckdb

    from profiling.duckdb_tables import load

    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
    connection.execute(f"SET temp_directory = '{counts.parent / 'spill'}'")
    tables = load(connection, data.rules, data.graph)
    units = [yardstick()]
    found: list[np.ndarray[Any, Any]] = []
    done: dict[str, float] = {}
    began = time.process_time()
    end = threading.Event()
    watch = threading.Thread(target=_stop_late, args=(connection, began, end))
    watch.start()
    try:
        for shape, statement in STATEMENTS.items():
            if tables.get(shape, 0):
                started = time.process_time()
                columns = connection.execute(statement).fetchnumpy().values()
                found.append(np.stack([np.asarray(column, np.int64) for column in columns]))
                done[shape] = time.process_time() - started
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        pass
    end.set()
    watch.join()
    units.append(yardstick())
    np.save(counts, np.concatenate(found, axis=1))
    return {
        "rules": tables,
        "seconds": done,
        "stopped_after": time.process_time() - began,
        "unit": sum(units) / 2,
    }


def _stop_late(connection: Any, began_cpu: float, end: threading.Event) -> None:
    """Interrupts the statement that is running when the limit is reached."""
    began = time.monotonic()
    while not end.wait(0.2):
        used = time.process_time() - began_cpu, time.monotonic() - began
        if used[0] > CPU_LIMIT_SECONDS or used[1] > WALL_LIMIT_SECONDS:
            connection.interrupt()
            return


def in_own_process(name: str, folder: Path, counts: Path) -> tuple[dict[str, Any], int]:
    """What `measure` says, and the peak of its process."""
    command = [sys.executable, "-m", "profiling.duckdb_rules", "--measure", name]
    command += ["--folder", str(folder), "--counts", str(counts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=bench_data.ROOT) as process:
        watch = TreeWatch(process.pid)
        while process.poll() is None:
            watch.sample()
            time.sleep(SAMPLE_SECONDS)
        assert process.stdout is not None  # it was asked for
        said = process.stdout.read()
    if process.returncode:
        sys.exit(f"{name}: DuckDB's process ended with {process.returncode}")
    return json.loads(said), watch.peak_bytes


def part_of(rules: Path, wanted: set[int], folder: Path) -> Path:
    """A rule file of the rules at these places of the source."""
    text, target = folder / "part.tsv", folder / "part.pffr"
    with RuleFile(rules) as file, text.open("wb") as out:
        for index in range(len(file.source_chunks)):
            chunk = file.read_source_chunk(index)
            for at in range(len(chunk)):
                if chunk.first + at in wanted:
                    out.write(chunk.text(at) + b"\n")
    subprocess.run(
        program("compile", str(text), "-o", str(target)), check=True, stdout=subprocess.DEVNULL
    )
    return target


def compare(name: str, data: Data, folder: Path, runs: int) -> list[str]:
    """One row of the table; ends the job where a count differs."""
    counts = folder / f"{name}.npy"
    said, peak = in_own_process(name, folder, counts)
    # A rule without row in the answer has no prediction: an inner join leaves it out.
    theirs = {int(rule): (int(n), int(k)) for rule, n, k in np.load(counts).T}
    from profiling.duckdb_tables import rules_by_shape

    shapes = rules_by_shape(data.rules)
    wanted = {rule for shape in said["seconds"] for rule in shapes[shape]}
    part = part_of(data.rules, wanted, folder)
    outcomes = pff_stream.validate(str(part), str(data.graph), max_examples=0, workers=1)
    different = 0
    for rule, outcome in zip(sorted(wanted), outcomes, strict=True):
        ours = (outcome.predictions, outcome.support)
        different += theirs.get(rule, (0, 0)) != ours
    if different:
        sys.exit(f"{name}: {different} of {len(wanted)} rules have other counts in DuckDB")
    command = program(
        *("run", str(part), str(data.graph), "--workers", "1", "--max-examples", "0"),
        *("--out", str(folder / "out"), "--overwrite"),
    )
    reached, _ = evaluation_median(runs, command, folder / "out")
    seconds = sum(said["seconds"].values())
    theirs_yardsticks = seconds / said["unit"]
    total = sum(said["rules"].values())
    left = [
        shape for shape in STATEMENTS if said["rules"].get(shape) and shape not in said["seconds"]
    ]
    return [
        name,
        f"{len(wanted):,} of {total:,}",
        f"{seconds:.2f}",
        f"{theirs_yardsticks:.3g}",
        f"{peak / MIB:,.0f}",
        f"{reached.yardsticks:.3g}",
        f"{peak_bytes(command) / MIB:,.0f}",
        f"{theirs_yardsticks / reached.yardsticks:,.0f}",
        f"{', '.join(left)} ({said['stopped_after']:.0f} CPU s)" if left else "",
    ]


COLUMNS = (
    "data",
    "rules compared, all equal",
    "DuckDB CPU s",
    "yardsticks",
    "MiB",
    "pff-stream, yardsticks",
    "MiB",
    "ratio",
    "stopped in",
)


def sets(folder: Path) -> dict[str, Data]:
    """The data that this machine has."""
    found = {"umls": bench_data.umls(folder)}
    source = bench_data.shared()
    if source is not None:
        found["wn18rr"] = bench_data.wn18rr(folder, source)
        found["sample1125"] = bench_data.sample1125(folder, source)
        found["fb15k237"] = bench_data.fb15k237(folder, source)
    return found


def main() -> None:
    """Measure each set of data and print the table."""
    parser = argparse.ArgumentParser(description="Compare with DuckDB on the same rules.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table into FILE")
    parser.add_argument("--folder", type=Path, help="keep the prepared inputs here")
    parser.add_argument("--only", metavar="NAMES", help="these sets only, with commas")
    parser.add_argument("--runs", type=int, default=3, metavar="N")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--counts", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="pff-stream-duckdb-", dir="/var/tmp") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        found = sets(folder)
        if options.measure:
            print(json.dumps(measure(found[options.measure], options.counts)))
            return
        wanted = options.only.split(",") if options.only else list(found)
        rows = [compare(name, found[name], folder, options.runs) for name in wanted]
    lines = ["", "| " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * (len(COLUMNS) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows] + [""]
    print("\n".join(lines))
    if options.write is not None:
        write_between(options.write, lines, MARKS)


if __name__ == "__main__":
    main()
