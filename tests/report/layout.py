"""A graph in the encoded layout that has names and no triples: all that a report reads of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from pff_stream.triples._graph import GraphView

_HEADER_BYTES = 256


class _Sections:
    """Sections one after another, each at a multiple of 64 bytes."""

    def __init__(self) -> None:
        self.data = bytearray(_HEADER_BYTES)

    def add(self, section: bytes) -> int:
        """Offset of the section in the buffer."""
        self.data += bytes(-len(self.data) % 64)
        offset = len(self.data)
        self.data += section
        return offset


def graph_of_names(entities: Sequence[str], relations: Sequence[str]) -> GraphView:
    """A view on a graph with these names, ids in their order.

    The name index holds every name in the order of ids, not by hash: names cannot be looked up.
    """
    sections = _Sections()
    fields = _add_names(sections, entities) + _add_names(sections, relations)
    words = (len(entities) + 63) // 64
    no_rows = struct.pack(
        "<5Q10I",
        sections.add(b""),
        sections.add(bytes(4)),
        sections.add(b""),
        sections.add(bytes(8 * words)),
        sections.add(bytes(4 * words)),
        *(0,) * 10,
    )
    table = sections.add(no_rows * 2 * len(relations))
    data = sections.data
    sizes = (len(data), len(entities), len(relations), 0, 0)
    checksum = zlib.crc32(data[_HEADER_BYTES:])
    header = struct.pack("<8sII5QII11Q", b"PFFGRAPH", 2, 0, *sizes, checksum, 0, *fields, table)
    data[: len(header)] = header
    data[252:256] = struct.pack("<I", zlib.crc32(data[:252]))
    return GraphView(bytes(data))


def _add_names(sections: _Sections, names: Sequence[str]) -> list[int]:
    """Offset of the ends, of the blob, its bytes, offset of the slots, their count."""
    encoded = [name.encode() for name in names]
    ends = [len(b"".join(encoded[: i + 1])) for i in range(len(encoded))]
    count = 2
    while count < 2 * max(1, len(names)):
        count *= 2
    slots = [i + 1 if i < len(names) else 0 for i in range(count)]
    return [
        sections.add(struct.pack(f"<{len(ends)}Q", *ends)),
        sections.add(b"".join(encoded)),
        len(b"".join(encoded)),
        sections.add(struct.pack(f"<{count}I", *slots)),
        count,
    ]
