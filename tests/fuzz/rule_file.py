"""Compiled rule files with right checksums and hostile contents: refused, or evaluated as they say.

What is accepted is evaluated chunk by chunk, as a table, and merged into a report; its counts must
be those of the slow reference for the rules that its columns spell out.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgpack

from pff_stream.errors import DamagedResultsError, InputError
from pff_stream.evaluate._kernel import Evaluator, TableCounter
from pff_stream.evaluate.chunk import evaluate_rules
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.report._merge import iterate
from pff_stream.report.records import Outcome, Run
from pff_stream.report.run_table import RunTable
from pff_stream.report.spooled import MergeOptions, Spooled
from pff_stream.rules._format import FOOTER, MAGIC, RECORD
from pff_stream.rules._table import RuleTable, TableBuilder
from pff_stream.rules.chunk import RuleChunk
from pff_stream.rules.complete import check_complete
from pff_stream.rules.file import RuleFile
from tests.fuzz.target import ACCEPTED, REFUSED, SEEDS, Edit, Target, check_message, edits
from tests.graphs import graph_of
from tests.reference import Atom, Const, Graph, Rule, Term, Var, evaluate
from tests.rules.compiled import Term as Coded
from tests.rules.compiled import compiled_bytes, decoded_chunk

TRIPLES = [
    *(("a", "r", "b"), ("b", "r", "c"), ("c", "r", "a"), ("a", "q", "a"), ("c", "q", "d")),
    *(("a", "h", "b"), ("d", "h", "e"), ("b", "h", "b"), ("a", "h", "c"), ("e", "q", "b")),
    *(("d", "r", "a"), ("d", "r", "(a)"), ("(a)", "q", "e")),
]
GRAPH = Graph(TRIPLES)
VIEW = graph_of(TRIPLES)
SOURCES = (
    b"7\t3\t0.5\th(X,c) <= r(X,A), q(A,d)\nh(X,e) <= r(X,A), q(A,d)\nbad\tline\n"
    b"h(X,(a),Y) <= r(X,Y)\nh(X,c) <=\n",
    b"h(X,Y) <= r(X,Y)\nh(X,Y) <= r(X,A), q(A,Y)\nh(Y,X) <= r(X,A), q(A,Y)\nh(X,Y) <= r(X,A), "
    b"r(A,B), r(B,Y)\nh(X,Y) <= r(X,A), r(A,B), r(B,C), q(C,Y)\nh(X,X) <= r(X,A), q(B,A)\n"
    b"h(me_myself_i,Y) <= \nh(a,b) <= r(a,b)\nh(X,a) <= r(X,Y), q(Y,Z)\nh(X,me_myself_i) <= r(X,d)\n",
    b"bad\tline\n",
)
BASES = [compiled_bytes(source) for source in SOURCES]
COLUMNS = ("atoms", "heads", "rule_body", "body_ends", "name_ends", "names", "name_hashes")
MOST_ATOMS = 6


def check(data: bytes) -> str:
    """Edits a good file, makes its checksums right again, and reads it as a run does."""
    content = _edited(BASES[data[0] % len(BASES)] if data else BASES[0], data[1:])
    fd = os.memfd_create("rules")
    try:
        os.write(fd, content)
        with RuleFile(fd) as rules:
            chunks = [rules.read_chunk(index) for index in range(len(rules.chunks))]
            for index in range(len(rules.source_chunks)):
                rules.read_source_chunk(index)
            for chunk in chunks:
                _check_counts(chunk)
            _check_report(rules, chunks)
    except InputError as error:
        check_message(str(error), places=(f"descriptor {fd}: byte ",))
        assert ": found " in str(error) and ", expected " in str(error), error
        return REFUSED
    finally:
        os.close(fd)
    return ACCEPTED


def _edited(content: bytes, data: bytes) -> bytes:
    offset, length, _, _ = FOOTER.unpack(content[-FOOTER.size :])
    index = msgpack.unpackb(content[offset : offset + length])
    header = msgpack.unpackb(content[: index["header_bytes"]])
    records = [*RECORD.iter_unpack(index["chunks"]), *RECORD.iter_unpack(index["source_chunks"])]
    n_chunks = len(index["chunks"]) // RECORD.size
    maps = [header, *(msgpack.unpackb(content[r[0] : r[0] + r[1]]) for r in records)]
    raw: list[Edit] = []
    for edit in edits(data):
        if edit.kind >= 0xF0:
            raw.append(edit)
            continue
        part = maps[edit.part % len(maps)] if edit.part < 0xE0 else index
        _edit(part, edit)
    parts = [bytearray(msgpack.packb(part)) for part in maps]
    for edit in raw:
        at = edit.at % len(parts[edit.part % len(parts)])
        parts[edit.part % len(parts)][at] = edit.value & 0xFF
    at = len(parts[0])
    packed = []
    for part, record in zip(parts[1:], records, strict=True):
        packed.append(RECORD.pack(at, len(part), zlib.crc32(part), *record[3:]))
        at += len(part)
    index |= {
        "header_bytes": len(parts[0]),
        "header_crc32": zlib.crc32(parts[0]),
        "chunks": b"".join(packed[:n_chunks]),
        "source_chunks": b"".join(packed[n_chunks:]),
        "max_chunk_bytes": 1 << 20,
        "max_source_chunk_bytes": 1 << 20,
    }
    last = msgpack.packb(index)
    footer = FOOTER.pack(at, len(last), zlib.crc32(last), MAGIC)
    return b"".join((*parts, last, footer))


def _edit(part: dict[str, Any], edit: Edit) -> None:
    """Changes one value of a map, by its type."""
    names = list(part)
    if part.get("kind") == "rules" and edit.column < 0xC0:
        name = COLUMNS[edit.column % len(COLUMNS)]
    else:
        name = names[edit.column % len(names)]
    value = part.get(name)
    if edit.kind >= 0xE8:
        part[name] = (None, [], {}, b"", "x", -1, 1 << 63, 1.5, True, {"a": {"a": {}}})[
            edit.value % 10
        ]
    elif isinstance(value, bytes):
        part[name] = _edited_column(value, edit)
    elif isinstance(value, int):
        part[name] = edit.changed(value, 63)


def _edited_column(column: bytes, edit: Edit) -> bytes:
    """One number of a column changed; or numbers left out, repeated or added."""
    values = bytearray(column)
    if edit.kind >= 0xD0:
        at, n = edit.at % (len(values) + 1) & ~3, 4 * (1 + edit.value % 6)
        if edit.kind & 1:
            del values[at : at + n]
        else:
            values[at:at] = values[at : at + n] or bytes(n)
    elif len(values) >= 4 and edit.kind < 0xC0:
        at = edit.at % (len(values) // 4) * 4
        number = int.from_bytes(values[at : at + 4], "little")
        values[at : at + 4] = edit.changed(number, 32).to_bytes(4, "little")
    elif values:
        values[edit.at % len(values)] = edit.changed(values[edit.at % len(values)], 8)
    return bytes(values)


def _check_counts(chunk: RuleChunk) -> None:
    """Every rule of the chunk has the counts of the reference, alone and in a table."""
    plain = {
        source: rule
        for source, (flags, head, body) in decoded_chunk(chunk).items()
        if not flags and len(body) <= MOST_ATOMS
        for rule in [Rule(_atom(head, body), tuple(_atom(atom, body) for atom in body))]
    }
    builder = TableBuilder()
    builder.add(chunk)
    buffer = bytearray(builder.size())
    builder.write_into(buffer)
    for semantics in ("object-identity", "homomorphism"):
        evaluator = Evaluator(VIEW, semantics, EvaluatorOptions(max_examples=2), buffer_bytes=4096)
        sums = evaluator.evaluate(chunk, 0, chunk.n_rules, lambda records: None)
        assert TableCounter(VIEW, semantics).count_table(RuleTable(buffer))[1][:2] == sums
        if len(plain) == chunk.n_rules:
            found = [_counts(rule, semantics) for rule in plain.values()]
            assert sums == (sum(n for n, _ in found), sum(support for _, support in found))
        Evaluator(VIEW, semantics, EvaluatorOptions(max_work=5), wide=False).evaluate(
            chunk, 0, chunk.n_rules, lambda records: None
        )


@lru_cache(maxsize=1 << 16)
def _counts(rule: Rule, semantics: str) -> tuple[int, int]:
    """Predictions and support; an edit leaves most rules of a file as they were."""
    expected = evaluate(rule, GRAPH, semantics)
    return len(expected.predictions), expected.support


def _atom(coded: tuple[bytes, Coded, Coded], body: object) -> Atom:
    """The atom of the reference; the variable of a zero rule is told by its place alone."""
    relation, left, right = coded
    return Atom(relation.decode(), *(_term(term) for term in (left, right)))


def _term(coded: Coded) -> Term:
    return Var(chr(65 + coded)) if isinstance(coded, int) else Const(coded.decode())


def _check_report(rules: RuleFile, chunks: list[RuleChunk]) -> None:
    """The results merge into one outcome for each rule; or a rule is missing or there twice."""
    fd = os.memfd_create("spool")
    runs: list[Run] = []

    def append(records: memoryview) -> None:
        at = os.lseek(fd, 0, os.SEEK_CUR)
        runs.append(Run(0, zlib.crc32(records), at, os.write(fd, records)))

    def source_chunks() -> Iterator[Any]:
        for index in range(len(rules.source_chunks)):
            yield rules.read_source_chunk(index)

    try:
        evaluator = Evaluator(
            VIEW, rules.semantics, EvaluatorOptions(max_examples=2), buffer_bytes=4096
        )
        for chunk in chunks:
            evaluate_rules(evaluator, VIEW, chunk, 0, chunk.n_rules, append)
        spooled = Spooled(VIEW, [fd], RunTable(runs), source_chunks())
        outcomes = list(iterate(spooled, MergeOptions(temporary_dir="/tmp")))
    except DamagedResultsError:
        # A rule that is there twice, or not at all: the whole file is to blame, and says so.
        check_complete(rules)
        raise
    else:
        check_complete(rules)
        assert len(outcomes) == rules.rules
        compiled_away = sum(outcome.outcome == Outcome.REJECTED for outcome in outcomes)
        assert compiled_away >= rules.rejected
    finally:
        os.close(fd)


TARGET = Target(
    "rule-file",
    tuple(bytes([base]) + seed for base in range(len(BASES)) for seed in SEEDS),
    (
        b"\0\1\0\0",
        b"\1\0\0\0",
        b"\4\1\1\0",
        b"\xd0\1\2\0",
        b"\xd1\1\3\0",
        b"\xf0\0\0\0",
        b"\0\xe0\0\0",
    ),
    check,
)
