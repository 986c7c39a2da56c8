"""Rule files that are whole, cut, altered or made to harm: what is read, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pff_stream.errors import InputError
from pff_stream.rules._format import CHUNK_COLUMNS
from pff_stream.rules.chunk import RuleChunk, build_chunk
from pff_stream.rules.file import RuleFile
from pff_stream.rules.formats._readings import Reading
from pff_stream.rules.formats.anyburl import read_rule
from pff_stream.rules.keys import name_hash
from pff_stream.rules.rule import Atom, Rule, Variable
from tests.rules.altered import CONTENT, read_all
from tests.rules.compiled import compiled, compiled_bytes, decoded_chunk, decoded_file


@pytest.fixture
def rule_file(tmp_path: Path) -> Path:
    """A small rule file with every kind of column filled."""
    path = tmp_path / "rules.pffr"
    path.write_bytes(compiled_bytes(CONTENT))
    return path


def test_a_whole_file_is_read(rule_file: Path) -> None:
    """Counts, rules, texts and reasons come back; a descriptor serves as well as a path."""
    with RuleFile(rule_file) as file:
        assert (file.rules, file.rejected, file.unsettled, file.ambiguous) == (5, 1, 1, 1)
        assert file.path == str(rule_file)
        assert file.total_bytes == rule_file.stat().st_size
        assert set(file.work) == {
            "weight",
            "max_chunk_names",
            "max_chunk_atoms",
            "max_chunk_bodies",
        }
        body = ((b"r", 0, 1), (b"q", 1, b"d"))
        assert decoded_file(file) == {
            0: (0, (b"h", 0, b"c"), body),
            1: (0, (b"h", 0, b"e"), body),
            3: (3, (b"h", 0, b"(a),Y"), ((b"r", 0, 1),)),
            4: (0, (b"h", 0, b"c"), ()),
        }
        chunk = file.read_chunk(0)
        kept = [chunk.text(rule) for rule in range(4) if chunk.flags[rule]]
        assert kept == [b"h(X,(a),Y) <= r(X,Y)"]
        source = file.read_source_chunk(0)
        assert source.first == 0
        assert len(source) == 5
        assert source.text(4) == b"h(X,c) <= "
        with RuleFile(file.fileno()) as again:
            assert again.rules == 5
        assert os.fstat(file.fileno()).st_size == file.total_bytes


def test_columns_of_the_miner_by_name() -> None:
    """Counts in the width that they need, shares, no value; how many rules have each column."""
    content = b"""130\t3\t0.5\th(X,c) <= r(X,A)
