"""Compiles rules of any format and any number into a rule file, in memory that is known before.

The rule format reads the source (`formats/`), compiled code sorts the rules and fills the chunks
(`_sink`, `_runs`, `_chunks`). This module sizes it, gives it its files, decides about rejected
lines and reports. It does not open sources and does not replace destinations.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from pff_stream.errors import InputError, UsageError
from pff_stream.files.durable import naming
from pff_stream.files.known import check_line_ends, check_text
from pff_stream.files.odd_blanks import IN_RULES, looked_for
from pff_stream.files.sources import read_ahead
from pff_stream.notes import BLANKS_IN_RULES, REJECTED_RULES, Notes
from pff_stream.rules._chunks import BUILDER_BYTES, MAX_CHUNK_RULES, ChunkBuilder, touched_bytes
from pff_stream.rules._format import AUTO, SEMANTICS
from pff_stream.rules._runs import RUNS_FIXED_BYTES, SLOT_BYTES, SortedRuns
from pff_stream.rules._sink import RuleSink, sink_bytes
from pff_stream.rules._writer import (
    COMPILED_RULES,
    COPY_BYTES,
    DROP_BYTES,
    Destination,
    RuleFileWriter,
    Temporary,
)
from pff_stream.rules.columns import packed
from pff_stream.rules.compile_report import CompileReport, Rejections, no_rules
from pff_stream.rules.formats import FORMATS, named
from pff_stream.rules.formats.interface import GraphNames, RuleFormat
from pff_stream.rules.rule import UnreadableRulesError
from pff_stream.settings.policy import allowed_share
from pff_stream.words import counted

if TYPE_CHECKING:
    from fractions import Fraction

DEFAULT_MEMORY_BYTES = 32 * 1024 * 1024
MIN_MEMORY_BYTES = 14 * 1024 * 1024
MIN_ARENA_BYTES = 1_200_000
"""Holds the longest rule, and the windows of two runs on disk."""
BLOCK_BYTES = 64 * 1024
PAGE_BYTES, SINK_PAGES = 4096, 6
"""Pages of a sink beside its columns: ends of its buffers, a reason, a line that is too long."""
_FIRST_BYTES = 4096
_LOOKED_AT = 10
_JSON = re.compile(rb'\s*(?:\[\s*)?\{\s*(?:"|\})')


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """How rules are compiled."""

    rule_format: str = AUTO
    """The name of a format, or `auto`: the first one that matches."""
    semantics: str | None = None
    """None: what the format means."""
    on_bad_rule: str = "1%"
    """`fail`, `skip`, or the share of the rules that may be rejected (`P%`)."""
    memory_bytes: int = DEFAULT_MEMORY_BYTES
    arena_bytes: int | None = None
    """What rules are sorted in, `MIN_ARENA_BYTES` or more; None: all that is left of the memory."""
    temporary_directory: str | Path | None = None
    """Where rules go that are too many for the memory."""
    chunk_rules: int = MAX_CHUNK_RULES
    """Rules of an evaluation chunk at most."""
    ahead: bool = False
    """The source is read by a thread of its own, while its last blocks are worked on."""
    formats: tuple[RuleFormat, ...] = FORMATS
    """Those to choose from; a caller may put its own before the others."""


def compile_memory(
    memory_bytes: int = DEFAULT_MEMORY_BYTES, rule_format: RuleFormat = FORMATS[-1]
) -> dict[str, int]:
    """What a compile allocates, by name, in bytes; the sum is `memory_bytes`.

    Outside of it stand the input block of the caller and 32 bytes per chunk of the index.
    """
    if memory_bytes < MIN_MEMORY_BYTES:
        found = f"{memory_bytes} bytes to compile rules with"
        raise UsageError(f"{found}: at least {MIN_MEMORY_BYTES} bytes are needed")
    sizes = {
        "source_chunk": sink_bytes(len(rule_format.columns)),
        "run_buffers": RUNS_FIXED_BYTES,
        "text_tables": SLOT_BYTES * _count_slots(memory_bytes),
        # One is given back before the other is taken.
        "reading_or_evaluation_chunk": max(
            sum(rule_format.memory().values()), BUILDER_BYTES + COPY_BYTES
        ),
    }
    return {**sizes, "arena": memory_bytes - sum(sizes.values())}


def compile_rules(
    blocks: Iterable[bytes],
    destination: Destination | None,
    *,
    source_name: str,
    options: RuleOptions | None = None,
    graph: GraphNames | None = None,
) -> CompileReport:
    """Reads rules from blocks of bytes and writes a rule file.

    With `destination=None` all is read and counted and nothing written. With a graph, its names
    settle ambiguous texts. More rejected lines than the options allow are an InputError, raised
    before anything is written, and so is a source without rules. OutputError where a file cannot be
    written, UsageError for a wrong option.
    """
    options = options or RuleOptions()
    allowed = allowed_share(options.on_bad_rule)
    rule_format, blocks, first_bytes = _recognised(blocks, source_name, options)
    compiling = _Compiling(rule_format, destination, options)
    compiling.first_bytes = first_bytes
    return compiling.run(blocks, source_name, allowed, graph)


class _Compiling:
    """One source on its way into a rule file."""

    def __init__(
        self, rule_format: RuleFormat, destination: Destination | None, options: RuleOptions
    ) -> None:
        self.first_bytes = b""
        """Of the source, for messages."""
        self._odd_blanks = Notes()
        self._started = time.perf_counter()
        self._format = rule_format
        self._options = options
        self._semantics = options.semantics or rule_format.default_semantics
        if self._semantics not in SEMANTICS:
            expected = " or ".join(SEMANTICS)
            raise UsageError(f"semantics {self._semantics!r}: expected {expected}")
        self._sizes = compile_memory(options.memory_bytes, rule_format)
        arena_bytes = self._sizes["arena"] if options.arena_bytes is None else options.arena_bytes
        if arena_bytes < MIN_ARENA_BYTES:
            raise UsageError(f"an arena of {arena_bytes} bytes: expected {MIN_ARENA_BYTES} or more")
        open_temporary = _TemporaryFiles(options.temporary_directory or tempfile.gettempdir())
        self._rejections = Rejections()
        self._writer = RuleFileWriter(destination, open_temporary, rule_format.name)
        self._builder = ChunkBuilder(self._writer.add_chunk, options.chunk_rules)
        self._runs = SortedRuns(
            self._builder,
            arena_bytes,
            _count_slots(options.memory_bytes),
            open_temporary,
        )
        self._sink = RuleSink(
            self._runs,
            self._writer.add_source_chunk,
            self._rejections.add,
            rule_format.columns,
            open_temporary,
        )

    def run(
        self,
        blocks: Iterable[bytes],
        source_name: str,
        allowed: Fraction | int,
        graph: GraphNames | None,
    ) -> CompileReport:
        """Reads everything, then writes everything."""
        sink, runs, writer = self._sink, self._runs, self._writer
        try:
            try:
                source_hash, reading_bytes = self._read(blocks, source_name, graph)
            except UnreadableRulesError as error:
                raise InputError(f"{source_name}: {error}") from error
            self._apply_policy(source_name, allowed)
            columns = packed(self._format.columns, sink.columns, sink.in_range)
            writer.start(self._semantics, source_name, source_hash, columns, self._sink.namespaces)
            with naming(runs.place):
                runs.finish()
            file_bytes = writer.finish(self._counts())
        finally:
            runs.close()
            writer.close()
        built_bytes = touched_bytes(writer.column_bytes, writer.work["max_chunk_names"])
        chunk_bytes = min(BUILDER_BYTES, built_bytes) + min(COPY_BYTES, file_bytes)
        return CompileReport(
            rule_format=self._format.name,
            rules=sink.rules,
            rejected=sink.rejected,
            rejections=tuple(self._rejections.first),
            unsettled=sink.unsettled,
            ambiguous=sink.ambiguous,
            blanks=sink.blanks,
            columns=sink.columns,
            bodies=self._builder.bodies,
            chunks=writer.evaluation.chunks,
            source_chunks=writer.source.chunks,
            spilled_runs=runs.n_spilled,
            file_bytes=file_bytes,
            touched_bytes=self._fixed_bytes + runs.touched_bytes + max(reading_bytes, chunk_bytes),
            unread_bytes=max(0, chunk_bytes - reading_bytes),
            written_bytes=min(2 * DROP_BYTES, file_bytes),
            source_hash=source_hash,
            seconds=time.perf_counter() - self._started,
            notes=self._notes(source_name),
        )

    def _notes(self, source_name: str) -> Notes:
        notes = Notes()
        first = self._rejections.first
        for one in first:
            reason = f"column {one.column}: found {one.found}, expected {one.expected}"
            notes.add(REJECTED_RULES, source_name, one.line, reason)
        notes.count_more(REJECTED_RULES, self._sink.rejected - len(first))
        for line, text in self._sink.first_blanks:
            notes.add(BLANKS_IN_RULES, source_name, line, text)
        notes.count_more(BLANKS_IN_RULES, self._sink.blanks - len(self._sink.first_blanks))
        notes.merge(self._odd_blanks)
        return notes

    def _read(
        self, blocks: Iterable[bytes], source_name: str, graph: GraphNames | None
    ) -> tuple[bytes, int]:
        """Has the format read all blocks: the hash of the text, and the memory that it used."""
        hashed = hashlib.blake2b(digest_size=16)

        def hashing() -> Generator[bytes]:
            for block in looked_for(blocks, IN_RULES, source_name, self._odd_blanks):
                hashed.update(block)
                yield block

        ready = read_ahead(hashing()) if self._options.ahead else hashing()
        reading_bytes = self._format.read(ready, self._sink, graph)
        self._sink.finish()
        if reading_bytes is None:
            reading_bytes = sum(self._format.memory().values())
        return hashed.digest(), reading_bytes

    def _counts(self) -> dict[str, int]:
        sink, builder = self._sink, self._builder
        return {
            "rules": sink.rules,
            "rejected": sink.rejected,
            "unsettled": sink.unsettled,
            "ambiguous": sink.ambiguous,
            "blanks": sink.blanks,
            "bodies": builder.bodies,
            "filters": builder.filters,
            "max_body_atoms": builder.max_body_atoms,
            "max_text_bytes": sink.longest_text,
        }

    @property
    def _fixed_bytes(self) -> int:
        """What is used from the first rule to the last, of a source chunk its columns."""
        # A page more for each, and for what else the sink holds.
        pages = len(self._format.columns) + SINK_PAGES
        columns = self._writer.source.max_bytes + pages * PAGE_BYTES
        return min(self._sizes["source_chunk"], columns) + self._sizes["run_buffers"]

    def _apply_policy(self, source_name: str, allowed: Fraction | int) -> None:
        sink, first = self._sink, self._rejections.first
        if sink.rules == 0:
            raise no_rules(source_name)
        if not sink.rejected:
            return
        count = f"{sink.rejected:,} of {counted(sink.rules, 'rule line')} could not be read"
        if sink.rejected <= allowed * sink.rules:
            return
        listed = "".join(f"\n  {rejection}" for rejection in first)
        on_bad_rule = self._options.on_bad_rule
        raise InputError(
            f"{source_name}: {count}, more than --on-bad-rule {on_bad_rule} allows; the first:"
            f"{listed}{self._hint()}"
        )

    def _hint(self) -> str:
        """What the text may be instead of rules."""
        if b" <= " in self.first_bytes:
            return ""
        kind = "a JSON document" if _JSON.match(self.first_bytes) else ""
        lines = self.first_bytes.split(b"\n")[:_LOOKED_AT]
        if all(line.count(b"\t") == 2 for line in lines if line.strip()):
            kind = "triples"
        return f"\nthis looks like {kind}: RULES come first, TRIPLES behind them" if kind else ""


def _recognised(
    blocks: Iterable[bytes], source_name: str, options: RuleOptions
) -> tuple[RuleFormat, Iterator[bytes], bytes]:
    """The format of a source, all its blocks, and what it begins with."""
    remaining = iter(blocks)
    seen: list[bytes] = []
    first_bytes = b""
    while len(first_bytes) < _FIRST_BYTES and (block := next(remaining, None)) is not None:
        seen.append(block)
        first_bytes += block[:_FIRST_BYTES]
    check_text(source_name, first_bytes, "rules")
    for mark in (b"<=", b"=> "):
        check_line_ends(source_name, first_bytes, mark)
    if options.rule_format != AUTO:
        chosen = named(options.rule_format, options.formats)
        if chosen is None:
            names = ", ".join((AUTO, *(each.name for each in options.formats)))
            raise UsageError(f"--rule-format {options.rule_format!r}: expected one of {names}")
        return chosen, chain(seen, remaining), first_bytes
    for each in options.formats:
        if each.matches(source_name, first_bytes):
            return each, chain(seen, remaining), first_bytes
    raise InputError(f"{source_name}: found {first_bytes[:40]!r}, expected rules")


def _count_slots(memory_bytes: int) -> int:
    """Slots of each table of texts: a power of two, one for 256 to 512 bytes of memory."""
    return 1 << (memory_bytes // 256).bit_length() - 1


@dataclass(frozen=True, slots=True)
class _TemporaryFiles:
    """Opens temporary files in one folder; they have no names, so that nothing is left behind."""

    folder: str | Path

    @property
    def name(self) -> str:
        """What a failure to write one is told of."""
        return f"{COMPILED_RULES}, temporary file in {self.folder}"

    def __call__(self) -> Temporary:
        """Another file; its users close it."""
        with naming(self.name):
            return tempfile.TemporaryFile(buffering=0, dir=self.folder)
