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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]
Triples: TypeAlias = tuple[Numbers, Numbers, Numbers]

BATCH = 1 << 16
N_CLASSES = 200
"""Classes; the j-th has a share of the entities that falls with 1 / (j + 1)."""
CLASS = 0
N_PLANTED = 10
CHAINS: tuple[tuple[tuple[int, ...], int], ...] = (((3, 2), 4), ((4, 3, 5), 11), ((2, 3, 2, 4), 5))
"""Of each planted chain: nodes of each layer of one group, and pairs of a group that are true."""
HAS = N_PLANTED
"""The relation of planted heads with a constant."""
HOLDERS = 24
"""Constants in planted heads."""

SHARES = (
    ("constants", 0.54),
    ("dangling", 0.34),
    ("two atoms", 0.015),
    ("closed 1", 0.006),
    ("closed 2", 0.047),
    ("closed 3", 0.047),
    ("zero", 0.002),
    ("self", 0.003),
)
"""Shapes of rules and their shares."""
BODY_POOL = 1.0
"""Bodies with a constant, per rule: about a third of the rules then has a body of its own, fewer
on graphs that are too small for so many constants."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is made; the same numbers make the same bytes."""

    triples: int
    entities: int
    relations: int
    rules: int
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuses what cannot be made."""
        if self.relations < 40:
            raise ValueError(f"{self.relations} relations: expected 40 at least")
        if self.drawn_entities < max(2 * N_CLASSES, self.entities // 2) or self.drawn_triples < 1:
            raise ValueError(
                f"{self.triples} triples over {self.entities} entities: expected at least 4 "
                "triples an entity and 2,000 entities"
            )

    @property
    def groups(self) -> int:
        """Groups of each planted chain."""
        return max(2, self.triples // 1000)

    @property
    def planted_entities(self) -> int:
        """Entities that only planted triples (and none of the classes) speak of."""
        return self.groups * sum(sum(widths) for widths, _ in CHAINS) + N_CLASSES + HOLDERS

    @property
    def drawn_entities(self) -> int:
        """Entities 0 up to here are in a class and in drawn triples."""
        return self.entities - self.planted_entities

    @property
    def drawn_triples(self) -> int:
        """Triples that are neither planted nor of a class."""
        return self.triples - self.drawn_entities - sum(part.count for part in planted_parts(self))

    @property
    def core(self) -> range:
        """The small relations that closed chains are made of."""
        return range(HAS + 1, HAS + 1 + self.relations // 8)

    @property
    def core_pool(self) -> int:
        """Entities that core relations are drawn from, and triples of each of them."""
        return min(2000, max(60, self.triples // 2000))


@dataclass(frozen=True, slots=True)
class Part:
    """So many triples, any slice of which can be made without the others."""

    count: int
    make: Callable[[Numbers], Triples]


def mixed(numbers: Numbers, salt: int) -> NDArray[np.uint64]:
    """64 bits that look random, of each number (splitmix64)."""
    z = numbers.astype(np.uint64) + np.uint64((salt * 0x9E3779B97F4A7C15) & (1 << 64) - 1)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(numbers: Numbers, salt: int) -> NDArray[np.float64]:
    """The same as fractions, 0 <= u < 1."""
    return (mixed(numbers, salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


# --- what is planted ----------------------------------------------------------------------------


def class_starts(sizes: Sizes) -> Numbers:
    """First entity of each class, and the end of the last one."""
    shares = np.cumsum(1.0 / np.arange(1, N_CLASSES + 1))
    room = sizes.drawn_entities - N_CLASSES  # nobody is left out: one member at least
    return np.concatenate(
        ([0], np.arange(1, N_CLASSES + 1) + (shares / shares[-1] * room).astype(np.int64))
    )


def class_entity(sizes: Sizes, number: int | Numbers) -> Numbers:
    """The entity that stands for a class."""
    return np.asarray(sizes.drawn_entities + number)


def holder(sizes: Sizes, number: int) -> int:
    """A constant of planted heads."""
    return sizes.drawn_entities + N_CLASSES + number


def layer_start(sizes: Sizes, chain: int, layer: int) -> int:
    """The first entity of one layer of a planted chain."""
    at = sizes.drawn_entities + N_CLASSES + HOLDERS
    for number, (widths, _) in enumerate(CHAINS):
        for place, width in enumerate(widths):
            if (number, place) == (chain, layer):
                return at
            at += width * sizes.groups
    raise ValueError(f"chain {chain} has no layer {layer}")


def chain_relation(chain: int, step: int) -> int:
    """Relation of one step of a planted chain; the step behind the last is its head."""
    return 1 + sum(len(widths) for widths, _ in CHAINS[:chain]) + step


def planted_parts(sizes: Sizes) -> Iterator[Part]:
    """All planted triples and those of the classes' heads."""
    for chain, (widths, true_pairs) in enumerate(CHAINS):
        for step, (left, right) in enumerate(pairwise(widths)):
            # Every second step is stored from object to subject.
            yield _grid(sizes, chain, (step, step + 1), (left, right), left * right, step % 2 == 1)
        ends = (0, len(widths) - 1)
        yield _grid(sizes, chain, ends, (widths[0], widths[-1]), true_pairs, False)
    for number in range(HOLDERS):
        yield _held(sizes, number)


