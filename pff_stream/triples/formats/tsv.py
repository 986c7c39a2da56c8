"""Lines of three names separated by tabs: read as they are, by the encoder itself.

Does not split lines: `_triple_lines` does, and says what is wrong with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pff_stream.files.known import check_line_ends, check_text
from pff_stream.files.odd_blanks import IN_TRIPLES, looked_for
from pff_stream.triples._encode import Encoder
from pff_stream.triples._triple_lines import MAX_LINE_BYTES
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.triples.options import EncodeOptions

MAPPING = "tsv-1"
COLUMN_NAMES = frozenset(
    ("subject", "predicate", "object", "relation", "relationship", "property", "head", "tail",
     "subj", "pred", "obj", "rel", "source", "target", "from", "to", "node1", "label", "node2")
)  # fmt: skip
"""What columns of triples are called."""
LETTER_NAMES = frozenset("spohrt")
_DOTS = (b" .", b"\t.")
_MAYBE_ODD = re.compile(rb"(?: |[ \t]\.)\r?(?:\n|\Z)")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TsvFormat(TripleFormat):
    """Every path that no format before it reads."""

    mapping = MAPPING
    name = "tsv"

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """Any path."""
        return isinstance(given, str)

    def reader(self, options: EncodeOptions, bad: BadTriples) -> TsvReader:
        """Needs the columns of the options."""
        return TsvReader(options, bad)


class TsvReader(TripleReader):
    """Hands bytes on: the encoder tells `bad` which lines are none."""

    def __init__(self, options: EncodeOptions, bad: BadTriples) -> None:
        self._options = options
        self._bad = bad
        self._said: list[str] = []

    def lines(self, source: TripleSource) -> LineBlocks:
        """The bytes of the file."""
        check_text(source.name, source.first_bytes, "triples")
        check_line_ends(source.name, source.first_bytes)
        options = self._options
        self._look_for_header(source)
        cuts_dots = self._cuts_dots(source)
        return LineBlocks(
            looked_for(source.blocks, IN_TRIPLES, source.name, self._bad.notes),
            options.columns,
            is_raw=True,
            n_columns=options.n_columns,
            more_columns=options.more_columns,
            cuts_dots=cuts_dots,
        )

    def warnings(self) -> list[str]:
        """Of full stops and blanks at the ends of lines."""
        return self._said

    def _look_for_header(self, source: TripleSource) -> None:
        """Says so where the first line looks like names of columns; it is a triple like all."""
        first = source.first_bytes.removeprefix(_BYTE_ORDER_MARK).lstrip(b"\r\n")
        names = first.partition(b"\n")[0].rstrip(b"\r").split(b"\t")
        if len(names) == self._options.n_columns and is_header(
            [names[place].decode("utf-8", "replace") for place in self._options.columns]
        ):
            shown = ", ".join(name.decode("utf-8", "replace") for name in names)
            self._said.append(
                f"{source.name}: its first line looks like names of columns ({shown}), and is read "
                "as a triple; --format csv reads a file with such a line"
            )

    def _cuts_dots(self, source: TripleSource) -> bool:
        """Whether every line of the beginning ends in a full stop that stands apart."""
        if not _MAYBE_ODD.search(source.first_bytes):
            return False
        ends = _ends(source.beginning())
        n_dots = sum(end in _DOTS for end in ends)
        n_blanks = sum(end.endswith(b" ") for end in ends)
        if n_dots == len(ends) > 0:
            self._said.append(f"{source.name}: all lines end in a full stop, which is left out")
            return True
        if n_dots:
            self._said.append(
                f"{source.name}: {n_dots} of the first {counted(len(ends), 'line')} end in a full "
                "stop behind a blank, which is read as it stands: it is left out only where all "
                "lines have it"
            )
        if n_blanks:
            self._said.append(
                f"{source.name}: {n_blanks} of the first {counted(len(ends), 'line')} end in a "
                "blank, which is part of the last name"
            )
        return False


def is_header(names: Sequence[str]) -> bool:
    """Whether three names look like those of columns."""
    lower = tuple(name.strip(" \"'#?:").lower() for name in names)
    return lower in (tuple("spo"), tuple("hrt")) or (
        len(set(lower)) == 3 and COLUMN_NAMES.issuperset(lower)
    )


def _ends(data: bytes) -> list[bytes]:
    """The last two bytes of each line that is neither blank nor a comment."""
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    return [line[-2:] for line in lines if line.strip(b" \t") and not line.startswith(b"#")]


def checked(name: str, lines: LineBlocks, bad: BadTriples) -> Iterator[bytes]:
    """Whole lines, each in the order subject, relation, object, ended by a newline."""
    columns = lines.columns
    n_lines = 0
    told = _Told(bad)
    for whole in _whole_lines(lines.blocks):
        # It holds the names of these lines alone, whatever the length of the file.
        encoder = Encoder(told)
        encoder.start_file(
            name,
            columns,
            verbatim=not lines.is_raw,
            lines_before=n_lines,
            n_columns=lines.n_columns,
            more_columns=lines.more_columns,
            cuts_dots=lines.cuts_dots,
        )
        encoder.feed(whole)
        encoder.end_file()
        ended = whole if whole.endswith(b"\n") else whole + b"\n"
        if lines.is_raw:
            if n_lines == 0:
                ended = ended.removeprefix(_BYTE_ORDER_MARK)
            ended = ended.replace(b"\r\n", b"\n")
        n_before, n_lines = n_lines, n_lines + ended.count(b"\n")
        if told.numbers:
            split = enumerate(ended[:-1].split(b"\n"), n_before + 1)
            ended = b"".join(line + b"\n" for n, line in split if n not in told.numbers)
            told.numbers.clear()
        if not ended:
            continue
        plain = (columns, lines.n_columns, lines.more_columns) == ((0, 1, 2), 3, False)
        if not plain or lines.cuts_dots or encoder.n_blank or encoder.n_comments:
            ended = b"".join(_picked(ended, lines))
        yield ended


class _Told(BadTriples):
    """Hands bad lines on, and remembers their numbers until they are left out."""

    def __init__(self, bad: BadTriples) -> None:
        super().__init__(bad.policy, bad.notes)
        self.numbers: set[int] = set()

    def add(self, source: str, number: int, message: str, unit: str = "line") -> None:
        """`InputError` under the policy `fail`."""
        super().add(source, number, message, unit)
        self.numbers.add(number)


def _picked(ended: bytes, lines: LineBlocks) -> Iterator[bytes]:
    """Subject, relation and object of lines that were checked; blank ones and comments go."""
    for line in ended[:-1].split(b"\n"):
        if lines.cuts_dots and line.endswith((b" .", b"\t.")):
            line = line[:-1].rstrip(b" \t")
        row = line.split(b"\t")
        fits = len(row) >= lines.n_columns if lines.more_columns else len(row) == lines.n_columns
        if fits and all(row[place] for place in lines.columns):
            yield b"\t".join(row[place] for place in lines.columns) + b"\n"


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
