"""A place for a graph that a test can look into."""

from __future__ import annotations

import mmap

from pff_stream.triples.encode import encode
from pff_stream.triples.inputs import TripleInput
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.report import EncodeReport


class MemoryWriter:
    """An anonymous mapping full of rubbish, so that nothing relies on zeros."""

    def __init__(self) -> None:
        self.map: mmap.mmap | None = None
        self.size_bytes = 0

    def resize(self, size_bytes: int, beside_bytes: int = 0) -> None:
        """Makes room, and fills it."""
        self.map = mmap.mmap(-1, size_bytes)
        self.map.write(b"\xa5" * size_bytes)
        self.size_bytes = size_bytes

    def map_writable(self) -> mmap.mmap:
        """The room."""
        assert self.map is not None
        return self.map

    @property
    def data(self) -> bytes:
        """What was written."""
        assert self.map is not None
        return self.map[: self.size_bytes]


def encoded(
    *inputs: TripleInput, options: EncodeOptions | None = None
) -> tuple[bytes, EncodeReport]:
    """The bytes of the graph of `inputs`, and the report."""
    writer = MemoryWriter()
    report = encode(inputs, writer, options)
    assert report.graph_bytes == writer.size_bytes
    return writer.data, report
