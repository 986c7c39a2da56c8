"""Compiles rule text of any size into a rule file, in memory that is known before it starts.

The work is done in compiled code (`_compile`, `_runs`, `_chunks`); this module sizes it, gives it
its files, decides about rejected lines and reports. It does not open sources and does not
replace destinations.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from pff_stream.errors import InputError, UsageError
from pff_stream.files.sources import read_ahead
from pff_stream.rules._chunks import BUILDER_BYTES, MAX_CHUNK_RULES, NAME_TABLE_BYTES, ChunkBuilder
from pff_stream.rules._format import FLAG_AMBIGUOUS, FLAG_UNSETTLED, SEMANTICS
from pff_stream.rules._runs import RUNS_FIXED_BYTES, SLOT_BYTES, RuleRuns
from pff_stream.rules._writer import (
    COPY_BYTES,
    DROP_BYTES,
    Destination,
    RuleFileWriter,
    Temporary,
    writing,
)
from pff_stream.rules.formats._anyburl import READER_BYTES, RuleReader
from pff_stream.rules.formats._chart import MAX_TEXT_MEMORY_BYTES
from pff_stream.rules.formats.anyburl import Rejected, Unsettled, read_rule, settle
from pff_stream.rules.keys import rule_keys

DEFAULT_MEMORY_BYTES = 32 * 1024 * 1024
MIN_MEMORY_BYTES = 14 * 1024 * 1024
BLOCK_BYTES = 64 * 1024
FIRST_REJECTIONS = 20
REASON_BYTES = 1024

_log = logging.getLogger("pff_stream")


class GraphNames(Protocol):
    """The names of a graph, for settling what a text means while compiling it."""

    def entity_id(self, name: bytes, /) -> int:
        """The id of an entity, -1 if the graph has none of this name."""

    def relation_id(self, name: bytes, /) -> int:
        """The id of a relation, -1 if the graph has none of this name."""


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


@dataclass(frozen=True, slots=True)
class CompileReport:
    """What was read and written."""

    rules: int
    """Rule lines, rejected ones included."""
    rejected: int
    rejections: tuple[Rejection, ...]
    """The first 20."""
    unsettled: int
    """Rules that only a graph's names can settle."""
    ambiguous: int
    """Rules whose text had several readings with a variable in each atom."""
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
    source_hash: bytes
    """blake2b-128 of the decompressed text."""
    seconds: float


@dataclass(slots=True)
class _Rejections:
    """Counts rejected lines and keeps the first ones."""

    first: list[Rejection] = field(default_factory=list)

    def add(self, line: int, column: int, found: str, expected: str) -> bytes:
        """Answers the reason that the rule file keeps, at most REASON_BYTES."""
        if len(self.first) < FIRST_REJECTIONS:
            self.first.append(Rejection(line, column, found, expected))
        reason = f"column {column}: found {found}, expected {expected}".encode("utf-8", "replace")
        if len(reason) <= REASON_BYTES:
            return reason
        return reason[: REASON_BYTES - 3].decode("utf-8", "ignore").encode() + b"..."


def compile_memory(memory_bytes: int = DEFAULT_MEMORY_BYTES) -> dict[str, int]:
    """What a compile allocates, by name, in bytes; the sum is `memory_bytes`.

    Outside of it stand the input block of the caller and 32 bytes per chunk of the index.
    """
    if memory_bytes < MIN_MEMORY_BYTES:
        found = f"{memory_bytes} bytes to compile rules with"
        raise UsageError(f"{found}: at least {MIN_MEMORY_BYTES} bytes are needed")
    sizes = {
        "lines_and_source_chunk": READER_BYTES,
        "run_buffers": RUNS_FIXED_BYTES,
        "text_tables": SLOT_BYTES * _count_slots(memory_bytes),
        "ambiguous_text_or_evaluation_chunk": max(
            MAX_TEXT_MEMORY_BYTES, BUILDER_BYTES + COPY_BYTES
        ),
    }
    return {**sizes, "arena": memory_bytes - sum(sizes.values())}


def compile_rules(
    blocks: Iterable[bytes],
    destination: Destination | None,
    *,
    source_name: str,
    semantics: str | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    temporary_directory: str | Path | None = None,
    on_bad_rule: str = "1%",
    chunk_rules: int = MAX_CHUNK_RULES,
    graph: GraphNames | None = None,
    ahead: bool = False,
) -> CompileReport:
    """Reads AnyBURL rule text from blocks of bytes and writes a rule file.

    With `destination=None` all is read and counted and nothing written. With a graph, its names
    settle ambiguous texts. Evaluation chunks have `chunk_rules` rules at most. With `ahead` blocks
    come by a thread of their own (`read_ahead`). More rejected lines than `on_bad_rule` (`fail`,
    `skip` or `P%`) allows are an InputError, raised before anything is written. OutputError where a
    file cannot be written, UsageError for a wrong option.
    """
    started = time.perf_counter()
    semantics = SEMANTICS[0] if semantics is None else semantics
    if semantics not in SEMANTICS:
        raise UsageError(f"semantics {semantics!r}: expected {' or '.join(SEMANTICS)}")
    allowed = allowed_share(on_bad_rule)
    sizes = compile_memory(memory_bytes)
    open_temporary = _temporary_opener(temporary_directory)
    rejections = _Rejections()
    writer = RuleFileWriter(destination, open_temporary)
    builder = ChunkBuilder(writer.add_chunk, chunk_rules)
    runs = RuleRuns(builder, sizes["arena"], _count_slots(memory_bytes), open_temporary)
    read_text = _TextReader(graph)
    reader = RuleReader(runs, writer.add_source_chunk, read_text, rejections.add, graph)
    try:
        source_hash = _read(blocks, reader, ahead=ahead)
        _apply_policy(source_name, on_bad_rule, allowed, reader, rejections.first)
        writer.start(semantics, source_name, source_hash)
        touched_bytes = runs.touched_bytes
        with writing():
            runs.finish()
        file_bytes = writer.finish(
            {
                "rules": reader.rules,
                "rejected": reader.rejected,
                "unsettled": reader.unsettled,
                "ambiguous": reader.ambiguous,
                "bodies": builder.bodies,
                "max_body_atoms": builder.max_body_atoms,
            }
        )
    finally:
        runs.close()
        writer.close()
    return CompileReport(
        rules=reader.rules,
        rejected=reader.rejected,
        rejections=tuple(rejections.first),
        unsettled=reader.unsettled,
        ambiguous=reader.ambiguous,
        bodies=builder.bodies,
        chunks=writer.evaluation.chunks,
        source_chunks=writer.source.chunks,
        spilled_runs=runs.n_spilled,
        file_bytes=file_bytes,
        touched_bytes=_touched(
            sizes, None if runs.n_spilled else touched_bytes, file_bytes, read_text.called
        ),
        source_hash=source_hash,
        seconds=time.perf_counter() - started,
    )


