"""A finished run made by hand or by hypothesis, and what its report must be, computed plainly.

`Case` holds rules, records and names; `expected` formats it with `json` and a sort and shares no
code with the merge; `stored` puts it where the merge reads it: spool files, runs, source chunks.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from pff_stream.report.formats.metrics import HEADER
from pff_stream.report.records import (
    REASON_TEXTS,
    Counts,
    ExampleIds,
    Names,
    Outcome,
    Reason,
    Record,
    Run,
    pack_record,
)
from pff_stream.report.run_table import RunTable
from pff_stream.report.spooled import Spooled
from pff_stream.report.streams import NOTHING_MINED, MinerValues
from pff_stream.triples._graph import GraphView
from tests.report.layout import graph_of_names
from tests.report.mined import mined, mined_columns

WORDS = ("satisfied", "violated", "vacuous", "filtered", "too-large", "failed", "rejected")


@dataclass(frozen=True, slots=True)
class Line:
    """One rule of the source; with `rejected` it has no records."""

    line: int
    text: str
    records: tuple[Record, ...] = ()
    rejected: str = ""
    mined: MinerValues = NOTHING_MINED


@dataclass(frozen=True, slots=True)
class Case:
    """A whole run."""

    entities: tuple[str, ...]
    relations: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the merge must write and count."""

    violations: bytes
    rules: bytes
    outcomes: bytes
    metrics: bytes
    counts: tuple[int, ...]
    totals: tuple[int, int, int, int, int, int]
    """predictions, support, violations, written, cut by max_examples, cut by max_violations."""
    worst: list[tuple[int, int]]
    """(violations, line)."""
    heads: list[list[tuple[Names, tuple[Names, ...]]]] = field(default_factory=list)
    """Examples of each rule within the cap."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A source chunk."""

    first: int
    lines: npt.NDArray[np.uint64]
    texts: bytes | npt.NDArray[np.uint8]
    text_ends: npt.NDArray[np.uint32]
    rejected: npt.NDArray[np.uint32]
    reasons: bytes
    miner: Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Stored:
    """A case as the merge takes it."""

    files: list[int]
    runs: RunTable
    chunks: list[Chunk]
    graph: GraphView

    @property
    def spooled(self) -> Spooled:
        """All of it."""
        return Spooled(self.graph, self.files, self.runs, self.chunks)


def expected(case: Case, unseen: int = 0, max_violations: int = 10**6) -> Expected:
    """The report of a case, rule by rule."""
    violations, rules, outcomes, metrics = [], [], [], []
    heads: list[list[tuple[Names, tuple[Names, ...]]]] = []
    predictions = support = kept = left = 0
    left = max_violations
    outcome_counts: Counter[int] = Counter()
    worst = []
    for line in case.lines:
        examples: list[tuple[Names, tuple[Names, ...]]] = []
        outcome, reason = Outcome.REJECTED, line.rejected
        if not line.rejected:
            record = line.records[0]
            outcome, reason = record.outcome, record.text or REASON_TEXTS[record.reason]
            for part in line.records:
                examples += [_names(case, part, example) for example in part.examples]
        outcome_counts[outcome] += 1
        reason = reason.replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
        outcomes.append(f"{line.line}\t{WORDS[outcome]}\t{reason}\n")
        metrics.append(outcomes[-1][:-1] + _metrics(line, outcome, unseen))
        kept += len(examples)
        shown = examples[:left]
        left -= len(shown)
        heads.append(shown)
        if outcome > Outcome.VACUOUS:
            continue
        predicted, supported, _ = record.counts
        predictions += predicted
        support += supported
        confidence = supported / (predicted + unseen) if predicted else None
        if outcome == Outcome.VIOLATED:
            worst.append((predicted - supported, line.line))
        rules.append(f"{predicted}\t{supported}\t{confidence or 0.0}\t{line.text}\n")
        for head, witness in shown:
            document = {
                "rule": line.line,
                "rule_text": line.text,
                "head": head,
                "witness": witness,
                "confidence": confidence,
                "miner_confidence": line.mined.confidence,
            }
            text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
            violations.append(text + "\n")
    wrong, written = predictions - support, max_violations - left
    worst.sort(key=lambda pair: (-pair[0], pair[1]))
    return Expected(
        "".join(violations).encode(),
        "".join(rules).encode(),
        "".join(outcomes).encode(),
        "".join((HEADER, *metrics)).encode(),
        tuple(outcome_counts[outcome] for outcome in Outcome),
        (predictions, support, wrong, written, wrong - kept, kept - written),
        worst[:10],
        heads,
    )


