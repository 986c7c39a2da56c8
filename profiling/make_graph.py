"""Makes a seeded graph of any size and rules over it, some of them planted with known counts.

    python -m profiling.make_graph --triples 20000000 --entities 5000000 --rules 10000000 --out DIR

Writes `triples.tsv`, `rules.tsv` and `planted.tsv` (rule, predictions, support), batch by batch:
memory does not grow with any size. What is planted has relations of its own, so that its counts
follow from how it was made (object identity); they are never counted here. The rest is drawn:

    relation 0           classes: every entity once, few large classes and many small ones
    PLANTED              what the planted rules speak of
    core                 an eighth of the relations, small, over one pool of entities: closed chains
    all others           sizes by Zipf's law; subjects and objects from ranges of the entities, the
                         first ones of a range far more often than the last

Shapes of rules come in the shares of real mining (128,319 rules of AnyBURL over FB15k-237).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from profiling.drawn import Drawn
from profiling.make_rules import write_planted, write_rules
from profiling.planted import (
    BATCH,
    CLASS,
    Names,
    Numbers,
    Part,
    Sizes,
    Triples,
    class_entity,
    class_starts,
    planted_parts,
)

# --- what is planted ----------------------------------------------------------------------------


# --- what is drawn ------------------------------------------------------------------------------


def triple_batches(sizes: Sizes) -> Iterator[Triples]:
    """All triples; planted ones and classes are spread evenly over the batches."""
    random = np.random.default_rng(sizes.seed)
    drawn = Drawn(sizes)
    starts = class_starts(sizes)

    def classes(i: Numbers) -> Triples:
        of = np.searchsorted(starts, i, side="right") - 1
        return i, np.full_like(i, CLASS), class_entity(sizes, of)

    parts = [*planted_parts(sizes), Part(sizes.drawn_entities, classes)]
    n_batches = -(-sizes.triples // BATCH)
    for batch in range(n_batches):
        slices = []
        for part in parts:
            low, high = (part.count * b // n_batches for b in (batch, batch + 1))
            slices.append(part.make(np.arange(low, high, dtype=np.int64)))
        low, high = (sizes.drawn_triples * b // n_batches for b in (batch, batch + 1))
        slices.append(drawn.triples(random, high - low))
        columns = [np.concatenate(column) for column in zip(*slices, strict=True)]
        order = random.permutation(len(columns[0]))
        yield columns[0][order], columns[1][order], columns[2][order]


def write_triples(path: Path, sizes: Sizes) -> None:
    """Writes the graph."""
    names = Names(sizes)
    line = "/m/%07x\trelation/%03d\t/m/%07x\n"
    with path.open("w", encoding="ascii") as file:
        for subject, relation, object_ in triple_batches(sizes):
            table = np.column_stack((names.numbers(subject), relation, names.numbers(object_)))
            file.write(line * len(table) % tuple(table.ravel().tolist()))


# --- rules --------------------------------------------------------------------------------------


def main() -> None:
    """Makes all three files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--triples", type=int, default=20_000_000)
    parser.add_argument("--entities", type=int, help="default: a quarter of the triples")
    parser.add_argument("--relations", type=int, default=800)
    parser.add_argument("--rules", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    try:
        sizes = Sizes(
            given.triples,
            given.entities or given.triples // 4,
            given.relations,
            given.rules,
            given.seed,
        )
    except ValueError as error:
        parser.error(str(error))
    given.out.mkdir(parents=True, exist_ok=True)
    for name, write in (
        ("triples.tsv", write_triples),
        ("rules.tsv", write_rules),
        ("planted.tsv", write_planted),
    ):
        began = time.perf_counter()
        write(given.out / name, sizes)
        size = (given.out / name).stat().st_size
        print(f"{given.out / name}: {size:,} bytes ({time.perf_counter() - began:.1f} s)")


if __name__ == "__main__":
    main()
