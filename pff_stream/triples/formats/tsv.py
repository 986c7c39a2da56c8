"""Lines of three names separated by tabs: read as they are, by the encoder itself.

Does not split lines: `_triple_lines` does, and says what is wrong with one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pff_stream.triples._encode import Encoder
from pff_stream.triples._triple_lines import MAX_LINE_BYTES
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.options import EncodeOptions

MAPPING = "tsv-1"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TsvFormat(TripleFormat):
    """Every path that no format before it reads."""

    mapping = MAPPING

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """Any path."""
        return isinstance(given, str)

    def reader(self, options: EncodeOptions, bad: BadTriples) -> TsvReader:
        """Needs the columns of the options."""
        return TsvReader(options.columns)


class TsvReader(TripleReader):
    """Hands bytes on: the encoder tells `bad` which lines are none."""

    def __init__(self, columns: tuple[int, int, int]) -> None:
        self._columns = columns

    def lines(self, source: TripleSource) -> LineBlocks:
        """The bytes of the file."""
        return LineBlocks(source.blocks, self._columns, is_raw=True)


def checked(name: str, lines: LineBlocks, bad: BadTriples) -> Iterator[bytes]:
    """Whole lines, each in the order subject, relation, object, ended by a newline."""
    columns = lines.columns
    n_lines = 0
    for whole in _whole_lines(lines.blocks):
        # It holds the names of these lines alone, whatever the length of the file.
        encoder = Encoder(bad)
        encoder.start_file(name, columns, not lines.is_raw, n_lines)
        encoder.feed(whole)
        encoder.end_file()
        ended = whole if whole.endswith(b"\n") else whole + b"\n"
        if lines.is_raw:
            if n_lines == 0:
                ended = ended.removeprefix(_BYTE_ORDER_MARK)
            ended = ended.replace(b"\r\n", b"\n")
        n_lines += ended.count(b"\n")
        if columns != (0, 1, 2):
            split = (line.split(b"\t") for line in ended[:-1].split(b"\n"))
            ended = b"".join(b"\t".join(row[place] for place in columns) + b"\n" for row in split)
        yield ended


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut behind a newline; the last one, or one that is too long, has none."""
    rest = b""
    for block in blocks:
        rest += block
        end = rest.rfind(b"\n") + 1
        if end == 0 and len(rest) > MAX_LINE_BYTES + 1:
            end = len(rest)
        if end:
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest
