"""Makes the two inputs of a run ready: a compiled rule file and an encoded graph, each by a name.

Text is compiled and raw triples are encoded into files and memory without a name of their own,
which are gone with this process; what is compiled or encoded already is checked and used as it is.
The headers of both say all that the plan needs. Does not cover: planning, workers.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from pff_stream.errors import InputError, OutputError
from pff_stream.execute.files import InputFile
from pff_stream.files.copies import copied, is_read_once
from pff_stream.files.decoders import DecoderMemory, stem_of
from pff_stream.files.known import is_graph_file, is_rule_file
from pff_stream.files.opened import OpenedFile
from pff_stream.files.sources import STANDARD_INPUT, open_blocks, shown
from pff_stream.files.temporary import temporary_file
from pff_stream.files.writers import OpenFile
from pff_stream.notes import BLANKS_IN_RULES, REJECTED_RULES, Notes
from pff_stream.observer import Tick, no_tick, ticked
from pff_stream.rules._format import AUTO
from pff_stream.rules.compile_report import no_rules
from pff_stream.rules.file import RuleFile
from pff_stream.settings.models import InputOptions, ResourceOptions
from pff_stream.settings.policy import too_many_rejected
from pff_stream.triples.graph import attach, read_header
from pff_stream.triples.inputs import TripleInput
from pff_stream.triples.options import encode_options
from pff_stream.triples.report import EncodeReport, no_triples
from pff_stream.triples.store import GraphStore
from pff_stream.words import counted
from planner.mounts import is_memory

if TYPE_CHECKING:
    from pff_stream.rules.compile_report import CompileReport
    from pff_stream.rules.given import RulesGiven
    from pff_stream.rules.share import CompileShare

TriplesGiven: TypeAlias = "Sequence[TripleInput]"
"""Triples from a Python caller, instead of paths."""

_BY_NUMBER = ("/dev/std", "/dev/fd/", "/proc/")
"""Names of files that others opened, which say nothing of what is in them."""
_logger = logging.getLogger("pff_stream")


@dataclass(frozen=True, slots=True)
class Rules:
    """A rule file that is open for as long as the run lasts."""

    file: RuleFile
    shared: InputFile
    """What workers open."""
    source_hash: bytes
    compiled: CompileReport | None
    """None where the file was compiled before."""
    decoder_bytes: int
    """What decompressing the text took; 0 where it was not packed, or compiled before."""
    opened: OpenedFile | None
    """The file that was compiled before, else None."""
    blanks_are_names: bool = False
    """Whether the graph has the names that have blanks around them in the rules."""

    @property
    def notes(self) -> Notes:
        """What was skipped of them, or read otherwise than it stands."""
        if self.compiled is not None:
            notes = self.compiled.notes
        else:
            notes = Notes.of(REJECTED_RULES, self.file.rejected)
            notes.count_more(BLANKS_IN_RULES, self.file.blanks)
        if self.blanks_are_names:
            return Notes(note for note in notes if note.kind is not BLANKS_IN_RULES)
        return notes

    def beside(self, graph: GraphInput) -> Rules:
        """The same rules, once it is known which graph they are read by."""
        if not self.file.blanks:
            return self
        from pff_stream.evaluate.chunk import blanks_are_names

        with attach(graph.name) as attached:
            return replace(self, blanks_are_names=blanks_are_names(self.file, attached.view))

    @property
    def source(self) -> str:
        """As the user named it."""
        return self.shared.shown

    def check_complete(self) -> None:
        """`InputError` unless a file that was compiled before holds each of its rules once.

        Reads all of it: for where no merge follows, which would notice, or where one has noticed.
        """
        if self.opened is not None:
            from pff_stream.rules.complete import check_complete

            check_complete(self.file)


@dataclass(frozen=True, slots=True)
class GraphInput:
    """An encoded graph that can be attached for as long as its store is open."""

    store: GraphStore
    shared: InputFile
    """What workers attach."""
    n_entities: int
    n_relations: int
    n_triples: int
    input_hash: bytes
    encoded: EncodeReport | None
    """None where the graph was encoded before."""
    opened: OpenedFile | None
    """The file that was encoded before, else None."""
    inputs: TriplesGiven
    """What it was made of, or the file that it is."""
    of_documents: bool = False
    """Whether it was made of JSON documents, or with them."""
    copies: dict[str, str] = field(default_factory=dict)
    """By path, where inputs that can be read only once were copied to (`files/copies`)."""

    @property
    def name(self) -> str:
        """By which it is attached here."""
        return self.shared.name

    @property
    def total_bytes(self) -> int:
        """Size of the graph."""
        return self.shared.size_bytes

    @property
    def document(self) -> str:
        """Name of the one JSON file that it was made of: its stem; empty for any other graph.

        What is read from standard input or a pipe has no name that stays.
        """
        if self.encoded is None or not self.of_documents or len(self.inputs) != 1:
            return ""
        (one,) = self.inputs
        path = os.fspath(one) if isinstance(one, (str, os.PathLike)) else STANDARD_INPUT
        is_named = not is_read_once(path) and not path.startswith(_BY_NUMBER)
        return stem_of(path) if is_named else ""

    @property
    def in_memory(self) -> bool:
        """Whether its bytes are memory that cannot be reclaimed (else pages of a file)."""
        return self.store.backing == "memory"


@contextmanager
def open_rules(
    path: str,
    reading: InputOptions,
    folder: str,
    share: CompileShare,
    given: RulesGiven | None = None,
    tick: Tick = no_tick,
) -> Iterator[Rules]:
    """The compiled rules; text is compiled first, within its share of memory, into `folder`.

    `tick` is called again and again meanwhile, with the bytes of rule text that were read.
    """
    if given is None and is_rule_file(path):
        with RuleFile(path) as file:
            yield _compiled_before(file, path, reading)
        return
    from pff_stream.rules.compile import BLOCK_BYTES, RuleOptions, compile_rules
    from pff_stream.rules.given import lines_of

    with temporary_file(folder) as (output, name):
        destination = OpenFile(output.fileno(), f"temporary file in {folder}")
        decoders = DecoderMemory(share.decoder_bytes, share.window_bytes)
        blocks = open_blocks(path, BLOCK_BYTES, decoders) if given is None else lines_of(given)
        report = compile_rules(
            ticked(blocks, tick),
            destination,
            source_name=shown(path),
            options=RuleOptions(
                rule_format=reading.rule_format,
                semantics=reading.semantics,
                on_bad_rule=reading.on_bad_rule,
                memory_bytes=share.compiler_bytes,
                temporary_directory=folder,
            ),
        )
        destination.commit()
        with RuleFile(output.fileno()) as file:
            yield Rules(
                file=file,
                shared=_shared_rules(file, name, path),
                source_hash=report.source_hash,
                compiled=report,
                decoder_bytes=decoders.most_bytes,
                opened=None,
            )


def _compiled_before(file: RuleFile, path: str, reading: InputOptions) -> Rules:
    """A rule file as it is; `InputError` where it is not what the options ask for."""
    opened = OpenedFile(path, file.fileno())
    if file.rules == 0:
        raise no_rules(path)
    if reading.rule_format not in (AUTO, file.rule_format):
        raise InputError(
            f"{path}: found rules that were compiled from {file.rule_format}, "
            f"expected --rule-format {reading.rule_format}"
        )
    if too_many_rejected(reading.on_bad_rule, file.rejected, file.rules):
        raise InputError(
            f"{path}: {file.rejected:,} of {counted(file.rules, 'rule line')} could not be read "
            f"when it was compiled, more than --on-bad-rule {reading.on_bad_rule} allows"
        )
    # The descriptor's name: workers read this file even if the path is replaced meanwhile.
    name = f"/proc/{os.getpid()}/fd/{file.fileno()}"
    return Rules(
        file=file,
        shared=_shared_rules(file, name if os.path.exists(name) else path, path),
        source_hash=file.source_hash,
        compiled=None,
        decoder_bytes=0,
        opened=opened,
    )


def _shared_rules(file: RuleFile, name: str, shown: str) -> InputFile:
    chunks_crc32 = zlib.crc32(file.chunks["crc32"].tobytes())
    content_hash = f"{file.source_hash.hex()}-{chunks_crc32:08x}"
    return InputFile(name, file.total_bytes, content_hash, shown)


@contextmanager
def open_graph(
    inputs: TriplesGiven,
    reading: InputOptions,
    folder: str,
    memory_bytes: int,
    *,
    resources: ResourceOptions,
    tick: Tick = no_tick,
    copy_bytes: int | None = None,
) -> Iterator[GraphInput]:
    """The encoded graph; raw triples are encoded first, by a process of its own, into memory.

    Of a graph that was encoded before only the header is read: its contents are to be verified.
    Encoding may use `memory_bytes`, the graph included; `tick` is called meanwhile. Triples and a
    graph that would take more go to files in `folder`, unless that is memory; `RefusedError` where
    the rest does not fit. `copy_bytes`: inputs that can be read only once are copied into `folder`,
    with so much disk for all of them; None: they are not.
    """
    graphs = [path for path in inputs if isinstance(path, str) and is_graph_file(path)]
    if graphs:
        if len(inputs) > 1:
            raise InputError(
                f"{graphs[0]}: found an encoded graph among {len(inputs)} inputs, "
                "expected it alone: encode all triples into one graph"
            )
        if read_header(graphs[0]).n_triples == 0:
            raise no_triples(graphs[0])
        with GraphStore.existing(graphs[0]) as store:
            opened = OpenedFile(graphs[0], store.fileno())
            yield _described(store, None, inputs, opened)
        return
    from pff_stream.triples.encode_process import EncoderKilledError, encode_in_process

    overflow = None if is_memory(folder) else folder
    window_bytes = resources.max_window_bytes
    options = encode_options(reading, window_bytes)._replace(
        memory_bytes=memory_bytes, spill_folder=overflow
    )
    fence_bytes = None if resources.fence == "none" else memory_bytes
    with ExitStack() as stack:
        copies = stack.enter_context(copied(inputs, folder, copy_bytes))
        options = options._replace(open=copies)

        def encoded() -> tuple[GraphStore, EncodeReport]:
            store = stack.enter_context(GraphStore.in_memory())
            store.overflow_folder = overflow
            report = encode_in_process(inputs, options, store, fence_bytes=fence_bytes, tick=tick)
            return store, report

        try:
            store, report = encoded()
        except EncoderKilledError as error:
            if not all(isinstance(path, str) and os.path.isfile(path) for path in inputs):
                raise
            _logger.warning("%s: it is started once more", error)
            stack.close()
            store, report = encoded()
        yield replace(_described(store, report, inputs), copies=copies.made())


def moved_out(graph: GraphInput, folder: str) -> GraphInput:
    """A graph that was encoded into memory, in a file of `folder`; the same where it cannot be."""
    if graph.encoded is None or not graph.in_memory or is_memory(folder):
        return graph
    try:
        graph.store.move_to(folder)
    except OutputError as error:
        _logger.warning("the graph stays in memory: %s", error)
        return graph
    return replace(_described(graph.store, graph.encoded, graph.inputs), copies=graph.copies)


def _described(
    store: GraphStore,
    report: EncodeReport | None,
    inputs: TriplesGiven,
    opened: OpenedFile | None = None,
) -> GraphInput:
    header = read_header(store.name)
    return GraphInput(
        store=store,
        shared=InputFile(
            name=store.name,
            size_bytes=header.total_bytes,
            content_hash=f"{header.input_hash.hex()}-{header.crc32:08x}",
            shown=store.name if opened is None else opened.path,
        ),
        n_entities=header.n_entities,
        n_relations=header.n_relations,
        n_triples=header.n_triples,
        input_hash=header.input_hash,
        encoded=report,
        opened=opened,
        inputs=inputs,
        of_documents=header.mapping.startswith("json"),
    )
