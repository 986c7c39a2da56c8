"""Relations of a generated graph whose rules have counts that follow from how they were made.

Their counts hold under object identity; they are never counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
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
