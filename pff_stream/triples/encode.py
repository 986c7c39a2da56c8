"""Reads triples from files, documents and iterables, and writes them as one graph.

Covers: which input is read how, the hash of the triple lines, counts, the report. Does not cover:
the process that it runs in (`encode_process`), where the graph lies (`store`). Not for workers.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Protocol, TypeAlias

from pff_stream.errors import InputError, RefusedError, UsageError
from pff_stream.files.sources import BLOCK_BYTES, STANDARD_INPUT, open_blocks
from pff_stream.triples._encode import Encoder
from pff_stream.triples._triple_lines import MAX_LINE_BYTES
from pff_stream.triples.bad import BadTriple, BadTriplePolicy, BadTriples
from pff_stream.triples.formats.json import MAPPING, DocumentOptions, DocumentReader, is_documents
from pff_stream.triples.sizes import FILES_BYTES, EncodeCounts, beside_graph, encode_memory
from planner.sizes import format_size

TSV_MAPPING = "tsv"
Triple: TypeAlias = tuple[str, str, str]
TripleInput: TypeAlias = "str | os.PathLike[str] | Iterable[Triple]"
_BATCH = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPILL_SHARE = 4
"""Triples that take more than this part of the memory lie in a file instead."""
_ASK_BYTES = 16 << 20
"""Bytes read between two looks at whether all of it can fit."""
_logger = logging.getLogger("pff_stream")


class GraphWriter(Protocol):
    """Where a graph is written to (`GraphStore` is one)."""

    def resize(self, size_bytes: int, beside_bytes: int = 0) -> None:
        """Makes room for exactly `size_bytes`; the encoder holds so much more meanwhile."""

    def map_writable(self) -> mmap.mmap | bytearray:
        """The room, to be written."""


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How triples are read."""

    columns: tuple[int, int, int] = (0, 1, 2)
    """Places of subject, relation and object in a TSV line."""
    on_bad_triple: BadTriplePolicy = "fail"
    documents: DocumentOptions = field(default_factory=DocumentOptions)
    block_bytes: int = BLOCK_BYTES
    memory_bytes: int | None = None
    """What may be used: inputs that must need more are refused after their beginning."""
    spill_folder: str | None = None
    """Where triples lie that do not fit the memory; None: nowhere, and such inputs are refused."""


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
    duplicate_keys: int
    """Keys that stood twice in one JSON object; the last one won."""
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


def parse_columns(text: str) -> tuple[int, int, int]:
    """`s,p,o` in any order, to the places of subject, relation and object."""
    letters = [letter.strip().lower() for letter in text.split(",")]
    if sorted(letters) != ["o", "p", "s"]:
        raise UsageError(f"--columns {text!r}: expected s, p and o once each, like s,p,o")
    return letters.index("s"), letters.index("p"), letters.index("o")


def encode(
    inputs: Sequence[TripleInput] | str | os.PathLike[str],
    writer: GraphWriter,
    options: EncodeOptions | None = None,
) -> EncodeReport:
    """Encodes `inputs` into one graph in `writer`; here, in this process.

    Raises `InputError` for what cannot be read, `RefusedError` where the memory does not suffice.
    """
    report = encode_quietly(inputs, writer, options or EncodeOptions())
    log_report(report)
    return report


def triple_lines(inputs: Sequence[TripleInput], options: EncodeOptions) -> Iterator[bytes]:
    """What the inputs become: blocks of whole lines `subject TAB relation TAB object`."""
    reading = _Reading(options, BadTriples(options.on_bad_triple))
    yield from reading.lines(inputs)


def checked_lines(inputs: Sequence[TripleInput], options: EncodeOptions) -> Iterator[bytes]:
    """The same, with every line checked; raises `InputError` with file and line for a bad one."""
    reading = _Reading(options, BadTriples("fail"))
    yield from reading.checked_lines(inputs)


def log_report(report: EncodeReport) -> None:
    """Warns of what was read otherwise than it may have been meant."""
    if report.duplicate_keys:
        _logger.warning(
            "%d keys stand twice in one JSON object: the last one was taken", report.duplicate_keys
        )
    if report.letter_entity:
        _logger.warning(
            "an entity is named by one letter A to Z: a rule cannot name it, there it is a variable"
        )


