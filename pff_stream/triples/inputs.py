"""The inputs of one graph, opened: which format reads each, and the lines that it makes of them.

Does not cover: what becomes of the lines (`encode`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pff_stream.errors import InputError, RefusedError, UsageError
from pff_stream.files.decoders import (
    PACKED_SUFFIXES,
    WINDOW_BYTES,
    DecoderMemory,
    unpacked_name,
)
from pff_stream.files.folders import files_of
from pff_stream.files.sources import STANDARD_INPUT, shown
from pff_stream.notes import READ_OTHERWISE, say
from pff_stream.settings.columns import EXPECTED
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.interface import (
    Given,
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.rdf import MAPPING as RDF_MAPPING
from pff_stream.triples.formats.tsv import MAPPING, checked
from pff_stream.triples.formats.tuples import Triple
from pff_stream.triples.held import Bounded, HeldMemory, Unlimited
from pff_stream.triples.iris import Writing, bracketed, prefixed, rewritten
from pff_stream.triples.options import AUTO, EncodeOptions

if TYPE_CHECKING:
    from pff_stream.triples._places import WantedPlaces

TripleInput: TypeAlias = "str | os.PathLike[str] | Iterable[Triple] | Given"
FIRST_BYTES = 4096
"""What a format is shown of an input; more where it begins with blanks."""
FIRST_LINES = 1000
"""By which it is decided how lines are read."""
_MOST_BLANKS = _MOST_BYTES = 1 << 20
_TELLING_SUFFIXES = (".tsv", ".json", ".jsonl", ".ndjson")
_BLANKS = b"\xef\xbb\xbf \t\r\n"


class OpenedInput(NamedTuple):
    """One input as lines."""

    name: str
    mapping: str
    lines: LineBlocks
    plain_bytes: int | None
    """Bytes of all its lines; None where that is not known before they are read."""
    tells_places: bool = False
    """Whether its reader tells where what is wanted stands."""


class OpenedInputs:
    """The inputs of one graph, in their order, each read by the first format that matches.

    Raises `InputError` for inputs that cannot be read or are of several mappings, `UsageError`
    for standard input given twice.
    """

    def __init__(
        self,
        inputs: Sequence[TripleInput],
        options: EncodeOptions,
        bad: BadTriples,
        memory: HeldMemory | None = None,
        decoders: DecoderMemory | None = None,
        wanted: WantedPlaces | None = None,
    ) -> None:
        """`memory` and `decoders` are told what reading takes, readers what is looked for."""
        self._options = options
        self._bad = bad
        self._memory = memory or Unlimited()
        self._decoders = decoders or DecoderMemory()
        self._wanted = wanted
        self._readers: dict[TripleFormat, TripleReader] = {}
        self._telling: set[TripleFormat] = set()
        given = [
            file
            for one in inputs
            for file in (files_of(os.fspath(one)) if isinstance(one, (str, os.PathLike)) else [one])
        ]
        # Objects are compared with nothing: the answer of a data frame is another one.
        if [one for one in given if isinstance(one, str)].count(STANDARD_INPUT) > 1:
            raise UsageError("standard input (-) can be read only once")
        self.all = [self._open(one, number) for number, one in enumerate(given, 1)]
        self.mapping = _common_mapping(self.all)

    def plain_bytes(self) -> int | None:
        """Bytes of all lines; None where that is not known before they are read."""
        total = 0
        for opened in self.all:
            if opened.plain_bytes is None:
                return None
            total += opened.plain_bytes
        return total

    def writing(self, iri: str) -> Writing:
        """How IRIs are written; of prefixes, those that were declared before the first triple."""
        if iri == "bracketed":
            return bracketed
        return prefixed(
            dict(chain(*((one.prefixes or {}).items() for one in self._readers.values())))
        )

    def warnings(self) -> list[str]:
        """What was read otherwise than it may have been meant."""
        return [said for reader in self._readers.values() for said in reader.warnings()]

    def _open(self, given: object, number: int) -> OpenedInput:
        if isinstance(given, str):
            name = shown(given)
            first_bytes, blocks, beginning = self._look_into(given)
        else:
            name = f"triples given as input {number}"
            if isinstance(given, Given):
                name, given = given
            first_bytes, blocks, beginning = b"", iter(()), bytes
        matching = format_of(given, lambda: first_bytes, self._options)
        if matching is None:
            raise InputError(f"{name}: found {type(given).__name__}, expected triples")
        if self._options.rdf.graph_name is not None and not matching.has_graphs:
            raise InputError(
                f"{name}: found no RDF, expected N-Quads, TriG or JSON-LD with --graph-name"
            )
        if matching not in self._readers:
            self._readers[matching] = matching.reader(self._options, self._bad)
            if self._wanted is not None and self._readers[matching].find(self._wanted):
                self._telling.add(matching)
        source = TripleSource(
            given, name, blocks, self._memory, first_bytes, beginning, self._decoders
        )
        reader = self._readers[matching]
        lines = reader.lines(source)
        return OpenedInput(
            name,
            reader.mapping or matching.mapping,
            lines,
            _plain_bytes(given, lines),
            matching in self._telling,
        )

    def _look_into(self, path: str) -> tuple[bytes, Iterator[bytes], Callable[[], bytes]]:
        """The first bytes of a path, all its blocks, and what reads its first lines.

        A file is opened twice, so that of many inputs none is open before its turn.
        """
        open_blocks, block_bytes = self._options.open, self._options.block_bytes
        decoders = self._decoders
        if os.path.isfile(path):
            first, _ = _first_bytes(open_blocks(path, FIRST_BYTES, decoders))

            def again() -> bytes:
                with contextlib.closing(open_blocks(path, block_bytes, decoders)) as blocks:
                    return _first_lines([], blocks)

            return first, open_blocks(path, block_bytes, decoders), again
        blocks = open_blocks(path, block_bytes, decoders)
        first, seen = _first_bytes(blocks)
        return first, chain(seen, blocks), lambda: _first_lines(seen, blocks)


def format_of(
    given: object, beginning: Callable[[], bytes], options: EncodeOptions
) -> TripleFormat | None:
    """What reads an input: of paths the format that was asked for, else the first that matches.

    The same for whoever plans and for whoever reads: the `beginning` of a path is asked for where
    its name does not tell. None where there is none; `UsageError` for a name that no format has,
    and for names of columns of an input that has none.
    """
    matching = None
    if options.format != AUTO:
        by_name = {
            name: one
            for one in reversed(options.formats)
            for name in (one.name, *one.other_names)
            if name
        }
        if options.format not in by_name:
            expected = ", ".join((AUTO, *sorted(by_name)))
            raise UsageError(f"--format: found {options.format!r}, expected one of {expected}")
        if isinstance(given, str):
            matching = by_name[options.format]
    if matching is None:
        first_bytes = b"" if _is_told_by_name(given) else beginning()
        matching = next((one for one in options.formats if one.matches(given, first_bytes)), None)
    has_names = matching is None or matching.names_columns or not isinstance(given, str)
    if options.column_names and isinstance(given, str) and not has_names:
        raise UsageError(
            f"--columns: found names in {','.join(options.column_names)!r}, and {shown(given)} is "
            f"read without names of columns, expected {EXPECTED}"
        )
    return matching


def _common_mapping(inputs: Sequence[OpenedInput]) -> str:
    """Triples are written with names of any mapping; two mappings may name one thing twice."""
    mappings = {opened.mapping for opened in inputs} - {MAPPING}
    if len(mappings) > 1:
        raise InputError(
            "found inputs whose names are made in several ways for one graph, expected one way "
            "(of JSON documents: --mapping), and triples: "
            + ", ".join(f"{opened.name} ({opened.mapping})" for opened in inputs)
        )
    return mappings.pop() if mappings else MAPPING


def held_at_most(path: str, options: EncodeOptions) -> int:
    """What reading a path holds beside blocks at most, by what is known before it is read."""
    matching = format_of(path, lambda: _head(path, options), options)
    if matching is None:
        return 0
    return matching.held_at_most(path, text_at_most(path, options), options)


def _is_told_by_name(given: object) -> bool:
    return isinstance(given, str) and unpacked_name(given).lower().endswith(_TELLING_SUFFIXES)


def _head(path: str, options: EncodeOptions) -> bytes:
    """The first bytes of a file; empty where it cannot be read, which is said when it is.

    Of what can be read only once they are those of a document, which takes most.
    """
    if not os.path.isfile(path):
        return b"{"
    decoders = DecoderMemory(window_bytes=WINDOW_BYTES)
    try:
        with contextlib.closing(options.open(path, FIRST_BYTES, decoders)) as blocks:
            return _first_bytes(blocks)[0]
    except InputError:
        return b""
    except RefusedError:  # it may be anything
        return b"{"


def text_at_most(path: str, options: EncodeOptions) -> int:
    """A bound on the bytes of a document, decompressed; 0 where there is no such file.

    The size of a file that is packed, or of a pipe, tells nothing: it may be as long as may be.
    """
    if not os.path.exists(path) and path != STANDARD_INPUT:
        return 0
    if os.path.isfile(path) and not path.lower().endswith(PACKED_SUFFIXES):
        return os.path.getsize(path)
    return options.documents.max_document_bytes


def triple_lines(inputs: Sequence[TripleInput], options: EncodeOptions) -> Iterator[bytes]:
    """What the inputs become: blocks of lines `subject TAB relation TAB object`.

    Lines of files that hold such lines come as they are, in whatever columns.
    """
    for opened in _bounded(inputs, options, BadTriples(options.on_bad_triple)).all:
        yield from opened.lines.blocks


def _bounded(
    inputs: Sequence[TripleInput], options: EncodeOptions, bad: BadTriples
) -> OpenedInputs:
    """The inputs, whose readers and decoders together take what the options allow."""
    limit, most = options.memory_bytes, options.window_bytes
    if limit is None:
        return OpenedInputs(inputs, options, bad, None, DecoderMemory(None, most))
    memory = Bounded(limit)
    decoders = DecoderMemory(limit, most, lambda: memory.held_bytes)
    return OpenedInputs(inputs, options, bad, memory, decoders)


def checked_lines(
    inputs: Sequence[TripleInput], options: EncodeOptions, iri: str = "bare"
) -> Iterator[bytes]:
    """The same, every line checked and in the order subject, relation, object.

    `iri` says how IRIs of RDF are written: `bare`, `bracketed` or `prefixed`; of other inputs names
    are what they are, and `UsageError` is raised.

    Bad ones are left out, or an `InputError`, as the options have it; what was noticed is said
    behind the last one.
    """
    bad = BadTriples(options.on_bad_triple)
    inputs_opened = _bounded(inputs, options, bad)
    n_read = 0
    written: Writing | None = None
    for opened in inputs_opened.all:
        if iri != "bare" and opened.mapping != RDF_MAPPING:
            raise UsageError(
                f"--iri {iri}: {opened.name} is no RDF, its names are written as they are"
            )
        for block in checked(opened.name, opened.lines, bad):
            n_read += block.count(b"\n")
            if iri == "bare":
                yield block
            else:
                written = written or inputs_opened.writing(iri)
                yield rewritten(block, written)
    bad.check(n_read)
    for warning in inputs_opened.warnings():
        bad.notes.add(READ_OTHERWISE, "", 0, warning)
    say(bad.notes)


def _first_bytes(blocks: Iterable[bytes]) -> tuple[bytes, list[bytes]]:
    """The beginning, up to something that is not blank, and the blocks that it is taken from."""
    seen: list[bytes] = []
    first = b""
    for block in blocks:
        seen.append(block)
        first += block[:FIRST_BYTES]
        if first.lstrip(_BLANKS) or len(first) > _MOST_BLANKS:
            break
    return first, seen


def _first_lines(seen: list[bytes], blocks: Iterator[bytes]) -> bytes:
    """The first lines, whole; blocks that are read for them are added to those that are seen."""
    n_lines, n_bytes = sum(block.count(b"\n") for block in seen), sum(map(len, seen))
    while n_lines < FIRST_LINES and n_bytes < _MOST_BYTES:
        block = next(blocks, None)
        if block is None:
            return b"".join(seen)
        seen.append(block)
        n_lines, n_bytes = n_lines + block.count(b"\n"), n_bytes + len(block)
    whole = b"".join(seen)
    return b"\n".join(whole[: whole.rfind(b"\n") + 1].split(b"\n")[:FIRST_LINES])


def _plain_bytes(given: object, lines: LineBlocks) -> int | None:
    if not isinstance(given, str) or not lines.is_raw or given.lower().endswith(PACKED_SUFFIXES):
        return None
    return os.path.getsize(given) if os.path.isfile(given) else None
