"""Reads triples from files, documents and iterables, and writes them as one graph.

Does not cover: how lines are read (`reading`) and which input is read how (`inputs`, `formats/`),
the process that it runs in (`encode_process`), where the graph lies (`store`). Not for workers.
"""

from __future__ import annotations

import logging
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Protocol

from pff_stream.errors import InputError, RefusedError
from pff_stream.notes import COMMENTS, LETTER_ENTITIES, READ_OTHERWISE, Notes
from pff_stream.triples._encode import Encoder
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.inputs import OpenedInputs, TripleInput
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.reading import Reading
from pff_stream.triples.report import EncodeReport, log_report, no_triples
from pff_stream.triples.sizes import beside_graph, graph_peak_at_most
from pff_stream.words import counted
from planner.sizes import format_size

MAPPED_BYTES, TRIM_BYTES = 1 << 19, 1 << 20
"""For a process that encodes: allocations from here on are mappings, which go when they are freed,
and so does so much at the end of the heap. As it comes these sizes move while a program runs, and
with them its peak."""
_NAMED = 3
"""Inputs that an error names."""
_logger = logging.getLogger("pff_stream")


class GraphWriter(Protocol):
    """Where a graph is written to (`GraphStore` is one)."""

    def resize(self, size_bytes: int, beside_bytes: int = 0) -> None:
        """Makes room for exactly `size_bytes`; the encoder holds so much more meanwhile."""

    def map_writable(self) -> mmap.mmap | bytearray:
        """The room, to be written."""


class PrivateGraph:
    """A graph in memory of this process alone."""

    def __init__(self, limit_bytes: int | None = None) -> None:
        """`limit_bytes` is for the graph and what is held beside it while it is written."""
        self.buffer = bytearray()
        self._limit_bytes = limit_bytes

    def resize(self, size_bytes: int, beside_bytes: int = 0) -> None:
        """Makes room for exactly `size_bytes`; `RefusedError` where it does not fit."""
        needed, limit = size_bytes + beside_bytes, self._limit_bytes
        if limit is not None and needed > limit:
            raise RefusedError(
                f"refused: the graph takes {format_size(needed)} while it is written; "
                f"{format_size(limit)} may be used"
            )
        self.buffer = bytearray(size_bytes)

    def map_writable(self) -> bytearray:
        """The room, to be written."""
        return self.buffer


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
    spill: tuple[int, int, int] | None,
    on_spill: Callable[[int], object] | None,
) -> EncodeReport:
    started = time.perf_counter()
    bad = BadTriples(options.on_bad_triple)
    reading = Reading(options, bad, spill, on_spill)
    given = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    try:
        opened = OpenedInputs(given, options, bad, reading, reading.decoders)
        reading.read_all(opened, each=_is_mixed(given))
        read_seconds = time.perf_counter() - started
        encoder = reading.encoder
        bad.check(encoder.n_read)
        if options.needs_triples and not encoder.n_read:
            raise _no_triples(opened, bad, encoder)
        reading.finish()
        size_bytes = encoder.size()
        memory_counts = reading.counts(size_bytes)
        beside = 0
        if options.memory_bytes is None or graph_peak_at_most(memory_counts) > options.memory_bytes:
            beside = beside_graph(memory_counts)
        writer.resize(size_bytes, beside)
        input_hash = reading.hash.digest()
        counts = (encoder.n_entities, encoder.n_relations)
        encoder.write_into(writer.map_writable(), input_hash, opened.mapping)
        memory_counts = replace(memory_counts, name_runs=reading.counts(size_bytes).name_runs)
    except MemoryError:
        raise reading.refusal() from None
    return EncodeReport(
        n_read=encoder.n_read,
        n_triples=encoder.n_triples,
        n_entities=counts[0],
        n_relations=counts[1],
        n_blank=encoder.n_blank,
        notes=_notes(bad, opened, encoder),
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
        input_hashes=reading.input_hashes,
        disk_bytes=reading.disk_bytes,
    )


def _is_mixed(inputs: Sequence[object]) -> bool:
    """Whether there are several inputs, and not all of them can be read again."""
    again = [isinstance(one, (str, os.PathLike)) and os.path.isfile(one) for one in inputs]
    return len(inputs) > 1 and not all(again)


def _no_triples(opened: OpenedInputs, bad: BadTriples, encoder: Encoder) -> InputError:
    """Says what there was instead."""
    names = [one.name for one in opened.all]
    sources = ", ".join([*names[:_NAMED], "..."] if len(names) > _NAMED else names)
    found = {"blank line": encoder.n_blank, "comment": encoder.n_comments, "bad triple": bad.count}
    others = ", ".join(counted(count, thing) for thing, count in found.items() if count)
    listed = "".join(f"\n  {place}" for place in (*bad.first, *opened.warnings()))
    return no_triples(sources, others, listed)


def _notes(bad: BadTriples, opened: OpenedInputs, encoder: Encoder) -> Notes:
    """All that was noticed while the inputs were read."""
    notes = bad.notes
    for warning in opened.warnings():
        notes.add(READ_OTHERWISE, "", 0, warning)
    notes.count_more(COMMENTS, encoder.n_comments)
    notes.count_more(LETTER_ENTITIES, int(bool(encoder.flags & 2)))
    return notes


@contextmanager
def _spill_files(folder: str | None) -> Iterator[tuple[int, int, int] | None]:
    """Three empty files without a name, for records, pairs and the names of entities.

    None where there is no folder, or it cannot hold them.
    """
    with ExitStack() as stack:
        files = None
        if folder is not None:
            try:
                records, pairs, names = (
                    stack.enter_context(tempfile.TemporaryFile(buffering=0, dir=folder)).fileno()
                    for _ in range(3)
                )
                files = records, pairs, names
            except OSError as error:
                _logger.debug("%s: triples cannot be kept there: %s", folder, error)
        yield files
