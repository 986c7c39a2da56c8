"""Reads the layout of a graph from its description alone, to hold the encoder against it."""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Rows:
    """One relation in one direction."""

    keys: list[int]
    rows: list[list[int]]
    kind: int
    shift: int
    span: tuple[int, int]
    n_loops: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole graph."""

    entities: list[bytes]
    relations: list[bytes]
    rows: list[Rows]
    flags: int
    n_triples: int
    n_read: int


def read_layout(data: bytes) -> Layout:
    """Asserts every invariant of the layout while reading it."""
    magic, version, flags, total = struct.unpack_from("<8sIIQ", data, 0)
    assert (magic, version, total) == (b"PFFGRAPH", 2, len(data))
    n_entities, n_relations, n_triples, n_read = struct.unpack_from("<4Q", data, 24)
    checksum, zero = struct.unpack_from("<II", data, 56)
    assert checksum == zlib.crc32(data[256:]) and zero == 0
    assert data[184:252] == bytes(68)
    assert struct.unpack_from("<I", data, 252)[0] == zlib.crc32(data[:252])
    entities = _names(data, 64, n_entities)
    relations = _names(data, 104, n_relations)
    (table,) = struct.unpack_from("<Q", data, 144)
    assert table % 64 == 0
    rows = [_rows(data, table + 80 * i, n_entities) for i in range(2 * n_relations)]
    spans = [part.span for part in rows]
    assert spans == sorted(spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert sum(len(row) for part in rows for row in part.rows) == 2 * n_triples
    return Layout(entities, relations, rows, flags, n_triples, n_read)


def _names(data: bytes, at: int, n: int) -> list[bytes]:
    ends_off, blob_off, blob_bytes, slots_off, count = struct.unpack_from("<5Q", data, at)
    assert ends_off % 64 == blob_off % 64 == slots_off % 64 == 0
    ends = struct.unpack_from(f"<{n}Q", data, ends_off)
    assert (ends[-1] if n else 0) == blob_bytes
    assert count >= 2 * max(1, n) and count & (count - 1) == 0 and count < 4 * max(1, n) + 1
    slots = struct.unpack_from(f"<{count}I", data, slots_off)
    assert sorted(slot for slot in slots if slot) == list(range(1, n + 1))
    starts = (0, *ends)
    return [data[blob_off + starts[i] : blob_off + ends[i]] for i in range(n)]


def _rows(data: bytes, at: int, n_entities: int) -> Rows:
    places = struct.unpack_from("<5Q", data, at)
    n_keys, n_edges, max_degree, n_loops, kind, shift = struct.unpack_from("<6I", data, at + 40)
    assert data[at + 64 : at + 80] == bytes(16)
    assert all(place % 64 == 0 for place in places)
    keys = list(struct.unpack_from(f"<{n_keys}i", data, places[0]))
    offsets = struct.unpack_from(f"<{n_keys + 1}I", data, places[1])
    values = struct.unpack_from(f"<{n_edges}i", data, places[2])
    assert offsets[0] == 0 and offsets[-1] == n_edges
    rows = [list(values[offsets[i] : offsets[i + 1]]) for i in range(n_keys)]
    assert keys == sorted(set(keys)) and all(row and row == sorted(set(row)) for row in rows)
    assert max_degree == max(map(len, rows))
    assert n_loops == sum(key in row for key, row in zip(keys, rows, strict=True))
    words = (n_entities + 63) // 64
    assert kind == (0 if 12 * words <= 8 * n_keys + 256 else 1)
    if kind == 0:
        bits = struct.unpack_from(f"<{words}Q", data, places[3])
        ranks = struct.unpack_from(f"<{words}I", data, places[4])
        assert [64 * w + b for w in range(words) for b in range(64) if bits[w] >> b & 1] == keys
        assert list(ranks) == [bisect_left(keys, 64 * w) for w in range(words)]
        end = places[4] + 4 * words
    else:
        end = _directory(data, places, keys, shift, n_entities)
    return Rows(keys, rows, kind, shift, (places[0], end), n_loops)


def _directory(
    data: bytes, places: tuple[int, ...], keys: list[int], shift: int, n_entities: int
) -> int:
    last = n_entities - 1
    most = max(2, len(keys))
    assert (last >> shift) + 2 <= most and (shift == 0 or (last >> (shift - 1)) + 2 > most)
    count = (last >> shift) + 2
    index = struct.unpack_from(f"<{count}I", data, places[3])
    blocks = [key >> shift for key in keys]
    assert list(index) == [bisect_left(blocks, b) for b in range(count)]
    assert places[4] == 0
    return places[3] + 4 * count
