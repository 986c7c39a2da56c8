"""Where triples stand in the texts that a graph was made of: file, line, and the JSON pointer.

One pass over all inputs for all that is asked for, by the readers that encode them. What is held
grows with the number of places, beside what reading holds anyway: a block, a decoder, one document.
Does not cover: which places a finding wants.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from pff_stream.errors import InputError
from pff_stream.files.copies import CopiesOpener, is_read_once
from pff_stream.files.decoders import LARGEST_WINDOW_BYTES, DecoderMemory
from pff_stream.files.known import is_graph_file
from pff_stream.files.sources import shown
from pff_stream.notes import NoteKind, Notes
from pff_stream.report.streams import Place
from pff_stream.triples._places import (
    FOUND_BYTES,
    WANTED_BYTES,
    PlaceLines,
    WantedPlaces,
    pointer_bytes,
)
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.mapping import keys_of
from pff_stream.triples.inputs import OpenedInput, OpenedInputs, TripleInput
from pff_stream.triples.options import EncodeOptions
from planner.formula import given
from planner.model import Term

if TYPE_CHECKING:
    from pff_stream.triples.held import HeldMemory
    from pff_stream.triples.sizes import EncodeCounts

__all__ = ["ANY", "NO_PLACES", "Place", "PlaceSources", "Wanted", "find_places"]

Wanted: TypeAlias = "tuple[bytes, bytes, bytes | None]"
"""A triple by the names of the graph: where it stands. `ANY` as subject or object: where the first
triple stands that has the other two names. None as object: where a value of this relation would
stand, that is at the object that names the subject, or in the first line whose subject it is."""
ANY = b""

NO_PLACES = NoteKind(
    "no_places",
    "input tells no places of its triples: it cannot be read again, or is of a format without them",
    "inputs tell no places of their triples: they cannot be read again, or are of formats without",
)
LONG_POINTERS = NoteKind(
    "long_pointers",
    "place is told by its line alone: its pointer is too long",
    "places are told by their lines alone: their pointers are too long",
)
_NAMES_SHOWN = 3
_MOST_BYTES_OF_A_CHARACTER = 4
_BLOCKS = 3
_SOURCE = "constants of the code"


@dataclass(frozen=True, slots=True)
class PlaceSources:
    """What a graph was made of."""

    inputs: Sequence[TripleInput]
    options: EncodeOptions
    """Those that it was encoded with."""
    input_hash: bytes | None
    """As the graph's header has it; None: nothing is compared."""
    copies: Mapping[str, str] = field(default_factory=dict)
    """By path, copies of inputs that cannot be read again (`files/copies`)."""
    names: Mapping[str, str] = field(default_factory=dict)
    """By path, as the user named it, where a run goes on from another folder."""
    input_hashes: Mapping[str, bytes] = field(default_factory=dict)
    """By name, where some inputs are objects that cannot be read again."""


def find_places(
    sources: PlaceSources,
    wanted: Sequence[Wanted],
    *,
    notes: Notes | None = None,
    memory: HeldMemory | None = None,
    decoders: DecoderMemory | None = None,
) -> list[Place | None]:
    """The place of each that is wanted, in their order; None where there is none.

    `notes` are told of inputs that have no places. Raises `InputError` where an input is not what
    it was when it was encoded, and what reading raises.
    """
    notes = Notes() if notes is None else notes
    given = list(sources.inputs)
    graphs = [path for path in given if isinstance(path, str) and is_graph_file(path)]
    if graphs or not wanted:
        if wanted:
            notes.add(NO_PLACES, graphs[0], 0, "")
        return [None] * len(wanted)
    if decoders is None:  # a window that was read once is read again
        decoders = DecoderMemory(window_bytes=LARGEST_WINDOW_BYTES)

    def read(looked_for: WantedPlaces) -> None:
        _Pass(sources, looked_for, notes).read(memory, decoders)

    found = looked_up(wanted, read, sources.options, notes)
    names = {shown(path): shown(name) for path, name in sources.names.items()}
    return [
        one if one is None else one._replace(file=names.get(one.file, one.file)) for one in found
    ]


def looked_up(
    wanted: Sequence[Wanted],
    read: Callable[[WantedPlaces], None],
    options: EncodeOptions,
    notes: Notes,
) -> list[Place | None]:
    """The place of each that is wanted, in their order, by what `read` finds."""
    found: list[Place | None] = [None] * len(wanted)
    keys: dict[tuple[bytes, bytes, bytes], int] = {}
    numbers = [keys.setdefault(_key(one), len(keys)) for one in wanted]
    looked_for = WantedPlaces(list(keys))
    read(looked_for)
    notes.count_more(LONG_POINTERS, looked_for.n_long)
    for number, (one, key) in enumerate(zip(wanted, numbers, strict=True)):
        met = looked_for.found[key]
        if met is not None:
            source, line, text, path = met
            pointer = None if text is None else text.decode()
            if one[2] is None and pointer is not None:
                pointer += relation_pointer(one[1].decode(), path.decode(), options)
            found[number] = Place(source, line, pointer)
    return found


