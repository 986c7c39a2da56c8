"""Tells why no document of a manifest was checked: what the rules name beside what one has.

One document is encoded again for it, when the workers are gone, within the room that each had for
one. Does not cover: documents of which some are checked, where that others are not may well be.
"""

from __future__ import annotations

from itertools import islice

from pff_stream.errors import InputError, RefusedError
from pff_stream.notes import Notes
from pff_stream.pipeline.nothing_checked import (
    nothing_checked_in_document,
    unknown_heads_of_documents,
)
from pff_stream.report.records import Reason
from pff_stream.report.totals import RunTotals
from pff_stream.rules.file import RuleFile
from pff_stream.settings.manifest import Manifest
from pff_stream.triples._graph import GraphView
from pff_stream.triples.encode import PrivateGraph, encode_quietly
from pff_stream.triples.options import EncodeOptions

MOST_TRIED = 100
"""Documents, until one is found that can be read and has triples."""


def notes_of_documents(
    totals: RunTotals, manifest: Manifest, rules: RuleFile, options: EncodeOptions
) -> Notes:
    """What is said where no document is checked, and where rules show why heads are unknown."""
    notes = Notes()
    if totals.unchecked and totals.unchecked + totals.failed == totals.documents:
        notes.merge(_unchecked(totals.unchecked, manifest, rules, options))
    if totals.rules.because(Reason.HEAD_RELATION_ABSENT):
        notes.merge(unknown_heads_of_documents(totals.rules, rules))
    return notes


def _unchecked(
    n_documents: int, manifest: Manifest, rules: RuleFile, options: EncodeOptions
) -> Notes:
    """What is said of `n_documents`, of which none is checked, by the first that has triples."""
    for document in islice(manifest.documents(), MOST_TRIED):
        room = PrivateGraph(options.memory_bytes)
        try:
            encode_quietly([document.path], room, options)
        except (InputError, RefusedError):
            continue
        graph = GraphView(room.buffer)
        if graph.n_entities:
            return nothing_checked_in_document(n_documents, rules, graph, document.name)
    return Notes()
