"""Footers of Parquet as no writer makes them, from the bytes on."""

from __future__ import annotations

INT, LONG, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12


def varint(n: int) -> bytes:
    """A number of seven bits a byte."""
    data = bytearray()
    while n > 127:
        data.append(n & 127 | 128)
        n >>= 7
    return bytes([*data, n])


def field(delta: int, kind: int, value: bytes | int) -> bytes:
    """A field, so many numbers behind the one before."""
    data = varint((value << 1) ^ (value >> 63)) if isinstance(value, int) else value
    return bytes([delta << 4 | kind]) + data


def listed(kind: int, items: list[bytes]) -> bytes:
    """A list."""
    return bytes([0xF0 | kind]) + varint(len(items)) + b"".join(items)


def text(data: bytes) -> bytes:
    """A string."""
    return varint(len(data)) + data


def schema(names: list[str], children: int) -> bytes:
    """A schema of texts, which says that there are so many."""
    root = field(4, BINARY, text(b"schema")) + field(1, INT, children) + b"\0"
    leaves = [
        field(1, INT, 6) + field(2, INT, 0) + field(1, BINARY, text(name.encode())) + b"\0"
        for name in names
    ]
    return listed(STRUCT, [root, *leaves])


def chunk(*, start: int = 4, n_bytes: int = 0) -> bytes:
    """The pages of one column, which are not there."""
    about = (
        field(1, INT, 6)
        + field(1, LIST, listed(INT, []))
        + field(1, LIST, listed(BINARY, []))
        + field(1, INT, 0)
        + field(1, LONG, 0)
        + field(1, LONG, n_bytes)
        + field(1, LONG, n_bytes)
        + field(2, LONG, start)
        + b"\0"
    )
    return field(2, LONG, 0) + field(1, STRUCT, about) + b"\0"


def with_footer(
    names: list[str],
    columns: int = 0,
    chunks: list[bytes] | None = None,
    pages: bytes = b"",
    children: int = 3,
) -> bytes:
    """A file with one row group: a chunk for each name, and so many `columns` nearly empty."""
    empty = field(2, LONG, 0) + b"\0"
    all_chunks = (chunks or [chunk() for _ in names]) + [empty] * columns
    group = (
        field(1, LIST, listed(STRUCT, all_chunks)) + field(1, LONG, 0) + field(1, LONG, 0) + b"\0"
    )
    footer = (
        field(1, INT, 2)
        + field(1, LIST, schema(names, children))
        + field(1, LONG, 0)
        + field(1, LIST, listed(STRUCT, [group]))
        + b"\0"
    )
    return b"PAR1" + pages + footer + len(footer).to_bytes(4, "little") + b"PAR1"
