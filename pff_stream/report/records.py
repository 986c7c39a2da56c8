"""The result records that workers spool and the report reads: one format, known to both sides.

A run is a range of a spool file that holds whole records, sorted by (source, part). Record, version
2, little-endian: a header (`RECORD`: source u64, part u32, payload_bytes u32, outcome u8, reason
u8, n_counts u8, place u8, n_examples u32, facts i64, then n_counts x i64), then the payload. Facts
are all triples of the head's relation. The place is that of the head's functional variable: 0
subject, 1 object. The counts are those of `Counts`, in its order; a record with another number of
them is of another version.

- With examples: `EXAMPLES` (n_atoms u32, head relation i32, three lengths u32), the literals of the
  head's relation, subject and object, zeros up to a multiple of 4, then for each example subject,
  object, and n_atoms x (subject, relation, object), all i32. An id of -1 in the head means the
  literal; all other ids are the graph's.
- With reason `TEXT`: the reason, UTF-8.
- Else nothing.

Examples come by (subject, object). A rule whose examples do not fit one record goes on in part 1,
2, ..., its counts repeated in each. The reader and writer here are slow and plain; what merges
millions of records is `_merge`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from pff_stream.errors import DamagedResultsError

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""What JSON can say."""


class Counts(NamedTuple):
    """What is counted of a rule; the first bounds all others."""

    predictions: int = 0
    support: int = 0
    """Predictions that are triples of the graph."""
    unknown: int = 0
    """Predictions of which the graph says nothing, under partial completeness."""

    @property
    def absent(self) -> int:
        """Predictions that are not triples of the graph; `unknown` is at most so many."""
        return self.predictions - self.support

    def violations(self, *, partial: bool) -> int:
        """Absent predictions; with `partial` without the unknown ones."""
        return self.absent - self.unknown if partial else self.absent

    def partial_confidence(self, more: int = 0) -> float | None:
        """The support by the decided predictions and so many more; None where that is 0."""
        decided = self.predictions - self.unknown + more
        return self.support / decided if decided else None


NOTHING_COUNTED = Counts()

RECORD = struct.Struct(f"<QIIBBBBIq{len(Counts._fields)}q")
EXAMPLES = struct.Struct("<IiIII")
RUN = struct.Struct("<IIQQ")
"""A run as `_merge` takes it: number of its file, CRC-32, offset and length in bytes."""

LITERAL = -1
"""Stands for an id that the graph does not have."""


class Outcome(IntEnum):
    """What became of a rule, exactly one; `word` is what reports print."""

    SATISFIED = 0
    VIOLATED = 1
    VACUOUS = 2
    FILTERED = 3
    TOO_LARGE = 4
    FAILED = 5
    REJECTED = 6

    @property
    def word(self) -> str:
        """The outcome as it is printed."""
        return self.name.lower().replace("_", "-")

    @property
    def evaluated(self) -> bool:
        """Whether the rule has counts."""
        return self <= Outcome.VACUOUS


class Reason(IntEnum):
    """Why a rule has its outcome; `text` is what reports print."""

    NONE = 0
    RELATION_ABSENT = 1
    CONSTANT_ABSENT = 2
    NOTHING_MATCHES = 3
    UNDER_SUPPORT = 4
    UNDER_CONFIDENCE = 5
    OVER_MAX_WORK = 6
    TEXT = 7
    ALL_UNKNOWN = 8
    HEAD_RELATION_ABSENT = 9
    RELATION_NOT_ASKED = 10

    @property
    def text(self) -> str:
        """The reason as it is printed; empty for `NONE`, and for `TEXT` whose record says it."""
        return REASON_TEXTS[self]


REASON_TEXTS: Mapping[Reason, str] = {
    Reason.NONE: "",
    Reason.RELATION_ABSENT: "relation not in the graph",
    Reason.CONSTANT_ABSENT: "constant not in the graph",
    Reason.NOTHING_MATCHES: "nothing matches",
    Reason.UNDER_SUPPORT: "below --min-support",
    Reason.UNDER_CONFIDENCE: "below --min-confidence",
    Reason.OVER_MAX_WORK: "work bound over --max-work",
    Reason.TEXT: "",
    Reason.ALL_UNKNOWN: "all predictions unknown",
    Reason.HEAD_RELATION_ABSENT: "head relation not in the graph",
    Reason.RELATION_NOT_ASKED: "head relation not asked for",
}

VACUOUS_REASONS = (
    Reason.RELATION_ABSENT,
    Reason.CONSTANT_ABSENT,
    Reason.NOTHING_MATCHES,
    Reason.ALL_UNKNOWN,
)

Ids = tuple[int, int, int]
"""(subject, relation, object), ids of the graph."""

Names = tuple[str, str, str]
"""(subject, relation, object), by name."""


class Run(NamedTuple):
    """A range of a spool file that holds sorted records."""

    file: int
    """Place of its file in the list that goes with the runs."""
    crc32: int
    offset: int
    """First byte."""
    length: int
    """Bytes."""


