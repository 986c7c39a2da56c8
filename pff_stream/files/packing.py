"""Output that is packed by the suffix of its name, gzip or zstd, as it is written.

The same bytes make the same file: there is neither a name nor a time in it.
"""

from __future__ import annotations

import sys
import zlib
from typing import Any

from pff_stream.errors import UsageError
from pff_stream.files.durable import naming
from pff_stream.files.writers import Writer

GZIP_BYTES, ZSTD_BYTES = 512 << 10, 8 << 20
"""What packing holds: the state of zlib at level 6; of zstd at level 3 with a window of 2 MiB."""
_GZIP_LEVEL, _GZIP_WINDOW = 6, 31
_ZSTD_LEVEL, _ZSTD_WINDOW_LOG = 3, 21
_PIECE_BYTES = 1 << 16


def packing_bytes(path: str) -> int:
    """What packing a file of this name holds; 0 where it is not packed."""
    lower = path.lower()
    return GZIP_BYTES if lower.endswith(".gz") else ZSTD_BYTES if lower.endswith(".zst") else 0


def packed(path: str, writer: Writer) -> Writer:
    """The writer, behind what packs for it where the name says so."""
    lower = path.lower()
    if lower.endswith(".gz"):
        compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        return PackedWriter(path, writer, compressor)
    return PackedWriter(path, writer, zstd_compressor(path)) if lower.endswith(".zst") else writer


class PackedWriter:
    """Packs what it is given, and hands it on."""

    def __init__(self, name: str, writer: Writer, compressor: Any) -> None:
        self._name = name
        self._writer = writer
        self._compressor = compressor

    def write(self, view: memoryview, /) -> None:
        """Packs all bytes of `view`."""
        for start in range(0, len(view), _PIECE_BYTES):
            self._hand_on(self._compressor.compress(view[start : start + _PIECE_BYTES]))

    def commit(self) -> None:
        """Ends what is packed, and keeps it."""
        with naming(self._name):
            self._hand_on(self._compressor.flush())
        self._writer.commit()

    def abandon(self) -> None:
        """Leaves nothing behind."""
        self._writer.abandon()

    def drop_all(self) -> None:
        """Has what was handed on leave the page cache."""
        self._writer.drop_all()

    def _hand_on(self, data: bytes) -> None:
        if data:
            self._writer.write(memoryview(data))


def zstd_compressor(name: str, level: int = _ZSTD_LEVEL, window_log: int = _ZSTD_WINDOW_LOG) -> Any:
    """What packs; `UsageError` with the name of the file where nothing is there that does."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise UsageError(
            f"{name}: writing zstd needs the package backports.zstd (Python 3.14 brings its own)"
        ) from None
    parameter = zstd.CompressionParameter
    return zstd.ZstdCompressor(
        options={parameter.compression_level: level, parameter.window_log: window_log}
    )
