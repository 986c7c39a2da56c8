"""OpenKE's `train2id.txt`: a line with the count, then head, tail and relation as numbers.

Names come from `entity2id.txt` and `relation2id.txt` in the same folder, where these are; a number
that has none names itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from pff_stream.errors import InputError, RefusedError
from pff_stream.files.known import check_line_ends, check_text
from pff_stream.files.sources import STANDARD_INPUT, open_blocks
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.tsv import MAPPING
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.files.lines import BadLine
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.formats.rows import Row
    from pff_stream.triples.options import EncodeOptions

TRIPLES = ("train2id.txt", "valid2id.txt", "test2id.txt")
ENTITIES, RELATIONS = NAMES = "entity2id.txt", "relation2id.txt"
NAME_BYTES = 220
"""What a name of ordinary length takes with its number, in a table of Python."""
_ORDINARY_BYTES = 140
_GROWING_BYTES = 80
_ASK_LINES = 1000


class OpenKEFormat(TripleFormat):
    """By its name, and by the files beside it: the numbers could be names."""

    mapping = MAPPING
    name = "openke"

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """A file of numbers that stands beside both files of names."""
        return (
            isinstance(given, str)
            and os.path.basename(given) in TRIPLES
            and all(os.path.isfile(os.path.join(folder_of(given), name)) for name in NAMES)
        )

    def held_at_most(self, path: str, n_bytes: int, options: EncodeOptions) -> int:
        """The names beside it, of which there is one in each line."""
        return sum(
            names_at_most(os.path.join(folder_of(path), name)) for name in (ENTITIES, RELATIONS)
        )

    def reader(self, options: EncodeOptions, bad: BadTriples) -> OpenKEReader:
        """Needs no options."""
        return OpenKEReader(bad)


class OpenKEReader(TripleReader):
    """Holds the names of all numbers while a file is read."""

    def __init__(self, bad: BadTriples) -> None:
        self._bad = bad
        self._said: list[str] = []
        self._held_bytes = 0

    def lines(self, source: TripleSource) -> LineBlocks:
        """The triples with their names."""
        from pff_stream.triples.formats.rows import row_lines

        check_text(source.name, source.first_bytes, "OpenKE triples")
        check_line_ends(source.name, source.first_bytes)
        return row_lines(source, self._rows(source), self._bad)

    def warnings(self) -> list[str]:
        """Of files whose names are missing."""
        return self._said

    def _rows(self, source: TripleSource) -> Iterator[Row]:
        from pff_stream.triples.formats.rows import numbered_lines

        folder = folder_of(str(source.given))
        self._held_bytes = 0
        entities = self._names(os.path.join(folder, ENTITIES), source)
        relations = self._names(os.path.join(folder, RELATIONS), source)
        wanted, n_rows = None, 0
        for number, line in numbered_lines(source, self._bad):
            parts = line.split()
            if wanted is None and len(parts) == 1 and parts[0].isdecimal():
                wanted = int(parts[0])
            elif wanted is None and parts:
                found = f"{source.name}, line {number}: found {line[:80]!r}"
                raise InputError(f"{found}, expected the number of triples")
            elif len(parts) == 3:
                n_rows += 1
                head, tail, relation = parts
                row = name_of(entities, head), name_of(relations, relation), name_of(entities, tail)
                if None not in row:
                    yield number, [str(name) for name in row]
                    continue
                unknown = f"found {line[:80]!r}, expected numbers of {ENTITIES} and {RELATIONS}"
                self._bad.add(source.name, number, unknown)
            elif parts:
                expected = "expected three numbers: head, tail, relation"
                self._bad.add(source.name, number, f"found {line[:80]!r}, {expected}")
        if wanted is not None and wanted != n_rows:
            raise InputError(
                f"{source.name}: found {counted(n_rows, 'triple')}, "
                f"expected {wanted} by its first line"
            )

    def _names(self, path: str, source: TripleSource) -> dict[str, str] | None:
        """The names by number; None where there is no such file."""
        if not os.path.isfile(path):
            kind = "entities" if path.endswith(ENTITIES) else "relations"
            said = f"{source.name}: no {os.path.basename(path)} beside it: numbers name the {kind}"
            self._said.append(said)
            return None
        names, self._held_bytes = read_names(path, source, self._held_bytes)
        return names


NameRows: TypeAlias = Iterator[tuple[int, str, str]]
"""The number of a line, the name in it, and the name's number."""


def _name_rows(path: str, lines: Iterator[tuple[int, str]]) -> NameRows:
    """The names of a file, below the line that says how many they are."""
    for number, line in lines:
        name, _, text = line.strip().rpartition("\t" if "\t" in line else " ")
        name = name.strip()
        if number == 1 or not line.strip():
            continue
        if not name or not text.isdecimal():
            wrong = f"found {line[:80]!r}, expected a name and a number"
            raise InputError(f"{path}, line {number}: {wrong}")
        yield number, name, text


def read_names(
    path: str,
    source: TripleSource,
    held_bytes: int,
    rows: Callable[[str, Iterator[tuple[int, str]]], NameRows] = _name_rows,
) -> tuple[dict[str, str], int]:
    """The names of a file by their numbers, and what is held with them.

    `held_bytes` is held beside them; `rows` finds names in lines. `InputError` for a file that is
    no such one, `RefusedError` where they do not fit.
    """
    from pff_stream.files.lines import text_lines

    def reject(bad: BadLine) -> None:
        raise InputError(f"{path}, line {bad.number}: found {bad.found}, expected {bad.expected}")

    memory, what = source.memory, f"{path}: its names"
    found: dict[str, str] = {}
    seen: set[str] = set()
    lines = text_lines(open_blocks(path, decoders=source.decoders), reject)
    for number, name, text in rows(path, lines):
        if not number % _ASK_LINES:  # its size tells little, and nothing of a packed one
            # Tables that grow stand beside those that they are copied from.
            memory.expect(held_bytes + _GROWING_BYTES * len(found), what)
            memory.hold(held_bytes)
        if text in found or name in seen:
            what = f"the number {text}" if text in found else f"the name {name[:80]!r}"
            raise InputError(f"{path}, line {number}: found {what} twice, expected it once")
        found[text] = name
        seen.add(name)
        long_bytes = sys.getsizeof(name) + sys.getsizeof(text) - _ORDINARY_BYTES
        held_bytes += NAME_BYTES + max(0, long_bytes)
    memory.expect(held_bytes, what)
    memory.hold(held_bytes)
    return found, held_bytes


def folder_of(path: str) -> str:
    """Where the names of triples are looked for."""
    return "" if path == STANDARD_INPUT else os.path.dirname(path)


def names_at_most(path: str) -> int:
    """What the names of a file take, by its lines and bytes; nothing where they cannot be read."""
    if not os.path.isfile(path):
        return 0
    n_lines = n_bytes = 0
    character_bytes = 1
    try:
        for block in open_blocks(path):
            n_lines += block.count(b"\n")
            n_bytes += len(block)
            if not block.isascii():
                character_bytes = 4
    except (InputError, RefusedError):
        return 0
    return (NAME_BYTES + _GROWING_BYTES) * n_lines + character_bytes * n_bytes


def name_of(names: dict[str, str] | None, number: str) -> str | None:
    """What a number names: itself without a table; None where it is in none, or no number."""
    if not number.isdecimal():
        return None
    return number if names is None else names.get(number)
