"""Encoding: the same triples as a dict and a set would hold, in the layout that is promised."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import InputError, UsageError
from pff_stream.notes import LETTER_ENTITIES
from pff_stream.settings.columns import parse_columns
from pff_stream.triples._encode import Encoder
from pff_stream.triples._graph import GraphView
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.sizes import EncodeCounts, encode_terms, graph_at_most
from tests.examples import examples
from tests.triples.layout import read_layout
from tests.triples.memory_writer import encoded

Triple = tuple[str, str, str]
_LETTERS = st.characters(codec="utf-8", exclude_characters="\t\n\0")
_NAMES = st.one_of(
    st.integers(0, 40).map(lambda number: f"e{number}"),
    st.text(_LETTERS, min_size=1).filter(lambda name: name != "me_myself_i"),
)
_TRIPLES = st.lists(st.tuples(_NAMES, st.sampled_from(["r", "s", "r(1", "ü"]), _NAMES), max_size=60)


def expected(triples: list[Triple]) -> tuple[list[str], list[str], set[tuple[int, int, int]]]:
    """Entities and relations in order of first appearance, and the triples of ids."""
    entities: dict[str, int] = {}
    relations: dict[str, int] = {}
    ids = {
        (
            entities.setdefault(s, len(entities)),
            relations.setdefault(r, len(relations)),
            entities.setdefault(o, len(entities)),
        )
        for s, r, o in triples
    }
    return list(entities), list(relations), ids


def check(data: bytes, triples: list[Triple]) -> None:
    """Asserts that the graph holds exactly `triples`, read by its description and by the view."""
    entities, relations, ids = expected(triples)
    layout = read_layout(data)
    assert [name.decode() for name in layout.entities] == entities
    assert [name.decode() for name in layout.relations] == relations
    assert (layout.n_triples, layout.n_read) == (len(ids), len(triples))
    for direction in (0, 1):
        found = set()
        for relation in range(len(relations)):
            rows = layout.rows[2 * relation + direction]
            for key, row in zip(rows.keys, rows.rows, strict=True):
                for value in row:
                    pair = (key, value) if direction == 0 else (value, key)
                    found.add((pair[0], relation, pair[1]))
        assert found == ids
    view = GraphView(data)
    view.check_contents()
    assert set(view.triples()) == ids
    for number, name in enumerate(entities):
        assert view.entity_id(name.encode()) == number
        assert view.entity_name(number) == name.encode()
    for number, name in enumerate(relations):
        assert view.relation_id(name.encode()) == number


@given(_TRIPLES)
def test_equals_a_set(triples: list[Triple]) -> None:
    """Given as an iterable, a graph holds the distinct triples, ids in order of appearance."""
    data, report = encoded(triples)
    check(data, triples)
    assert report.n_read == len(triples)


@given(_TRIPLES, st.integers(1, 30), st.booleans())
@examples(60)
def test_blocks_do_not_matter(triples: list[Triple], block_bytes: int, crlf: bool) -> None:
    """However the lines are cut into blocks, with LF or CRLF, the graph is the same."""
    triples = [triple for triple in triples if not triple[2].endswith("\r")]
    end = "\r\n" if crlf else "\n"
    text = end.join("\t".join(triple) for triple in triples).encode()
    if text.startswith(b"\xef\xbb\xbf"):
        text = b"\xef\xbb\xbf" + text
    encoder = Encoder(BadTriples())
    encoder.start_file("x")
    for start in range(0, len(text), block_bytes):
        encoder.feed(text[start : start + block_bytes])
    encoder.end_file()
    encoder.finish_reading()
    data = bytearray(encoder.size())
    encoder.write_into(data, bytes(16), "tsv")
    check(bytes(data), triples)


def test_sparse_relations_have_directories() -> None:
    """A relation with few keys in a large vocabulary has a directory, a dense one a bitmap."""
    triples = [(f"e{i}", "dense", f"e{i + 1}") for i in range(5000)]
    triples += [(f"e{i * 97 % 5000}", "sparse", f"e{i * i % 5000}") for i in range(70)]
    triples += [("e4999", "single", "e0"), ("e17", "loop", "e17")]
    triples += [("e0", "fan", f"e{i}") for i in range(0, 5000, 3)]
    data, _ = encoded(triples)
    check(data, triples)
    layout = read_layout(data)
    assert [rows.kind for rows in layout.rows] == [0, 0, 1, 1, 1, 1, 1, 1, 1, 0]
    assert layout.rows[6].n_loops == 1


@pytest.mark.thorough
def test_large_relations_are_sorted_by_both_radixes() -> None:
    """Relations above and below the limit of the short radix come out sorted, with 17-bit ids."""
    triples = [(f"e{i * 7919 % 70001}", "big", f"e{i * 104729 % 70001}") for i in range(20000)]
    triples += [(f"e{i * 31 % 997}", "middle", f"e{i * 17 % 70001}") for i in range(900)]
    triples += triples[:500]
    data, report = encoded(triples)
    check(data, triples)
    assert report.largest_relation_read == 20500


def test_no_triples() -> None:
    """Nothing read is a graph without triples."""
    data, report = encoded([])
    check(data, [])
    assert report.n_triples == 0 and report.well_nested


def test_flags() -> None:
    """Parentheses that do not match and an entity that reads as a variable are recorded."""
    assert encoded([("a(b)", "r", "(c)")])[1].well_nested
    for name in ("a)b(", "((", ")"):
        assert not encoded([("a", name, "b")])[1].well_nested
        assert not encoded([("a", "r", name)])[1].well_nested
    assert encoded([("a", "r", "Q")])[1].notes.count(LETTER_ENTITIES)
    assert not encoded([("a", "Q", "QQ"), ("q", "r", "É")])[1].notes.count(LETTER_ENTITIES)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"a", "1 column in 'a'"),
        (b"a\tb", "2 columns in 'a\\tb'"),
        (b"a\tb\tc\td", "4 columns"),
        (b"\tb\tc", "an empty subject (column 1)"),
        (b"a\t\tc", "an empty relation (column 2)"),
        (b"a\tb\t", "an empty object (column 3)"),
        (b"a\tb\t\r", "an empty object (column 3)"),
        (b"a\tb\tc\0", "a NUL character at byte 6"),
        (b"a\tb\tc\xff", "the byte 0xff at byte 6"),
        (b"a\tb\t\xed\xa0\x80", "the byte 0xed at byte 5"),
        (b"a\tb\t\xc3", "the byte 0xc3 at byte 5"),
        (b"me_myself_i\tb\tc", "the entity me_myself_i"),
        (b"a\tb\tme_myself_i", "the entity me_myself_i"),
    ],
)
@pytest.mark.parametrize("cut", [1, 1000])
def test_bad_lines(tmp_path: Path, line: bytes, found: str, cut: int) -> None:
    """A line that is no triple is named by file, number and content, or counted and left out."""
    path = tmp_path / "bad.tsv"
    path.write_bytes(b"x\ty\tz\n" + line + b"\nx\ty\tw\n")
    with pytest.raises(InputError) as caught:
        encoded(path, options=EncodeOptions(block_bytes=cut))
    message = str(caught.value)
    assert message.startswith(f"{path}, line 2: found ") and found in message
    data, report = encoded(path, options=EncodeOptions(on_bad_triple="skip", block_bytes=cut))
    check(data, [("x", "y", "z"), ("x", "y", "w")])
    assert report.n_bad == 1 and report.bad[0].number == 2 and found in report.bad[0].reason


def test_only_the_first_bad_lines_are_kept(tmp_path: Path) -> None:
    """All bad lines are counted, ten are kept."""
    path = tmp_path / "bad.tsv"
    path.write_bytes(b"a\n" * 25)
    _, report = encoded(path, options=EncodeOptions(on_bad_triple="skip"))
    assert report.n_bad == 25 and [bad.number for bad in report.bad] == list(range(1, 11))


def test_relation_may_be_me_myself_i() -> None:
    """Only entities cannot have that name."""
    check(encoded([("a", "me_myself_i", "b")])[0], [("a", "me_myself_i", "b")])


def test_columns(tmp_path: Path) -> None:
    """Another order of columns is the same graph, and errors name the right column."""
    path = tmp_path / "o.tsv"
    path.write_text("c\ta\tb\nd\ta\tb\n")
    options = EncodeOptions(columns=parse_columns("o, S,p").places)
    check(encoded(path, options=options)[0], [("a", "b", "c"), ("a", "b", "d")])
    path.write_text("\ta\tb\n")
    with pytest.raises(InputError, match=r"an empty object \(column 1\)"):
        encoded(path, options=options)
    for text in ("s,p", "s,p,p", "s,p,o,o", "", "s p o"):
        with pytest.raises(ValueError):
            parse_columns(text)


def test_files_are_one_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, standard input and iterables make one graph; the hash is that of all lines."""
    plain, packed = tmp_path / "a.tsv", tmp_path / "b.tsv"
    plain.write_bytes(b"\xef\xbb\xbfa\tr\tNA")
    packed.write_bytes(gzip.compress(b"b\tr\tc\n"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\tr\tNA\r\n")))
    data, report = encoded(str(plain), packed, "-", [("d", "r", "\r")])
    triples = [("a", "r", "NA"), ("b", "r", "c"), ("a", "r", "NA"), ("d", "r", "\r")]
    check(data, triples)
    lines = b"\xef\xbb\xbfa\tr\tNAb\tr\tc\na\tr\tNA\r\nd\tr\t\r\n"
    assert report.input_hash == hashlib.blake2b(lines, digest_size=16).digest()
    assert GraphView(data).input_hash == report.input_hash and report.mapping == "tsv-1"
    with pytest.raises(UsageError):
        encoded("-", "-")


def test_long_lines_are_refused() -> None:
    """A line without end does not fill the memory."""
    encoder = Encoder(BadTriples(), 1000)
    encoder.start_file("endless")
    for _ in range(10):
        encoder.feed(b"x" * 100)
    with pytest.raises(InputError, match="endless, line 1: found a line of over 1000 bytes"):
        encoder.feed(b"xy")


@pytest.mark.parametrize(
    "triples", [[("a", "b")], [("a\tb", "c")], [("a", "b", "c\nd")], [("a", "", "c")]]
)
def test_bad_tuples(triples: list[Triple]) -> None:
    """Tuples that are no triples are bad triples like lines are."""
    with pytest.raises(InputError, match="triples given as input 1, triple 1: found"):
        encoded(triples)
    _, report = encoded(triples, options=EncodeOptions(on_bad_triple="skip"))
    assert report.n_bad == 1 and report.n_read == 0


@pytest.mark.parametrize("triples", [[("a", 1, "c")], [("a", "\ud800", "c")], [3]])
def test_tuples_of_other_things(triples: list[Triple]) -> None:
    """What is no text that UTF-8 can write is refused under every policy."""
    with pytest.raises(InputError, match="expected tuples of three texts"):
        encoded(triples, options=EncodeOptions(on_bad_triple="skip"))


@given(_TRIPLES)
@examples(40)
def test_sizes_are_bounds(triples: list[Triple]) -> None:
    """The planner's bound on the graph holds, whatever the triples."""
    data, report = encoded(triples)
    counts = EncodeCounts(
        report.n_read,
        report.n_entities,
        report.n_relations,
        report.entity_name_bytes,
        report.relation_name_bytes,
        report.largest_relation_read,
        decoder_bytes=0,
        document_bytes=0,
        n_triples=report.n_triples,
    )
    assert len(data) <= graph_at_most(counts).value
    phases = {
        name: {term.name: term.bytes for term in terms}
        for name, terms in encode_terms(counts).items()
    }
    assert phases["reading"]["encoder, records"] == 12 * len(triples)
    assert phases["writing"]["encoder, graph"] >= len(data)
