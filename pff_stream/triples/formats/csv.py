"""CSV with a line of column names, asked for by `--format csv`; quotes as in RFC 4180.

What reads it is imported when it is asked for: the program starts without.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pff_stream.errors import InputError
from pff_stream.files.known import check_line_ends, check_text
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.named_columns import (
    OTHERS,
    expected_names,
    find_columns,
    wanted_names,
)
from pff_stream.triples.formats.tsv import MAPPING
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.formats.rows import Row
    from pff_stream.triples.options import EncodeOptions

_DELIMITERS = (",", ";", "\t", "|")


class CsvFormat(TripleFormat):
    """By its name alone: a file called .csv may have no line of column names."""

    mapping = MAPPING
    name = "csv"
    names_columns = True

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """Never by itself."""
        return False

    def reader(self, options: EncodeOptions, bad: BadTriples) -> CsvReader:
        """Needs the names of the columns."""
        return CsvReader(options.column_names, bad)


class CsvReader(TripleReader):
    """Takes three columns by their names, and leaves the others out."""

    def __init__(self, names: Sequence[str], bad: BadTriples) -> None:
        self._wanted = wanted_names(names)
        self._bad = bad

    def lines(self, source: TripleSource) -> LineBlocks:
        """The rows as lines."""
        from pff_stream.triples.formats.rows import row_lines

        check_text(source.name, source.first_bytes, "CSV")
        check_line_ends(source.name, source.first_bytes)
        delimiter, places, header = self._header(source)
        rows = self._rows(source, delimiter, places, header)
        return row_lines(source, rows, self._bad)

    def _header(self, source: TripleSource) -> tuple[str, tuple[int, ...], list[str]]:
        """The delimiter under which the first line names all columns, their places, all names."""
        import csv

        text = source.beginning().removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
        lines = text.lstrip("\r\n").splitlines(keepends=True)
        for delimiter in _DELIMITERS:
            try:
                header = [name.strip() for name in next(csv.reader(lines, delimiter=delimiter), [])]
            except csv.Error:
                continue
            places = find_columns(header, self._wanted)
            if places is not None:
                return delimiter, places, header
        shown = lines[0].rstrip()[:80] if lines else ""
        raise InputError(
            f"{source.name}, line 1: found {shown!r}, expected a line of column names with "
            f"{expected_names(self._wanted)} ({OTHERS})"
        )

    def _rows(
        self, source: TripleSource, delimiter: str, places: tuple[int, ...], header: list[str]
    ) -> Iterator[Row]:
        rows = rows_of(source, delimiter, self._bad)
        next((row for row in rows if row[1]), None)  # the column names
        for number, row in rows:
            if len(row) == len(header):
                yield number, [row[place] for place in places]
            elif any(row):
                found = f"found {counted(len(row), 'column')} in {delimiter.join(row)[:80]!r}"
                self._bad.add(source.name, number, f"{found}, expected {len(header)}")


def rows_of(source: TripleSource, delimiter: str, bad: BadTriples) -> Iterator[Row]:
    """All rows, each with the line that it begins in; `bad` is told of those that are none."""
    import csv

    from pff_stream.triples.formats.rows import numbered_lines

    at = 0

    def lines() -> Iterator[str]:
        nonlocal at
        for number, line in numbered_lines(source, bad):
            at = number
            yield line + "\n"

    reader = csv.reader(lines(), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        before = at
        try:
            row = next(reader, None)
        except csv.Error as error:
            bad.add(source.name, before + 1, f"found no row of CSV: {error}")
            continue
        if row is None:
            return
        yield before + 1, row