def _grid(
    sizes: Sizes,
    chain: int,
    layers: tuple[int, int],
    widths: tuple[int, int],
    of_each: int,
    turned: bool,
) -> Part:
    """In each group the first `of_each` pairs of two layers."""
    starts = [layer_start(sizes, chain, layer) for layer in layers]
    step = layers[0] if layers[1] == layers[0] + 1 else len(CHAINS[chain][0]) - 1
    if len(CHAINS[chain][0]) == 2 and of_each < widths[0] * widths[1]:
        step = 1  # the head of a chain of one atom
    relation = chain_relation(chain, step)

    def make(i: Numbers) -> Triples:
        group, rest = i // of_each, i % of_each
        left = starts[0] + group * widths[0] + rest // widths[1]
        right = starts[1] + group * widths[1] + rest % widths[1]
        kind = np.full_like(i, relation)
        return (right, kind, left) if turned else (left, kind, right)

    return Part(sizes.groups * of_each, make)


def holder_members(sizes: Sizes, number: int) -> tuple[int, int]:
    """First entity and count of those of whom a planted head with a constant is true."""
    if number < N_CLASSES and number < HOLDERS - 4:
        starts = class_starts(sizes)
        size = int(starts[number + 1] - starts[number])
        return int(starts[number]), size // 10 + 1
    chain = min(number - (HOLDERS - 4), 2)
    return layer_start(sizes, chain, 0), sizes.groups * CHAINS[chain][0][0] // 2


def _held(sizes: Sizes, number: int) -> Part:
    first, count = holder_members(sizes, number)

    def make(i: Numbers) -> Triples:
        return first + i, np.full_like(i, HAS), np.full_like(i, holder(sizes, number))

    return Part(count, make)


@dataclass(frozen=True, slots=True)
class Planted:
    """A rule and its counts under object identity."""

    rule: str
    predictions: int
    support: int


