"""Names of the rules that a graph does not have, and what the graph has that is near to them.

All is bounded, whatever the rules and the graph: some chunks of the rules, some names of the graph.
Does not cover: when anybody is told (`nothing_checked`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from pff_stream.pipeline.spelling import (
    kind_of_all,
    marks,
    namespace,
    nearest,
    plain,
    spelled_otherwise,
    writings,
)
from pff_stream.rules._format import INEQUALITY
from pff_stream.rules.file import RuleFile
from pff_stream.triples._graph import GraphView

MOST_CHUNKS = 4
MOST_NAMES = 1000
"""Absent names of one sort that are kept, and names of the graph that are compared with them."""
MOST_READ = 20_000
"""Names of the graph that are held against those of the rules, spelling aside."""
MOST_WRITINGS = 20_000
"""Of one name that are looked up."""
_MOST_NAMESPACES = 10
_LONGEST = 200


@dataclass(slots=True)
class RuleNames:
    """Names of rules, with how many bodies or rules have each: those that were asked for."""

    heads: Counter[str] = field(default_factory=Counter)
    """Relations of heads."""
    relations: Counter[str] = field(default_factory=Counter)
    """Relations of bodies."""
    constants: Counter[str] = field(default_factory=Counter)
    """Of bodies."""


def names_of(
    rules: RuleFile,
    wants_relation: Callable[[bytes], bool],
    wants_constant: Callable[[bytes], bool],
) -> RuleNames:
    """The most frequent names of some chunks of the rules, of those that are wanted."""
    found = RuleNames()
    for index in _evenly(len(rules.chunks), MOST_CHUNKS):
        chunk = rules.read_chunk(index)
        atoms = chunk.atoms.reshape(-1, 3)
        atoms = atoms[atoms[:, 0] != INEQUALITY]
        terms = atoms[:, 1:].ravel()
        for numbers, wants, counter in (
            (chunk.heads[::3], wants_relation, found.heads),
            (atoms[:, 0], wants_relation, found.relations),
            (-1 - terms[terms < 0], wants_constant, found.constants),
        ):
            for number, count in Counter(numbers.tolist()).items():
                name = chunk.name(number)
                if wants(name):
                    counter[_text(name)] += count
            _keep_most(counter)
    return found


def absent_from(graph: GraphView, rules: RuleFile) -> RuleNames:
    """Names of the rules that the graph does not have."""
    return names_of(
        rules,
        lambda name: graph.relation_id(name) < 0,
        lambda name: graph.entity_id(name) < 0,
    )


class Names:
    """The relations or the entities of a graph, to be asked what is near to the `wanted` names."""

    def __init__(
        self,
        n: int,
        name: Callable[[int], bytes],
        number: Callable[[bytes], int],
        wanted: Iterable[str],
    ) -> None:
        self._number = number
        self.sample = [_text(name(place)) for place in _evenly(n, MOST_NAMES)]
        """Of the whole evenly, all where they are few."""
        spaces = Counter(map(namespace, self.sample)).most_common(_MOST_NAMESPACES)
        self._namespaces = [space for space, _ in spaces if space]
        forms = {plain(rest) for one in wanted for rest in (one, *(rest for _, rest in marks(one)))}
        self._by_plain: dict[str, str] = {}
        for place in _evenly(n, MOST_READ):
            one = _text(name(place))
            if (form := plain(one)) in forms:
                self._by_plain.setdefault(form, one)

    @classmethod
    def relations(cls, graph: GraphView, wanted: Iterable[str]) -> Names:
        """Those of a graph."""
        return cls(graph.n_relations, graph.relation_name, graph.relation_id, wanted)

    @classmethod
    def entities(cls, graph: GraphView, wanted: Iterable[str]) -> Names:
        """Those of a graph."""
        return cls(graph.n_entities, graph.entity_name, graph.entity_id, wanted)

    def has(self, name: str) -> bool:
        """Whether the graph has this name."""
        return self._number(name.encode("utf-8", "surrogateescape")) >= 0

    def same(self, name: str) -> str | None:
        """The name that is written otherwise in the graph; None where there is none."""
        for one in islice(writings(name, self._namespaces), MOST_WRITINGS):
            if self.has(one) and spelled_otherwise(name, one):
                return one
        return self._by_plain.get(plain(name))

    def nearest(self, name: str) -> str | None:
        """The same name, or else the one that has most in common with it."""
        return self.differences(name)[1] or nearest(name, self.sample)

    def differences(self, name: str) -> tuple[list[str], str | None]:
        """In what a name differs from one that the graph has, and that one."""
        same = self.same(name)
        if same is not None:
            return spelled_otherwise(name, same), same
        return marked(name, lambda rest: rest if self.has(rest) else self.same(rest))


def marked(name: str, known: Callable[[str], str | None]) -> tuple[list[str], str | None]:
    """What stands beside a known name in this one, and the known one; nothing where none does."""
    for said, rest in marks(name):
        found = known(rest)
        if found is not None:
            return said, found
    return [], None


def kinds_differ(ours: Iterable[str], theirs: Names) -> Iterator[str]:
    """What is said where nearly all names of the rules are of another kind than the graph's."""
    here, there = kind_of_all(list(ours)), kind_of_all(theirs.sample)
    if here != there:
        kinds = {"rules": here, "graph": there}
        yield ", ".join(f"names of the {whose} are {kind}" for whose, kind in kinds.items() if kind)


def _evenly(n: int, most: int) -> range:
    """At most so many of `n` places."""
    return range(0, n, max(1, -(-n // most)))


def _text(name: bytes) -> str:
    return name[:_LONGEST].decode("utf-8", "surrogateescape")


def _keep_most(counter: Counter[str]) -> None:
    if len(counter) > MOST_NAMES:
        kept = counter.most_common(MOST_NAMES)
        counter.clear()
        counter.update(dict(kept))
