"""Rule files with right checksums and wrong contents: nothing is indexed before it is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pff_stream.errors import InputError
from pff_stream.rules._format import CHUNK_COLUMNS, SOURCE_COLUMNS
from tests.rules.altered import read_all, rewritten


def test_another_format_version_says_to_compile_again() -> None:
    """A file of another version is not guessed at."""
    with pytest.raises(InputError, match="format version 2, expected 1; compile the rules again"):
        read_all(rewritten(lambda index, maps: maps[0].update(format_version=2)))
    with pytest.raises(InputError, match="found format 'other'"):
        read_all(rewritten(lambda index, maps: maps[0].update(format="other")))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("semantics", "both"),
        ("source", b"x"),
        ("source_hash", b"short"),
        ("rule_format", 1),
        ("source_hash", None),
    ],
)
def test_wrong_headers_are_refused(field: str, value: object) -> None:
    """Every field of the header is checked."""
    with pytest.raises(InputError, match=f"found {field} "):
        read_all(rewritten(lambda index, maps: maps[0].update({field: value})))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rules", 6),
        ("rules", -1),
        ("rules", "x"),
        ("rules", None),
        ("rejected", 0),
        ("max_text_bytes", 1 << 63),
        ("work", 1),
        ("work", {"weight": -1}),
        ("kind", "rules"),
        ("chunks", None),
        ("source_chunks", None),
        ("header_bytes", None),
    ],
)
def test_wrong_indexes_are_refused(field: str, value: object) -> None:
    """Every field of the index is checked, and rules must add up."""
    with pytest.raises(InputError, match=r"byte \d+: found .*, expected "):
        read_all(rewritten(lambda index, maps: index.update({field: value})))


def int32(*values: int) -> bytes:
    """Numbers as an i32 (or u32) column."""
    return np.array(values, "<i4").tobytes()


HARMFUL: list[tuple[str, Callable[[bytes], bytes | None]]] = [
    *((name, lambda column: None) for name in CHUNK_COLUMNS),
    *((name, lambda column: column + b"\1") for name in CHUNK_COLUMNS),
    *((name, lambda column: column[:-8]) for name in CHUNK_COLUMNS if name != "text_ends"),
    ("name_ends", lambda column: int32(-1) + column[4:]),
    ("name_ends", lambda column: column[4:8] + column[:4] + column[8:]),
    ("atoms", lambda column: int32(99) + column[4:]),
    ("atoms", lambda column: int32(-1) + column[4:]),
    ("atoms", lambda column: column[:4] + int32(26) + column[8:]),
    ("atoms", lambda column: column[:4] + int32(1) + column[8:]),
    ("atoms", lambda column: column[:8] + int32(2) + column[12:]),
    ("atoms", lambda column: column[:4] + int32(-99) + column[8:]),
    ("atoms", lambda column: column[:4] + int32(-(1 << 31)) + column[8:]),
    ("heads", lambda column: column[:4] + int32(2) + column[8:]),
    ("heads", lambda column: column[:-8] + int32(2) + column[-4:]),
    ("heads", lambda column: int32(99) + column[4:]),
    ("heads", lambda column: column[:8] + int32(-99) + column[12:]),
    ("body_ends", lambda column: column[4:8] + column[:4] + column[8:]),
    ("body_ends", lambda column: column[:-4] + int32(9)),
    ("body_ends", lambda column: int32(-1) + column[4:]),
    ("rule_body", lambda column: column[:-4] + int32(3)),
    ("rule_body", lambda column: int32(2) + column[4:]),
    ("sources", lambda column: b"\xff" * 8 + column[8:]),
    ("flags", lambda column: b"\1" + column[1:]),
    ("flags", lambda column: bytes(len(column))),
    ("flags", lambda column: column.replace(b"\3", b"\4")),
    ("text_ends", lambda column: int32(1) + column[4:]),
    ("text_ends", lambda column: int32(-1) + column[4:]),
]


@pytest.mark.parametrize("case", range(len(HARMFUL)))
def test_columns_that_point_outside_are_refused(case: int) -> None:
    """A file with right checksums cannot make a reader index outside of an array."""
    name, change = HARMFUL[case]

    def alter(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        column = change(maps[1][name])
        maps[1].pop(name)
        if column is not None:
            maps[1][name] = column

    with pytest.raises(InputError, match=r"byte \d+: found .*, expected columns of a chunk"):
        read_all(rewritten(alter))


HARMFUL_SOURCE: list[tuple[str, Callable[[Any], object]]] = [
    *((name, lambda column: None) for name in (*SOURCE_COLUMNS, "first")),
    *((name, lambda column: column + b"\1") for name in SOURCE_COLUMNS),
    ("text_ends", lambda column: int32(-1) + column[4:]),
    ("rejected", lambda column: int32(1 << 20) + column[4:]),
    ("first", lambda first: 1),
    ("first", lambda first: -1),
]


@pytest.mark.parametrize("case", range(len(HARMFUL_SOURCE)))
def test_source_columns_that_point_outside_are_refused(case: int) -> None:
    """The same for the chunks that the report reads."""
    name, change = HARMFUL_SOURCE[case]

    def alter(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        maps[2][name] = change(maps[2][name])

    with pytest.raises(InputError, match=r"expected columns of a source chunk"):
        read_all(rewritten(alter))


def test_wrong_msgpack_is_refused() -> None:
    """A chunk of the wrong kind, or that is no map, is refused."""
    with pytest.raises(InputError, match="kind 'source', expected 'rules'"):
        read_all(rewritten(lambda index, maps: maps[1].update(kind="source")))

    def nest(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        maps[1] = [maps[1]]  # type: ignore[call-overload]

    with pytest.raises(InputError, match="no msgpack"):
        read_all(rewritten(nest))
