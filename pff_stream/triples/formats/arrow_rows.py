"""Batches of Arrow to blocks of triple lines that know their rows; for readers of tables.

What a batch holds is its maker's; here a block of lines at a time is made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from pff_stream.errors import InputError
from pff_stream.triples._triple_lines import MAX_LINE_BYTES
from pff_stream.triples.formats.named_columns import columns_in
from pff_stream.triples.formats.rows import ROLES, SELF_NAME, wrong_row

if TYPE_CHECKING:
    import pyarrow as pa

    from pff_stream.triples.bad import BadTriples

BLOCK_ROWS = 4096
"""Rows made into lines at a time; more make it slower, not faster."""
BLOCK_BYTES = 1 << 20
"""Of lines, unless one alone has more."""
_NUMBER_BYTES = 20
"""Of a whole number, written."""
_FEW_ROWS = 32
"""That are looked at one by one where they do not make a block."""
_EXPECTED = "expected text or whole numbers"
_SELF = SELF_NAME.encode()


def find_in_schema(schema: pa.Schema, wanted: Sequence[Sequence[str]], name: str) -> list[str]:
    """The names of the columns; `InputError` where they are not there, or hold no names."""
    columns = list(schema.names)
    places = columns_in(columns, wanted, name)
    for place in places:
        check_type(schema.field(place), name)
    return [columns[place] for place in places]


def check_type(field: pa.Field, name: str) -> None:
    """`InputError` for a column that holds neither text nor whole numbers."""
    import pyarrow as pa

    kind = field.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        shown = str(field.type)[:80]
        raise InputError(f"{name}: column {field.name!r}: found the type {shown}, {_EXPECTED}")


class RowNumbers(Sequence[int]):
    """The rows of the lines of the block at hand."""

    def __init__(self) -> None:
        self.now: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.now)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self.now[index]


class BatchLines:
    """Makes lines of the batches of one input; counts its rows from 1 on.

    `bad` is told of rows that are no triples.
    """

    def __init__(self, name: str, bad: BadTriples) -> None:
        self.numbers = RowNumbers()
        self.rows = 0
        """Made into lines so far."""
        self._name = name
        self._bad = bad

    def blocks(self, columns: Sequence[pa.Array]) -> Iterator[bytes]:
        """The lines of one batch: three columns of one length."""
        named = [_without_views(column) for column in columns]
        in_dictionaries = [_longest_in_dictionary(column) for column in named]
        for start in range(0, len(columns[0]), BLOCK_ROWS):
            part = [_cast_view(column.slice(start, BLOCK_ROWS)) for column in named]
            longest = len(ROLES)
            for column, known in zip(part, in_dictionaries, strict=True):
                longest += _longest(column) if known is None else known
            step = max(1, BLOCK_BYTES // longest)
            for at in range(0, len(part[0]), step):
                rows = [column.slice(at, step) for column in part]
                yield from self._block(rows, longest <= MAX_LINE_BYTES)

    def _block(self, columns: Sequence[pa.Array], may_join: bool) -> Iterator[bytes]:
        """So few rows that one block holds them; parts of them where one is no triple."""
        n = len(columns[0])
        block = self._joined(columns) if may_join else None
        if block is None and may_join and n > _FEW_ROWS:
            for at in range(0, n, n // 2):
                yield from self._block([column.slice(at, n // 2) for column in columns], True)
            return
        if block is None:
            good = list(self._good_rows(columns))
            self.numbers.now = [number for number, _ in good]
            block = "".join(line for _, line in good).encode()
        else:
            self.numbers.now = range(self.rows + 1, self.rows + n + 1)
        self.rows += n
        if block:
            yield block

    def _joined(self, columns: Sequence[pa.Array]) -> bytes | None:
        """All rows as lines; None where one of them is no triple."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if any(column.null_count for column in columns):
            return None
        try:
            texts = [_texts(column) for column in columns]
            if any(text.null_count for text in texts):  # an entry of a dictionary may be null
                return None
            if not all(pc.min(pc.binary_length(text)).as_py() for text in texts):
                return None
            joined = pc.binary_join_element_wise(*texts, "\t")
            lines = pc.binary_join_element_wise(joined, "", "\n")
            n_bytes = memoryview(lines.buffers()[1]).cast("i")[len(lines)]
            block = bytes(memoryview(lines.buffers()[2])[:n_bytes])
            block.decode()
        except (pa.ArrowInvalid, UnicodeDecodeError):  # no UTF-8
            return None
        n = len(lines)
        is_whole = block.count(b"\t") == 2 * n and block.count(b"\n") == n
        return None if not is_whole or b"\0" in block or _SELF in block else block

    def _good_rows(self, columns: Sequence[pa.Array]) -> Iterator[tuple[int, str]]:
        """Row by row; `bad` is told of the others."""
        for place in range(len(columns[0])):
            number = self.rows + 1 + place
            names: list[str] = []
            message = None
            for role, column in zip(ROLES, columns, strict=True):
                text = _text(column[place])
                if isinstance(text, str):
                    names.append(text)
                elif message is None:
                    found = "no value (null)" if text is None else f"{text[:80]!r}"
                    expected = "a name" if text is None else "UTF-8"
                    message = f"found {found} for the {role}, expected {expected}"
            if message is None:
                line = "\t".join(names)
                message = wrong_row(names, line)
                if len(line) > MAX_LINE_BYTES // 4 and len(line.encode()) > MAX_LINE_BYTES:
                    message = f"found a row of over {MAX_LINE_BYTES} bytes, expected at most these"
            if message is None:
                yield number, line + "\n"
            else:
                self._bad.add(self._name, number, message, unit="row")


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    known = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
    return kind in known or _is_view(kind)


def _is_view(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return kind in (pa.string_view(), pa.binary_view())


def _cast_view(values: pa.Array) -> pa.Array:
    """The same, as functions know it: few take views."""
    import pyarrow as pa

    if not _is_view(values.type):
        return values
    return values.cast(pa.large_string() if values.type == pa.string_view() else pa.large_binary())


def _without_views(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    if not (pa.types.is_dictionary(column.type) and _is_view(column.type.value_type)):
        return column
    return pa.DictionaryArray.from_arrays(column.indices, _cast_view(column.dictionary))


def _longest_in_dictionary(column: pa.Array) -> int | None:
    """`_longest` of all entries of a dictionary; None where a column has none."""
    import pyarrow as pa

    return _longest(column.dictionary) if pa.types.is_dictionary(column.type) else None


def _longest(values: pa.Array) -> int:
    """Bytes of the longest name at most."""
    import pyarrow.compute as pc

    if not _is_text(values.type):
        return _NUMBER_BYTES
    return int(pc.max(pc.binary_length(values)).as_py() or 0)


def _texts(column: pa.Array) -> pa.Array:
    """A column as texts."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(pa.string())


def _text(value: Any) -> str | bytes | None:
    """One value as text; bytes where it is none, None where there is no value."""
    import pyarrow as pa

    if pa.types.is_dictionary(value.type):
        value = value.value if value.is_valid else None
    if value is None or not value.is_valid:
        return None
    if not _is_text(value.type):
        return str(value.as_py())
    data: bytes = value.cast(pa.large_binary()).as_py()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
