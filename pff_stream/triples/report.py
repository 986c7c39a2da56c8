"""What encoding read and wrote, in numbers, and what it warns of."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from pff_stream.triples.bad import BadTriple
from pff_stream.triples.sizes import EncodeCounts

_logger = logging.getLogger("pff_stream")


@dataclass(frozen=True, slots=True)
class EncodeReport:
    """What was read and written."""

    n_read: int
    """Triples read, repeated ones included."""
    n_triples: int
    n_entities: int
    n_relations: int
    n_bad: int
    bad: tuple[BadTriple, ...]
    """The first bad triples."""
    n_blank: int
    """Blank lines of TSV, which say nothing."""
    n_comments: int
    """Lines of TSV that begin with # and have not as many fields as the others."""
    warnings: tuple[str, ...]
    """What the formats read otherwise than it may have been meant, one sentence each."""
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


def log_report(report: EncodeReport) -> None:
    """Warns of what was read otherwise than it may have been meant."""
    for warning in report.warnings:
        _logger.warning("%s", warning)
    if report.n_comments:
        lines = (
            "1 line that begins"
            if report.n_comments == 1
            else (f"{report.n_comments:,} lines that begin")
        )
        _logger.warning("%s with # and do not hold a triple: left out as comments", lines)
    if report.letter_entity:
        _logger.warning(
            "an entity is named by one letter A to Z: a rule cannot name it, there it is a variable"
        )
