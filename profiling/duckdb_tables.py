"""Rules and triples as tables of numbers, for the statements of `duckdb_rules`.

Triples are there twice, as edges in both directions: relation r is 2r from subject to object and
2r + 1 back. A rule is written from its head's variable X along its chain, so that one statement
serves all directions. Rules of other shapes, and those with an atom whose terms are equal
(`me_myself_i`), are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pff_stream.rules.chunk import RuleChunk
from pff_stream.rules.file import RuleFile
from pff_stream.triples._graph import GraphView
from pff_stream.triples.graph import attach

ABSENT = -2
"""Id of a name that the graph does not have: no edge has it."""
Atom = tuple[int, int, int]


class Rule(NamedTuple):
    """One row of a shape's table; unused columns are `ABSENT`."""

    rule: int
    head: int
    p1: int = ABSENT
    p2: int = ABSENT
    p3: int = ABSENT
    c: int = ABSENT
    d: int = ABSENT


def load(connection: Any, rules: Path, graph: Path) -> dict[str, int]:
    """Makes the tables of edges and of all shapes; answers the rules of each shape."""
    with attach(str(graph)) as attached:
        view = attached.view
        triples = np.array(list(view.triples()), np.int32).reshape(-1, 3)
        shapes = _shapes(rules, view)
    subjects, relations, objects = triples.T
    edge = {
        "r": np.concatenate((2 * relations, 2 * relations + 1)),
        "a": np.concatenate((subjects, objects)),
        "b": np.concatenate((objects, subjects)),
    }
    _create(connection, "edge", edge, "r, a, b")
    for shape, rows in shapes.items():
        table = np.array(rows, np.int32)
        columns = {name: table[:, at].copy() for at, name in enumerate(Rule._fields)}
        bodies = np.unique(table[:, 2:5], axis=0, return_inverse=True)[1]
        columns["body"] = bodies.reshape(-1).astype(np.int32)
        _create(connection, shape, columns, "body")
    return {shape: len(rows) for shape, rows in shapes.items()}


def _create(connection: Any, name: str, columns: dict[str, Any], order: str) -> None:
    connection.register("columns", columns)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM columns ORDER BY {order}")
    connection.unregister("columns")


def rules_by_shape(rules: Path) -> dict[str, list[int]]:
    """Places in the source, by shape."""
    return {shape: [row.rule for row in rows] for shape, rows in _shapes(rules, None).items()}


def _shapes(rules: Path, view: GraphView | None) -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = defaultdict(list)
    with RuleFile(rules) as file:
        for index in range(len(file.chunks)):
            for shape, rule in _rules(file.read_chunk(index), view):
                found[shape].append(rule)
    return found


def _rules(chunk: RuleChunk, view: GraphView | None) -> Iterator[tuple[str, Rule]]:
    atoms = [(int(r), int(s), int(o)) for r, s, o in chunk.atoms.reshape(-1, 3)]
    heads = [(int(r), int(s), int(o)) for r, s, o in chunk.heads.reshape(-1, 3)]

    @lru_cache(None)
    def relation(name: int) -> int:
        return ABSENT if view is None else view.relation_id(chunk.name(name))

    @lru_cache(None)
    def entity(term: int) -> int:
        found = -1 if view is None else view.entity_id(chunk.name(-1 - term))
        return found if found >= 0 else ABSENT

    def along(atom: Atom, start: int) -> int:
        """The relation of the edge that leaves `start`."""
        known = relation(atom[0])
        return ABSENT if known < 0 else 2 * known + (atom[1] != start)

    for at, head in enumerate(heads):
        body = int(chunk.rule_body[at])
        first = int(chunk.body_ends[body - 1]) if body else 0
        chain = atoms[first : int(chunk.body_ends[body])]
        # The head's variable; where there are two, X is its subject.
        start, end = (head[1], head[2]) if head[1] >= 0 else (head[2], head[1])
        steps = _walk(chain, start)
        if steps is None or head[1] == head[2]:
            continue
        path, last = steps
        row: dict[str, int] = {f"p{n}": along(atom, step) for n, (atom, step) in enumerate(path, 1)}
        row |= {"rule": int(chunk.sources[at]), "head": along(head, start)}
        shape = _shape(len(path), last, end)
        if end < 0:
            row["c"] = entity(end)
        if path and last < 0:
            row["d"] = entity(last)
        if shape is not None:
            yield shape, Rule(**row)


def _walk(chain: list[Atom], start: int) -> tuple[list[tuple[Atom, int]], int] | None:
    """Each atom with the variable it is entered by, and the last term; None if it is no chain."""
    left, path, at, seen = list(chain), [], start, {start}
    while left:
        following = [atom for atom in left if at >= 0 and at in atom[1:]]
        if len(following) != 1 or following[0][1] == following[0][2]:
            return None
        atom = following[0]
        left.remove(atom)
        path.append((atom, at))
        at = atom[2] if atom[1] == at else atom[1]
        if at in seen:
            return None
        seen.add(at)
    return path, at


def _shape(atoms: int, last: int, end: int) -> str | None:
    """The name of the shape's table."""
    if end >= 0:
        return f"closed{atoms}" if last == end and 1 <= atoms <= 3 else None
    if atoms == 0:
        return "zero"
    return f"{'constant' if last < 0 else 'dangling'}{atoms}" if atoms <= 2 else None