h(X,d) <= r(X,A)
bad\t1\t0.5\th(X,e) <= r(X,A)
999999999999999999\t0\t1e-3\th(X,f) <= r(X,A)
"""
    with compiled(content) as (report, file):
        assert report.columns == {"predictions": 2, "support": 2, "confidence": 2}
        assert {column.name: column.rules for column in file.columns} == report.columns
        assert [column.dtype for column in file.columns] == ["<i8", "<i8", "<f8"]
        source = file.read_source_chunk(0)
        assert {name: column.dtype.str for name, column in source.miner.items()} == {
            "predictions": "<i8", "support": "|i1", "confidence": "<f8",
        }  # fmt: skip
        predictions, support, confidence = map(source.miner_column, file.columns)
    assert predictions.tolist() == [130, -1, -1, 999999999999999999]
    assert support.tolist() == [3, -1, -1, 0] and support.dtype == np.int64
    assert confidence[[0, 3]].tolist() == [0.5, 0.001] and np.isnan(confidence[[1, 2]]).all()
    assert source.miner_confidence[0] == 0.5


def test_columns_that_no_rule_has_are_left_out() -> None:
    """They are listed with no rules, take no room, and read as no value."""
    with compiled(b"h(X,c) <= r(X,A)\nh(X,d) <= r(X,A)\n") as (_, file):
        assert [column.rules for column in file.columns] == [0, 0, 0]
        source = file.read_source_chunk(0)
        assert source.miner == {}
        assert source.miner_column(file.columns[0]).tolist() == [-1, -1]
        assert np.isnan(source.miner_confidence).all()
        assert [source.reason(rule) for rule in range(2)] == ["", ""]
        assert file.max_source_chunk_bytes == int(file.source_chunks["length"][0]) + 2 * 12


def test_a_buffer_serves_all_chunks(rule_file: Path) -> None:
    """Chunks are read into a buffer that is free again; what was read before stays."""
    with RuleFile(rule_file) as file:
        buffer = bytearray(max(file.max_chunk_bytes, file.max_source_chunk_bytes))
        chunk = file.read_chunk(0, buffer)
        before = decoded_chunk(chunk)
        file.read_source_chunk(0, memoryview(buffer))
        buffer[:] = bytes(len(buffer))
        assert decoded_chunk(chunk) == before
        with pytest.raises(ValueError, match="a buffer of"):
            file.read_chunk(0, bytearray(10))


def test_columns_are_views_without_copies(rule_file: Path) -> None:
    """Columns have the dtypes of the format and own no memory of their own."""
    with RuleFile(rule_file) as file:
        chunk = file.read_chunk(0)
    for name, dtype in CHUNK_COLUMNS.items():
        column = getattr(chunk, name)
        assert column.dtype == np.dtype(dtype)
        assert not column.flags.owndata


def test_cut_anywhere_is_refused() -> None:
    """A file that ends at any byte before its end is refused when it is opened."""
    content = compiled_bytes(CONTENT)
    for length in range(len(content)):
        with pytest.raises(InputError, match=r"byte \d+: found .*, expected "):
            read_all(content[:length])


@pytest.mark.thorough
def test_any_flipped_byte_is_refused() -> None:
    """Each byte of the file counts: one changed bit or all of them are found."""
    content = bytearray(compiled_bytes(CONTENT))
    for at in range(len(content)):
        for flipped in (0x01, 0x80, 0xFF):
            content[at] ^= flipped
            with pytest.raises(InputError, match=r"byte \d+: found .*, expected "):
                read_all(bytes(content))
            content[at] ^= flipped
    read_all(bytes(content))


def test_bytes_behind_the_end_are_refused() -> None:
    """A file that something was appended to is no longer whole."""
    content = compiled_bytes(CONTENT)
    for more in (b"\0", b"x" * 24, content):
        if more == content:
            continue
        with pytest.raises(InputError):
            read_all(content + more)


def test_what_is_no_rule_file_is_refused(tmp_path: Path) -> None:
    """Text, an empty file, a folder and a missing path are named with what was found."""
    text = tmp_path / "rules.tsv"
    text.write_bytes(CONTENT)
    with pytest.raises(InputError, match=r"rules.tsv: byte \d+: found .*PFFRULES"):
        RuleFile(text)
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(InputError, match="byte 0: found 0 bytes"):
        RuleFile(empty)
    with pytest.raises(InputError, match="missing: cannot be opened: No such file"):
        RuleFile(tmp_path / "missing")
    with pytest.raises(InputError):
        RuleFile(tmp_path)


def test_a_built_chunk_equals_the_compiled_one() -> None:
    """`build_chunk` makes of readings what the compiler makes of their texts."""
    texts = [
        b"h(X,c) <= r(X,A), q(A,d)",
        b"h(c,Y) <= r(Y,A), q(A,d)",
        b"h(X,Y) <= r(X,A), q(A,Y)",
        b"h(X,a, b) <= r(X,A)",
        b"h(X,me_myself_i) <= ",
        b"h(me_myself_i,Y) <= ",
        b"h(X,c) <= r(d,me_myself_i), r(X,X)",
    ]
    readings = [reading for reading in map(read_rule, texts) if isinstance(reading, Reading)]
    assert len(readings) == len(texts)
    pairs = zip(texts, readings, strict=True)
    kept = [text if reading.ambiguous else b"" for text, reading in pairs]
    built = build_chunk([reading.rule() for reading in readings], texts=kept)
    with compiled(b"\n".join(texts)) as (_, file):
        chunk = file.read_chunk(0)
        assert len(file.chunks) == 1
    assert decoded_chunk(built) == decoded_chunk(chunk)
    for name in ("sources", "rule_body", "body_ends", "atoms", "heads", "flags", "texts"):
        assert getattr(built, name).tolist() == getattr(chunk, name).tolist(), name
    for name in ("names", "name_ends", "name_hashes", "text_ends", "miner_support"):
        assert getattr(built, name).tolist() == getattr(chunk, name).tolist(), name


def test_built_chunks_take_what_is_known_of_their_rules() -> None:
    """Sources, supports and confidences follow their rules when these are sorted."""
    x, y, a = map(Variable, "XYA")
    light = Rule(Atom("h", x, "c"), (Atom("r", x, "d"),))
    heavy = Rule(Atom("h", x, y), (Atom("r", x, a), Atom("r", a, y)))
    chunk = build_chunk(
        [light, heavy], sources=[70, 60], miner_support=[7, 6], miner_confidence=[0.7, 0.6]
    )
    assert chunk.sources.tolist() == [60, 70]
    assert chunk.miner_support.tolist() == [6, 7]
    assert chunk.miner_confidence.tolist() == [0.6, 0.7]
    empty = build_chunk([])
    assert isinstance(empty, RuleChunk)
    assert (empty.n_rules, empty.n_bodies, empty.n_names) == (0, 0, 0)


def test_name_hash_is_the_one_of_the_graph(tmp_path: Path) -> None:
    """Python and C agree on names of every length around the words that the hash takes."""
    names = [b"n" * length for length in range(1, 40)] + ["né日本".encode()]
    with compiled(b"".join(b"h(X,%s) <= r(X,A)\n" % name for name in names)) as (_, file):
        chunk = file.read_chunk(0)
    for index in range(chunk.n_names):
        assert int(chunk.name_hashes[index]) == name_hash(chunk.name(index))
