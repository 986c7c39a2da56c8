"""A damaged graph file is found out, and is never a crash."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import pytest

from pff_stream.errors import InputError
from pff_stream.triples.encode import encode
from pff_stream.triples.graph import attach, verify
from pff_stream.triples.store import GraphStore
from tests.triples.test_hostile_graph import TRIPLES


def graph_file(folder: Path) -> Path:
    """A kept graph with every kind of section."""
    path = folder / "g.pffg"
    triples = [(f"e{i}", "dense", f"e{i + 1}") for i in range(3000)] + TRIPLES
    with GraphStore.at_path(path) as made:
        encode([triples], made)
        made.seal()
    return path


def sections(data: bytes) -> dict[str, int]:
    """A byte within each section of the graph."""
    places = {f"header {at}": at for at in range(0, 256, 8)}
    for at in (64, 72, 88, 104, 112, 128, 144):
        places[f"section of {at}"] = struct.unpack_from("<Q", data, at)[0]
    table = places["section of 144"]
    for record in range(6):
        for part in range(5):
            place = struct.unpack_from("<Q", data, table + 80 * record + 8 * part)[0]
            if place:
                places[f"record {record} part {part}"] = place
    places["last"] = len(data) - 1
    return places


def test_flipped_bits_are_found(tmp_path: Path) -> None:
    """One flipped bit anywhere, in the header and in every section, is found by `verify`."""
    path = graph_file(tmp_path)
    verify(str(path))
    data = bytearray(path.read_bytes())
    for place, at in sections(bytes(data)).items():
        data[at] ^= 0x10
        path.write_bytes(data)
        data[at] ^= 0x10
        with pytest.raises(InputError) as caught:
            verify(str(path))
        assert str(caught.value).startswith(f"{path}: "), place
        if at >= 16:
            assert "encode the triples again" in str(caught.value), place


def test_damage_without_the_checksums_is_no_crash(tmp_path: Path) -> None:
    """Attaching to any damaged bytes works or is refused; it never reads outside."""
    path = graph_file(tmp_path)
    data = bytearray(path.read_bytes())
    for at in sections(bytes(data)).values():
        for mask in (0x01, 0x80, 0xFF):
            data[at] ^= mask
            path.write_bytes(data)
            data[at] ^= mask
            with suppress(InputError), attach(str(path)) as graph:
                graph.view.check_contents()


def test_files_that_are_no_graph(tmp_path: Path) -> None:
    """Truncated, extended, foreign and newer files are refused, with what to do."""
    path = graph_file(tmp_path)
    data = path.read_bytes()
    version = data[:8] + struct.pack("<I", 3) + data[12:]
    for changed, message in (
        (data[:-1], "expected [0-9]+ as said at byte 16: damaged graph, encode"),
        (data + b"\0", "encode the triples again"),
        (data[:255], "encode the triples again"),
        (data[:20], "encode the triples again"),
        (data[:7], "no encoded graph"),
        (b"", "found b'', expected b'PFFGRAPH'"),
        (b"a\tb\tc\n" * 100, "no encoded graph"),
        (version, "version 3, expected 2: encode the triples again"),
    ):
        path.write_bytes(changed)
        for use in (verify, attach, GraphStore.existing):
            with pytest.raises(InputError, match=message):
                use(str(path))
    for use in (verify, attach):
        with pytest.raises(InputError, match="cannot be"):
            use(str(tmp_path / "missing"))
        with pytest.raises(InputError, match="cannot be"):
            use(str(tmp_path))
