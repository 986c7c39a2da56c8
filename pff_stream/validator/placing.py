"""Findings of one document as objects, each with its places in the document's text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pff_stream.findings.places import PlaceSources, find_places, looked_up
from pff_stream.findings.where import placed, wanted_by
from pff_stream.notes import Notes
from pff_stream.triples._graph import GraphView
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.text import TextReader
from pff_stream.triples.held import Unlimited

if TYPE_CHECKING:
    from pff_stream.findings.catalogue import RuleCatalogue
    from pff_stream.report.streams import Finding, Place
    from pff_stream.triples._places import WantedPlaces
    from pff_stream.triples.options import EncodeOptions
    from pff_stream.validator.checker import Checked
    from pff_stream.validator.content import Content


def made_findings(
    checked: Checked, reading: EncodeOptions, catalogue: RuleCatalogue
) -> list[Finding]:
    """All findings that were kept, best first; the text is read again for their places."""
    found = checked.found
    if found is None:
        return []
    graph = GraphView(checked.graph)
    making = found.on(graph, catalogue)
    findings = [making.finding(entry) for entry in found.entries]
    places = _places(findings, checked.content, graph, reading)
    return findings if places is None else placed(findings, places)


def _places(
    findings: Sequence[Finding], content: Content, graph: GraphView, reading: EncodeOptions
) -> Sequence[Place | None] | None:
    if content.triples is not None:
        return None
    wanted, notes = wanted_by(findings), Notes()
    if content.path is not None:
        sources = PlaceSources((content.path,), reading, graph.input_hash)
        return find_places(sources, wanted, notes=notes)

    def read(asked: WantedPlaces) -> None:
        assert content.text is not None
        reader = TextReader(reading.documents, BadTriples("skip"))
        reader.find(asked)
        names = content.name, content.name
        for _ in reader.blocks_of(names, iter([content.text]), Unlimited(), lines=False):
            pass

    return looked_up(wanted, read, reading, notes)
