"""Triples from a Python caller: an iterable of tuples of three texts.

`triple_blocks` is also for other formats, whose readers make such tuples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias, cast

from pff_stream.errors import InputError
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.tsv import MAPPING

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.options import EncodeOptions

Triple: TypeAlias = tuple[str, str, str]
_BATCH = 4096


class TupleFormat(TripleFormat):
    """Every object that is no path and that no format before it reads."""

    mapping = MAPPING

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """Anything to iterate over."""
        return isinstance(given, Iterable) and not isinstance(given, str)

    def reader(self, options: EncodeOptions, bad: BadTriples) -> TupleReader:
        """Needs no options."""
        return TupleReader(bad)


class TupleReader(TripleReader):
    """Joins tuples to lines, some thousand at a time."""

    def __init__(self, bad: BadTriples) -> None:
        self._bad = bad

    def lines(self, source: TripleSource) -> LineBlocks:
        """The lines of all tuples."""
        triples = cast("Iterable[Triple]", source.given)
        return LineBlocks(triple_blocks(source.name, triples, self._bad))


def triple_blocks(name: str, triples: Iterable[Triple], bad: BadTriples) -> Iterator[bytes]:
    """Blocks of whole lines; `bad` is told of names that no line can hold.

    Raises `InputError` for what are no tuples of three texts.
    """
    remaining = iter(triples)
    before = 0
    while batch := list(islice(remaining, _BATCH)):
        try:
            text = "\n".join(map("\t".join, batch)) + "\n"
            separators = text.count("\t"), text.count("\n")
            if separators != (2 * len(batch), len(batch)) or set(map(len, batch)) != {3}:
                text = "".join(_good_lines(name, batch, before, bad))
            yield text.encode()
        except (TypeError, UnicodeEncodeError) as error:
            raise InputError(
                f"{name}: among triples {before + 1} to {before + len(batch)}: {error}, expected "
                "tuples of three texts"
            ) from None
        before += len(batch)


def _good_lines(name: str, batch: Sequence[Triple], before: int, bad: BadTriples) -> Iterator[str]:
    for number, triple in enumerate(batch, before + 1):
        line = "\t".join(triple)
        if len(triple) == 3 and line.count("\t") == 2 and "\n" not in line:
            yield line + "\n"
        else:
            bad.add(
                name,
                number,
                f"found {line[:80]!r}, expected three names without tab and newline",
                unit="triple",
            )