def planted_rules(sizes: Sizes) -> list[Planted]:
    """All planted rules, by construction."""
    name, rel = Names(sizes).entity, relation_name
    found = []
    for chain, (widths, true_pairs) in enumerate(CHAINS):
        variables = ["X", *"ABC"[: len(widths) - 2], "Y"]
        atoms = []
        for step, (left, right) in enumerate(pairwise(variables)):
            pair = (right, left) if step % 2 else (left, right)
            atoms.append(f"{rel(chain_relation(chain, step))}({pair[0]},{pair[1]})")
        head = rel(chain_relation(chain, len(widths) - 1))
        pairs = sizes.groups * widths[0] * widths[-1]
        body = ", ".join(atoms)
        found.append(Planted(f"{head}(X,Y) <= {body}", pairs, sizes.groups * true_pairs))
        # The same from the other end: the head is turned, so that nothing of it is true.
        found.append(Planted(f"{head}(Y,X) <= {body}", pairs, 0))
        constant = name(holder(sizes, HOLDERS - 4 + chain))
        open_body = body.replace("(Y,", "(Z,").replace(",Y)", ",Z)")
        _, true_count = holder_members(sizes, HOLDERS - 4 + chain)
        starts_of = sizes.groups * widths[0]
        found.append(Planted(f"{rel(HAS)}(X,{constant}) <= {open_body}", starts_of, true_count))
        # Every group has its own end: d of the last group is reached from that group alone.
        last = layer_start(sizes, chain, len(widths) - 1) + sizes.groups * widths[-1] - 1
        ended = body.replace("(Y,", f"({name(last)},").replace(",Y)", f",{name(last)})")
        found.append(Planted(f"{rel(HAS)}(X,{constant}) <= {ended}", widths[0], 0))
    starts = class_starts(sizes)
    for number in range(HOLDERS - 4):
        constant = name(holder(sizes, number))
        _, true_count = holder_members(sizes, number)
        members = int(starts[number + 1] - starts[number])
        kind = name(int(class_entity(sizes, number)))
        found.append(
            Planted(f"{rel(HAS)}(X,{constant}) <= {rel(CLASS)}(X,{kind})", members, true_count)
        )
    constant = name(holder(sizes, 0))
    _, true_count = holder_members(sizes, 0)
    found.append(
        Planted(f"{rel(HAS)}(X,{constant}) <= {rel(CLASS)}(X,A)", sizes.drawn_entities, true_count)
    )
    found.append(Planted(f"{rel(HAS)}(X,{constant}) <= relation/none(X,A)", 0, 0))
    return found


# --- what is drawn ------------------------------------------------------------------------------


def relation_name(number: int) -> str:
    """The name of a relation."""
    return f"relation/{number:03d}"


class Names:
    """Names of entities: numbers that look random, so that neighbours have no common place."""

    def __init__(self, sizes: Sizes) -> None:
        self._n = sizes.entities
        self._factor = next(
            factor
            for factor in range(int(sizes.entities * 0.6180339887) | 1, 1 << 62, 2)
            if np.gcd(factor, sizes.entities) == 1
        )

    def numbers(self, entities: Numbers) -> Numbers:
        """What stands in the names."""
        return (entities * self._factor + 7) % self._n

    def entity(self, number: int) -> str:
        """The name of an entity."""
        return f"/m/{int(self.numbers(np.asarray(number))):07x}"


