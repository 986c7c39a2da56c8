"""What a graph holds that is mapped by the processes of a run, as terms."""

from __future__ import annotations

from dataclasses import dataclass

from pff_stream.triples._graph import RELATION_BYTES
from planner.formula import constant, given
from planner.model import Term

GRAPH = "graph in memory"
"""Group of terms: shared memory, which belongs to no process alone."""
PAGE_BYTES = 4096
PAGE_TABLE_SHARE = 512
"""Bytes of a mapping per byte of page table: 8 of 4096."""
PAGE_TABLE_ENDS = 2
"""Page tables that are hardly filled, at both ends of a mapping."""
PAGES_INDEX_SHARE = 448
"""Bytes of shared memory per byte of the kernel's index of its pages: 576 for 64 pages."""
_SOURCE = "header of the graph"


@dataclass(frozen=True, slots=True)
class GraphSizes:
    """Sizes of an encoded graph, from its header."""

    total_bytes: int
    in_memory: bool
    """Whether its bytes are memory that cannot be reclaimed (else pages of a file)."""
    n_entities: int
    n_relations: int
    n_triples: int | None = None
    """None: not known."""


def graph_term(graph: GraphSizes) -> Term:
    """The graph, once for all who map it."""
    total = given("graph", graph.total_bytes)
    if graph.in_memory:
        return Term.of("graph", total + total // PAGES_INDEX_SHARE, _SOURCE, group=GRAPH)
    also = {"graph": graph.total_bytes}
    source = "the pages of its file are reclaimable"
    return Term.of("graph", constant(0), source, group=GRAPH, also=also)


def page_tables(graph: GraphSizes, mappings: int, own_bytes: int = 0) -> Term:
    """Of all who map the graph; `own_bytes` is what each of them holds besides."""
    mapped = given("graph", graph.total_bytes) + given("own", own_bytes)
    each = mapped / PAGE_TABLE_SHARE + PAGE_TABLE_ENDS * PAGE_BYTES
    return Term.of("page tables", given("mappings", mappings) * each, _SOURCE)


def relation_tables(graph: GraphSizes) -> Term:
    """Where the rows of each relation lie: every process that maps the graph works that out."""
    formula = RELATION_BYTES * given("relations", graph.n_relations)
    return Term.of("relation tables", formula, _SOURCE)


def names(names_bytes: int) -> Term:
    """The names of the entities, where a merge holds them."""
    return Term.of("names", given("names", names_bytes), _SOURCE)
