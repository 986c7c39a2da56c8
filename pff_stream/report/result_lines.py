"""Lines of a file of results, one by one, and errors that name the present one."""

from __future__ import annotations

from collections.abc import Iterator

from pff_stream.errors import InputError
from pff_stream.files.sources import open_blocks

MAX_LINE_BYTES = 1 << 20
"""A longer line of results is not read back."""
LINE_COPIES = 16
"""A line as read, as text (of up to four bytes a character), and what is made of it: a finding of
very many reasons takes most, while the one before it is still held."""
_SHOWN = 80


class ResultLines:
    """Lines of a file, packed or not, one by one, and errors that name the present one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.number = 0
        self._lines = self._read()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._lines)

    def _read(self) -> Iterator[str]:
        rest = b""
        for block in open_blocks(self.path):
            *lines, last = block.split(b"\n")
            for line in lines:
                self.number += 1
                yield self._text(rest + line)
                rest = b""
            rest += last
            if len(rest) >= MAX_LINE_BYTES:
                self.number += 1
                self._text(rest)
        if rest:
            self.number += 1
            raise self.error("a line that is cut", "a whole one")

    def _text(self, line: bytes) -> str:
        if len(line) >= MAX_LINE_BYTES:
            raise self.error("a line of 1 MiB or more", "a shorter one")
        return line.decode("utf-8", "surrogateescape")

    def error(self, found: str, expected: str) -> InputError:
        """The error for the present line; at the end, for the last."""
        return InputError(f"{self.path}:{self.number}: found {found}, expected {expected}")


def shown(text: str) -> str:
    """A line for a message: cut, and nothing in it that a terminal would take for more."""
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