class Drawn:
    """How drawn relations look; arrays over the relations only."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.first = sizes.core.start
        n = sizes.relations - self.first
        numbers = np.arange(n)
        core = numbers < len(sizes.core)
        shares = np.where(core, 0.0, 1.0 / np.maximum(1, numbers - len(sizes.core) + 1))
        left = max(sizes.drawn_triples - len(sizes.core) * sizes.core_pool, sizes.drawn_triples / 2)
        counts = np.where(core, sizes.core_pool, shares / shares.sum() * left)
        self.cumulated = np.cumsum(counts) / counts.sum()
        general = np.cumsum(shares**0.8 * ~core)
        self.for_rules = general / general[-1]
        most = sizes.drawn_entities
        self.subjects = np.clip((0.6 * counts).astype(np.int64), 4, most)
        self.objects = np.clip((0.25 * counts).astype(np.int64), 4, most)
        self.subjects[core] = self.objects[core] = sizes.core_pool
        salt = sizes.seed * 8
        self.subject_start = (uniform(numbers, salt + 1) * most).astype(np.int64) * ~core
        self.object_start = (uniform(numbers, salt + 2) * most).astype(np.int64) * ~core
        self.power_subjects = np.where(core, 1.5, 1.6)
        self.power_objects = np.where(core, 1.5, 2.2)

    def triples(self, random: np.random.Generator, count: int) -> Triples:
        """So many triples."""
        r = np.searchsorted(self.cumulated, random.random(count), side="right")
        r = np.minimum(r, len(self.cumulated) - 1)
        subject = _powers(random.random(count), self.subjects[r], self.power_subjects[r])
        object_ = _powers(random.random(count), self.objects[r], self.power_objects[r])
        most = self.sizes.drawn_entities
        return (
            (self.subject_start[r] + subject) % most,
            self.first + r,
            (self.object_start[r] + object_) % most,
        )

    def pick(self, u: NDArray[np.float64]) -> Numbers:
        """Places of relations for rules, large ones more often."""
        places = np.searchsorted(self.for_rules, u, side="right")
        return np.minimum(places, len(self.for_rules) - 1)

    def constant(
        self, r: Numbers, at_subject: NDArray[np.bool_], u: NDArray[np.float64]
    ) -> Numbers:
        """Entities that relations name often, at one side of them."""
        n = np.where(at_subject, self.subjects[r], self.objects[r])
        start = np.where(at_subject, self.subject_start[r], self.object_start[r])
        power = np.where(at_subject, 1.6, 2.0)
        return (start + _powers(u, n, power)) % self.sizes.drawn_entities


def _powers(u: NDArray[np.float64], n: Numbers, power: NDArray[np.float64]) -> Numbers:
    return np.minimum((n * u**power).astype(np.int64), n - 1)


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


class RuleMaker:
    """Rules batch by batch; of each shape as many as its share."""

    def __init__(self, sizes: Sizes) -> None:
        self._drawn = Drawn(sizes)
        self._sizes = sizes
        self._names = Names(sizes)
        self._salt = sizes.seed * 8 + 3
        self._pool = max(1, int(BODY_POOL * sizes.rules))

    def batch(self, random: np.random.Generator, count: int) -> list[str]:
        """So many rules, in no order."""
        edges = np.cumsum([0.0] + [share for _, share in SHARES])
        places = (edges / edges[-1] * count).round().astype(int)
        makers: tuple[Callable[[np.random.Generator, int], list[str]], ...] = (
            self._constants,
            self._dangling,
            self._two_atoms,
            lambda r, n: self._closed(r, n, 1),
            lambda r, n: self._closed(r, n, 2),
            lambda r, n: self._closed(r, n, 3),
            self._zero,
            self._self,
        )
        rules: list[str] = []
        for make, (low, high) in zip(makers, pairwise(places), strict=True):
            rules += make(random, int(high - low))
        return [rules[i] for i in random.permutation(len(rules))]

    def _head(self, random: np.random.Generator, n: int) -> list[str]:
        r = self._drawn.pick(random.random(n))
        at_subject = random.random(n) < 0.3
        constant = self._drawn.constant(r, at_subject, random.random(n))
        return self._atoms(r, constant, at_subject)

    def _atoms(
        self, r: Numbers, constant: Numbers, at_subject: NDArray[np.bool_], variable: str = "X"
    ) -> list[str]:
        """Atoms with one variable and one constant."""
        numbers = self._names.numbers(constant).tolist()
        first = self._drawn.first
        return [
            f"relation/{first + relation:03d}(/m/{number:07x},{variable})"
            if left
            else f"relation/{first + relation:03d}({variable},/m/{number:07x})"
            for relation, number, left in zip(r.tolist(), numbers, at_subject.tolist(), strict=True)
        ]

    def _constant_atoms(self, random: np.random.Generator, n: int, variable: str) -> list[str]:
        """Atoms of the pool of bodies: the same place in it is the same atom."""
        place = (random.random(n) * self._pool).astype(np.int64)
        r = self._drawn.pick(uniform(place, self._salt))
        at_subject = uniform(place, self._salt + 1) < 0.3
        constant = self._drawn.constant(r, at_subject, uniform(place, self._salt + 2))
        return self._atoms(r, constant, at_subject, variable)

    def _constants(self, random: np.random.Generator, n: int) -> list[str]:
        heads, bodies = self._head(random, n), self._constant_atoms(random, n, "X")
        return [f"{head} <= {body}" for head, body in zip(heads, bodies, strict=True)]

    def _open_atoms(self, random: np.random.Generator, n: int, pair: tuple[str, str]) -> list[str]:
        """Atoms with two variables over any drawn relation."""
        r = (self._drawn.first + self._drawn.pick(random.random(n))).tolist()
        turned = (random.random(n) < 0.5).tolist()
        x, y = pair
        return [
            f"relation/{relation:03d}({y},{x})" if turn else f"relation/{relation:03d}({x},{y})"
            for relation, turn in zip(r, turned, strict=True)
        ]

    def _dangling(self, random: np.random.Generator, n: int) -> list[str]:
        heads, bodies = self._head(random, n), self._open_atoms(random, n, ("X", "A"))
        return [f"{head} <= {body}" for head, body in zip(heads, bodies, strict=True)]

    def _two_atoms(self, random: np.random.Generator, n: int) -> list[str]:
        half = n // 2
        heads = self._head(random, n)
        firsts = self._core_atoms(random, n, ("X", "A"))
        seconds = self._constant_atoms(random, half, "A")
        seconds += self._core_atoms(random, n - half, ("A", "B"))
        return [f"{h} <= {a}, {b}" for h, a, b in zip(heads, firsts, seconds, strict=True)]

    def _core_atoms(self, random: np.random.Generator, n: int, pair: tuple[str, str]) -> list[str]:
        core = self._sizes.core
        r = random.integers(core.start, core.stop, n).tolist()
        turned = (random.random(n) < 0.5).tolist()
        x, y = pair
        return [
            f"relation/{relation:03d}({y},{x})" if turn else f"relation/{relation:03d}({x},{y})"
            for relation, turn in zip(r, turned, strict=True)
        ]

    def _closed(self, random: np.random.Generator, n: int, atoms: int) -> list[str]:
        core = self._sizes.core
        heads = random.integers(core.start, core.stop, n).tolist()
        variables = ["X", *"AB"[: atoms - 1], "Y"]
        bodies = [self._core_atoms(random, n, pair) for pair in pairwise(variables)]
        return [
            f"relation/{head:03d}(X,Y) <= {', '.join(body)}"
            for head, body in zip(heads, zip(*bodies, strict=True), strict=True)
        ]

    def _zero(self, random: np.random.Generator, n: int) -> list[str]:
        return [f"{head} <= " for head in self._head(random, n)]

    def _self(self, random: np.random.Generator, n: int) -> list[str]:
        first = self._drawn.first
        r = (first + self._drawn.pick(random.random(n))).tolist()
        bodies = self._constant_atoms(random, n, "X")
        return [
            f"relation/{relation:03d}(X,me_myself_i) <= {body}"
            for relation, body in zip(r, bodies, strict=True)
        ]


def write_rules(path: Path, sizes: Sizes) -> None:
    """Writes the rules, planted ones spread among them, with columns like a miner's."""
    random = np.random.default_rng((sizes.seed, 1))
    maker = RuleMaker(sizes)
    planted = [rule.rule for rule in planted_rules(sizes)]
    count = max(0, sizes.rules - len(planted))
    n_batches = max(1, -(-count // BATCH))
    with path.open("w", encoding="ascii") as file:
        for batch in range(n_batches):
            low, high = (count * b // n_batches for b in (batch, batch + 1))
            rules = maker.batch(random, high - low)
            first, last = (len(planted) * b // n_batches for b in (batch, batch + 1))
            rules += planted[first:last]
            support = random.integers(2, 200, len(rules))
            predictions = support + random.integers(0, 300, len(rules))
            columns = (predictions.tolist(), support.tolist(), (support / predictions).tolist())
            file.writelines(
                f"{p}\t{s}\t{c:.7g}\t{rule}\n"
                for p, s, c, rule in zip(*columns, rules, strict=True)
            )


def write_planted(path: Path, sizes: Sizes) -> None:
    """Writes the planted rules with their counts."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(
            f"{rule.rule}\t{rule.predictions}\t{rule.support}\n" for rule in planted_rules(sizes)
        )


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
