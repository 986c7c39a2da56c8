"""Rows of three names, each with its line, to blocks of triple lines; for readers in Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from pff_stream.files.lines import BadLine, text_lines
from pff_stream.triples.formats.interface import LineBlocks, TripleSource

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples

_BATCH = 4096
SELF_NAME = "me_myself_i"
"""Stands in rules for the entity itself: nothing can be named so."""
ROLES = ("subject", "relation", "object")


Row: TypeAlias = "tuple[int, Sequence[str]]"
"""The number of a line, from 1, and the names in it."""


def numbered_lines(source: TripleSource, bad: BadTriples) -> Iterator[tuple[int, str]]:
    """Number and text of the lines of an input; `bad` is told of those that are no text."""

    def reject(line: BadLine) -> None:
        bad.add(source.name, line.number, f"found {line.found}, expected {line.expected}")

    return text_lines(source.blocks, reject)


def row_lines(
    source: TripleSource,
    rows: Iterable[Row],
    bad: BadTriples,
    columns: tuple[int, int, int] = (0, 1, 2),
) -> LineBlocks:
    """Rows as lines that know where they stand; `bad` is told of those that no line can hold.

    `columns` are the places of subject, relation and object in a row.
    """
    numbers: list[int] = []
    return LineBlocks(_row_blocks(source, rows, bad, numbers), columns, numbers=numbers)


def _row_blocks(
    source: TripleSource, rows: Iterable[Row], bad: BadTriples, numbers: list[int]
) -> Iterator[bytes]:
    """Blocks of whole lines; `numbers` are those of the rows in the last one."""
    lines: list[str] = []
    for number, names in rows:
        line = "\t".join(names)
        message = wrong_row(names, line)
        if message is not None:
            bad.add(source.name, number, message)
            continue
        lines.append(line)
        numbers.append(number)
        if len(lines) == _BATCH:
            yield ("\n".join(lines) + "\n").encode()
            lines.clear()
            numbers.clear()
    if lines:
        yield ("\n".join(lines) + "\n").encode()


def wrong_row(names: Sequence[str], line: str) -> str | None:
    """Why three names, joined to `line`, are no triple; None where they are one."""
    if not all(names):
        return f"found an empty {ROLES[list(names).index('')]} in {line[:80]!r}, expected a name"
    if line.count("\t") != 2 or "\n" in line:
        return f"found {line[:80]!r}, expected three names without tab and newline"
    if "\0" in line:
        return f"found a NUL character in {line[:80]!r}, expected none"
    if SELF_NAME in (names[0], names[2]):
        return f"found the entity {SELF_NAME} in {line[:80]!r}, which no entity can be named"
    return None
