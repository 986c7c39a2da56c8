"""The terms of encoding: what each says is what it comes to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pff_stream.triples.sizes import EncodeCounts, beside_graph, encode_terms, reading_bytes
from tests.planner.formula_text import computed

sizes = st.integers(0, 2**32)
counts = st.builds(
    EncodeCounts,
    n_read=st.integers(2**32, 2**33),
    n_entities=sizes,
    n_relations=sizes,
    entity_name_bytes=sizes,
    relation_name_bytes=sizes,
    largest_relation_read=sizes,
    n_triples=st.none() | sizes,
    graph_bytes=st.none() | sizes,
    decoder_bytes=sizes,
    document_bytes=sizes,
    spilled_at_bytes=st.none() | sizes,
    graph_in_file=st.booleans(),
)


@given(counts)
def test_the_text_of_each_term_gives_its_bytes(of: EncodeCounts) -> None:
    """Read by another reader, with the inputs that are shown."""
    for terms in encode_terms(of).values():
        for term in terms:
            assert computed(term.formula, term.inputs) == term.bytes, term


@given(counts)
def test_sums_for_allocations_are_those_of_the_terms(of: EncodeCounts) -> None:
    """What the encoder asks for while it works is what the plan says."""
    phases = encode_terms(of)
    reading = {term.name: term.bytes for term in phases["reading"]}
    assert reading_bytes(of) == sum(reading.values())
    assert reading_bytes(of, with_records=False) == sum(
        size for name, size in reading.items() if name != "encoder, records"
    )
    if of.graph_bytes is not None:
        most = max(sum(t.bytes for t in phases[name]) for name in ("naming", "writing"))
        assert beside_graph(of) == max(0, most - of.graph_bytes)
