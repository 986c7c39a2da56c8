"""What encoding allocates, as terms computed from counts, for whoever plans it.

The same numbers size the allocations in `_encode`: a change there is a change here (a test compares
them). Covers the encoder, the blocks and the documents; not the interpreter and its imports.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from pff_stream.files.sources import BLOCK_BYTES
from pff_stream.triples._encode import PAIR_BYTES, name_slots_bytes
from pff_stream.triples._name_runs import BUFFERS_BYTES
from pff_stream.triples._triple_lines import RECORD_BYTES
from pff_stream.triples.formats.document_memory import KEPT_BYTES as DOCUMENT_KEPT_BYTES
from planner.formula import Formula, constant, given, least
from planner.model import Term

_FIRST_SLOTS_BYTES = 256
_ALIGNED_BYTES = 64
_HEADER_BYTES, _NAME_ARRAYS = 256, 6
"""Of a graph: its header, and the arrays of both kinds of names, each aligned."""
_RELATION_RECORDS_BYTES = 2 * 80
_ROW_BYTES, _ROW_ARRAYS, _INDEX_BYTES = 20, 5, 256
"""One direction of a graph at most: keys, offsets and values of 4 bytes, an index of 8 a key and
256, each array aligned."""
_TABLE_BYTES, _SHAPE_BYTES = 16, 2 * 12
_BLOCKS = 3
_FORGET_BYTES = (1 << 17) * RECORD_BYTES
_PAGE_BYTES = 4096
DECODER = "encoder, decoder"
"""Name of a term."""
DENSEST_BYTES = 128
"""A byte of a document as a graph at most: a relation with one triple takes some 980, and is
written with eight (`"abc":1,`; there are few shorter names)."""
KEPT_BYTES = 3 << 20
"""What a process that encodes one document after the other keeps free of those before."""
FILES_BYTES = 8 << 20
"""Page cache for triples and a graph that lie in files: with 5 MiB encoding went on, with 3 pages
were read over and over (4 million triples of 237 relations)."""


@dataclass(frozen=True, slots=True)
class NameRunCounts:
    """What names of entities took that lay in a file."""

    held_bytes: int
    """In memory at most, before they were written there."""
    merging_bytes: int
    """Of those whose hashes begin alike; 0: all went there behind the reading."""
    map_bytes: int
    """The ids of the largest run."""
    rank_bytes: int
    """A bit for each name of each run."""
    window_bytes: int
    """Slots of the graph that are filled at once."""
    longest_bytes: int
    """Of a name."""


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
    decoder_bytes: int
    """What decompressing the inputs takes."""
    document_bytes: int
    """What readers hold (of documents) beside names and records, when all together is most."""
    n_triples: int | None = None
    """Distinct triples; None: all of them."""
    graph_bytes: int | None = None
    """Exact size of the graph; None: its bound."""
    spilled_at_bytes: int | None = None
    """What triples took in memory when they went to files, less what came to be there since.

    None: they did not."""
    name_runs: NameRunCounts | None = None
    """None: the names of all entities stayed in memory."""
    sorts_in_file: bool = False
    """Whether triples that lie in a file were sorted there, too."""
    graph_in_file: bool = False
    block_bytes: int = BLOCK_BYTES
    held_bytes: int = 0
    """What readers held at most, at any time."""
    expected_decoder_bytes: int = 0
    """What a decoder could take, whether it touched it or not."""


def names_formula(counts: EncodeCounts) -> Formula:
    """The names with their ends and their index, while reading."""
    slots = sum(
        max(_FIRST_SLOTS_BYTES, name_slots_bytes(n))
        for n in (counts.n_entities, counts.n_relations)
    )
    characters = counts.entity_name_bytes + counts.relation_name_bytes
    ends = given("entities", counts.n_entities) + given("relations", counts.n_relations)
    return given("characters", characters) + 8 * ends + given("slots", slots)


def _names_held(counts: EncodeCounts, **in_file: int) -> Formula:
    """The names in memory; those of entities that lie in a file take what is given."""
    if counts.name_runs is None:
        return names_formula(counts)
    relations = replace(counts, n_entities=0, entity_name_bytes=0)
    of_entities = sum((given(name, n) for name, n in in_file.items()), start=constant(0))
    return names_formula(relations) + of_entities


def graph_at_most(counts: EncodeCounts) -> Formula:
    """A bound on the size of the graph: keys and indexes are no more than the triples."""
    relations = given("relations", counts.n_relations)
    names = names_formula(counts) + (_HEADER_BYTES + _NAME_ARRAYS * _ALIGNED_BYTES)
    each = 4 + _INDEX_BYTES + _ROW_ARRAYS * _ALIGNED_BYTES
    rows = 2 * (_ROW_BYTES * _distinct(counts) + each * relations)
    return names + _RELATION_RECORDS_BYTES * relations + _ALIGNED_BYTES + rows


def encode_terms(counts: EncodeCounts) -> dict[str, list[Term]]:
    """The terms of each phase by its name; the peak of encoding is that of the largest.

    `reading`: until all triples are ids. `merging`: of names that lie in a file. `grouping`:
    records become pairs, their pages going as the pairs' come. `sorting`: by relation, with room
    for the largest one. `naming`: the names are copied into the graph. `writing`: the graph grows
    as the pairs go. What lies in files is page cache, which can be reclaimed; without `files` of it
    the same pages would be read again.
    """
    parts = {
        "reading": _reading(counts),
        **_merging(counts),
        "grouping": _grouping(counts),
        "sorting": _sorting(counts),
        "naming": _naming(counts),
        "writing": _writing(counts),
    }
    return {
        phase: [
            Term.of(f"encoder, {name}", formula, f"counts of the input, while {phase}")
            for name, formula in found.items()
        ]
        for phase, found in parts.items()
    }


def largest_terms(counts: EncodeCounts) -> list[Term]:
    """The terms of the largest phase."""
    return max(encode_terms(counts).values(), key=_sum)


def least_terms(decoder_bytes: int) -> list[Term]:
    """What the reading of nothing holds, and the decoders of packed inputs at most."""
    counts = EncodeCounts(0, 0, 0, 0, 0, 0, decoder_bytes=decoder_bytes, document_bytes=0)
    return [
        replace(term, at_most=bool(term.bytes)) if term.name == DECODER else term
        for term in encode_terms(counts)["reading"]
    ]


def document_at_most(text_bytes: int, held_bytes: int) -> int:
    """A bound on what one document takes from its first byte to the end of its graph.

    `text_bytes` is its size, decompressed, `held_bytes` a bound on what its reader holds. Names of
    objects that are named by long paths are not in it: nothing bounds them by the size.
    """
    return max(held_bytes, DENSEST_BYTES * text_bytes) + _least_bytes() + KEPT_BYTES


@cache
def _least_bytes() -> int:
    """What the reading of nothing holds; asked for every document of a manifest."""
    least = encode_terms(EncodeCounts(0, 0, 0, 0, 0, 0, decoder_bytes=0, document_bytes=0))
    return _sum(least["reading"])


def reading_bytes(counts: EncodeCounts, *, with_records: bool = True) -> int:
    """What is held while triples are read; without the records, which can go to a file."""
    parts = _reading(counts)
    return sum(parts[name].value for name in parts if with_records or name != "records")


def sorting_bytes(counts: EncodeCounts) -> int:
    """What is held while triples are sorted."""
    return sum(part.value for part in _sorting(counts).values())


def beside_graph(counts: EncodeCounts) -> int:
    """What is held beside a graph in memory when most is, from when it begins to be written."""
    assert counts.graph_bytes is not None
    phases = encode_terms(counts)
    return max(0, max(_sum(phases["naming"]), _sum(phases["writing"])) - counts.graph_bytes)


def graph_peak_at_most(counts: EncodeCounts) -> int:
    """A bound on a graph in memory and all that is held beside it, worked out at once.

    Most documents are far below what they may take: then nothing more has to be known.
    """
    assert counts.graph_bytes is not None
    names = counts.entity_name_bytes + counts.relation_name_bytes
    names += 24 * (counts.n_entities + counts.n_relations) + 4 * _FIRST_SLOTS_BYTES
    tables = (_TABLE_BYTES + _SHAPE_BYTES) * (counts.n_relations + 1)
    pairs = 3 * PAIR_BYTES * counts.n_read
    kept = DOCUMENT_KEPT_BYTES + FILES_BYTES
    return counts.graph_bytes + 2 * names + tables + pairs + kept


def _reading(counts: EncodeCounts) -> dict[str, Formula]:
    runs = counts.name_runs
    return {
        "names": _names_held(counts, held=runs.held_bytes) if runs else names_formula(counts),
        "records": _records(counts),
        "blocks": _BLOCKS * given("block", counts.block_bytes),
        "decoder": given("decoder", counts.decoder_bytes),
        "document": given("document", counts.document_bytes),
        **_files(spilled=_is_spilled(counts) or bool(counts.name_runs)),
    }


def _merging(counts: EncodeCounts) -> dict[str, dict[str, Formula]]:
    runs = counts.name_runs
    if runs is None or not runs.merging_bytes:
        return {}
    buffers = BUFFERS_BYTES + runs.longest_bytes
    return {
        "merging": {
            "names": _names_held(
                counts, merged=runs.merging_bytes, bits=runs.rank_bytes, buffers=buffers
            ),
            "records": constant(0) if _is_spilled(counts) else _records(counts),
            **_behind_reading(counts),
        }
    }


def _grouping(counts: EncodeCounts) -> dict[str, Formula]:
    runs = counts.name_runs
    held = 0 if runs is None else runs.map_bytes if runs.merging_bytes else runs.held_bytes
    records = constant(0) if _is_spilled(counts) else _records(counts)
    # Pairs of every relation fill pages of their own before the records' pages go.
    started = _FORGET_BYTES + _PAGE_BYTES * given("relations", counts.n_relations)
    return {
        "names": _names_held(counts, ids=held, **_ranks(counts)),
        "records": records,
        "pairs": least(PAIR_BYTES * given("read", counts.n_read), started),
        "tables": _tables(counts),
        **_behind_reading(counts),
    }


def _sorting(counts: EncodeCounts) -> dict[str, Formula]:
    return {
        "names": _names_held(counts, **_ranks(counts)),
        "pairs": _pairs(counts),
        "spare": _spare(counts),
        "stamps": 4 * given("entities", counts.n_entities),
        "tables": _tables(counts),
        **_behind_reading(counts),
    }


def _naming(counts: EncodeCounts) -> dict[str, Formula]:
    graph = names_formula(counts) + _NAME_ARRAYS * _ALIGNED_BYTES
    window = counts.name_runs.window_bytes if counts.name_runs else 0
    return {
        "names": _names_held(counts, window=window, **_ranks(counts)),
        "graph": constant(0) if counts.graph_in_file else graph,
        "pairs": _pairs(counts),
        "tables": _tables(counts),
        **_behind_reading(counts),
    }


def _writing(counts: EncodeCounts) -> dict[str, Formula]:
    graph = graph_at_most(counts)
    if counts.graph_bytes is not None:
        graph = given("graph", counts.graph_bytes)
    # The largest relation may come last; repeated triples go only with their relation.
    repeated = PAIR_BYTES * (given("read", counts.n_read) - _distinct(counts))
    left = least(_pairs(counts), _spare(counts) + repeated)
    return {
        "graph": constant(0) if counts.graph_in_file else graph,
        "pairs": constant(0) if _is_spilled(counts) else left,
        # Repeated pairs are dropped by now: only distinct ones are sorted once more.
        "spare": least(_spare(counts), PAIR_BYTES * _distinct(counts)),
        "tables": _tables(counts),
        **_behind_reading(counts),
    }


def _ranks(counts: EncodeCounts) -> dict[str, int]:
    """What is there from the merging of names to their writing."""
    runs = counts.name_runs
    if runs is None:
        return {}
    return {"bits": runs.rank_bytes, "buffers": BUFFERS_BYTES + runs.longest_bytes}


def _sum(terms: list[Term]) -> int:
    return sum(term.bytes for term in terms)


def _is_spilled(counts: EncodeCounts) -> bool:
    return counts.spilled_at_bytes is not None


def _distinct(counts: EncodeCounts) -> Formula:
    if counts.n_triples is None:
        return given("read", counts.n_read)
    return given("triples", counts.n_triples)


def _records(counts: EncodeCounts) -> Formula:
    every = RECORD_BYTES * given("read", counts.n_read)
    if counts.spilled_at_bytes is None:
        return every
    return least(every, given("spilled_at", counts.spilled_at_bytes))


def _pairs(counts: EncodeCounts) -> Formula:
    return constant(0) if _is_spilled(counts) else PAIR_BYTES * given("read", counts.n_read)


def _spare(counts: EncodeCounts) -> Formula:
    if counts.sorts_in_file:
        return constant(0)
    return PAIR_BYTES * given("largest_relation", counts.largest_relation_read)


def _tables(counts: EncodeCounts) -> Formula:
    return (_TABLE_BYTES + _SHAPE_BYTES) * (given("relations", counts.n_relations) + 1)


def _files(*, spilled: bool) -> dict[str, Formula]:
    return {"files": constant(FILES_BYTES)} if spilled else {}


def _behind_reading(counts: EncodeCounts) -> dict[str, Formula]:
    """What a reader of documents keeps, and page cache of the triples or of the graph."""
    return {
        "document": least(given("document", counts.document_bytes), DOCUMENT_KEPT_BYTES),
        **_files(spilled=_is_spilled(counts) or counts.graph_in_file or bool(counts.name_runs)),
    }