def _touched(
    sizes: dict[str, int], rules_bytes: int | None, file_bytes: int, has_doubtful: bool
) -> int:
    """What a compile used of what `compile_memory` gave it, and the windows of a temporary file.

    Where rules went to disk (None) all of the arena was used.
    """
    if rules_bytes is None:
        rules_bytes = sizes["arena"] + sizes["text_tables"]
    rest = sizes["ambiguous_text_or_evaluation_chunk"]
    if not has_doubtful:
        # The columns of a chunk are no longer than the file, beside the table of its names.
        rest = min(BUILDER_BYTES + COPY_BYTES, file_bytes + NAME_TABLE_BYTES + COPY_BYTES)
    fixed = sizes["lines_and_source_chunk"] + sizes["run_buffers"]
    return fixed + rules_bytes + rest + min(2 * DROP_BYTES, file_bytes)


def lines_of(rules: Iterable[str]) -> Iterator[bytes]:
    """Blocks for `compile_rules` from rule strings, one line each."""
    block = bytearray()
    for number, rule in enumerate(rules, 1):
        try:
            line = rule.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"rule {number}: found {rule!r}, expected text") from error
        if b"\n" in line:
            raise InputError(f"rule {number}: found a line end in {rule!r}, expected one line")
        block += line + b"\n"
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def allowed_share(on_bad_rule: str) -> Fraction:
    """The share of lines that may be rejected: 0 for `fail`, 1 for `skip`, P/100 for `P%`, exactly.

    UsageError for anything else.
    """
    if on_bad_rule in ("fail", "skip"):
        return Fraction(on_bad_rule == "skip")
    number = on_bad_rule.removesuffix("%")
    try:
        # A double would refuse 29 of 100 lines at 29%.
        share = Fraction(Decimal(number)) / 100 if number != on_bad_rule else Fraction(-1)
    except (ArithmeticError, ValueError):
        share = Fraction(-1)
    if not 0 <= share <= 1:
        raise UsageError(f"--on-bad-rule {on_bad_rule!r}: expected fail, skip or a share as 1%")
    return share


def _count_slots(memory_bytes: int) -> int:
    """Slots of each table of texts: a power of two, one for 256 to 512 bytes of memory."""
    return 1 << (memory_bytes // 256).bit_length() - 1


def _read(blocks: Iterable[bytes], reader: RuleReader, *, ahead: bool) -> bytes:
    """Feeds all blocks; answers the hash of the text."""
    hashed = hashlib.blake2b(digest_size=16)

    def hashing() -> Generator[bytes]:
        for block in blocks:
            hashed.update(block)
            yield block

    for block in read_ahead(hashing()) if ahead else hashing():
        with writing():
            reader.feed(block)
    with writing():
        reader.finish()
    return hashed.digest()


def _temporary_opener(directory: str | Path | None) -> Callable[[], Temporary]:
    def open_temporary() -> Temporary:
        # Unnamed, so that nothing is left behind whatever happens; closed by its users.
        with writing():
            return tempfile.TemporaryFile(buffering=0, dir=directory)

    return open_temporary


class _TextReader:
    """What the fast path asks about texts that it does not read itself."""

    def __init__(self, graph: GraphNames | None) -> None:
        self._graph = graph
        self.called = False

    def __call__(self, text: bytes) -> tuple[int, bytes, bytes] | tuple[int, str, str]:
        self.called = True
        graph = self._graph
        if graph is None:
            result = read_rule(text)
        else:
            result = settle(
                text,
                lambda name: graph.entity_id(name) >= 0,
                lambda name: graph.relation_id(name) >= 0,
            )
        if isinstance(result, Rejected):
            return result.column, result.found, result.expected
        if isinstance(result, Unsettled):
            return (FLAG_AMBIGUOUS | FLAG_UNSETTLED, *rule_keys(result.readings[0]))
        return (FLAG_AMBIGUOUS if result.ambiguous else 0, *rule_keys(result))


def _apply_policy(
    source_name: str,
    on_bad_rule: str,
    allowed: Fraction,
    reader: RuleReader,
    first: list[Rejection],
) -> None:
    if not reader.rejected:
        return
    count = f"{reader.rejected} of {reader.rules} rule lines could not be read"
    if reader.rejected <= allowed * reader.rules:
        _log.warning("%s: %s; the first: %s", source_name, count, first[0])
        return
    listed = "".join(f"\n  {rejection}" for rejection in first)
    raise InputError(
        f"{source_name}: {count}, more than --on-bad-rule {on_bad_rule} allows; the first:{listed}"
    )
