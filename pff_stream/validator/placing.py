"""Findings of one document as objects, each with its places in the document's text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pff_stream.findings.places import PlaceSources, find_places, looked_up, relation_pointer
from pff_stream.findings.where import is_absent, placed, wanted_by
from pff_stream.notes import Notes
from pff_stream.report.streams import Place
from pff_stream.triples._graph import GraphView
from pff_stream.triples._spots import places_at
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.text import TextReader
from pff_stream.triples.held import Unlimited

if TYPE_CHECKING:
    from pff_stream.findings.catalogue import RuleCatalogue
    from pff_stream.report.streams import Finding
    from pff_stream.triples._places import WantedPlaces
    from pff_stream.triples.options import EncodeOptions
    from pff_stream.validator.checker import CheckedDocument
    from pff_stream.validator.content import Content


def made_findings(
    checked: CheckedDocument, reading: EncodeOptions, catalogue: RuleCatalogue
) -> list[Finding]:
    """All findings that were kept, best first, with their places.

    The text is read again where the first reading did not keep them.
    """
    found = checked.found
    if found is None or not found.entries:
        return []
    findings = found.objects(lambda: GraphView(checked.graph), catalogue)
    content = checked.content
    places = _known_places(findings, content, found.spots, reading) or _places(
        findings, checked, reading
    )
    return findings if places is None else placed(findings, places)


def _known_places(
    findings: Sequence[Finding], content: Content, spots: bytes | None, reading: EncodeOptions
) -> list[Place | None] | None:
    """The places by where they stand in the text; None where that is not known."""
    if spots is None or content.text is None:
        return None
    offsets = memoryview(spots).cast("I")
    at = places_at(content.text, offsets)
    if at is None:
        return None
    name, make = content.name, tuple.__new__  # what `Place` calls, without its Python code
    known = {offset: make(Place, (name, *where)) for offset, where in at.items()}
    places = list(map(known.get, offsets.tolist()))
    steps: dict[str, str] = {}
    number = 0
    for finding in findings:
        place = places[number]
        if place is not None and is_absent(finding):
            relation = finding.triple[1]
            if relation not in steps:
                steps[relation] = relation_pointer(relation, "", reading)
            places[number] = Place(place.file, place.line, f"{place.pointer}{steps[relation]}")
        number += 1 + sum([len(reason.witness) for reason in finding.reasons])
    return places


def _places(
    findings: Sequence[Finding], checked: CheckedDocument, reading: EncodeOptions
) -> Sequence[Place | None] | None:
    content = checked.content
    if content.triples is not None or content.lines is not None:
        return None
    wanted, notes = wanted_by(findings), Notes()
    if content.path is not None:
        sources = PlaceSources((content.path,), reading, GraphView(checked.graph).input_hash)
        return find_places(sources, wanted, notes=notes)

    def read(asked: WantedPlaces) -> None:
        assert content.text is not None
        reader = TextReader(reading.documents, BadTriples("skip"))
        reader.find(asked)
        names = content.name, content.name
        for _ in reader.blocks_of(names, iter([content.text]), Unlimited(), lines=False):
            pass

    return looked_up(wanted, read, reading, notes)
