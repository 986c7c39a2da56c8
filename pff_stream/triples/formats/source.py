"""An input as a format is shown it, and the lines that the format makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pff_stream.files.decoders import DecoderMemory
    from pff_stream.triples.held import HeldMemory


class Given(NamedTuple):
    """A caller's object, and what messages call it."""

    name: str
    content: object


class TripleSource(NamedTuple):
    """One input: a path, or what a Python caller gave."""

    given: object  # the path as a `str` (`-`: standard input), or the caller's object
    name: str  # in messages
    blocks: Iterator[bytes]  # of a path, decompressed, of a bounded size; none of an object
    memory: HeldMemory  # for readers that hold more than a block
    first_bytes: bytes = b""  # that `matches` was shown
    beginning: Callable[[], bytes] = bytes
    """The first thousand lines, whole, or as many as a MiB holds; before blocks are read."""
    decoders: DecoderMemory | None = None  # for files that are read beside it


class LineBlocks(NamedTuple):
    """Lines of three names separated by tabs, UTF-8."""

    blocks: Iterator[bytes]  # may end inside a line
    columns: tuple[int, int, int] = (0, 1, 2)  # places of subject, relation and object
    is_raw: bool = False
    """A user's own bytes: a byte order mark, a CR before a newline, blank lines are taken off."""
    n_columns: int = 3
    more_columns: bool = False  # a line may have others behind them
    cuts_dots: bool = False  # a full stop that stands apart at the end of a line is no part of it
    numbers: Sequence[int] | None = None
    """Of lines that a format made: where in its input each line of the last block stands, from 1;
    None: nobody knows. A block then holds whole lines."""
