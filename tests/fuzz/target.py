"""What a fuzz target is, and how bytes become edits of a file that is otherwise right."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

ACCEPTED, REFUSED = "accepted", "refused"

INTERESTING = (0, 1, 2, 3, 7, 25, 26, 27, 63, 64, 127, 255, 8192, 65535, 1 << 20, (1 << 31) - 1)
"""Numbers at borders; each is used as it is and as its complement."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that reads what somebody else wrote."""

    name: str
    seeds: Sequence[bytes]
    words: Sequence[bytes]
    """What inputs are made of, for the mutator."""
    check: Callable[[bytes], str]
    """`ACCEPTED` or `REFUSED`; whatever it raises is a finding."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Eight bytes of an input, read as a change of a file."""

    kind: int
    part: int
    column: int
    at: int
    value: int

    @property
    def number(self) -> int:
        """The value as a number that is likely to matter, at most 32 bits."""
        chosen = INTERESTING[self.value % 16]
        if self.value & 0x10:
            chosen = ~chosen & 0xFFFFFFFF
        return self.value >> 5 if self.value & 0x8000 else chosen

    def changed(self, old: int, bits: int) -> int:
        """A number of a file after this edit."""
        change = self.kind % 5
        new = (self.number, old + 1, old - 1, old ^ (1 << (self.value % bits)), old + self.number)
        return new[change] & ((1 << bits) - 1)


EDIT = struct.Struct("<BBBxHH")


def edits(data: bytes, most: int = 8) -> Iterator[Edit]:
    """The edits that an input stands for."""
    for at in range(0, min(len(data), most * EDIT.size) - EDIT.size + 1, EDIT.size):
        yield Edit(*EDIT.unpack_from(data, at))


SEEDS = (
    b"",
    *(EDIT.pack(kind, 1, column, 0, 1) for kind in range(5) for column in range(0, 13, 4)),
)
"""Inputs of targets that read edits."""


def check_message(message: str, *, places: Sequence[str]) -> None:
    """An error says where, what was found and what was expected."""
    assert any(place in message for place in places), message
    assert message == message.strip() and "\n" not in message, message
