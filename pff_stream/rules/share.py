"""How memory is shared out for compiling: the compiler, and what decompresses its text."""

from __future__ import annotations

from typing import NamedTuple

from pff_stream.files.sources import USUAL_DECODER_BYTES, may_be_packed
from pff_stream.settings.models import COMPILE_BYTES


class CompileShare(NamedTuple):
    """What compiling text may use."""

    compiler_bytes: int
    """All but the decoder."""
    decoder_bytes: int
    """To decompress the text."""
    window_bytes: int | None = None
    """The largest window to decompress it with; None: what there is room for."""

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.compiler_bytes + self.decoder_bytes

    @classmethod
    def of(
        cls, path: str, decoder_bytes: int, room_bytes: int, window_bytes: int | None
    ) -> CompileShare:
        """The share of a text in `room_bytes`, whose first part takes `decoder_bytes` to decode.

        The least that compiling takes has to fit beside that; later parts may take more.
        """
        from pff_stream.rules.compile import MIN_MEMORY_BYTES

        if may_be_packed(path):
            decoder_bytes = max(decoder_bytes, USUAL_DECODER_BYTES)
        compiler_bytes = max(MIN_MEMORY_BYTES, min(COMPILE_BYTES, room_bytes - decoder_bytes))
        return cls(compiler_bytes, room_bytes - compiler_bytes, window_bytes)
