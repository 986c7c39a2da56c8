"""A triple format that a caller brings: what it is asked, and what becomes of what it says."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pff_stream.errors import InputError, RefusedError
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.encode_process import encode_in_process
from pff_stream.triples.formats import FORMATS
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.graph import attach
from pff_stream.triples.inputs import checked_lines
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.store import GraphStore
from tests.triples.memory_writer import encoded


@dataclass(frozen=True)
class Pair:
    """What no other format reads."""

    left: str
    right: str


class Pairs(TripleFormat):
    """Files that begin with `pairs`, and objects: each line or object is about one relation."""

    def __init__(self, mapping: str = "tsv-1") -> None:
        self.mapping = mapping

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """By content, or by the kind of object."""
        return first_bytes.startswith(b"pairs\n") or isinstance(given, Pair)

    def reader(self, options: EncodeOptions, bad: BadTriples) -> TripleReader:
        """Counts what it reads."""
        return PairReader()


class PairReader(TripleReader):
    """Has a warning at the end, and needs memory for every input."""

    def __init__(self) -> None:
        self._read = 0

    def lines(self, source: TripleSource) -> LineBlocks:
        """The object of a line comes first."""
        return LineBlocks(self._blocks(source), columns=(2, 1, 0))

    def warnings(self) -> list[str]:
        """How many inputs there were."""
        return [f"{self._read} inputs of pairs"]

    def _blocks(self, source: TripleSource) -> Iterator[bytes]:
        self._read += 1
        source.memory.expect(3 << 20, f"{source.name}: what it holds")
        source.memory.hold(3 << 20)
        if isinstance(source.given, Pair):
            yield f"{source.given.right}\tis\t{source.given.left}\n".encode()
            return
        for line in b"".join(source.blocks).decode().splitlines()[1:]:
            left, right = line.split()
            yield f"{right}\tis\t{left}\n".encode()


OPTIONS = EncodeOptions(formats=(Pairs(), *FORMATS))


def test_files_and_objects(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Recognised by content below compression; one reader for all; beside tuples and TSV."""
    (tmp_path / "a").write_bytes(gzip.compress(b"pairs\nx y\nx z\n"))
    (tmp_path / "b.tsv").write_text("x\tis\tq\n")
    inputs = (tmp_path / "a", Pair("x", "w"), [("x", "is", "v")], tmp_path / "b.tsv")
    with caplog.at_level(logging.WARNING, "pff_stream"):
        _, report = encoded(*inputs, options=OPTIONS)  # type: ignore[arg-type]
    assert (report.n_triples, report.mapping) == (5, "tsv-1")
    said = [one.reason for note in report.notes for one in note.first]
    assert said == ["2 inputs of pairs"]
    assert [record.getMessage() for record in caplog.records] == ["2 inputs of pairs"]
    assert report.memory_counts.document_bytes >= 2 << 20
    lines = b"".join(checked_lines(inputs, OPTIONS))  # type: ignore[arg-type]
    assert lines == b"x\tis\ty\nx\tis\tz\nx\tis\tw\nx\tis\tv\nx\tis\tq\n"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_in_a_process_of_its_own(tmp_path: Path, method: str) -> None:
    """Formats go along with the options."""
    (tmp_path / "a").write_text("pairs\nx y\n")
    with GraphStore.in_memory() as store:
        encode_in_process([tmp_path / "a"], OPTIONS, store, method=method)
        with attach(store.name) as graph:
            assert graph.view.entity_id(b"x") == 0 and graph.view.relation_id(b"is") == 0


def test_another_mapping_is_joined_by_triples_alone(tmp_path: Path) -> None:
    """Names that are made in two ways would be two things under one name."""
    (tmp_path / "b.tsv").write_text("x\tis\tq\n")
    (tmp_path / "c.json").write_text('{"a": 1}')
    options = EncodeOptions(formats=(Pairs("pairs-1"), *FORMATS))
    pair: object = Pair("x", "y")
    _, report = encoded(pair, tmp_path / "b.tsv", options=options)  # type: ignore[arg-type]
    assert report.mapping == "pairs-1"
    with pytest.raises(InputError, match=r"input 1 \(pairs-1\), .*c.json \(json-2\)"):
        encoded(pair, tmp_path / "c.json", options=options)  # type: ignore[arg-type]


def test_what_no_format_reads() -> None:
    """Is named by its kind."""
    with pytest.raises(InputError, match="triples given as input 1: found int, expected triples"):
        encoded(3)  # type: ignore[arg-type]


def test_a_reader_that_needs_too_much_is_refused() -> None:
    """Before it takes it, with what would do."""
    options = EncodeOptions(formats=OPTIONS.formats, memory_bytes=2 << 20)
    with pytest.raises(RefusedError, match="input 1: what it holds takes 3.0 MiB .* --budget"):
        encoded(Pair("x", "y"), options=options)  # type: ignore[arg-type]
