"""What a Parquet file says of itself is read to the letter, whatever that is, without pyarrow."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pff_stream.errors import InputError
from pff_stream.triples.formats import thrift_compact as thrift
from pff_stream.triples.formats.parquet_footer import Chunk, Page, ParquetFooter
from pff_stream.triples.formats.thrift_compact import CompactReader, DamagedError
from pff_stream.triples.inputs import held_at_most
from pff_stream.triples.options import EncodeOptions
from tests.triples.formats.forged_parquet import (
    BINARY,
    INT,
    LIST,
    LONG,
    STRUCT,
    chunk,
    field,
    listed,
    text,
    varint,
    with_footer,
)

NAMES = ["s", "p", "o"]


def page(packed: int, plain: int, values: int, kind: int = 0, more: bytes = b"") -> bytes:
    """A page with its header, in which `more` may stand; its content is some zeros."""
    about = field(1, INT, values) + more + b"\0"
    behind = field(4 if kind == 2 else 2, STRUCT, about)
    header = field(1, INT, kind) + field(1, INT, plain) + field(1, INT, packed) + behind + b"\0"
    return header + bytes(min(max(0, packed), 100))


def written(tmp_path: Path, data: bytes) -> str:
    """A file of these bytes."""
    path = tmp_path / "a.parquet"
    path.write_bytes(data)
    return str(path)


def test_pages_and_their_sizes(tmp_path: Path) -> None:
    """Dictionary and data, also where a header is longer than what is read at once."""
    statistics = field(4, STRUCT, field(1, BINARY, text(b"x" * 5000)) + b"\0")
    pages = page(10, 30, 3, kind=2) + page(5, 400, 7, more=statistics) + page(0, 0, 0)
    chunks = [chunk(n_bytes=len(pages)), chunk(), chunk()]
    path = written(tmp_path, with_footer(NAMES, chunks=chunks, pages=pages))
    with ParquetFooter(path) as footer:
        assert [(one.name, one.leaf) for one in footer.fields] == [("s", 0), ("p", 1), ("o", 2)]
        (group,) = footer.row_groups([0, 2])
        assert group.chunks == [Chunk(4, len(pages)), Chunk(4, 0)]
        assert list(footer.pages(group.chunks[0])) == [
            Page(10, 30, 3, True), Page(5, 400, 7, False), Page(0, 0, 0, False),
        ]  # fmt: skip
        assert footer.n_columns == 4 + 3


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        (page(-1, 5, 1), "byte 4: found a page of -1 bytes, 5 unpacked, with 1 values"),
        (page(5, -(2**31), 1), "found a page of 5 bytes, -2147483648 unpacked"),
        (page(5, 5, -1), "with -1 values"),
        (page(1 << 40, 5, 1), "byte 4: found a page of 1099511627776 bytes"),
        (b"\xff" * 40, "byte 4: found no header of a page"),
    ],
)
def test_pages_that_cannot_be(pages: bytes, message: str, tmp_path: Path) -> None:
    """Told by the byte at which they begin."""
    chunks = [chunk(n_bytes=len(pages))] * 3
    path = written(tmp_path, with_footer(NAMES, chunks=chunks, pages=pages))
    with ParquetFooter(path) as footer:
        (group,) = footer.row_groups([0])
        with pytest.raises(InputError, match=f"a.parquet: .*{message}.*: the file is damaged"):
            list(footer.pages(group.chunks[0]))
    assert held_at_most(path, EncodeOptions()) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (with_footer(NAMES, chunks=[chunk(n_bytes=-1)] * 3), "found a column at 4 of -1 bytes"),
        (with_footer(NAMES, chunks=[chunk(n_bytes=1 << 40)] * 3), "of 1099511627776 bytes"),
        (with_footer(NAMES, chunks=[chunk()] * 2), "a row group of 0 rows and 2 of 3 columns"),
        (
            with_footer(NAMES, chunks=[field(1, BINARY, text(b"b.parquet")) + b"\0"] * 3),
            "found columns in other files",
        ),
        (with_footer(NAMES, chunks=[field(8, STRUCT, b"\0") + b"\0"] * 3), "encrypted columns"),
        (b"PAR1" + bytes(4) + b"PAR1", "found a footer without a schema|no footer of Parquet"),
        (b"PAR1" + (2**31).to_bytes(4, "little") + b"PAR1", "found a footer of 2.0 GiB"),
        (b"PARE" + bytes(4) + b"PARE", "found an encrypted Parquet file"),
        (b"PAR1", "truncated"),
        (b"", "found b'' at its beginning"),
    ],
)
def test_footers_that_cannot_be(data: bytes, message: str, tmp_path: Path) -> None:
    """Each ends with what was found; nothing is expected of them."""
    path = written(tmp_path, data)
    with pytest.raises(InputError, match=f"a.parquet: .*({message})"):
        with ParquetFooter(path) as footer:
            list(footer.row_groups([0, 1, 2]))


@pytest.mark.parametrize("children", [4, 2**31 - 1])
def test_schemas_that_cannot_be(children: int, tmp_path: Path) -> None:
    """Children that are not there."""
    path = written(tmp_path, with_footer(NAMES, children=children))
    with pytest.raises(InputError, match="found a schema that ends too early"):
        ParquetFooter(path)


def test_any_value_is_passed() -> None:
    """Every kind, in structures, lists and maps; what is behind stands where it should."""
    numbers = listed(INT, [varint(2), varint(300)])
    truths = listed(thrift.TRUE, [b"\1", b"\2", b"\1"])
    pairs = varint(2) + bytes([BINARY << 4 | thrift.TRUE]) + (text(b"key") + b"\1") * 2
    data = (
        field(1, thrift.TRUE, b"")
        + field(1, thrift.FALSE, b"")
        + field(1, thrift.BYTE, b"\7")
        + field(1, thrift.DOUBLE, bytes(8))
        + field(1, thrift.UUID, bytes(16))
        + field(1, LIST, numbers)
        + field(1, thrift.SET, truths)
        + field(1, thrift.MAP, pairs)
        + field(1, thrift.MAP, varint(0))
        + field(1, STRUCT, field(1, LONG, 5) + b"\0")
        + bytes([LONG]) + varint(200 << 1) + varint(7 << 1)  # a number of its own
        + b"\0"
    )  # fmt: skip
    reader = CompactReader(data + b"behind")
    kinds = []
    for number, kind in reader.fields():
        kinds.append(kind)
        if number == 200:
            assert reader.integer() == 7
        else:
            reader.skip(kind)
    assert kinds[-1] == LONG and len(kinds) == 11
    assert data[reader.at :] == b"" and reader.at == len(data)
    assert reader.n_parts == 2 + 2 + 3 + 4


@pytest.mark.parametrize(
    "data",
    [
        field(1, BINARY, varint(1 << 62)),
        field(1, LIST, bytes([0xF0 | STRUCT]) + varint(1 << 60)),
        field(1, thrift.MAP, varint(1 << 60) + b"\x11"),
        field(1, STRUCT, bytes([0x1C]) * 100_000),
        field(1, LIST, bytes([0x19]) * 100_000),
        field(1, INT, b"\xff" * 20),
        field(1, 14, b"\0"),
        field(1, thrift.DOUBLE, b"\0"),
        b"",
    ],
)
def test_lengths_and_depths_that_cannot_be(data: bytes) -> None:
    """End at once: nothing is made of a length that nothing stands behind."""
    with pytest.raises(DamagedError):
        CompactReader(field(1, STRUCT, data)[:-1] or b"").skip(STRUCT)


def test_any_bytes_end() -> None:
    """Random bytes are passed or refused, and no byte behind them is looked at."""
    seeded = random.Random(3)
    for _ in range(3000):
        data = seeded.randbytes(seeded.randrange(60))
        reader = CompactReader(data + b"\0" * 40, stop=len(data))
        try:
            reader.skip(STRUCT)
        except DamagedError:
            pass
        assert reader.at <= len(data)
