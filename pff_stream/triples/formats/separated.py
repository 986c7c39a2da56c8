"""Names separated by blanks or commas, in files whose name promises nothing else.

Only where every line of the first thousand has exactly three fields; it is said. Commas are read as
CSV without column names, so that names may stand in quotes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pff_stream.errors import InputError
from pff_stream.files.decoders import unpacked_name
from pff_stream.files.known import check_line_ends, check_text
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.tsv import COLUMN_NAMES, LETTER_NAMES, MAPPING
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.formats.rows import Row
    from pff_stream.triples.options import EncodeOptions

KNOWN_SUFFIXES = (
    ".tsv", ".json", ".jsonl", ".ndjson", ".jsonld", ".nt", ".nq", ".ttl", ".trig", ".n3", ".rdf",
    ".owl", ".xml", ".pffg", ".pffr",
    ".parquet", ".parq", ".pq",
)  # fmt: skip
"""Of files that are never read so."""
_BOM = b"\xef\xbb\xbf"


class SeparatedFormat(TripleFormat):
    """Asked before TSV; not to be asked for by name."""

    mapping = MAPPING

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """No known suffix, no tab, and three fields in every line that is seen."""
        if not isinstance(given, str) or b"\t" in first_bytes or b"\0" in first_bytes:
            return False
        if unpacked_name(given).lower().endswith(KNOWN_SUFFIXES):
            return False
        lines = _lines(first_bytes)
        return bool(lines) and bool(_separators(lines[:-1] or lines))

    def reader(self, options: EncodeOptions, bad: BadTriples) -> SeparatedReader:
        """Needs the columns of the options."""
        return SeparatedReader(options, bad)


class SeparatedReader(TripleReader):
    """Decides by the beginning of an input, once."""

    def __init__(self, options: EncodeOptions, bad: BadTriples) -> None:
        self._columns = options.columns
        self._bad = bad
        self._said: list[str] = []

    def lines(self, source: TripleSource) -> LineBlocks:
        """The rows as lines; `InputError` where the beginning is not of one kind."""
        from pff_stream.triples.formats.rows import row_lines

        check_text(source.name, source.first_bytes, "triples")
        check_line_ends(source.name, source.first_bytes)
        lines = _lines(source.beginning())
        separators = _separators(lines)
        expected = "expected subject, relation, object separated by tabs"
        if len(separators) != 1:
            what = "has three fields, by blanks as by commas" if separators else (
                "has no tabs, and lines of more or fewer than three fields"
            )  # fmt: skip
            raise InputError(f"{source.name}: its beginning {what}, {expected}")
        separator = separators[0]
        first = _fields(lines[0], separator)
        if sum(name.lower() in (COLUMN_NAMES | LETTER_NAMES) for name in first) > 1:
            raise InputError(
                f"{source.name}, line 1: found column names in {lines[0][:80]!r}, {expected}; "
                f"--format csv --columns {','.join(first)} reads a file with column names"
            )
        kind = "blanks" if separator == " " else "commas"
        self._said.append(f"{source.name}: has no tabs: read as names separated by {kind}")
        rows = self._split(source, separator)
        return row_lines(source, rows, self._bad, self._columns)

    def warnings(self) -> list[str]:
        """How files were read."""
        return self._said

    def _split(self, source: TripleSource, separator: str) -> Iterator[Row]:
        from pff_stream.triples.formats.csv import rows_of
        from pff_stream.triples.formats.rows import numbered_lines

        if separator == ",":
            for number, row in rows_of(source, ",", self._bad):
                if len(row) == 3:
                    yield number, [name.strip(" ") for name in row]
                elif "".join(row).strip() and not row[0].startswith("#"):
                    self._refuse(source, number, ",".join(row), len(row), "commas")
            return
        for number, line in numbered_lines(source, self._bad):
            names = _fields(line, separator)
            if len(names) == 3 and names[0] != "#":
                yield number, names
            elif names and not line.startswith("#"):
                self._refuse(source, number, line, len(names), "blanks")

    def _refuse(self, source: TripleSource, number: int, line: str, n: int, kind: str) -> None:
        self._bad.add(
            source.name,
            number,
            f"found {counted(n, 'column')} in {line[:80]!r}, expected subject, relation, "
            f"object separated by {kind}, as in the lines at the beginning",
        )


def _lines(data: bytes) -> list[str]:
    """The lines that are neither blank nor comments."""
    texts = data.removeprefix(_BOM).decode("utf-8", "replace").split("\n")
    lines = [text.removesuffix("\r") for text in texts]
    return [line for line in lines if line.strip(" ") and not line.startswith("#")]


def _separators(lines: Sequence[str]) -> list[str]:
    """What may separate three names in each of the lines, none of which is a rule."""
    found = []
    for separator in (",", " "):
        rows = [_fields(line, separator) for line in lines]
        if all(len(row) == 3 and "<=" not in row[1] for row in rows) and rows:
            found.append(separator)
    if len(found) == 2 and all(
        [name.strip(" ") for name in _fields(line, ",")]
        == [name.removesuffix(",") for name in _fields(line, " ")]
        for line in lines
    ):
        return [","]  # a blank behind each comma
    return found


def _fields(line: str, separator: str) -> list[str]:
    """The fields of one line; blanks may be several, and a full stop may end the line."""
    if separator == ",":
        import csv

        try:
            return [name for row in csv.reader([line], skipinitialspace=True) for name in row]
        except csv.Error:
            return []
    names = [name for name in line.split(" ") if name]
    return names[:3] if len(names) == 4 and names[3] == "." else names
