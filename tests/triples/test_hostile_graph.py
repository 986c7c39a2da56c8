"""Graph files with right checksums and wrong contents: refused before anything is looked up."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pff_stream.errors import InputError
from pff_stream.triples.graph import verify
from tests.triples.memory_writer import encoded

TRIPLES = [("a", "r", "b"), ("b", "r", "c"), ("c", "q", "a"), ("a", "q", "a"), ("b", "r", "b")]
DATA = encoded(TRIPLES)[0]
SPARSE = encoded([(f"e{i}", "r", f"e{i + 1}") for i in range(2000)] + [("e1", "q", "e2")])[0]


def u64(data: bytes | bytearray, at: int) -> int:
    """A number of the file."""
    return int(struct.unpack_from("<Q", data, at)[0])


def table(data: bytes | bytearray, rows: int) -> int:
    """The record of a relation in one direction: 0 r forward, 1 r backward, 2 q forward."""
    return u64(data, 144) + 80 * rows


def put(data: bytearray, at: int, number: int, width: int = 4) -> None:
    """Writes a number."""
    data[at : at + width] = number.to_bytes(width, "little")


def put_value(rows: int, index: int, number: int, part: int = 2) -> Callable[[bytearray], None]:
    """Changes one entry of a section (0 keys, 1 offsets, 2 values, 3 index, 4 ranks)."""
    return lambda data: put(data, u64(data, table(data, rows) + 8 * part) + 4 * index, number)


def put_field(rows: int, field: int, number: int) -> Callable[[bytearray], None]:
    """Changes one count of a record."""
    return lambda data: put(data, table(data, rows) + field, number)


def put_name(section: int, at: int, name: bytes) -> Callable[[bytearray], None]:
    """Writes over names; they are one byte long."""

    def change(data: bytearray) -> None:
        begin = u64(data, section) + at
        data[begin : begin + len(name)] = name

    return change


def swap_slots(data: bytearray) -> None:
    """Exchanges two entries of the index of entities."""
    at = u64(data, 88)
    slots = struct.unpack_from("<8I", data, at)
    used = [i for i, slot in enumerate(slots) if slot]
    put(data, at + 4 * used[0], slots[used[1]])
    put(data, at + 4 * used[1], slots[used[0]])


WRONG: dict[str, Callable[[bytearray], None]] = {
    "the directions differ": put_value(1, 0, 2),
    "a value out of order": put_value(0, 1, 2),
    "a value outside": put_value(0, 0, 3),
    "a negative value": put_value(0, 0, 0xFFFFFFFF),
    "a key outside": put_value(0, 1, 3, part=0),
    "an offset that falls": put_value(0, 1, 3, part=1),
    "a first offset over 0": put_value(0, 0, 1, part=1),
    "a rank": put_value(0, 0, 1, part=4),
    "a bit less": put_value(0, 0, 1, part=3),
    "the largest row": put_field(0, 48, 9),
    "the self-loops": put_field(0, 52, 0),
    "the kind of the index": put_field(0, 56, 1),
    "an unknown kind": put_field(0, 56, 2),
    "the shift of a bitmap": put_field(0, 60, 1),
    "what is not used": put_field(0, 64, 1),
    "flags": lambda data: put(data, 12, 0),
    "an unknown flag": lambda data: put(data, 12, 5),
    "fewer read than there are": lambda data: put(data, 48, 4, 8),
    "unused bytes of the header": lambda data: put(data, 200, 1),
    "sections over one another": lambda data: put(data, 64, u64(data, 72), 8),
    "a relation's sections over one another": lambda data: put(
        data, table(data, 0) + 16, u64(data, table(data, 2) + 16), 8
    ),
    "a name twice": put_name(72, 0, b"bb"),
    "another name than the index has": put_name(72, 0, b"z"),
    "a name that is no UTF-8": put_name(72, 0, b"\xff"),
    "a NUL": put_name(112, 0, b"\0"),
    "a newline": put_name(72, 1, b"\n"),
    "an empty name": lambda data: put(data, u64(data, 64), 0, 8),
    "ends that fall": lambda data: put(data, u64(data, 64), 9, 8),
    "slots exchanged": swap_slots,
    "a slot twice": lambda data: put(data, u64(data, 128), 1),
}


def checked(data: bytearray, path: Path) -> None:
    """Makes the checksums right again and verifies."""
    put(data, 56, zlib.crc32(data[256:]))
    put(data, 252, zlib.crc32(data[:252]))
    path.write_bytes(data)
    verify(str(path))


@pytest.mark.parametrize("case", WRONG)
def test_wrong_contents_are_refused(case: str, tmp_path: Path) -> None:
    """A right checksum is no proof: every entry is checked against all that depends on it."""
    checked(bytearray(DATA), tmp_path / "good.pffg")
    data = bytearray(DATA)
    WRONG[case](data)
    assert data != DATA
    with pytest.raises(InputError, match=r"x\.pffg: .*damaged graph, encode the triples again"):
        checked(data, tmp_path / "x.pffg")


@pytest.mark.thorough
def test_cut_or_flipped_anywhere(tmp_path: Path) -> None:
    """A file that ends before its end, or has one bit of any byte changed, is refused."""
    path = tmp_path / "x.pffg"
    for at in range(len(DATA)):
        path.write_bytes(DATA[:at])
        with pytest.raises(InputError):
            verify(str(path))
        path.write_bytes(DATA[:at] + bytes([DATA[at] ^ 1 << at % 8]) + DATA[at + 1 :])
        with pytest.raises(InputError):
            verify(str(path))


@pytest.mark.parametrize(("field", "number"), [(60, 31), (60, 32), (60, 3), (56, 0)])
def test_directories_are_as_fine_as_they_must_be(field: int, number: int, tmp_path: Path) -> None:
    """One bucket for all keys would be right and take for ever."""
    checked(bytearray(SPARSE), tmp_path / "good.pffg")
    data = bytearray(SPARSE)
    assert data[table(data, 2) + 56] == 1
    put(data, table(data, 2) + field, number)
    with pytest.raises(InputError, match="damaged graph"):
        checked(data, tmp_path / "x.pffg")


def test_me_myself_i_is_no_entity(tmp_path: Path) -> None:
    """The one name that rules read otherwise cannot come in by a file."""
    data = bytearray(encoded([("me_myself_j", "r", "b")])[0])
    begin = u64(data, 72)
    data[begin : begin + 11] = b"me_myself_i"
    with pytest.raises(InputError, match="no names"):
        checked(data, tmp_path / "x.pffg")
