"""Where triples stand: lines of triples in every format, packed or not, in one file or several."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest

from pff_stream.errors import InputError
from pff_stream.files.packing import zstd_compressor
from pff_stream.findings.places import (
    ANY,
    LONG_POINTERS,
    NO_PLACES,
    Place,
    PlaceSources,
    Wanted,
    find_places,
    place_terms,
)
from pff_stream.notes import Notes
from pff_stream.settings.models import InputOptions
from pff_stream.triples.encode import PrivateGraph, encode_quietly
from pff_stream.triples.inputs import TripleInput
from pff_stream.triples.options import EncodeOptions, encode_options


def places(
    inputs: Sequence[TripleInput], wanted: Sequence[Wanted], options: EncodeOptions | None = None
) -> list[Place | None]:
    """Encodes the inputs and looks for places in them."""
    options = options or EncodeOptions()
    report = encode_quietly(inputs, PrivateGraph(), options)
    return find_places(PlaceSources(inputs, options, report.input_hash), wanted)


def zstd(data: bytes) -> bytes:
    """Packed."""
    packer = zstd_compressor("")
    return bytes(packer.compress(data) + packer.flush())


def written(path: Path, text: str) -> str:
    """The name of a file with this text."""
    path.write_bytes(text.encode())
    return str(path)


def test_first_line_of_each(tmp_path: Path) -> None:
    """Of lines that repeat the first counts; blank lines and comments are counted as lines."""
    path = written(
        tmp_path / "a.tsv", "\ufeffa\tr\tb\r\nb\tr\tc\n\n# a comment\na\tr\tb\nb\tq\tb\nü\tq\tb"
    )
    wanted: list[Wanted] = [
        (b"a", b"r", b"b"),
        (b"b", b"q", b"b"),
        ("ü".encode(), b"q", b"b"),
        (b"b", b"r", ANY),
        (ANY, b"q", b"b"),
        (b"b", b"unknown", None),
        (b"c", b"r", None),
        (b"b", b"r", b"b"),
        (b"a", b"r", b"b"),
    ]
    lines = [place and place.line for place in places([path], wanted)]
    assert lines == [1, 6, 7, 2, 6, 2, None, None, 1]
    assert places([path], wanted[:1]) == [Place(path, 1, None)]


@pytest.mark.parametrize("block_bytes", [1, 7, 1 << 18])
def test_blocks_of_any_size(tmp_path: Path, block_bytes: int) -> None:
    """A line may lie in several blocks."""
    text = "".join(f"s{i}\tr\to{i}\n" for i in range(50))
    path = written(tmp_path / "a.tsv", text)
    wanted: list[Wanted] = [(b"s%d" % i, b"r", b"o%d" % i) for i in range(50)]
    options = EncodeOptions(block_bytes=block_bytes)
    assert places([path], wanted, options) == [Place(path, i + 1, None) for i in range(50)]


def test_several_inputs(tmp_path: Path) -> None:
    """The first in the order of the inputs; an object that names the subject before any line."""
    a = written(tmp_path / "a.tsv", "x\tr\ty\ndoc\tr\ty\n")
    b = written(tmp_path / "b.tsv", "\nx\tr\ty\nx\tq\tz\n")
    c = written(tmp_path / "c.json", '\n{"id": "doc", "r": "y"}')
    wanted: list[Wanted] = [(b"x", b"r", b"y"), (b"x", b"q", b"z"), (b"doc", b"q", None)]
    assert places([a, b, c], wanted) == [
        Place(a, 1, None),
        Place(b, 3, None),
        Place(c, 2, "/q"),
    ]
    assert places([c, a, b], wanted[2:]) == [Place(c, 2, "/q")]


@pytest.mark.parametrize(
    ("name", "text", "reading", "line"),
    [
        ("a.tsv", "b\ta\tr\tignored\n\ny\tx\tq\t\n", {"columns": "o,s,p,_"}, 3),
        ("a.tsv", "a\tr\tb\tmore\tand more\n\nx\tq\ty\n", {"columns": "s,p,o,..."}, 3),
        ("a.tsv", "a\tr\tb\t.\nx\tq\ty\t.\n", {}, 2),
        ("a.txt", "a r b\n\n# no triple\nx q y\n", {}, 4),
        ("a.txt", "a, r, b\nx, q, y\n", {}, 2),
        ("a.csv", 's,p,o\na,r,"b\nc"\nx,q,y\n', {"format": "csv", "on_bad_triple": "skip"}, 4),
        ("a.csv", "n;p;s;o\n1;r;a;b\n\n1;q;x;y\n", {"format": "csv"}, 4),
        ("train2id.txt", "2\n1 2 0\n\n3 4 1\n", {"format": "openke"}, 4),
    ],
)
def test_every_format(
    tmp_path: Path, name: str, text: str, reading: dict[str, str], line: int
) -> None:
    """The line of the input, whatever its format makes of it."""
    if name == "train2id.txt":
        written(tmp_path / "entity2id.txt", "4\na\t1\nb\t2\nx\t3\ny\t4\n")
        written(tmp_path / "relation2id.txt", "2\nr\t0\nq\t1\n")
    path = written(tmp_path / name, text)
    options = encode_options(InputOptions(**reading))  # type: ignore[arg-type]
    wanted: list[Wanted] = [(b"x", b"q", b"y"), (b"x", b"r", None)]
    assert places([path], wanted, options) == [Place(path, line, None)] * 2


@pytest.mark.parametrize(("suffix", "pack"), [
    (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", zstd)
])  # fmt: skip
def test_packed(tmp_path: Path, suffix: str, pack: object) -> None:
    """Lines are those of the text."""
    assert callable(pack)
    path = tmp_path / f"a.tsv{suffix}"
    path.write_bytes(pack(b"a\tr\tb\n") + pack(b"x\tq\ty\n"))
    assert places([str(path)], [(b"x", b"q", b"y")]) == [Place(str(path), 2, None)]


def test_no_text_no_place(tmp_path: Path) -> None:
    """Objects of Python have no places, which is noted once for each."""
    path = written(tmp_path / "a.tsv", "a\tr\tb\n")
    given = [("x", "q", "y")]
    notes = Notes()
    found = find_places(
        PlaceSources([given, path, given], EncodeOptions(), None),
        [(b"x", b"q", b"y"), (b"a", b"r", b"b")],
        notes=notes,
    )
    assert found == [None, Place(path, 1, None)]
    assert notes.count(NO_PLACES) == 2


def test_changed_since(tmp_path: Path) -> None:
    """What was changed meanwhile has no places that can be trusted."""
    path = written(tmp_path / "a.tsv", "a\tr\tb\n")
    report = encode_quietly([path], PrivateGraph(), EncodeOptions())
    sources = PlaceSources([path], EncodeOptions(), report.input_hash)
    assert find_places(sources, [(b"a", b"r", b"b")]) == [Place(path, 1, None)]
    written(Path(path), "\na\tr\tb\n")
    with pytest.raises(InputError, match=r"a\.tsv: found the hash .*changed since it was encoded"):
        find_places(sources, [(b"a", b"r", b"b")])
    written(Path(path), "a\tr\n")
    with pytest.raises(
        InputError, match=r"a\.tsv, line 1: .*it is not what it was when it was encoded"
    ):
        find_places(sources, [(b"a", b"r", b"b")])


def test_space_may_change(tmp_path: Path) -> None:
    """A document laid out anew has the same triples: its places are those of now."""
    path = written(tmp_path / "a.json", '{"id": "a", "b": ["c"]}')
    report = encode_quietly([path], PrivateGraph(), EncodeOptions())
    sources = PlaceSources([path], EncodeOptions(), report.input_hash)
    written(tmp_path / "a.json", '{"id": "a",\n "b": [null,\n "\\u0063"]}')
    assert find_places(sources, [(b"a", b"b", b"c")]) == [Place(path, 3, "/b/1")]
    written(tmp_path / "a.json", '{"id": "a", "b": ["d"]}')
    with pytest.raises(InputError, match="changed since it was encoded"):
        find_places(sources, [(b"a", b"b", b"c")])


@pytest.mark.parametrize("key", ["k" * 3_000_000, "k" * 3000, "~/" * 400])
def test_long_pointers(tmp_path: Path, key: str) -> None:
    """Many places in an object with a long pointer: what is held is bounded, lines are told."""
    n = 2000
    document = {
        key: {"id": "x", "nested": [{"id": "y", "b": "c"}]} | {f"a{i}": i for i in range(n)}
    }
    path = written(tmp_path / "a.json", json.dumps(document, indent=0))
    wanted: list[Wanted] = [(b"x", b"a%d" % i, b"%d" % i) for i in range(n)]
    wanted += [(b"y", b"b", b"c"), (b"y", b"q", None), (b"x", b"q", None)]
    report = encode_quietly([path], PrivateGraph(), EncodeOptions())
    sources = PlaceSources([path], EncodeOptions(), report.input_hash)
    notes = Notes()
    name_bytes = sum(len(name or b"") for one in wanted for name in one)
    terms = place_terms(len(wanted), name_bytes, report.memory_counts)
    tracemalloc.start()
    found = find_places(sources, wanted, notes=notes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < sum(term.bytes for term in terms)
    assert [place and place.line for place in found] == [*range(10, n + 10), 7, 5, 2]
    pointers = [place.pointer for place in found if place and place.pointer is not None]
    assert len(pointers) + notes.count(LONG_POINTERS) == len(wanted)
    step = "/" + key.replace("~", "~0").replace("/", "~1")
    assert len(pointers) == (0 if len(key) > 1 << 16 else len(pointers))
    assert all(pointer.startswith(step) for pointer in pointers)


def test_what_can_be_wanted() -> None:
    """What is asked for is two names, or a subject: nothing else can be looked for."""
    from pff_stream.triples._places import WantedPlaces

    for triple in ((b"", b"r", b""), (b"s", b"", b"o"), (b"", b"", b"")):
        with pytest.raises(ValueError, match="expected two names or a subject"):
            WantedPlaces([triple])
    assert WantedPlaces([]).found == []
