"""What compiling read and wrote, in numbers, and which lines it could not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pff_stream.errors import InputError
from pff_stream.notes import Notes

FIRST_REJECTIONS = 20
REASON_BYTES = 1024


def no_rules(source: str) -> InputError:
    """The error for rules that are none: nothing would be checked."""
    return InputError(f"{source}: found no rule, expected at least one")


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rule line that could not be read; line and column (characters) from 1."""

    line: int
    column: int
    found: str
    expected: str

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}"
        return f"{place}: found {self.found}, expected {self.expected}"


@dataclass(slots=True)
class Rejections:
    """Keeps the first rejected lines."""

    first: list[Rejection] = field(default_factory=list)

    def add(self, line: int, column: int, found: str, expected: str) -> bytes:
        """Answers the reason that the rule file keeps, at most REASON_BYTES."""
        if len(self.first) < FIRST_REJECTIONS:
            self.first.append(Rejection(line, column, found, expected))
        reason = f"column {column}: found {found}, expected {expected}".encode("utf-8", "replace")
        if len(reason) <= REASON_BYTES:
            return reason
        return reason[: REASON_BYTES - 3].decode("utf-8", "ignore").encode() + b"..."


@dataclass(frozen=True, slots=True)
class CompileReport:
    """What was read and written."""

    rule_format: str
    rules: int
    """Rules of the source, rejected ones included."""
    rejected: int
    rejections: tuple[Rejection, ...]
    """The first 20."""
    unsettled: int
    """Rules that only a graph's names can settle."""
    ambiguous: int
    """Rules whose text had several readings with a variable in each atom."""
    blanks: int
    """Rules that were read without blanks around names, as a graph may have them."""
    columns: Mapping[str, int]
    """How many rules have each column of the miner."""
    bodies: int
    """Distinct bodies."""
    chunks: int
    source_chunks: int
    spilled_runs: int
    """Sorted runs that went to disk; 0 when all rules fit."""
    file_bytes: int
    """Length of the rule file; of the one that would be written with `destination=None`."""
    touched_bytes: int
    """Of the memory that it was given, what it came to use."""
    unread_bytes: int
    """Of that, what it used only when all text was read, and its decoder gone."""
    written_bytes: int
    """Of the rule file, what may be in the page cache at once while it is written."""
    source_hash: bytes
    """blake2b-128 of the decompressed text."""
    seconds: float
    notes: Notes
    """What was skipped, and what was read otherwise than it stands."""