def place_terms(n: int, name_bytes: int, encoded: EncodeCounts | None = None) -> list[Term]:
    """What looking for `n` places takes at most; `name_bytes` are those of the names looked for.

    `encoded` says what reading the same texts took.
    """
    places = (WANTED_BYTES + FOUND_BYTES) * given("places", n)
    texts = (2 + _MOST_BYTES_OF_A_CHARACTER) * given("pointers", pointer_bytes(n))
    terms = [Term.of("places", places + given("names", name_bytes) + texts, _SOURCE)]
    return terms if encoded is None else [*terms, *reading_terms(encoded)]


def reading_terms(encoded: EncodeCounts) -> list[Term]:
    """What reading texts again takes, by what it took when they were encoded.

    A bound: where nothing is found nothing is read.
    """
    read = "what reading the same texts took when they were encoded"
    held = max(encoded.document_bytes, encoded.held_bytes)
    decoder = max(encoded.decoder_bytes, encoded.expected_decoder_bytes)
    return [
        Term.of("blocks", _BLOCKS * given("block", encoded.block_bytes), _SOURCE),
        Term.of("decoder", given("decoder", decoder), read, at_most=True),
        Term.of("document", given("document", held), read, at_most=True),
    ]


def _key(wanted: Wanted) -> tuple[bytes, bytes, bytes]:
    """What is looked for: of values that are not there, only the subject."""
    subject, relation, object_ = wanted
    return (subject, b"", b"") if object_ is None else (subject, relation, object_)


def relation_pointer(relation: str, path: str, options: EncodeOptions) -> str:
    """The steps from an object to a value that it does not have, of this relation.

    `path` is what the relation begins with, where it is a path from the document down.
    """
    documents = options.documents
    keys = keys_of(
        relation,
        injective=documents.mapping != "json-1",
        by_path=documents.predicate == "path",
        path=path,
    )
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


class _Pass:
    """Reads all inputs once, and compares them with those that were encoded."""

    def __init__(self, sources: PlaceSources, wanted: WantedPlaces, notes: Notes) -> None:
        self._sources = sources
        self._wanted = wanted
        self._notes = notes
        self._lines: PlaceLines | None = None
        # What is no triple was told when it was encoded.
        policy = "fail" if sources.options.on_bad_triple == "fail" else "skip"
        self._bad = BadTriples(policy)

    def read(self, memory: HeldMemory | None, decoders: DecoderMemory | None) -> None:
        """Reads all that is text; raises `InputError` where it is not what it was."""
        sources = self._sources
        readable: list[str] = []
        for number, one in enumerate(sources.inputs, 1):
            path = os.fspath(one) if isinstance(one, (str, os.PathLike)) else None
            if path is not None and (path in sources.copies or not is_read_once(path)):
                readable.append(path)
            else:
                name = f"triples given as input {number}" if path is None else shown(path)
                self._notes.add(NO_PLACES, name, 0, "")
        is_all = len(readable) == len(sources.inputs)
        names = [shown(path) for path in readable]
        read = hashlib.blake2b(digest_size=16)
        options = sources.options
        if sources.copies:
            options = options._replace(open=CopiesOpener(sources.copies))
        try:
            opened = OpenedInputs(readable, options, self._bad, memory, decoders, self._wanted)
            for name, text in zip(names, opened.all, strict=True):
                if not is_all:
                    read = hashlib.blake2b(digest_size=16)
                self._read_input(text, read.update)
                if not is_all:
                    _compare(read.digest(), sources.input_hashes.get(name), [name])
        except InputError as error:
            raise InputError(
                f"{error} (read again to tell places: it is not what it was when it was encoded)"
            ) from None
        if is_all:
            _compare(read.digest(), sources.input_hash, names)

    def _read_input(self, opened: OpenedInput, update: Callable[[bytes], object]) -> None:
        lines = opened.lines
        if opened.tells_places or not (lines.is_raw or lines.numbers is not None):
            if not opened.tells_places:
                self._notes.add(NO_PLACES, opened.name, 0, "")
            for block in lines.blocks:
                update(block)
            return
        looks = self._lines = self._lines or PlaceLines(self._bad, self._wanted)
        looks.start_file(
            opened.name,
            lines.columns,
            verbatim=not lines.is_raw,
            n_columns=lines.n_columns,
            more_columns=lines.more_columns,
            cuts_dots=lines.cuts_dots,
        )
        settle, numbers, before = self._wanted.settle, lines.numbers, 0
        for block in lines.blocks:
            update(block)
            looks.feed(block)
            if numbers is not None:
                settle(opened.name, partial(_number, numbers, before))
                before += len(numbers)
        looks.end_file()
        settle(opened.name, int)


def _number(numbers: Sequence[int], before: int, line: int) -> int:
    """Where a line stands that a format made: the lines of the block at hand have numbers."""
    return numbers[line - before - 1]


def _compare(found: bytes, expected: bytes | None, names: Sequence[str]) -> None:
    if expected is None or found == expected:
        return
    shown_names = ", ".join(names[:_NAMES_SHOWN])
    if len(names) > _NAMES_SHOWN:
        shown_names = f"one of {shown_names} and {len(names) - _NAMES_SHOWN} more"
    elif len(names) > 1:
        shown_names = f"one of {shown_names}"
    raise InputError(
        f"{shown_names}: found the hash {found.hex()}, expected {expected.hex()}: it was changed "
        "since it was encoded, so that no places can be told"
    )
