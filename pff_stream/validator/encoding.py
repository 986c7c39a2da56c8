"""Graphs of documents: the short way where it goes, else the way of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pff_stream.notes import Notes
from pff_stream.triples.encode import PrivateGraph, encode_quietly
from pff_stream.triples.formats.interface import Given
from pff_stream.triples.formats.text import TextFormat
from pff_stream.triples.quick import QuickEncoder

if TYPE_CHECKING:
    from pff_stream.findings.packed import PackedFindings
    from pff_stream.triples._graph import GraphView
    from pff_stream.triples.options import EncodeOptions
    from pff_stream.validator.content import Content


class DocumentEncoder:
    """Encodes one document after the other; for one thread at a time."""

    def __init__(self, options: EncodeOptions) -> None:
        self._options = options._replace(formats=(TextFormat(), *options.formats))
        self._quick = QuickEncoder(options, keeps_spots=True, hashes=False)

    def with_spots(
        self, content: Content, graph: GraphView, found: PackedFindings
    ) -> PackedFindings:
        """Findings of the last document, told where they stand where that is known by now."""
        text = content.text
        if text is None or not self._is_quick:
            return found
        return found.with_spots(graph, lambda wanted: self._quick.spots(text, wanted))

    def graph(self, content: Content) -> tuple[bytearray, Notes]:
        """The encoded graph, and what was noticed; what `encode_quietly` raises."""
        found = None
        if content.text is not None:
            found = self._quick.of_text(content.name, content.name, content.text)
        elif content.triples is not None:
            found = self._quick.of_triples(content.name, content.triples)
        elif content.lines is not None:
            found = self._quick.of_lines(content.name, content.lines)
        self._is_quick = found is not None
        if found is not None:
            return found, _with(content.notes, self._quick.notes)
        room = PrivateGraph(self._options.memory_bytes)
        one = content.path or Given(content.name, _given(content))
        report = encode_quietly([one], room, self._options)
        return room.buffer, _with(content.notes, report.notes)


def _given(content: Content) -> object:
    if content.lines is not None:
        return (tuple(line.decode().split("\t")) for line in content.lines.split(b"\n")[:-1])
    return content.text if content.triples is None else content.triples


def _with(before: Notes | None, notes: Notes) -> Notes:
    if before is None or not len(before):
        return notes
    both = Notes(iter(before))
    both.merge(notes)
    return both
