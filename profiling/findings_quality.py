"""How many findings are triples that were held out: precision of the first ones, and recall.

`python -m profiling.findings_quality [FOLDER]` prints a table; `--write FILE` puts it between the
markers of a page. FOLDER has umls, wn18rr and fb15k237: by default PFF_STREAM_SHARED_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pff_stream.report.records import Names
from profiling.assumptions import print_or_write, triples_of

BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"
FIRST = (10, 100, 1000)


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph from which triples were held out, and rules that were mined from the rest."""

    folder: str
    rules: str
    train: str
    held_out: tuple[str, ...]
    floor: float
    """All findings of this confidence or more are looked at for recall."""


GRAPHS = (
    Graph("umls", "anyburl_rules40000.tsv.gz", "train.tsv", ("valid.tsv", "test.tsv"), 0.7),
    Graph(
        "wn18rr", "anyburl_rules_100s.tsv.gz", "train.tsv.gz", ("valid.tsv.gz", "test.tsv.gz"), 0.9
    ),
    Graph("fb15k237", "rules128319.tsv.gz", "train.tsv.gz", ("valid.tsv.gz", "test.tsv.gz"), 0.7),
)
"""With the files in their folders."""


def found(folder: Path, graph: Graph, *options: str) -> Iterator[Names]:
    """The triples that a run finds, best first."""
    inputs = [str(folder / name) for name in (graph.rules, graph.train)]
    with tempfile.TemporaryDirectory() as out:
        command = ["run", *inputs, "--out", out, "--quiet", "--fail-on", "none", *options]
        subprocess.run([sys.executable, "-m", "pff_stream", *command], check=True)
        with open(Path(out) / "findings.jsonl", encoding="utf-8") as lines:
            for line in lines:
                subject, relation, object_ = json.loads(line)["triple"]
                yield subject, relation, object_


def rows(folder: Path, graph: Graph) -> Iterator[str]:
    """A row of the table for each way to rank."""
    held_out = set().union(*(triples_of(str(folder / name)) for name in graph.held_out))
    held_out -= triples_of(str(folder / graph.train))
    floor = ("--findings", "all", "--floor", str(graph.floor))
    ways: dict[str, tuple[str, ...]] = {
        kind: ("--confidence", kind) for kind in ("miner", "exact", "partial")
    }
    ways |= {
        f"miner, at {graph.floor} and above": floor,
        f"noisy-or, at {graph.floor} and above": (*floor, "--score", "noisy-or"),
    }
    for way, options in ways.items():
        hits = [triple in held_out for triple in found(folder, graph, *options)]
        firsts = [f"{sum(hits[:n]):,}" for n in FIRST]
        rest = [f"{len(hits):,}", f"{sum(hits):,} of {len(held_out):,}"]
        cells = [
            graph.folder,
            way,
            *firsts,
            *(rest if options[:1] == ("--findings",) else ["", ""]),
        ]
        yield f"| {' | '.join(cells)} |"


def table(folder: Path) -> str:
    """The whole table."""
    lines = [
        "| graph | ranked by | of the first 10 | 100 | 1,000 held out | findings | found |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for graph in GRAPHS:
        lines += rows(folder / graph.folder, graph)
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints or writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default=os.environ.get("PFF_STREAM_SHARED_DATA"))
    parser.add_argument("--write")
    given = parser.parse_args(arguments)
    if given.folder is None:
        parser.error("found no folder, expected FOLDER or PFF_STREAM_SHARED_DATA")
    text = table(Path(given.folder))
    print_or_write(text, given.write, (BEGIN, END))


if __name__ == "__main__":
    main()
