"""The inputs of one graph, opened: which format reads each, and the lines that it makes of them.

Does not cover: what becomes of the lines (`encode`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from pff_stream.errors import InputError, UsageError
from pff_stream.files.decoders import PACKED_SUFFIXES, DecoderMemory
from pff_stream.files.sources import STANDARD_INPUT, open_blocks, shown
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.tsv import MAPPING, checked
from pff_stream.triples.formats.tuples import Triple
from pff_stream.triples.held import HeldMemory, Unlimited
from pff_stream.triples.options import EncodeOptions

TripleInput: TypeAlias = "str | os.PathLike[str] | Iterable[Triple]"
FIRST_BYTES = 4096
"""What a format is shown of an input; more where it begins with blanks."""
_MOST_BLANKS = 1 << 20
_BLANKS = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True, slots=True)
class OpenedInput:
    """One input as lines."""

    name: str
    mapping: str
    lines: LineBlocks
    plain_bytes: int | None
    """Bytes of all its lines; None where that is not known before they are read."""


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
    ) -> None:
        """`memory` and `decoders` are told what reading takes."""
        self._options = options
        self._bad = bad
        self._memory = memory or Unlimited()
        self._decoders = decoders or DecoderMemory()
        self._readers: dict[TripleFormat, TripleReader] = {}
        given = [os.fspath(path) if isinstance(path, os.PathLike) else path for path in inputs]
        if given.count(STANDARD_INPUT) > 1:
            raise UsageError("standard input (-) can be read only once")
        self.all = [self._open(one, number) for number, one in enumerate(given, 1)]
        mappings = {opened.mapping for opened in self.all}
        if len(mappings) > 1:
            raise InputError(
                "found inputs of several kinds for one graph, expected one kind: "
                + ", ".join(f"{opened.name} ({opened.mapping})" for opened in self.all)
            )
        self.mapping = mappings.pop() if mappings else MAPPING

    def plain_bytes(self) -> int | None:
        """Bytes of all lines; None where that is not known before they are read."""
        total = 0
        for opened in self.all:
            if opened.plain_bytes is None:
                return None
            total += opened.plain_bytes
        return total

    def warnings(self) -> list[str]:
        """What was read otherwise than it may have been meant."""
        return [said for reader in self._readers.values() for said in reader.warnings()]

    def _open(self, given: object, number: int) -> OpenedInput:
        if isinstance(given, str):
            name = shown(given)
            first_bytes, blocks = self._look_into(given)
        else:
            name = f"triples given as input {number}"
            first_bytes, blocks = b"", iter(())
        for matching in self._options.formats:
            if matching.matches(given, first_bytes):
                break
        else:
            raise InputError(f"{name}: found {type(given).__name__}, expected triples")
        if matching not in self._readers:
            self._readers[matching] = matching.reader(self._options, self._bad)
        source = TripleSource(given, name, blocks, self._memory)
        lines = self._readers[matching].lines(source)
        return OpenedInput(name, matching.mapping, lines, _plain_bytes(given, lines))

    def _look_into(self, path: str) -> tuple[bytes, Iterator[bytes]]:
        """The first bytes of a path, and all its blocks.

        A file is opened twice, so that of many inputs none is open before its turn.
        """
        block_bytes, decoders = self._options.block_bytes, self._decoders
        if os.path.isfile(path):
            first, _ = _first_bytes(open_blocks(path, FIRST_BYTES, decoders))
            return first, open_blocks(path, block_bytes, decoders)
        blocks = open_blocks(path, block_bytes, decoders)
        first, seen = _first_bytes(blocks)
        return first, chain(seen, blocks)


def held_at_most(path: str, options: EncodeOptions) -> int:
    """What reading a path holds beside blocks at most, by what is known before it is read."""
    first_bytes = b"{" if path == STANDARD_INPUT else b""  # what takes most
    for matching in options.formats:
        if matching.matches(path, first_bytes):
            return matching.held_at_most(text_at_most(path, options), options)
    return 0


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
    for opened in OpenedInputs(inputs, options, BadTriples(options.on_bad_triple)).all:
        yield from opened.lines.blocks


def checked_lines(inputs: Sequence[TripleInput], options: EncodeOptions) -> Iterator[bytes]:
    """The same, every line checked and in the order subject, relation, object.

    Raises `InputError` with file and line for a bad one.
    """
    bad = BadTriples("fail")
    for opened in OpenedInputs(inputs, options, bad).all:
        yield from checked(opened.name, opened.lines, bad)


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


def _plain_bytes(given: object, lines: LineBlocks) -> int | None:
    if not isinstance(given, str) or not lines.is_raw or given.lower().endswith(PACKED_SUFFIXES):
        return None
    return os.path.getsize(given) if os.path.isfile(given) else None