def _metrics(line: Line, outcome: Outcome, unseen: int) -> str:
    """The columns of metrics.tsv behind the reason."""
    counted: list[int | float | None] = [None] * 8
    if outcome <= Outcome.VACUOUS:
        (predicted, supported, unknown), facts = line.records[0].counts, line.records[0].facts
        decided, absent = predicted - unknown + unseen, predicted - supported
        counted = [
            *(predicted, supported, absent, unknown, absent),
            supported / (predicted + unseen) if predicted else None,
            supported / decided if decided else None,
            supported / facts if facts else None,
        ]
    text = line.text
    if outcome == Outcome.REJECTED:
        text = text.replace("\t", r"\t")
    cells = ["" if value is None else str(value) for value in (*counted, *line.mined)]
    return "\t" + "\t".join((*cells, text)) + "\n"


def _names(case: Case, record: Record, example: ExampleIds) -> tuple[Names, tuple[Names, ...]]:
    def entity(number: int, literal: bytes) -> str:
        return literal.decode() if number == -1 else case.entities[number]

    relation = record.relation.decode()
    if record.head_relation != -1:
        relation = case.relations[record.head_relation]
    subject = entity(example.subject, record.subject)
    witness = [
        (case.entities[s], case.relations[r], case.entities[o]) for s, r, o in example.witness
    ]
    return (subject, relation, entity(example.object, record.object)), tuple(witness)


@contextmanager
def stored(case: Case, assignment: Sequence[int] = (0,), chunk_rules: int = 3) -> Iterator[Stored]:
    """The case on disk: rule i lies in run `assignment[i % len]`; two files in turn."""
    chosen: dict[int, list[Record]] = {}
    for i, line in enumerate(case.lines):
        run = assignment[i % len(assignment)]
        chosen.setdefault(run, []).extend(line.records)
    with store_runs([chosen.get(i, []) for i in range(max(assignment) + 1)]) as (files, runs):
        graph = graph_of_names(case.entities, case.relations)
        yield Stored(files, runs, source_chunks(case.lines, chunk_rules), graph)


@contextmanager
def store_runs(runs: Sequence[Sequence[Record]]) -> Iterator[tuple[list[int], RunTable]]:
    """Two spool files with the runs in turn, and the runs as the merge takes them."""
    with tempfile.TemporaryFile() as even, tempfile.TemporaryFile() as odd:
        files = [even.fileno(), odd.fileno()]
        places = []
        for i, records in enumerate(runs):
            data = b"".join(map(pack_record, records))
            offset = os.lseek(files[i % 2], 0, os.SEEK_END)
            os.write(files[i % 2], data)
            places.append(Run(i % 2, zlib.crc32(data), offset, len(data)))
        yield files, RunTable(places)


def source_chunks(lines: Sequence[Line], chunk_rules: int = 3) -> list[Chunk]:
    """The lines as source chunks of so many rules."""
    return [
        _chunk(first, lines[first : first + chunk_rules])
        for first in range(0, len(lines), chunk_rules)
    ]


