"""Writes 400 even rules and some of one body that is about half of the work, and their triples.

    python -m profiling.make_heavy DIR [NAME]

DIR gets rules.tsv (AnyBURL) and triples.tsv; `rules.pffr` of 9 chunks and `triples.pffg` as well.
The name of the heavy body's relation says in which chunk it lies.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from pff_stream.cli.main import main as command
from pff_stream.files.sources import open_blocks
from pff_stream.files.writers import FileWriter
from pff_stream.rules.compile import RuleOptions, compile_rules

ENTITIES, RELATIONS, EDGES, HEAVY_EDGES = 20_000, 30, 30_000, 600_000
RULES, CHUNK_RULES = 400, 1024


def triples(name: str, rng: random.Random) -> set[str]:
    """Even relations, and one with many more edges, most of them among few entities."""

    def entity(skew: float) -> str:
        return f"e{int(ENTITIES * rng.random() ** skew)}"

    even = [f"r{n}" for n in range(RELATIONS) for _ in range(EDGES)]
    lines = {f"{entity(1.0)}\t{one}\t{entity(1.0)}\n" for one in even}
    return lines | {f"{entity(1.5)}\t{name}\t{entity(1.5)}\n" for _ in range(HEAVY_EDGES)}


def rules(name: str, rng: random.Random) -> list[str]:
    """Chains of two atoms, each body once; the heavy one, of three, under four heads."""
    pairs = rng.sample([(a, b) for a in range(RELATIONS) for b in range(RELATIONS)], RULES)
    lines = [f"1\t1\t1.0\tr0(X,Y) <= r{a}(X,A), r{b}(A,Y)\n" for a, b in pairs]
    heads = [f"{name}(X,Y)", f"{name}(Y,X)", "r0(X,Y)", "r1(Y,X)"]
    body = f"{name}(X,A), {name}(A,B), {name}(B,Y)"
    return lines + [f"1\t1\t1.0\t{head} <= {body}\n" for head in heads]


def main() -> None:
    """Writes the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="?", default="z")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(11)
    texts = {"triples": sorted(triples(given.name, rng)), "rules": rules(given.name, rng)}
    for kind, lines in texts.items():
        (given.folder / f"{kind}.tsv").write_text("".join(lines))
    with FileWriter(given.folder / "rules.pffr") as out:
        source = open_blocks(str(given.folder / "rules.tsv"))
        compile_rules(
            source, out, source_name="rules", options=RuleOptions(chunk_rules=CHUNK_RULES)
        )
    command(["encode", str(given.folder / "triples.tsv"), "-o", str(given.folder / "triples.pffg")])


if __name__ == "__main__":
    main()
