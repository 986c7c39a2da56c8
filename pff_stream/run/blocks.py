"""What reading a graph in blocks needs: which relations must be in memory at once, and how large.

Where a graph does not fit the budget its file is read relation by relation. A rule can be evaluated
when the relations of its body and that of its head are there together, of some of them only the row
of a constant; the largest such set of whole relations is the least that a worker holds. A bound on
it follows from the headers; the exact one takes a look at the rules, chunk by chunk, and is found
only where the bound does not fit, or leaves little room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pff_stream.rules.chunk import RuleChunk
from pff_stream.rules.file import RuleFile
from pff_stream.triples._graph import GraphView
from pff_stream.triples._resident import names_bytes, relation_bytes
from pff_stream.triples.graph import attach
from planner.sizes import format_size

MEMORY, FILE, BLOCKS = "memory", "file", "file, in blocks"
"""Backings of a graph: shared memory, a mapped file that fits beside the run, a file in blocks."""
SLACK_BYTES = 16 << 20
"""Of the budget, left to the page cache (program code, files in windows) when the room for
relations is made as large as can be."""
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
    """The relations of a body and of a head that must be there together as a whole, at most."""
    largest: str = ""
    """These relations with their sizes, in words; empty where `needed_bytes` is a bound."""


def bounded(view: GraphView, max_body_atoms: int) -> BlockSizes:
    """The sizes by the headers alone: no body has more relations than the longest has atoms."""
    sizes = sorted(relation_bytes(view), reverse=True)
    return BlockSizes(
        n_relations=len(sizes),
        rows_bytes=sum(sizes),
        names_bytes=names_bytes(view),
        needed_bytes=sum(sizes[: max_body_atoms + 1]),
    )


def exact(sizes: BlockSizes, graph: str, rules: RuleFile) -> BlockSizes:
    """The same with the largest set that a rule of the file needs.

    Rules with long bodies come first in a file: it is read until no shorter one can need more.
    """
    with attach(graph) as attached:
        view = attached.view
        by_relation = np.array([*relation_bytes(view), 0], np.int64)  # the last: not in the graph
        descending = np.sort(by_relation)[::-1]
        best: list[int] = []
        best_bytes = 0
        buffer = bytearray(rules.max_chunk_bytes)
        for index in range(len(rules.chunks)):
            chunk = rules.read_chunk(index, buffer)
            longest = int(np.diff(chunk.body_ends, prepend=np.uint32(0)).max(initial=0))
            if int(descending[: longest + 1].sum()) <= best_bytes:
                break
            found = _largest_set(chunk, _relation_ids(chunk, view), by_relation, best_bytes)
            if found:
                best = found
                best_bytes = int(by_relation[best].sum())
        best.sort(key=lambda relation: -int(by_relation[relation]))
        words = [
            f"{view.relation_name(relation).decode('utf-8', 'replace')} "
            f"{format_size(int(by_relation[relation]))}"
            for relation in best[:_NAMED]
        ]
    if len(best) > _NAMED:
        words.append(f"{len(best) - _NAMED} more")
    return replace(sizes, needed_bytes=best_bytes, largest=", ".join(words))


def _relation_ids(chunk: RuleChunk, view: GraphView) -> npt.NDArray[np.int64]:
    """The id of each name of the chunk that is used as a relation; -1 where there is none."""
    ids = np.full(chunk.n_names, -1, np.int64)
    used = np.union1d(chunk.atoms[::3], chunk.heads[::3])
    for name in used.tolist():
        ids[name] = view.relation_id(chunk.name(name))
    return ids


def _needed_whole(
    chunk: RuleChunk, ids: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The relation of each atom of the bodies and of each head; -1 where a row of it is enough.

    That is so for a constant in the head of a rule that has a body, and in a body of one atom.
    """
    atoms, heads = chunk.atoms.reshape(-1, 3), chunk.heads.reshape(-1, 3)
    ends = chunk.body_ends.astype(np.int64)
    n_atoms = ends - np.concatenate(([0], ends[:-1]))
    of_one = np.repeat(n_atoms == 1, n_atoms)
    is_row = of_one & (atoms[:, 1:] < 0).any(axis=1)
    of_heads = (n_atoms > 0)[chunk.rule_body] & (heads[:, 1:] < 0).any(axis=1)
    return np.where(is_row, -1, ids[atoms[:, 0]]), np.where(of_heads, -1, ids[heads[:, 0]])


def _largest_set(
    chunk: RuleChunk,
    ids: npt.NDArray[np.int64],
    by_relation: npt.NDArray[np.int64],
    least_bytes: int,
) -> list[int]:
    """The relations of the rule of the chunk that needs most, if more than `least_bytes`."""
    atoms, heads = _needed_whole(chunk, ids)
    # With repeated relations counted again: only what is over the best by this is looked at.
    summed = np.concatenate(([0], np.cumsum(by_relation[atoms])))
    ends = chunk.body_ends.astype(np.int64)
    bodies = summed[ends] - summed[np.concatenate(([0], ends[:-1]))]
    most = bodies[chunk.rule_body] + by_relation[heads]
    best: list[int] = []
    for rule in np.flatnonzero(most > least_bytes).tolist():
        if most[rule] <= least_bytes:
            continue
        body = int(chunk.rule_body[rule])
        start = int(ends[body - 1]) if body else 0
        needed = {*atoms[start : int(ends[body])].tolist(), int(heads[rule])} - {-1}
        total = int(by_relation[list(needed)].sum()) if needed else 0
        if total > least_bytes:
            least_bytes, best = total, list(needed)
    return best


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
    together = f"{format_size(sizes.needed_bytes)} in each worker: {sizes.largest}"
    said = "the graph is larger than the budget, and these relations of one rule must be in memory"
    return [f"{said} together, {together}"]