def _chunk(first: int, lines: Sequence[Line]) -> Chunk:
    texts = [line.text.encode() for line in lines]
    reasons = [line.rejected.encode() for line in lines]
    return Chunk(
        first,
        np.array([line.line for line in lines], dtype="<u8"),
        b"".join(texts),
        np.cumsum([len(text) for text in texts]).astype("<u4"),
        np.cumsum([len(reason) for reason in reasons]).astype("<u4"),
        b"".join(reasons),
        mined_columns([line.mined for line in lines]),
    )


names = st.one_of(
    st.sampled_from(
        ("ana", "knows", 'say "hi"', "back\\slash", "\x7f", "é", "🐘", "\b\t\n\f\r\x00\x1f")
    ),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
)
rule_texts = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n"), min_size=1)
counts = st.one_of(st.integers(1, 9), st.integers(1, 2**63 - 1))


@st.composite
def cases(draw: st.DrawFn, max_lines: int = 12) -> Case:
    """Up to twelve rules of every outcome over a few awkward names."""
    entities = tuple(draw(st.lists(names, min_size=1, max_size=5)))
    relations = tuple(draw(st.lists(names, min_size=1, max_size=3)))
    lines = []
    at = 0
    for source in range(draw(st.integers(0, max_lines))):
        at += draw(st.integers(1, 3))
        text = draw(rule_texts)
        said = draw(mined)
        if draw(st.integers(0, 4)) == 0:
            lines.append(Line(at, text, rejected=draw(names), mined=said))
        else:
            records = draw(_records(source, len(entities), len(relations)))
            lines.append(Line(at, text, records, mined=said))
    return Case(entities, relations, tuple(lines))


@st.composite
def _records(draw: st.DrawFn, source: int, n_entities: int, n_relations: int) -> tuple[Record, ...]:
    outcome = draw(st.sampled_from((Outcome.VIOLATED, Outcome.VIOLATED, *Outcome)))
    if outcome == Outcome.VIOLATED:
        return draw(_violated(source, n_entities, n_relations))
    if outcome == Outcome.SATISFIED:
        n = draw(counts)
        facts = draw(st.sampled_from((n, 2**63 - 1)))
        return (Record(source, outcome, counts=Counts(n, n), facts=facts),)
    reason = draw(st.sampled_from(Reason))
    text = draw(names) if reason == Reason.TEXT else ""
    return (Record(source, outcome, reason, text=text, facts=draw(st.integers(0, 2))),)


@st.composite
def _violated(
    draw: st.DrawFn, source: int, n_entities: int, n_relations: int
) -> tuple[Record, ...]:
    n_atoms = draw(st.integers(0, 3))
    entity, relation = st.integers(0, n_entities - 1), st.integers(0, n_relations - 1)
    triple = st.tuples(entity, relation, entity)
    head = st.one_of(st.just(-1), entity)
    example = st.builds(
        ExampleIds, head, head, st.lists(triple, min_size=n_atoms, max_size=n_atoms).map(tuple)
    )
    parts = draw(st.lists(st.lists(example, max_size=4), min_size=1, max_size=3))
    violations = sum(map(len, parts)) + draw(st.integers(0 if any(parts) else 1, 9))
    support = draw(st.one_of(st.integers(0, 9), st.integers(0, 2**63 - 1 - violations)))
    unknown = draw(st.integers(0, violations))
    bare = Record(
        source,
        Outcome.VIOLATED,
        counts=Counts(support + violations, support, unknown),
        facts=draw(st.sampled_from((support, min(support + 3, 2**63 - 1)))),
    )
    full = replace(
        bare,
        n_atoms=n_atoms,
        head_relation=draw(st.one_of(st.just(-1), relation)),
        relation=draw(names).encode(),
        subject=draw(names).encode(),
        object=draw(names).encode(),
    )
    return tuple(
        replace(full if examples else bare, part=part, examples=tuple(examples))
        for part, examples in enumerate(parts)
    )


def flip(data: bytes, at: int) -> bytes:
    """`data` with one bit of one byte changed."""
    return data[:at] + struct.pack("B", data[at] ^ 1) + data[at + 1 :]
