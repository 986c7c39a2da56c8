"""What a reader says that it holds, for tests of its bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pff_stream.triples.bad import BadTriples
from pff_stream.triples.inputs import OpenedInputs
from pff_stream.triples.options import EncodeOptions


class Counted:
    """Nothing is too much for it."""

    def __init__(self) -> None:
        self.most = self.expected = 0

    def expect(self, n_bytes: int, what: str) -> None:
        """What is expected may be held for a moment."""
        self.expected = max(self.expected, n_bytes)
        self.most = max(self.most, n_bytes)

    def hold(self, n_bytes: int) -> None:
        """The most so far."""
        self.most = max(self.most, n_bytes)

    def fits(self, n_bytes: int) -> bool:
        """All does."""
        return True


def read_counted(
    inputs: Sequence[Any], options: EncodeOptions, counted: Counted
) -> Iterator[bytes]:
    """The blocks of all inputs, while it is counted what their readers hold."""
    for opened in OpenedInputs(inputs, options, BadTriples("fail"), counted).all:
        yield from opened.lines.blocks
