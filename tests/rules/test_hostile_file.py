"""Rule files with right checksums and wrong contents: nothing is indexed before it is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pff_stream.errors import InputError
from pff_stream.rules._format import CHUNK_COLUMNS, SOURCE_COLUMNS
from pff_stream.rules.rule import MAX_BODY_ATOMS
from tests.rules.altered import read_all, rewritten

COLUMN = {
    "dtype": "<i8",
    "unit": "triples",
    "meaning": "what is counted",
    "rules": 1,
    "in_range": 0,
}
"""A column of the miner as a header lists it."""


def test_another_format_version_says_to_compile_again() -> None:
    """A file of another version is not guessed at, whatever its index is."""

    def of_version_1(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        maps[0].update(format_version=1)
        maps[0].pop("columns")
        index |= index.pop("counts")

    with pytest.raises(InputError, match="compiled by an older version: compile it again"):
        read_all(rewritten(of_version_1))
    with pytest.raises(InputError, match="version 3, expected 2: .*: compile the rules again"):
        read_all(rewritten(lambda index, maps: maps[0].update(format_version=3)))
    with pytest.raises(InputError, match="found format 'other'"):
        read_all(rewritten(lambda index, maps: maps[0].update(format="other")))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("semantics", "both"),
        ("source", b"x"),
        ("source_hash", b"short"),
        ("rule_format", 1),
        ("namespaces", 1),
        ("source_hash", None),
        ("rule_format", "unknown"),  # the small file has a text that the format must settle
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
        ("ambiguous", 1 << 63),
        ("filters", None),
        ("counts", None),
        ("counts", []),
        ("work", 1),
        ("work", {"weight": -1}),
        ("kind", "rules"),
        ("chunks", None),
        ("source_chunks", None),
        ("header_bytes", None),
        ("max_chunk_rules", 3),
        ("max_body_atoms", 1),
        ("bodies", 1),
    ],
)
def test_wrong_indexes_are_refused(field: str, value: object) -> None:
    """Every field of the index is checked, and rules must add up."""

    def alter(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        (index if field in index else index["counts"]).update({field: value})

    with pytest.raises(InputError, match=r"byte \d+: found .*, expected "):
        read_all(rewritten(alter))


@pytest.mark.parametrize(
    "columns",
    [
        None,
        [],
        {f"c{i}": COLUMN for i in range(17)},
        {"Upper": COLUMN},
        {"support": None},
        {"support": {**COLUMN, "dtype": "<i4"}},
        {"support": {**COLUMN, "unit": None}},
        {"support": {**COLUMN, "meaning": "x" * 201}},
        {"support": {**COLUMN, "rules": -1}},
        {"support": {**COLUMN, "rules": True}},
        {"support": {**COLUMN, "rules": 1.5}},
        {"support": {**COLUMN, "in_range": -1}},
        {"support": {**COLUMN, "in_range": 2}},
        {"support": {**COLUMN, "in_range": None}},
    ],
)
def test_wrong_columns_of_the_miner_are_refused(columns: object) -> None:
    """The header lists columns by name, each with what it is."""
    with pytest.raises(InputError, match=r"byte 0: found .*, expected columns of the miner"):
        read_all(rewritten(lambda index, maps: maps[0].update(columns=columns)))


def test_more_rules_with_a_column_than_there_are() -> None:
    """The header's counts are held against the index."""

    def alter(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        maps[0]["columns"]["support"]["rules"] = 6

    with pytest.raises(InputError, match="found 6 rules with support, expected 5"):
        read_all(rewritten(alter))


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
    ("rule_body", lambda column: column[:-4] + column[-8:-4]),
    ("rule_body", lambda column: int32(1) * (len(column) // 4 - 1) + int32(2)),
    # Names that no rule can have, and one that no graph would find.
    ("names", lambda column: b"\0" + column[1:]),
    ("names", lambda column: b"\n" + column[1:]),
    ("names", lambda column: b"\xff" + column[1:]),
    ("name_ends", lambda column: column[:4] * 2 + column[8:]),
    ("name_hashes", lambda column: bytes([column[0] ^ 1]) + column[1:]),
    # The last rule is a zero rule: its head has one variable, number 0, or 1 on both sides.
    ("heads", lambda column: column[:-8] + int32(0, 1)),
    ("heads", lambda column: column[:-8] + int32(1) + column[-4:]),
    ("heads", lambda column: column[:-8] + int32(2, 2)),
    ("texts", lambda column: b"\xff" + column[1:]),
    ("texts", lambda column: b"\n" + column[1:]),
    ("sources", lambda column: b"\xff" * 8 + column[8:]),
    ("flags", lambda column: b"\1" + column[1:]),
    ("flags", lambda column: bytes(len(column))),
    ("flags", lambda column: column.replace(b"\3", b"\x08")),
    ("text_ends", lambda column: int32(1) + column[4:]),
    ("text_ends", lambda column: int32(-1) + column[4:]),
    ("miner_confidence", lambda column: np.array(np.inf).tobytes() + column[8:]),
    ("miner_confidence", lambda column: np.array(-1e-116).tobytes() + column[8:]),
    ("miner_support", lambda column: np.array(-2).tobytes() + column[8:]),
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


MINER = ("miner.predictions", "miner.support", "miner.confidence")
HARMFUL_SOURCE: list[tuple[str, Callable[[Any], object]]] = [
    *((name, lambda column: None) for name in (*SOURCE_COLUMNS, *MINER, "first")),
    *((name, lambda column: column + b"\1") for name in (*SOURCE_COLUMNS, *MINER)),
    ("text_ends", lambda column: int32(-1) + column[4:]),
    ("rejected", lambda column: int32(1 << 20) + column[4:]),
    ("texts", lambda column: b"\xff" + column[1:]),
    ("texts", lambda column: b"\t" + column[1:]),
    ("texts", lambda column: b"\n" + column[1:]),
    ("reasons", lambda column: b"\xff" + column[1:]),
    ("lines", lambda column: column[8:16] * 2 + column[16:]),
    ("lines", lambda column: bytes(8) + column[8:]),
    ("miner.confidence", lambda column: np.array(np.inf).tobytes() + column[8:]),
    ("miner.confidence", lambda column: np.array(-0.5).tobytes() + column[8:]),
    ("miner.confidence", lambda column: column[:20]),
    ("miner.support", lambda column: b"\xfe" + column[1:]),
    ("miner.support", lambda column: column * 3),
    ("miner.support", lambda column: b""),
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


@pytest.mark.parametrize(
    "packed",
    [
        b"\xdd\x80\x00\x00\x00",  # an array of 2**31
        b"\xdf\xff\xff\xff\xff",  # a map of 2**32 - 1
        b"\xc6\xff\xff\xff\xff",  # as many bytes
        b"\xdb\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\x81\xa1a" * 1000 + b"\xc0",  # a thousand maps in one another
        b"\x81\xa1a" * 100_000,
        b"\x91" * 1000 + b"\xc0",
        b"\x81\xa2\xed\xa0\xc0",  # a lone surrogate as a key
        b"\xc1",
        b"",
    ],
    ids=range(11),
)
def test_hostile_msgpack_is_refused(packed: bytes) -> None:
    """Lengths that no file has, and depth, cost neither memory nor the stack."""

    def alter(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        maps[1] = packed  # type: ignore[call-overload]

    with pytest.raises(InputError, match=r"byte \d+: found "):
        read_all(rewritten(alter))


def test_a_body_is_no_longer_than_a_line() -> None:
    """What is evaluated atom by atom has at most as many as the longest text."""
    for n_atoms, refused in ((MAX_BODY_ATOMS, False), (MAX_BODY_ATOMS + 1, True)):

        def alter(index: dict[str, Any], maps: list[dict[str, Any]], n: int = n_atoms) -> None:
            chunk = maps[1]
            first = int.from_bytes(chunk["body_ends"][:4], "little")
            more = n - first
            chunk["atoms"] = chunk["atoms"][:12] * more + chunk["atoms"]
            ends = np.frombuffer(chunk["body_ends"], "<u4") + np.uint32(more)
            chunk["body_ends"] = ends.tobytes()
            index["counts"]["max_body_atoms"] = n

        if refused:
            with pytest.raises(InputError, match=f"a body of {n_atoms} atoms"):
                read_all(rewritten(alter))
        else:
            read_all(rewritten(alter))
