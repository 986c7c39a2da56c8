"""The compiled fast path answers what `read_rule` answers, text by text."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.rules.formats._readings import SELF, Unsettled, is_variable
from pff_stream.rules.formats.anyburl import read_rule, settle
from pff_stream.rules.rule import Rejected
from tests.examples import examples
from tests.rules.compiled import Names, compiled, decoded_file, expected
from tests.rules.texts import known_names, texts

lines = st.lists(texts.filter(lambda text: text.strip(b" ")), min_size=1, max_size=30)


def assert_fast_path_agrees(given_lines: Sequence[bytes], names: Names | None) -> None:
    """Compiles the texts as lines and holds every column against the reading of each text."""
    with compiled(b"\n".join(given_lines), graph=names) as (report, file):
        found = decoded_file(file)
        source = file.read_source_chunk(0)
    assert report.rules == len(source) == len(given_lines)
    for ordinal, text in enumerate(given_lines):
        assert source.text(ordinal) == (text + b" " if text.endswith(b" <=") else text)
        if names is None:
            result = read_rule(text)
        else:
            result = settle(text, names.has_entity, names.has_relation)
        if isinstance(result, Rejected):
            assert ordinal not in found
            assert source.reason(ordinal) == str(result)
        elif isinstance(result, Unsettled):
            first = result.readings[0]
            assert found[ordinal] == expected(first, flags=3 + 4 * first.blanks)
        else:
            flag = int(result.ambiguous) + 4 * result.blanks
            assert found[ordinal] == expected(result, flags=flag)
    flags = [flag for flag, _, _ in found.values()]
    assert report.ambiguous == sum(flag & 1 for flag in flags)
    assert report.unsettled == sum(flag >> 1 & 1 for flag in flags)
    assert report.blanks == sum(flag >> 2 for flag in flags)
    assert report.rejected == len(given_lines) - len(found)


@given(lines)
@examples(150)
def test_fast_path_equals_the_specification(given_lines: list[bytes]) -> None:
    """Adversarial texts: same rule, same flags, same rejection with the same words."""
    assert_fast_path_agrees(given_lines, None)


@given(lines, known_names, known_names)
@examples(100)
def test_fast_path_equals_the_specification_with_a_graph(
    given_lines: list[bytes], entities: frozenset[bytes], relations: frozenset[bytes]
) -> None:
    """The same where a graph's names settle what is ambiguous."""
    assert_fast_path_agrees(given_lines, Names(set(entities), set(relations)))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "text",
    [
        # Each was read otherwise by an earlier fast path.
        b"q(A,Y), ,Xh(me_myself_i,Y) <= ",
        b"r(Y, <= ) <= q(Y,Y), aa(me_myself_i,aa), aa(Y,X)",
        b"h(X,a, b) <= r(a,b), q(X,d)",
        b"h(X,(a)) <= ",
        b"h(a, (b),X) <= r(X,A) <= ",
        b"h(X,Y) <= r(X, Y)",
        b"h(X,c) <= r(X,me_myself_i), p,q(me_myself_i,X)",
        b"h(X,Y) <= " + b", ".join(b"r(X,Y, (%d))" % i for i in range(40)),
        b"h(X,Y) <= " + b"r(X,A), " * 8000 + b"r(A,Y)",
        b"h(X,Y) <= " + b"r(X,A, (b)), " * 3000 + b"r(A,Y)",
        b"h(X, <=Y) <= r(X,A), q(A,Y)",
        b"h(X, c) <= r(X,A), q(A,Y)",
    ],
)
def test_texts_that_once_differed(text: bytes) -> None:
    """Single texts beside the random ones: analysed halves, long bodies, bounds of the analysis."""
    assert_fast_path_agrees([text, b"h(X,c) <= r(X,A)", text], None)


@pytest.mark.thorough
def test_all_edge_rules_are_read_rightly_with_and_without_their_graph(data: Path) -> None:
    """5,753 mined rules over odd names: every name of every rule is one of their graph."""
    entities: set[bytes] = {SELF}
    relations: set[bytes] = set()
    for line in (data / "edge" / "train.tsv").read_bytes().splitlines():
        subject, relation, object_ = line.split(b"\t")
        entities |= {subject, object_}
        relations.add(relation)
    names = Names(entities, relations)
    content = gzip.decompress((data / "edge" / "rules.tsv.gz").read_bytes())
    given_lines = [line.split(b"\t")[3] for line in content.splitlines()]
    assert len(given_lines) == 5753
    for graph in (None, names):
        with compiled(content, graph=graph, on_bad_rule="fail") as (report, file):
            found = decoded_file(file)
        assert (report.rejected, report.unsettled, len(found)) == (0, 0, 5753)
        for ordinal, text in enumerate(given_lines):
            reading = read_rule(text)
            assert not isinstance(reading, Rejected | Unsettled)
            for atom in (reading.head, *reading.body):
                assert atom.relation in relations
                assert all(
                    is_variable(term) or term in entities for term in (atom.subject, atom.object)
                )
            assert found[ordinal] == expected(reading, int(reading.ambiguous))
