"""Reads triples from files, documents and iterables, and writes them as one graph.

Covers: feeding lines to the encoder, their hash, the memory that they take. Does not cover: which
input is read how (`inputs`, `formats/`), the process that it runs in (`encode_process`), where the
graph lies (`store`). Not for workers.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

from pff_stream.errors import RefusedError
from pff_stream.triples._encode import Encoder
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.inputs import OpenedInputs, TripleInput
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.report import EncodeReport, log_report
from pff_stream.triples.sizes import FILES_BYTES, EncodeCounts, beside_graph, reading_bytes
from planner.sizes import format_size

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
        opened = OpenedInputs(
            [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs), options, bad
        )
        reading.read_all(opened)
        read_seconds = time.perf_counter() - started
        encoder = reading.encoder
        encoder.finish_reading()
        size_bytes = encoder.size()
        memory_counts = reading.counts(size_bytes)
        writer.resize(size_bytes, beside_graph(memory_counts))
        input_hash = reading.hash.digest()
        counts = (encoder.n_entities, encoder.n_relations)
        encoder.write_into(writer.map_writable(), input_hash, opened.mapping)
    except MemoryError:
        raise reading.refusal() from None
    return EncodeReport(
        n_read=encoder.n_read,
        n_triples=encoder.n_triples,
        n_entities=counts[0],
        n_relations=counts[1],
        n_bad=bad.count,
        bad=tuple(bad.first),
        warnings=tuple(opened.warnings()),
        well_nested=bool(encoder.flags & 1),
        letter_entity=bool(encoder.flags & 2),
        entity_name_bytes=encoder.entity_name_bytes,
        relation_name_bytes=encoder.relation_name_bytes,
        largest_relation_read=encoder.largest_relation_read,
        graph_bytes=size_bytes,
        memory_counts=memory_counts,
        mapping=opened.mapping,
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
    """Feeds the lines of all inputs to the encoder and to the hash."""

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
        self._options = options
        self._memory_bytes = memory_bytes
        self._total_bytes: int | None = None  # of all inputs, where that is known
        self._read_bytes = 0
        self._asked_bytes = 0

    def read_all(self, inputs: OpenedInputs) -> None:
        """Reads everything."""
        self._total_bytes = inputs.plain_bytes()
        for opened in inputs.all:
            lines = opened.lines
            self.encoder.start_file(opened.name, lines.columns, verbatim=not lines.is_raw)
            self._feed(lines.blocks)

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
        return reading_bytes(counts, with_records=self._spill_bytes is None)

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
