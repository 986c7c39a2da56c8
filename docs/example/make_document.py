"""Makes the JSON document of the example: what UMLS says around one of its entities.

The entity is the document, its neighbours are objects in it, each named by its id. Keys are
relations, values are names or arrays of names, so that the document, read, gives triples of
`train.tsv` again, and rules that were mined there can hold in it.

    python docs/example/make_document.py            writes umls_document.json beside this file
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).parent
START = "virus"

Outgoing = dict[str, dict[str, list[str]]]
"""Subject, then relation, to the objects in the order of the file."""

Node = dict[str, "str | list[str | Node]"]


def read_outgoing(path: Path) -> Outgoing:
    """Read the triples, grouped by what they start from."""
    outgoing: Outgoing = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        subject, relation, object_ = line.split("\t")
        outgoing.setdefault(subject, {}).setdefault(relation, []).append(object_)
    return outgoing


def neighbours(outgoing: Outgoing, start: str) -> list[str]:
    """What the start points to, in order of first appearance."""
    return list(dict.fromkeys(name for names in outgoing[start].values() for name in names))


def shallow_node(outgoing: Outgoing, name: str, inside: set[str]) -> Node:
    """An entity with the names of what it points to, as far as that is inside."""
    node: Node = {"id": name}
    for relation, names in outgoing.get(name, {}).items():
        kept: list[str | Node] = [other for other in names if other in inside]
        if kept:
            node[relation] = kept
    return node


def document(outgoing: Outgoing, start: str) -> Node:
    """The start, with each neighbour as an object where it comes first, by its name afterwards."""
    inside = {start, *neighbours(outgoing, start)}
    written = {start}
    node: Node = {"id": start}
    for relation, names in outgoing[start].items():
        values: list[str | Node] = []
        for name in names:
            new = name not in written
            values.append(shallow_node(outgoing, name, inside) if new else name)
            written.add(name)
        node[relation] = values
    return node


def main() -> None:
    """Write the document beside this file."""
    made = document(read_outgoing(HERE / "train.tsv"), START)
    text = json.dumps(made, indent=2, ensure_ascii=False)
    (HERE / "umls_document.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
