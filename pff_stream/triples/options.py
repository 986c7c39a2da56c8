"""How triples are read: what the caller may choose, for encoding and for every triple format."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pff_stream.files.sources import BLOCK_BYTES, Opener, open_blocks
from pff_stream.settings.columns import parse_columns
from pff_stream.settings.models import InputOptions
from pff_stream.triples.formats import FORMATS
from pff_stream.triples.formats.interface import TripleFormat

AUTO = "auto"


class DocumentOptions(NamedTuple):
    """How documents become triples."""

    id_key: str | None = None
    """The key that names an object, or several with commas between, or keys of objects in objects
    with dots between; None tries the keys that JSON documents use for it."""
    predicate: Literal["key", "path"] = "key"
    """`path`: a relation is the keys from the document down, joined by dots."""
    max_document_bytes: int = 64 << 20
    mapping: str = "json-2"
    """`json-2`: no two objects of a document have one name; `json-1` escapes nothing in paths."""

    def at_most(self, n_bytes: int) -> int:
        """Bytes of a document, of an input of so many."""
        return min(n_bytes, self.max_document_bytes)


class RdfOptions(NamedTuple):
    """How RDF becomes triples."""

    graph_name: str | None = None
    """Only the triples of this named graph are taken; None: those of all graphs."""
    base_iri: str | None = None
    """What relative IRIs are resolved with; None: they are errors."""


class EncodeOptions(NamedTuple):
    """How triples are read."""

    columns: tuple[int, int, int] = (0, 1, 2)
    """Places of subject, relation and object in a TSV line."""
    n_columns: int = 3
    """Of a TSV line."""
    more_columns: bool = False
    """Whether others may stand behind them."""
    column_names: tuple[str, ...] = ()
    """Of CSV: subject, relation and object; none: the usual ones."""
    format: str = AUTO
    """The name of a format, or the first that matches."""
    on_bad_triple: str = "fail"
    """`fail`, `skip`, or the share of the lines that may be no triples (`P%`)."""
    documents: DocumentOptions = DocumentOptions()
    rdf: RdfOptions = RdfOptions()
    block_bytes: int = BLOCK_BYTES
    memory_bytes: int | None = None
    """What may be used: inputs that must need more are refused after their beginning."""
    memory_source: str = ""
    """What says so, for messages."""
    window_bytes: int | None = None
    """The largest window to decompress with; None: what the memory has room for."""
    spill_folder: str | None = None
    """Where triples lie that do not fit the memory; None: nowhere, and such inputs are refused."""
    open: Opener = open_blocks
    """What opens a path: another one also copies what can be read only once, or reads the copy."""
    needs_triples: bool = False
    """Whether inputs without a triple are an error."""
    formats: tuple[TripleFormat, ...] = FORMATS
    """Asked in this order which of them reads an input; a caller may put its own before them."""


def encode_options(reading: InputOptions, window_bytes: int | None = None) -> EncodeOptions:
    """How triples are read for a graph of their own, in the terms of the encoder."""
    columns = parse_columns(reading.columns)
    return EncodeOptions(
        window_bytes=window_bytes,
        needs_triples=True,
        columns=columns.places,
        n_columns=columns.n,
        more_columns=columns.more,
        column_names=columns.names,
        format=reading.format,
        on_bad_triple=reading.on_bad_triple,
        documents=DocumentOptions(
            id_key=reading.id_key,
            predicate="path" if reading.predicate == "path" else "key",
            max_document_bytes=reading.max_document_bytes,
            mapping=reading.mapping,
        ),
        rdf=RdfOptions(
            graph_name=reading.graph_name,
            base_iri=reading.base_iri,
        ),
    )
