"""What reading a graph in blocks needs: which relations must be in memory at once, and how large.

Where a graph does not fit the budget its file is read relation by relation, one direction at a
time. What a rule goes through in the order of the file (the first step of its body, and its head)
can stay there; what it looks up in any order has to be in memory together, and the largest such set
is the least that a worker holds. A bound on it follows from the headers; the exact one takes a look
at the rules, chunk by chunk, and is found only where the bound does not fit, or leaves little room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from pff_stream.evaluate._kernel import largest_need
from pff_stream.rules._format import SEMANTICS
from pff_stream.rules.file import RuleFile
from pff_stream.triples._graph import GraphView
from pff_stream.triples.graph import attach
from planner.sizes import format_size

_NAMED = 8
"""Relations of the largest body that are named at most."""


@dataclass(frozen=True, slots=True)
class BlockSizes:
    """Sizes of a graph file that may be read in blocks."""

    n_relations: int
    rows_bytes: int
    """All relations together."""
    names_bytes: int
    """Names of the entities, which the merge reads in the order of the rules."""
    needed_bytes: int
    """What of the relations of one body must be there together, at most."""
    largest: str = ""
    """These relations with their sizes, in words; empty where `needed_bytes` is a bound."""


def bounded(view: GraphView, max_body_atoms: int) -> BlockSizes:
    """The sizes by the headers alone: no body has more relations than the longest has atoms."""
    from pff_stream.triples._resident import side_bytes
    from pff_stream.triples._resident_names import names_bytes

    sizes = np.frombuffer(side_bytes(view), np.int64)
    return BlockSizes(
        n_relations=view.n_relations,
        rows_bytes=int(sizes.sum()),
        names_bytes=names_bytes(view),
        needed_bytes=_at_most(sizes, max_body_atoms),
    )


def least_in_blocks(n_relations: int) -> int:
    """What a worker holds for each relation, whatever else it has room for."""
    from pff_stream.triples._graph import RELATION_BYTES
    from pff_stream.triples._resident import tables_bytes

    return RELATION_BYTES * n_relations + tables_bytes(n_relations)


def _at_most(sizes: NDArray[np.int64], n_atoms: int) -> int:
    """What a body of so many atoms can look up in any order: a single one nothing, see `_needs`."""
    relations = sizes[::2] + sizes[1::2]
    if 0 < n_atoms < len(relations):
        relations.partition(len(relations) - n_atoms)
        relations = relations[-n_atoms:]
    return int(relations.sum()) if n_atoms > 1 else 0


def exact(sizes: BlockSizes, graph: str, rules: RuleFile, semantics: str) -> BlockSizes:
    """The same with the largest set that a rule of the file needs.

    Rules with long bodies come first in a file: it is read until no shorter one can need more.
    """
    from pff_stream.triples._resident import side_bytes

    with attach(graph) as attached:
        view = attached.view
        by_side = np.frombuffer(side_bytes(view), np.int64)
        at_most = cache(partial(_at_most, by_side))
        distinct = semantics == SEMANTICS[0]
        most, best = 0, list[int]()
        buffer = bytearray(rules.max_chunk_bytes)
        for index in range(len(rules.chunks)):
            chunk = rules.read_chunk(index, buffer)
            longest = int(np.diff(chunk.body_ends, prepend=np.uint32(0)).max(initial=0))
            if at_most(longest) <= most:
                break
            found, sides = largest_need(view, chunk, distinct, by_side, most)
            if sides:
                most, best = found, sides
        by_relation: dict[int, int] = {}
        for side in best:
            by_relation[side // 2] = by_relation.get(side // 2, 0) + int(by_side[side])
        words = [
            f"{view.relation_name(relation).decode('utf-8', 'replace')} {format_size(n_bytes)}"
            for relation, n_bytes in sorted(by_relation.items(), key=lambda item: -item[1])
        ]
    if len(words) > _NAMED:
        words[_NAMED:] = [f"{len(words) - _NAMED} more"]
    return replace(sizes, needed_bytes=most, largest=", ".join(words))


def announced(graph_bytes: int, resident_bytes: int, sizes: BlockSizes) -> str:
    """What a plan says of a graph that is read in blocks, in one line."""
    return (
        f"the graph ({format_size(graph_bytes)}) is larger than the budget leaves room for: its "
        f"relations are read from the file in blocks, {format_size(resident_bytes)} of "
        f"{format_size(sizes.rows_bytes)} at a time in each worker"
    )


def does_not_fit(sizes: BlockSizes) -> Sequence[str]:
    """Which relations would have to be in memory at once, where that is known."""
    if not sizes.largest:
        return []
    together = f"memory together, {format_size(sizes.needed_bytes)} in each worker: {sizes.largest}"
    said = "the graph is larger than the budget, and what one rule looks up in any order must be in"
    return [f"{said} {together}"]
