"""What encoding read and wrote, in numbers, and what it warns of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pff_stream.errors import InputError
from pff_stream.notes import BAD_TRIPLES, COMMENTS, READ_OTHERWISE, Notes, Place, say
from pff_stream.triples.sizes import EncodeCounts


def no_triples(sources: str, others: str = "", listed: str = "") -> InputError:
    """The error for triples that are none; `others` says what was found instead."""
    found = f", only {others}" if others else ""
    return InputError(f"{sources}: found no triple{found}, expected at least one{listed}")


class EncodeReport(NamedTuple):
    """What was read and written."""

    n_read: int
    """Triples read, repeated ones included."""
    n_triples: int
    n_entities: int
    n_relations: int
    n_blank: int
    """Blank lines of TSV, which say nothing."""
    notes: Notes
    """What was skipped, and read otherwise than it may have been meant."""
    well_nested: bool
    letter_entity: bool
    """An entity is named by one letter A to Z, which rules read as a variable."""
    entity_name_bytes: int
    relation_name_bytes: int
    largest_relation_read: int
    graph_bytes: int
    memory_counts: EncodeCounts
    """What the memory of encoding depended on."""
    mapping: str
    input_hash: bytes
    """blake2b-128 of the triple lines, input after input."""
    read_seconds: float
    seconds: float
    input_hashes: Mapping[str, bytes] = {}
    """Of each input by its name, where there are several and some cannot be read again."""
    disk_bytes: int = 0
    """Of temporary files at most, for triples and names that did not fit the memory."""

    @property
    def n_bad(self) -> int:
        """Bad triples that were skipped."""
        return self.notes.count(BAD_TRIPLES)

    @property
    def n_comments(self) -> int:
        """Lines of TSV that begin with # and have not as many fields as the others."""
        return self.notes.count(COMMENTS)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the formats read otherwise than it may have been meant, one sentence each."""
        return tuple(place.reason for place in self.notes.first(READ_OTHERWISE))

    @property
    def bad(self) -> tuple[Place, ...]:
        """The first bad triples."""
        return self.notes.first(BAD_TRIPLES)


def log_report(report: EncodeReport) -> None:
    """Says what was skipped, and what was read otherwise than it may have been meant."""
    say(report.notes)
