"""A sample's headers, and how they grow with a scale: for plans of inputs that one does not have.

Does not cover: what is planned of them (`from_sizes`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pff_stream.errors import InputError
from pff_stream.plan.blocks import BlockSizes, bounded
from pff_stream.rules.file import RuleFile
from pff_stream.rules.sizes import RuleSizes
from pff_stream.settings.yaml import Placed
from pff_stream.triples._encode import name_slots_bytes
from pff_stream.triples.graph import attach
from pff_stream.triples.report import no_triples

_KEYS = ("rules", "graph", "scale")


@dataclass(frozen=True, slots=True)
class GraphSample:
    """What the header and the table of relations of a graph say."""

    n_triples: int
    n_entities: int
    n_relations: int
    name_bytes: int
    """Names of all entities together."""
    largest_relation: int
    total_bytes: int
    blocks: BlockSizes

    @classmethod
    def of(cls, path: str, body_atoms: int) -> GraphSample:
        """Of a graph file, for bodies of so many atoms; `InputError` where it is none."""
        with attach(path) as graph:
            view = graph.view
            if not view.n_triples:
                raise no_triples(path)
            blocks = bounded(view, body_atoms)
            return cls(
                n_triples=view.n_triples,
                n_entities=view.n_entities,
                n_relations=view.n_relations,
                name_bytes=blocks.names_bytes - 8 * view.n_entities,
                largest_relation=view.largest_relation,
                total_bytes=view.total_bytes,
                blocks=blocks,
            )

    def grown(self, rows: float, names: float) -> GraphSample:
        """With so many times the rows, and the names."""
        blocks = replace(
            self.blocks,
            rows_bytes=_times(self.blocks.rows_bytes, rows),
            names_bytes=_times(self.blocks.names_bytes, names),
            needed_bytes=_times(self.blocks.needed_bytes, rows),
        )
        of_names = self.blocks.names_bytes + name_slots_bytes(self.n_entities)
        total_bytes = _times(self.total_bytes - of_names, rows) + _times(of_names, names)
        return replace(self, total_bytes=total_bytes, blocks=blocks)


@dataclass(frozen=True, slots=True)
class Sample:
    """Headers of rules, of a graph or both, and how many times as much there would be."""

    rules: RuleSizes | None
    graph: GraphSample | None
    scale: float

    def counts(self) -> dict[str, int]:
        """What they come to; relations and the length of bodies stay as they are."""
        found: dict[str, int] = {}
        if self.rules is not None:
            found["rules"] = _times(self.rules.n_rules, self.scale)
            found["body_atoms"] = self.rules.body_atoms
        if self.graph is not None:
            found["triples"] = _times(self.graph.n_triples, self.scale)
            found["entities"] = _times(self.graph.n_entities, self.scale)
            found["relations"] = self.graph.n_relations
            found["name_bytes"] = _times(self.graph.name_bytes, self.scale)
            found["largest_relation"] = _times(self.graph.largest_relation, self.scale)
        return found

    def rules_of(self, n_rules: int) -> RuleSizes | None:
        """So many rules in chunks like those of the sample."""
        if self.rules is None:
            return None
        times = n_rules / max(1, self.rules.n_rules)
        return replace(
            self.rules,
            n_rules=n_rules,
            n_chunks=max(1, _times(self.rules.n_chunks, times)),
            n_source_chunks=max(1, _times(self.rules.n_source_chunks, times)),
        )

    def graph_of(self, triples: int, entities: int, name_bytes: int) -> GraphSample | None:
        """A graph of so many, in rows and names like those of the sample."""
        sample = self.graph
        if sample is None:
            return None
        more_entities = entities / max(1, sample.n_entities)
        more_names = max(more_entities, name_bytes / max(1, sample.name_bytes))
        return sample.grown(max(triples / max(1, sample.n_triples), more_entities), more_names)


NO_SAMPLE = Sample(None, None, 1)


def read_sample(path: str, placed: Placed) -> Sample:
    """`sample:` of the file `path`; `InputError` for what is none."""
    given = placed.value
    place = f"{path}:{placed.line}"
    if not isinstance(given, Mapping) or not given.keys() & {"rules", "graph"}:
        raise InputError(f"{place}: found sample: {given!r}, expected rules, graph and scale")
    if others := [key for key in given if key not in _KEYS]:
        raise InputError(
            f"{place}: found {others[0]} in sample, expected one of {', '.join(_KEYS)}"
        )
    scale = given.get("scale", 1)
    is_number = isinstance(scale, (int, float)) and not isinstance(scale, bool)
    if not is_number or not 0 < scale < math.inf:
        raise InputError(f"{place}: found scale: {scale!r}, expected a number over 0, such as 100")
    rules, graph = (_beside(path, place, name, given.get(name)) for name in ("rules", "graph"))
    sizes = None
    if rules is not None:
        with RuleFile(rules) as file:
            sizes = RuleSizes.of(file)
    if sizes is not None and not sizes.n_rules:
        raise InputError(f"{rules}: found no rule, expected at least one in a sample")
    atoms = 3 if sizes is None else sizes.body_atoms
    return Sample(sizes, None if graph is None else GraphSample.of(graph, atoms), float(scale))


def _beside(path: str, place: str, name: str, given: object) -> str | None:
    """Paths are relative to the file that names them."""
    if given is None:
        return None
    if not isinstance(given, str):
        kind = "a compiled rule file" if name == "rules" else "an encoded graph"
        raise InputError(f"{place}: found {name}: {given!r}, expected the path of {kind}")
    return os.path.join(os.path.dirname(path), given)


def _times(count: int, scale: float) -> int:
    """Whole numbers stay exact where nothing grows."""
    return count if scale == 1 else math.ceil(count * scale)
