"""The commands that prepare inputs once: `compile`, `encode`, `triples`, `rules`; without numpy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO

from pff_stream.errors import OutputError, RefusedError
from pff_stream.files.decoders import DecoderMemory
from pff_stream.files.sources import decoder_bytes, known_bytes, open_blocks, shown
from pff_stream.files.temporary import working_folder
from pff_stream.files.writers import FileWriter
from pff_stream.limits.fence import fenced_bytes, hold_tree, phase_held, without_own_group
from pff_stream.notes import say
from pff_stream.observer import Observer, advancing, ticked
from pff_stream.rules.share import CompileShare
from pff_stream.settings.commands import (
    CompileSettings,
    EncodeSettings,
    RulesSettings,
    TriplesSettings,
)
from pff_stream.settings.models import ResourceOptions
from pff_stream.words import counted
from planner.machine import read_machine
from planner.probe import measure_self
from planner.sizes import format_size

if TYPE_CHECKING:
    from pff_stream.rules.compile_report import CompileReport
    from pff_stream.rules.given import RulesGiven
    from pff_stream.triples.inputs import TripleInput
    from pff_stream.triples.report import EncodeReport


def compiled(
    settings: CompileSettings, observer: Observer, given: RulesGiven | None = None
) -> CompileReport:
    """Compiles rule text into a rule file; `given` rules stand in for the path."""
    from contextlib import ExitStack

    from pff_stream.rules import compile as compiler
    from pff_stream.rules.given import lines_of
    from pff_stream.triples.graph import attach, verify
    from pff_stream.triples.report import no_triples

    path, target, asked = settings.inputs.rules, settings.target.output, settings.compile
    resources = settings.resources
    share = _share(path, resources)
    decoders = DecoderMemory(share.decoder_bytes, share.window_bytes)
    is_file = given is None and os.path.isfile(path)
    observer.phase("compile", known_bytes([path] if given is None else [given]), "bytes")
    with ExitStack() as stack:
        stack.enter_context(phase_held(share.bytes, resources, threads=1))
        output = None
        if target is not None:
            output = stack.enter_context(FileWriter(target))
        graph = None
        if asked.graph is not None:
            verify(asked.graph)
            graph = stack.enter_context(attach(asked.graph)).view
            if graph.n_triples == 0:
                raise no_triples(asked.graph)
        blocks = open_blocks(path, compiler.BLOCK_BYTES, decoders)
        report = compiler.compile_rules(
            ticked(blocks if given is None else lines_of(given), advancing(observer)),
            output,
            source_name=shown(path),
            options=compiler.RuleOptions(
                rule_format=settings.reading.rule_format,
                on_bad_rule=settings.reading.on_bad_rule,
                memory_bytes=share.compiler_bytes,
                temporary_directory=working_folder(_parent(target)),
                chunk_rules=asked.chunk_rules,
                ahead=is_file,
            ),
            graph=graph,
        )
    say(report.notes)
    return report


def compile_rules(settings: CompileSettings, observer: Observer) -> list[str]:
    """Compiles rule text into a rule file; returns what to say about it."""
    report = compiled(settings, observer)
    target = settings.target.output
    bodies = counted(report.bodies, "distinct body", "distinct bodies")
    counts = f"{counted(report.rules, 'rule')}, {bodies}"
    lines = [f"{counts}, {report.rejected:,} rejected ({report.seconds:.2f} s)"]
    if report.unsettled:
        said = counted(report.unsettled, "rule has several readings", "rules have several readings")
        lines.append(f"{said}: `run` settles that by the graph")
    if target is not None:
        chunks = counted(report.chunks, "chunk")
        lines.append(f"{target}: {format_size(report.file_bytes)} in {chunks}")
    return lines


def encoded(
    settings: EncodeSettings, observer: Observer, given: Sequence[TripleInput] | None = None
) -> EncodeReport:
    """Encodes triples into a graph file; `given` ones stand in for the paths."""
    from pff_stream.triples.encode_process import encode_in_process
    from pff_stream.triples.options import encode_options
    from pff_stream.triples.store import GraphStore

    target = settings.target.output
    assert target is not None  # checked by the settings
    resources = settings.resources
    inputs = list(settings.inputs.triples) if given is None else given
    observer.phase("encode", known_bytes(inputs), "bytes")
    share, source = _headroom(resources)
    options = encode_options(settings.reading)._replace(
        memory_bytes=share,
        memory_source=source,
        window_bytes=resources.max_window_bytes,
        spill_folder=working_folder(_parent(target)),
    )
    fence_bytes = fenced_bytes(share, resources)
    with GraphStore.at_path(target) as store:
        return encode_in_process(
            inputs, options, store, fence_bytes=fence_bytes, tick=advancing(observer)
        )


def encode_triples(settings: EncodeSettings, observer: Observer) -> list[str]:
    """Encodes triples into a graph file; returns what to say about it."""
    report = encoded(settings, observer)
    target = settings.target.output
    counts = f"{counted(report.n_triples, 'triple')} ({report.n_read:,} read)"
    entities = counted(report.n_entities, "entity", "entities")
    names = f"{entities}, {counted(report.n_relations, 'relation')}"
    lines = [f"{counts}, {names} ({report.seconds:.2f} s)"]
    lines.append(f"{target}: {format_size(report.graph_bytes)}, mapping {report.mapping}")
    if report.disk_bytes:
        lines.append(f"temporary files took {format_size(report.disk_bytes)} at most")
    return lines


def print_rules(settings: RulesSettings, stream: BinaryIO) -> None:
    """Writes rules in another notation; says how many cannot be written so, and why the first.

    `InputError` where none can.
    """
    from pff_stream.inputs import open_rules
    from pff_stream.rules.convert import Converted

    path, resources = settings.inputs.rules, settings.resources
    notation = settings.converting.notation
    assert notation is not None  # checked by the settings
    share, folder = _share(path, resources), working_folder(None)
    with (
        phase_held(share.bytes, resources),
        open_rules(path, settings.reading, folder, share) as opened,
    ):
        converted = Converted(opened.file, shown(path), notation)
        _write_lines(stream, converted.lines())
    converted.tell()


def print_triples(settings: TriplesSettings, stream: BinaryIO) -> None:
    """Writes the triples that inputs become, as lines of TSV."""
    from pff_stream.triples.inputs import checked_lines
    from pff_stream.triples.options import encode_options

    resources = settings.resources
    share, source = _headroom(resources)
    options = encode_options(settings.reading)._replace(
        memory_bytes=share,
        memory_source=source,
        window_bytes=resources.max_window_bytes,
    )
    with phase_held(share, resources):
        given, iri = list(settings.inputs.triples), settings.printing.iri
        _write_lines(stream, checked_lines(given, options, iri))


def _write_lines(stream: BinaryIO, lines: Iterable[bytes]) -> None:
    try:
        stream.writelines(lines)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output: {error.strerror or error}") from error


def _headroom(resources: ResourceOptions) -> tuple[int, str]:
    """Bytes that may be used beside what this process holds already, and what says so."""
    machine = without_own_group(read_machine(0, resources.budget_bytes))
    headroom = machine.budget_bytes - measure_self().bytes
    if headroom <= 0:
        raise RefusedError(
            f"refused: the program alone holds {format_size(measure_self().bytes)}, "
            f"budget {format_size(machine.budget_bytes)} ({machine.budget_source})"
        )
    hold_tree(machine.budget_bytes)
    return headroom, machine.budget_source


def _share(path: str, resources: ResourceOptions) -> CompileShare:
    """What compiling a file may use, and its decoder; `RefusedError` where the least is more."""
    from pff_stream.rules.compile import MIN_MEMORY_BYTES

    (headroom, source), most = _headroom(resources), resources.max_window_bytes
    decoder = decoder_bytes(path, most) if os.path.isfile(path) else 0
    if headroom < MIN_MEMORY_BYTES + decoder:
        least = measure_self().bytes + MIN_MEMORY_BYTES + decoder
        raise RefusedError(
            f"refused: compiling needs {format_size(least)} at least, the budget leaves "
            f"{format_size(max(0, headroom))} ({source}); {-(-least // (1 << 20))}MiB would do"
        )
    return CompileShare.of(path, decoder, headroom, most)


def _parent(path: str | None) -> str | None:
    import os

    return None if path is None else os.path.dirname(os.path.abspath(path))
