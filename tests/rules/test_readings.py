"""The chart against listing every reading, and texts that are written and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.rules.formats._readings import (
    Atom,
    Reading,
    Unsettled,
    read_verbatim,
    write_rule,
)
from pff_stream.rules.rule import Rejected
from tests.examples import examples
from tests.rules.all_readings import has_self_twice, is_safe, left_after_narrowing, meant
from tests.rules.compiled import Names
from tests.rules.texts import known_names, texts


@given(texts)
@examples(600)
def test_reading_is_narrowing_the_list_of_all_readings(text: bytes) -> None:
    """The chart leaves exactly what the five steps leave of the list of all readings."""
    left, ambiguous = left_after_narrowing(text)
    assert_same(read_verbatim(text), left, ambiguous)


@pytest.mark.thorough
@given(texts, known_names, known_names)
@examples(400)
def test_reading_with_a_graph_is_narrowing_the_list(
    text: bytes, entities: frozenset[bytes], relations: frozenset[bytes]
) -> None:
    """The same with the names of a graph."""
    names = Names(set(entities), set(relations))
    left, ambiguous = left_after_narrowing(text, names.has_entity, names.has_relation)
    result = read_verbatim(text, names.has_entity, names.has_relation)
    assert_same(result, left, ambiguous)


def assert_same(
    result: Reading | Unsettled | Rejected,
    left: list[tuple[Atom, ...]],
    ambiguous: bool,
) -> None:
    """Holds one result against what is left of the list."""
    if not left or not is_safe(left[0]) or (len(left) == 1 and has_self_twice(left[0])):
        assert isinstance(result, Rejected)
    elif len(left) == 1:
        assert result == meant(left[0])
        assert isinstance(result, Reading)
        assert result.ambiguous == ambiguous
    else:
        assert isinstance(result, Unsettled)
        assert list(result.readings) == [meant(rule) for rule in left[:64]]
        assert all(reading.ambiguous for reading in result.readings)


@given(st.data())
@examples(200)
def test_what_is_written_reads_back(data: st.DataObject) -> None:
    """A random rule of plain names, any shape, is read back from its text."""
    name = st.text(alphabet="abc/._é日 1", min_size=2, max_size=6).filter(
        lambda text: text == text.strip()
    )
    term = st.one_of(st.sampled_from("XYABCZ"), name)
    body = data.draw(st.lists(st.tuples(name, term, term), min_size=1, max_size=6))
    bound = sorted({term for _, *terms in body for term in terms})
    head = (data.draw(name), data.draw(st.sampled_from(bound)), data.draw(st.sampled_from(bound)))
    atoms = [Atom(*(part.encode() for part in atom)) for atom in (head, *body)]
    reading = Reading(atoms[0], tuple(atoms[1:]))
    assert read_verbatim(write_rule(reading)) == reading