class ExampleIds(NamedTuple):
    """A violation by ids; `LITERAL` in the head stands for the record's literal."""

    subject: int
    object: int
    witness: tuple[Ids, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One record, decoded."""

    source: int
    """Ordinal of the rule in its source, rejected ones counted."""
    outcome: Outcome
    reason: Reason = Reason.NONE
    counts: Counts = NOTHING_COUNTED
    facts: int = 0
    """Triples of the graph that have the head's relation."""
    part: int = 0
    text: str = ""
    """The reason, with `Reason.TEXT`."""
    place: int = 0
    """Of the head's functional variable: 0 subject, 1 object."""
    n_atoms: int = 0
    """Body atoms, the length of every witness."""
    head_relation: int = LITERAL
    relation: bytes = b""
    """The head's relation where the graph does not have it."""
    subject: bytes = b""
    """The head's subject where the graph does not have it; so `object`."""
    object: bytes = b""
    examples: tuple[ExampleIds, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A head that the body predicts and the graph does not have, and body triples that show it."""

    head: Names
    witness: tuple[Names, ...]
    """One triple per body atom, in the order of the body."""


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """All that a run found out about one rule."""

    line: int
    """Line in the source, from 1."""
    text: str
    outcome: Outcome
    reason: str
    """Empty where the outcome says all."""
    counts: Counts
    confidence: float | None
    """support / (predictions + unseen); None without predictions."""
    miner_confidence: float | None
    """What the miner wrote beside the rule; None where it wrote nothing."""
    examples: tuple[Violation, ...]
    """The first violations by (subject, object) in id order, as many as the caps left."""
    partial_confidence: float | None = None
    """support / (predictions - unknown + unseen); None where that is 0."""
    partial: bool = False
    """Whether unknown predictions are no violations."""

    @property
    def predictions(self) -> int:
        """How many predictions there are."""
        return self.counts.predictions

    @property
    def support(self) -> int:
        """How many of them are triples of the graph."""
        return self.counts.support

    @property
    def unknown(self) -> int:
        """Predictions of which the graph says nothing, under partial completeness."""
        return self.counts.unknown

    @property
    def violations(self) -> int:
        """How many violations there are, those beyond `examples` included."""
        return self.counts.violations(partial=self.partial)


def pack_record(record: Record) -> bytes:
    """The bytes of a record."""
    payload = b""
    if record.examples:
        payload = _pack_examples(record)
    elif record.reason == Reason.TEXT:
        payload = record.text.encode()
    return (
        RECORD.pack(
            record.source,
            record.part,
            len(payload),
            record.outcome,
            record.reason,
            len(record.counts),
            record.place,
            len(record.examples),
            record.facts,
            *record.counts,
        )
        + payload
    )


def read_records(run: bytes | memoryview) -> Iterator[Record]:
    """The records of one run; `DamagedResultsError` with the byte where it is damaged."""
    data = bytes(run)
    at = 0
    while at < len(data):
        if len(data) - at < RECORD.size:
            raise DamagedResultsError(f"damaged results: byte {at}: a record ends in its header")
        source, part, size, *fields = RECORD.unpack_from(data, at)
        outcome, reason, n_counts, place, n, facts, *counts = fields
        payload = data[at + RECORD.size : at + RECORD.size + size]
        try:
            if n_counts != len(counts):
                raise ValueError(f"found {n_counts} counts, expected {len(counts)}")
            if len(payload) < size:
                raise ValueError("a record ends in its payload")
            codes = Outcome(outcome), Reason(reason)
            record = Record(source, *codes, Counts(*counts), facts, part, place=place)
            yield _read_payload(record, payload, n)
        except (ValueError, struct.error) as error:
            raise DamagedResultsError(f"damaged results: byte {at}: {error}") from error
        at += RECORD.size + size


def _pack_examples(record: Record) -> bytes:
    literals = record.relation + record.subject + record.object
    begin = EXAMPLES.pack(
        record.n_atoms,
        record.head_relation,
        len(record.relation),
        len(record.subject),
        len(record.object),
    )
    ids: list[int] = []
    for example in record.examples:
        ids += example[:2]
        for triple in example.witness:
            ids += triple
    padding = bytes(-(len(begin) + len(literals)) % 4)
    return begin + literals + padding + struct.pack(f"<{len(ids)}i", *ids)


def _read_payload(record: Record, payload: bytes, n_examples: int) -> Record:
    if not n_examples:
        return replace(record, text=payload.decode())
    n_atoms, head_relation, *lengths = EXAMPLES.unpack_from(payload)
    at = EXAMPLES.size
    literals = []
    for length in lengths:
        literals.append(payload[at : at + length])
        at += length
    at += -at % 4
    width = 2 + 3 * n_atoms
    ids = struct.unpack(f"<{n_examples * width}i", payload[at:])
    examples = []
    for begin in range(0, len(ids), width):
        subject, object_, *witness = ids[begin : begin + width]
        triples = zip(witness[::3], witness[1::3], witness[2::3], strict=True)
        examples.append(ExampleIds(subject, object_, tuple(triples)))
    return replace(
        record,
        n_atoms=n_atoms,
        head_relation=head_relation,
        relation=literals[0],
        subject=literals[1],
        object=literals[2],
        examples=tuple(examples),
    )
