"""Tables as documents of triples: what gives a stream of Arrow, and arrays of numpy.

They are made lines in the caller's process, by the reader that a run has for them: what is no
triple is told as there, and no worker needs pyarrow. Does not cover: texts, and tuples (`content`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pff_stream.errors import DocumentError, InputError, UsageError
from pff_stream.files.arrow_library import is_table
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.arrow import ArrowReader
from pff_stream.triples.formats.interface import TripleSource
from pff_stream.triples.formats.rows import ROLES, wrong_row
from pff_stream.triples.formats.tuples import triple_blocks
from pff_stream.triples.held import Unlimited

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pff_stream.notes import Notes
    from pff_stream.triples.options import EncodeOptions

BATCH_ROWS = 4096
_TEXTS, _NUMBERS, _MIXED = "U", "iu", "OS"
_COLUMNS = 3


def is_tabular(document: object) -> bool:
    """Whether it is a table or an array, and not a single column of one."""
    return isinstance(document, np.ndarray) or is_table(document)


class TableLines:
    """The triples of a table as lines; read once, piece by piece."""

    def __init__(self, table: Any, name: str, reading: EncodeOptions) -> None:
        """`name` is what messages call it."""
        self._table, self._name, self._reading = table, name, reading
        self._bad = BadTriples(reading.on_bad_triple)

    @property
    def notes(self) -> Notes:
        """Rows that were skipped, as far as they were read."""
        return self._bad.notes

    def pieces(self) -> Iterator[bytes]:
        """Whole lines; `DocumentError` where the table holds no triples, with the row."""
        n_rows = 0
        try:
            for block in self._blocks():
                n_rows += block.count(b"\n")
                yield block
            self._bad.check(n_rows)
        except (InputError, UsageError) as error:
            message = str(error)
            if not message.startswith(self._name):
                message = f"{self._name}: {message}"
            raise DocumentError(message) from None

    def whole(self, most_bytes: int) -> bytes:
        """All lines; `DocumentError` for over so many bytes."""
        gathered, size = [], 0
        for piece in self.pieces():
            gathered.append(piece)
            size += len(piece)
            if size > most_bytes:
                raise too_long(self._name, most_bytes)
        return b"".join(gathered)

    def _blocks(self) -> Iterator[bytes]:
        if not isinstance(self._table, np.ndarray):
            reader = ArrowReader(self._reading, self._bad)
            source = TripleSource(self._table, self._name, iter(()), Unlimited())
            return reader.lines(source).blocks
        _check_array(self._table, self._name)
        rows = cast("Iterator[tuple[str, str, str]]", self._rows(self._table))
        return triple_blocks(self._name, rows, self._bad)

    def _rows(self, array: NDArray[Any]) -> Iterator[Sequence[str]]:
        is_plain = array.dtype.kind in _TEXTS and not isinstance(array, np.ma.MaskedArray)
        for first in range(0, len(array), BATCH_ROWS):
            rows = array[first : first + BATCH_ROWS].tolist()
            if is_plain:
                yield from rows
                continue
            for number, row in enumerate(rows, first + 1):
                names = self._names(row, number)
                if names is not None:
                    yield names

    def _names(self, row: Sequence[object], number: int) -> list[str] | None:
        """Of a row that may hold anything; None where it is no triple."""
        names = []
        for role, value in zip(ROLES, row, strict=True):
            name = _name_of(value)
            if name is None:
                found = "no value (None)" if value is None else f"{type(value).__name__} {value!r}"
                message = f"found {found[:80]} for the {role}, expected text or a whole number"
                self._bad.add(self._name, number, message, unit="row")
                return None
            names.append(name)
        message = wrong_row(names, "\t".join(names)) or ""
        if message:
            self._bad.add(self._name, number, message, unit="row")
        return None if message else names


def too_long(name: str, most_bytes: int) -> DocumentError:
    """What is said of a document that is too long."""
    return DocumentError(
        f"{name}: found a document of over {most_bytes} bytes, expected a smaller one "
        "(max_document)"
    )


def _check_array(array: NDArray[Any], name: str) -> None:
    if array.ndim != 2 or array.shape[1] != _COLUMNS:
        raise DocumentError(
            f"{name}: found an array of shape {array.shape}, expected (n, 3): subject, relation "
            "and object"
        )
    if array.dtype.kind not in _TEXTS + _NUMBERS + _MIXED:
        raise DocumentError(
            f"{name}: found an array of {array.dtype}, expected texts or whole numbers"
        )


def _name_of(value: object) -> str | None:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    is_number = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    return str(value) if is_number else None
