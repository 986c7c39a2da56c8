"""PyKEEN's folder: triples as numbers, and two tables of their labels beside them.

Written by `TriplesFactory.to_path_binary` and `PipelineResult.save_to_directory`: tables with names
of columns, as pandas writes them, with quotes where a label needs them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pff_stream.errors import InputError
from pff_stream.files.decoders import PACKED_SUFFIXES, unpacked_name
from pff_stream.files.known import check_text
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.openke import (
    NameRows,
    folder_of,
    name_of,
    names_at_most,
    read_names,
)
from pff_stream.triples.formats.tsv import MAPPING

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.formats.rows import Row
    from pff_stream.triples.options import EncodeOptions

TRIPLES = "numeric_triples.tsv"
ENTITIES, RELATIONS = "entity_to_id.tsv", "relation_to_id.tsv"
_COLUMNS = ["head", "relation", "tail"]


class PyKeenFormat(TripleFormat):
    """By the name that PyKEEN gives the file."""

    mapping = MAPPING
    name = "pykeen"

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """Also packed in another way, or not at all."""
        return isinstance(given, str) and os.path.basename(unpacked_name(given)) == TRIPLES

    def held_at_most(self, path: str, n_bytes: int, options: EncodeOptions) -> int:
        """The labels beside it, of which there is one in each line."""
        tables = [_beside(path, name) for name in (ENTITIES, RELATIONS)]
        return sum(names_at_most(table) for table in tables if table is not None)

    def reader(self, options: EncodeOptions, bad: BadTriples) -> PyKeenReader:
        """Needs no options."""
        return PyKeenReader(bad)


class PyKeenReader(TripleReader):
    """Holds the labels of all numbers while a file is read."""

    def __init__(self, bad: BadTriples) -> None:
        self._bad = bad
        self._said: list[str] = []
        self._held_bytes = 0

    def lines(self, source: TripleSource) -> LineBlocks:
        """The triples with their labels."""
        from pff_stream.triples.formats.rows import row_lines

        check_text(source.name, source.first_bytes, "PyKEEN triples")
        return row_lines(source, self._rows(source), self._bad)

    def warnings(self) -> list[str]:
        """Of tables that are missing."""
        return self._said

    def _rows(self, source: TripleSource) -> Iterator[Row]:
        from pff_stream.triples.formats.rows import numbered_lines

        self._held_bytes = 0
        entities = self._labels(ENTITIES, source)
        relations = self._labels(RELATIONS, source)
        is_first = True
        for number, line in numbered_lines(source, self._bad):
            parts = line.split("\t")
            if is_first and parts != _COLUMNS:
                raise InputError(
                    f"{source.name}, line {number}: found {line[:80]!r}, expected the names of "
                    f"columns {', '.join(_COLUMNS)}, separated by tabs"
                )
            if not is_first and len(parts) == 3:
                head, relation, tail = parts
                row = name_of(entities, head), name_of(relations, relation), name_of(entities, tail)
                if None not in row:
                    yield number, [str(name) for name in row]
                    continue
                expected = f"expected numbers of {ENTITIES} and {RELATIONS}"
                self._bad.add(source.name, number, f"found {line[:80]!r}, {expected}")
            elif not is_first and line:
                expected = "expected three numbers: head, relation, tail"
                self._bad.add(source.name, number, f"found {line[:80]!r}, {expected}")
            is_first = False

    def _labels(self, name: str, source: TripleSource) -> dict[str, str] | None:
        """The labels by number; None where there is no such file."""
        path = _beside(str(source.given), name)
        if path is None:
            kind = "entities" if name == ENTITIES else "relations"
            self._said.append(f"{source.name}: no {name}.gz beside it: numbers name the {kind}")
            return None
        labels, self._held_bytes = read_names(path, source, self._held_bytes, _label_rows)
        return labels


def _beside(path: str, name: str) -> str | None:
    """A table beside the triples, packed or not."""
    names = [os.path.join(folder_of(path), name + suffix) for suffix in (*PACKED_SUFFIXES, "")]
    return next((found for found in names if os.path.isfile(found)), None)


def _label_rows(path: str, lines: Iterator[tuple[int, str]]) -> NameRows:
    """The labels of a table, below the names of its columns."""
    import csv

    at = 0

    def texts() -> Iterator[str]:
        nonlocal at
        for number, line in lines:
            at = number
            yield line + "\n"

    rows = csv.reader(texts(), delimiter="\t")
    header = next(rows, [])
    if sorted(header) != ["id", "label"]:
        found = "\t".join(header)[:80]
        raise InputError(f"{path}, line 1: found {found!r}, expected the columns id and label")
    id_, label = header.index("id"), header.index("label")
    for row in rows:
        if len(row) != 2 or not row[label] or not row[id_].isdecimal():
            found = "\t".join(row)[:80]
            raise InputError(f"{path}, line {at}: found {found!r}, expected a number and a label")
        yield at, row[label], row[id_]