def encode_quietly(
    inputs: Sequence[TripleInput] | str | os.PathLike[str],
    writer: GraphWriter,
    options: EncodeOptions,
    on_spill: Callable[[int], object] | None = None,
) -> EncodeReport:
    """`encode` without its warnings.

    `on_spill` is called once, when triples go to files: so many bytes of the memory are then the
    page cache's.
    """
    folder = None if options.memory_bytes is None else options.spill_folder
    with _spill_files(folder) as spill:
        return _encode_quietly(inputs, writer, options, spill, on_spill)


def _encode_quietly(
    inputs: Sequence[TripleInput] | str | os.PathLike[str],
    writer: GraphWriter,
    options: EncodeOptions,
    spill: tuple[int, int] | None,
    on_spill: Callable[[int], object] | None,
) -> EncodeReport:
    started = time.perf_counter()
    bad = BadTriples(options.on_bad_triple)
    reading = _Reading(options, bad, spill, on_spill)
    try:
        mapping = reading.read_all(
            [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
        )
        read_seconds = time.perf_counter() - started
        encoder = reading.encoder
        encoder.finish_reading()
        size_bytes = encoder.size()
        memory_counts = reading.counts(size_bytes)
        writer.resize(size_bytes, beside_graph(memory_counts))
        input_hash = reading.hash.digest()
        counts = (encoder.n_entities, encoder.n_relations)
        encoder.write_into(writer.map_writable(), input_hash, mapping)
    except MemoryError:
        raise reading.refusal() from None
    return EncodeReport(
        n_read=encoder.n_read,
        n_triples=encoder.n_triples,
        n_entities=counts[0],
        n_relations=counts[1],
        n_bad=bad.count,
        bad=tuple(bad.first),
        duplicate_keys=reading.documents.duplicate_keys,
        well_nested=bool(encoder.flags & 1),
        letter_entity=bool(encoder.flags & 2),
        entity_name_bytes=encoder.entity_name_bytes,
        relation_name_bytes=encoder.relation_name_bytes,
        largest_relation_read=encoder.largest_relation_read,
        graph_bytes=size_bytes,
        memory_counts=memory_counts,
        mapping=mapping,
        input_hash=input_hash,
        read_seconds=read_seconds,
        seconds=time.perf_counter() - started,
    )


@contextmanager
def _spill_files(folder: str | None) -> Iterator[tuple[int, int] | None]:
    """Two empty files without a name; None where there is no folder, or it cannot hold them."""
    with ExitStack() as stack:
        files = None
        if folder is not None:
            try:
                records = stack.enter_context(tempfile.TemporaryFile(buffering=0, dir=folder))
                pairs = stack.enter_context(tempfile.TemporaryFile(buffering=0, dir=folder))
                files = records.fileno(), pairs.fileno()
            except OSError as error:
                _logger.debug("%s: triples cannot be kept there: %s", folder, error)
        yield files


class _Reading:
    """Feeds inputs of one mapping to the encoder and to the hash."""

    def __init__(
        self,
        options: EncodeOptions,
        bad: BadTriples,
        spill: tuple[int, int] | None = None,
        on_spill: Callable[[int], object] | None = None,
    ) -> None:
        memory_bytes = options.memory_bytes
        self._spill_bytes: int | None = None
        if spill is None or memory_bytes is None:
            self.encoder = Encoder(bad)
        else:
            self._spill_bytes = memory_bytes // _SPILL_SHARE
            self.encoder = Encoder(bad, spill=spill, spill_bytes=self._spill_bytes)
        self._on_spill = on_spill
        self.hash = hashlib.blake2b(digest_size=16)
        self.documents = DocumentReader(options.documents, bad)
        self._options = options
        self._bad = bad
        self._memory_bytes = memory_bytes
        self._total_bytes: int | None = None  # of all inputs, where that is known
        self._read_bytes = 0
        self._asked_bytes = 0

    def read_all(self, inputs: Sequence[TripleInput]) -> str:
        """Reads everything; the mapping."""
        self._total_bytes = _plain_bytes(inputs)
        opened = self._open_all(inputs)
        mappings = {mapping for _, mapping, _ in opened}
        if len(mappings) > 1:
            raise InputError(
                "found JSON documents and triples as inputs of one graph, expected one kind: "
                + ", ".join(f"{name} ({mapping})" for name, mapping, _ in opened)
            )
        if MAPPING in mappings:
            with _without_collection():
                for name, _, blocks in opened:
                    self.encoder.start_file(name, verbatim=True)
                    self._feed(self.documents.triple_blocks(name, blocks))
            return MAPPING
        for (name, _, blocks), given in zip(opened, inputs, strict=True):
            if isinstance(given, (str, os.PathLike)):
                self.encoder.start_file(_shown(name), self._options.columns)
            else:
                self.encoder.start_file(name, verbatim=True)
            self._feed(blocks)
        return TSV_MAPPING

    def counts(self, graph_bytes: int) -> EncodeCounts:
        """What the memory depended on, when all is read and sorted."""
        encoder = self.encoder
        return EncodeCounts(
            n_read=encoder.n_read,
            n_entities=encoder.n_entities,
            n_relations=encoder.n_relations,
            entity_name_bytes=encoder.entity_name_bytes,
            relation_name_bytes=encoder.relation_name_bytes,
            largest_relation_read=encoder.largest_relation_read,
            n_triples=encoder.n_triples,
            graph_bytes=graph_bytes,
            spilled_at_bytes=self._spill_bytes if encoder.spilled else None,
            block_bytes=self._options.block_bytes,
        )

    def lines(self, inputs: Sequence[TripleInput]) -> Iterator[bytes]:
        """The triple lines of all inputs; documents are mapped, other lines come as they are."""
        for name, mapping, blocks in self._open_all(inputs):
            if mapping == MAPPING:
                yield from self.documents.triple_blocks(name, blocks)
            else:
                yield from blocks

    def checked_lines(self, inputs: Sequence[TripleInput]) -> Iterator[bytes]:
        """The same, but lines that come as they are become `subject TAB relation TAB object`."""
        for name, mapping, blocks in self._open_all(inputs):
            if mapping == MAPPING:
                yield from self.documents.triple_blocks(name, blocks)
            else:
                yield from _checked(_shown(name), blocks, self._options.columns, self._bad)

    def _feed(self, blocks: Iterable[bytes]) -> None:
        feed, update = self.encoder.feed, self.hash.update
        for block in blocks:
            update(block)
            feed(block)
            self._read_bytes += len(block)
            if self._on_spill is not None and self.encoder.spilled:
                self._on_spill(FILES_BYTES)
                self._on_spill = None
            if self._read_bytes - self._asked_bytes >= _ASK_BYTES:
                self._refuse_early()
        self.encoder.end_file()

    def _refuse_early(self) -> None:
        """Ends the reading where even the least that is to be expected is too much."""
        self._asked_bytes = self._read_bytes
        needed = self._needed_bytes(at_least=True)
        if self._memory_bytes is not None and needed is not None and needed > self._memory_bytes:
            raise self.refusal()

    def _needed_bytes(self, *, at_least: bool) -> int | None:
        """What encoding all will need if lines go on as they began; None where nobody can say.

        At least: if no new name comes. At most: if new names come as often as they did; they become
        rarer.
        """
        if self._total_bytes is None or not self._read_bytes:
            return None
        share = max(1.0, self._total_bytes / self._read_bytes)
        names_share = 1.0 if at_least else share
        counts = EncodeCounts(
            n_read=int(share * self.encoder.n_read),
            n_entities=int(names_share * self.encoder.n_entities),
            n_relations=self.encoder.n_relations,
            entity_name_bytes=int(names_share * self.encoder.entity_name_bytes),
            relation_name_bytes=self.encoder.relation_name_bytes,
            largest_relation_read=0,
            block_bytes=self._options.block_bytes,
        )
        reading = encode_memory(counts)["reading"]
        spills = self._spill_bytes is not None
        return sum(size for part, size in reading.items() if part != "records" or not spills)

    def refusal(self) -> RefusedError:
        """Says how far it came, and what would do."""
        said = (
            f"refused: out of memory while encoding, after {self.encoder.n_read} triples with "
            f"{self.encoder.n_entities} entities"
        )
        if self._memory_bytes is not None:
            said += f"; {format_size(self._memory_bytes)} may be used"
        needed = self._needed_bytes(at_least=False)
        if needed is None:
            return RefusedError(said)
        # Arrays grow by a quarter; sorting takes room for the largest relation.
        enough = -(-3 * needed // 2 >> 20) + 64
        return RefusedError(
            f"{said}: at most about {format_size(needed)} are needed, --budget {enough}MiB would do"
        )

    def _open_all(self, inputs: Sequence[TripleInput]) -> list[tuple[str, str, Iterator[bytes]]]:
        """Name, mapping and blocks of each input; only standard input is looked into."""
        opened = []
        for number, given in enumerate(inputs, 1):
            if not isinstance(given, (str, os.PathLike)):
                name = f"triples given as input {number}"
                opened.append((name, TSV_MAPPING, _triple_blocks(name, given, self._bad)))
                continue
            name = os.fspath(given)
            blocks: Iterator[bytes] = open_blocks(name, self._options.block_bytes)
            documents = is_documents(name)
            if name == STANDARD_INPUT:
                if any(other == name for other, _, _ in opened):
                    raise UsageError("standard input (-) can be read only once")
                documents, blocks = _look_into(blocks)
            opened.append((name, MAPPING if documents else TSV_MAPPING, blocks))
        return opened


def _checked(
    name: str, blocks: Iterable[bytes], columns: tuple[int, int, int], bad: BadTriples
) -> Iterator[bytes]:
    """Lines of a file of triples, in the order subject, relation, object, ended by newlines."""
    n_lines = 0
    for lines in _whole_lines(blocks):
        # It holds the names of these lines alone, whatever the length of the file.
        encoder = Encoder(bad)
        encoder.start_file(name, columns, lines_before=n_lines)
        encoder.feed(lines)
        encoder.end_file()
        ended = lines if lines.endswith(b"\n") else lines + b"\n"
        if n_lines == 0:
            ended = ended.removeprefix(_BYTE_ORDER_MARK)
        n_lines += ended.count(b"\n")
        ended = ended.replace(b"\r\n", b"\n")
        if columns != (0, 1, 2):
            split = (line.split(b"\t") for line in ended[:-1].split(b"\n"))
            ended = b"".join(b"\t".join(row[place] for place in columns) + b"\n" for row in split)
        yield ended


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut behind a newline; the last one, or one that is too long, has none."""
    rest = b""
    for block in blocks:
        rest += block
        end = rest.rfind(b"\n") + 1
        if end == 0 and len(rest) > MAX_LINE_BYTES + 1:
            end = len(rest)
        if end:
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _plain_bytes(inputs: Sequence[TripleInput]) -> int | None:
    """Bytes of all inputs; None unless all are files of triples that are not compressed."""
    total = 0
    for given in inputs:
        if not isinstance(given, (str, os.PathLike)) or not os.path.isfile(given):
            return None
        name = os.fspath(given)
        if is_documents(name) or name.lower().endswith((".gz", ".zst")):
            return None
        total += os.path.getsize(name)
    return total


def _shown(name: str) -> str:
    return "standard input" if name == STANDARD_INPUT else name


def _look_into(blocks: Iterator[bytes]) -> tuple[bool, Iterator[bytes]]:
    """Whether the blocks begin like JSON, and all the blocks."""
    seen: list[bytes] = []
    start = b""
    for block in blocks:
        seen.append(block)
        start = (start + block[:4096]).removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
        if start and not b"\xef\xbb\xbf".startswith(start):
            break
    return start.startswith((b"{", b"[")), chain(seen, blocks)


def _triple_blocks(name: str, triples: Iterable[Triple], bad: BadTriples) -> Iterator[bytes]:
    """Whole lines; names that no line can hold are bad triples."""
    remaining = iter(triples)
    before = 0
    while batch := list(islice(remaining, _BATCH)):
        try:
            text = "\n".join(map("\t".join, batch)) + "\n"
            separators = text.count("\t"), text.count("\n")
            if separators != (2 * len(batch), len(batch)) or set(map(len, batch)) != {3}:
                text = "".join(_good_lines(name, batch, before, bad))
            yield text.encode()
        except (TypeError, UnicodeEncodeError) as error:
            raise InputError(
                f"{name}: among triples {before + 1} to {before + len(batch)}: {error}, expected "
                "tuples of three texts"
            ) from None
        before += len(batch)


def _good_lines(name: str, batch: Sequence[Triple], before: int, bad: BadTriples) -> Iterator[str]:
    for number, triple in enumerate(batch, before + 1):
        line = "\t".join(triple)
        if len(triple) == 3 and line.count("\t") == 2 and "\n" not in line:
            yield line + "\n"
        else:
            bad.add(
                name,
                number,
                f"found {line[:80]!r}, expected three names without tab and newline",
            )


@contextmanager
def _without_collection() -> Iterator[None]:
    """No garbage collection while documents are read: it doubles the time and finds no cycle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
