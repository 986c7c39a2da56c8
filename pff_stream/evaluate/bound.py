"""Which rules of a chunk predict one triple: by their heads, then by a search for a grounding.

Rules whose text has several readings are settled by the names of the graph before. Holds one chunk
at a time, as an evaluation does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pff_stream.evaluate.chunk import doubtful_flags, settled
from pff_stream.rules.keys import name_hash

if TYPE_CHECKING:
    from pff_stream.evaluate._kernel import BoundSearch
    from pff_stream.rules.chunk import RuleChunk
    from pff_stream.triples._graph import GraphView

NameBytes = tuple[bytes, bytes, bytes]
"""Subject, relation and object by name (UTF-8)."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rules of a chunk whose head can be the triple."""

    chunk: RuleChunk
    places: NDArray[np.int64]
    named: frozenset[int]
    """Places in the triple whose name the head of a rule of its relation has: 0, 1, 2."""

    @property
    def n_atoms(self) -> int:
        """Atoms of their bodies, summed."""
        sizes = np.diff(self.chunk.body_ends, prepend=np.uint32(0))
        return int(sizes[self.chunk.rule_body[self.places]].sum())


@dataclass(frozen=True, slots=True)
class Predicted:
    """A rule that predicts the triple."""

    chunk: RuleChunk
    place: int
    """In the chunk."""
    witness: bytes
    """int32 x 3 for each atom of its body: subject, relation, object."""


def candidates(
    graph: GraphView, chunk: RuleChunk, triple: NameBytes
) -> tuple[list[Candidates], int]:
    """The candidates of a chunk, in one or two parts; and how many rules stay unread."""
    doubtful = chunk.flags & doubtful_flags(graph) != 0
    found = [_matching(chunk, triple, ~doubtful)]
    unread: list[tuple[int, bytes]] = []
    if doubtful.any():
        small, unread = settled(graph, chunk, np.flatnonzero(doubtful))
        if small is not None:
            found.append(_matching(small, triple, np.ones(small.n_rules, np.bool_)))
    return [part for part in found if part.named], len(unread)


def predicted(
    search: BoundSearch, part: Candidates, subject: int, object_: int
) -> Iterator[Predicted]:
    """Those candidates that predict the triple; an end that the graph does not have is -1."""
    for place, witness in search.find(part.chunk, part.places, subject, object_):
        yield Predicted(part.chunk, place, witness)


def _matching(chunk: RuleChunk, triple: NameBytes, wanted: NDArray[np.bool_]) -> Candidates:
    subject, relation, object_ = (_place_of(chunk, name) for name in triple)
    heads = chunk.heads.reshape(-1, 3)
    none = Candidates(chunk, np.empty(0, np.int64), frozenset())
    if relation < 0:
        return none
    of_relation = wanted & (heads[:, 0] == relation)
    if not of_relation.any():
        return none
    left, right = heads[:, 1], heads[:, 2]
    is_left = _is_constant(left, subject)
    is_right = _is_constant(right, object_)
    can_be = of_relation & ((left >= 0) | is_left) & ((right >= 0) | is_right)
    if triple[0] != triple[2]:
        can_be &= (left < 0) | (left != right)
    named = {1}
    if (of_relation & is_left).any():
        named.add(0)
    if (of_relation & is_right).any():
        named.add(2)
    return Candidates(chunk, np.flatnonzero(can_be).astype(np.int64), frozenset(named))


def _is_constant(terms: NDArray[np.int32], name: int) -> NDArray[np.bool_]:
    """Which terms are the constant of this name, by its place among the names of the chunk."""
    return terms == -1 - name if name >= 0 else np.zeros(len(terms), np.bool_)


def _place_of(chunk: RuleChunk, name: bytes) -> int:
    """The place of a name in the chunk, or -1."""
    for place in np.flatnonzero(chunk.name_hashes == np.uint64(name_hash(name))):
        if chunk.name(int(place)) == name:
            return int(place)
    return -1
