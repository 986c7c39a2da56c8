"""What encoding allocates, as arithmetic on counts, for whoever plans it.

The same numbers size the allocations in `_encode`: a change there is a change here (a test compares
them). Covers the encoder, the blocks and the documents; not the interpreter and its imports.
"""

from __future__ import annotations

from dataclasses import dataclass

from pff_stream.files.sources import BLOCK_BYTES
from pff_stream.triples._encode import PAIR_BYTES, name_slots_bytes
from pff_stream.triples._triple_lines import RECORD_BYTES

_FIRST_SLOTS_BYTES = 256
_RELATION_RECORDS_BYTES = 2 * 80
_SHAPE_BYTES = 2 * 12
_FORGET_BYTES = (1 << 17) * RECORD_BYTES
_PAGE_BYTES = 4096
FILES_BYTES = 8 << 20
"""Page cache for triples and a graph that lie in files: with 5 MiB encoding went on, with 3 pages
were read over and over (4 million triples of 237 relations)."""
# Measured with json of CPython 3.11 on documents of small objects: text, objects, and lines.
_DOCUMENT_FACTOR = 16


@dataclass(frozen=True, slots=True)
class EncodeCounts:
    """What the memory of encoding depends on; counts known exactly, or taken as bounds."""

    n_read: int
    n_entities: int
    n_relations: int
    entity_name_bytes: int
    relation_name_bytes: int
    largest_relation_read: int
    """Triples of the largest relation, as read."""
    n_triples: int | None = None
    """Distinct triples; None: all of them."""
    graph_bytes: int | None = None
    """Exact size of the graph; None: its bound."""
    decoder_bytes: int = 0
    largest_document_bytes: int = 0
    spilled_at_bytes: int | None = None
    """What triples took in memory when they went to files; None: they did not."""
    graph_in_file: bool = False
    block_bytes: int = BLOCK_BYTES


def names_bytes(counts: EncodeCounts) -> int:
    """The names with their ends and their index, while reading."""
    ends = 8 * (counts.n_entities + counts.n_relations)
    slots = sum(
        max(_FIRST_SLOTS_BYTES, name_slots_bytes(n))
        for n in (counts.n_entities, counts.n_relations)
    )
    return counts.entity_name_bytes + counts.relation_name_bytes + ends + slots


def graph_bytes_at_most(counts: EncodeCounts) -> int:
    """A bound on the size of the graph: keys and indexes are no more than the triples."""
    names = names_bytes(counts) + 256 + 6 * 64
    triples = counts.n_read if counts.n_triples is None else counts.n_triples
    # Each direction: keys, offsets, values of 4 bytes, an index of at most 8 bytes a key and 256.
    rows = 2 * (20 * triples + (4 + 256 + 5 * 64) * counts.n_relations)
    return names + _RELATION_RECORDS_BYTES * counts.n_relations + 64 + rows


def encode_memory(counts: EncodeCounts) -> dict[str, dict[str, int]]:
    """Named bytes of each phase; the peak of encoding is that of the largest phase.

    `reading`: until all triples are ids. `grouping`: records become pairs, their pages going as the
    pairs' come. `sorting`: by relation, with room for the largest one. `naming`: the names are
    copied into the graph. `writing`: the graph grows as the pairs go. What lies in files is page
    cache, which can be reclaimed; without `files` of it the same pages would be read again.
    """
    names = names_bytes(counts)
    records = RECORD_BYTES * counts.n_read
    pairs = PAIR_BYTES * counts.n_read
    spare = PAIR_BYTES * counts.largest_relation_read
    tables = (16 + _SHAPE_BYTES) * (counts.n_relations + 1)
    graph = graph_bytes_at_most(counts) if counts.graph_bytes is None else counts.graph_bytes
    graph_names = names + 6 * 64
    triples = counts.n_read if counts.n_triples is None else counts.n_triples
    left = spare + PAIR_BYTES * (counts.n_read - triples)
    spilled = counts.spilled_at_bytes is not None
    if counts.spilled_at_bytes is not None:
        records, pairs, left = min(records, counts.spilled_at_bytes), 0, 0
    if counts.graph_in_file:
        graph = graph_names = 0
    files = {"files": FILES_BYTES} if spilled or counts.graph_in_file else {}
    return {
        "reading": {
            "names": names,
            "records": records,
            "blocks": 3 * counts.block_bytes,
            "decoder": counts.decoder_bytes,
            "document": _DOCUMENT_FACTOR * counts.largest_document_bytes,
            **({"files": FILES_BYTES} if spilled else {}),
        },
        "grouping": {
            "names": names,
            "records": 0 if spilled else records,
            # Pairs of every relation fill pages of their own before the records' pages go.
            "pairs": min(
                PAIR_BYTES * counts.n_read, _FORGET_BYTES + _PAGE_BYTES * counts.n_relations
            ),
            "tables": tables,
            **files,
        },
        "sorting": {
            "names": names,
            "pairs": pairs,
            "spare": spare,
            "stamps": 4 * counts.n_entities,
            "tables": tables,
            **files,
        },
        "naming": {
            "names": names,
            "graph": graph_names,
            "pairs": pairs,
            "tables": tables,
            **files,
        },
        "writing": {
            "graph": graph,
            # The largest relation may come last; repeated triples go only with their relation.
            "pairs": left,
            "spare": spare,
            "tables": tables,
            **files,
        },
    }


def beside_graph(counts: EncodeCounts) -> int:
    """What is held beside a graph in memory when most is, from when it begins to be written."""
    assert counts.graph_bytes is not None
    phases = encode_memory(counts)
    most = max(sum(phases[name].values()) for name in ("naming", "writing"))
    return max(0, most - counts.graph_bytes)
