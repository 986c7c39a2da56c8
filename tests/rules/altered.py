"""Rule files that are altered on purpose, with all checksums right again."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable
from typing import Any

import msgpack

from pff_stream.rules._format import FOOTER, RECORD
from pff_stream.rules.file import RuleFile
from tests.rules.compiled import compiled_bytes

CONTENT = b"""7\t3\t0.5\th(X,c) <= r(X,A), q(A,d)
h(X,e) <= r(X,A), q(A,d)
bad
h(X,(a),Y) <= r(X,Y)
h(X,c) <=
"""
"""A small source with every kind of column filled."""


def read_all(content: bytes) -> None:
    """Opens a file of these bytes and reads every chunk."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        with RuleFile(file.fileno()) as rules:
            for index in range(len(rules.chunks)):
                rules.read_chunk(index)
            for index in range(len(rules.source_chunks)):
                rules.read_source_chunk(index)


def rewritten(change: Callable[[dict[str, Any], list[dict[str, Any]]], None]) -> bytes:
    """The small file with header, chunks and index changed and all checksums made right again."""
    content = compiled_bytes(CONTENT)
    offset, length, _, _ = FOOTER.unpack(content[-FOOTER.size :])
    index = msgpack.unpackb(content[offset : offset + length])
    header = msgpack.unpackb(content[: index["header_bytes"]])
    records = [*RECORD.iter_unpack(index["chunks"]), *RECORD.iter_unpack(index["source_chunks"])]
    maps = [header, *(msgpack.unpackb(content[r[0] : r[0] + r[1]]) for r in records), index]
    change(index, maps)
    parts = [part if isinstance(part, bytes) else msgpack.packb(part) for part in maps[:-1]]
    at = len(parts[0])
    packed = []
    for part, record in zip(parts[1:], records, strict=True):
        packed.append(RECORD.pack(at, len(part), zlib.crc32(part), *record[3:]))
        at += len(part)
    new = {
        "header_bytes": len(parts[0]),
        "header_crc32": zlib.crc32(parts[0]),
        "chunks": packed[0],
        "source_chunks": packed[1],
        "max_chunk_bytes": 1 << 20,
        "max_source_chunk_bytes": 1 << 20,
    }
    last = msgpack.packb({**index, **{k: v for k, v in new.items() if index.get(k) is not None}})
    footer = FOOTER.pack(at, len(last), zlib.crc32(last), b"PFFRULES")
    return b"".join((*parts, last, footer))
