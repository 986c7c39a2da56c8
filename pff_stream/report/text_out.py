"""Text on its way to an output, in a buffer: what a result writer that writes lines needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formula import given
from planner.model import Term

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink

BUFFER_BYTES = 1 << 16


class TextOut:
    """Writes text to `out` as UTF-8, some 64 KiB at a time; `flush` gives away the rest."""

    def __init__(self, out: ByteSink) -> None:
        self._out = out
        self._buffer = bytearray()

    @staticmethod
    def term() -> Term:
        """What it holds, for the `terms` of its writer; a single text is short beside it."""
        return Term.of("text", 2 * given("buffer", BUFFER_BYTES), "constant of the code")

    def write(self, text: str) -> None:
        """Takes the text; names that were no UTF-8 come out as they came in."""
        self._buffer += text.encode("utf-8", "surrogateescape")
        if len(self._buffer) >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Gives away all that there is."""
        if self._buffer:
            with memoryview(self._buffer) as view:
                self._out.write(view)
            self._buffer.clear()
