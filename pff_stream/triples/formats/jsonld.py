"""JSON-LD, which is RDF: it is recognised, so that it is not read as a plain document unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pff_stream.errors import InputError
from pff_stream.files.decoders import unpacked_name
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)
from pff_stream.triples.formats.tsv import MAPPING

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.options import EncodeOptions


class JsonLdFormat(TripleFormat):
    """Files named `.jsonld`."""

    mapping = MAPPING

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """By the name, also of a packed file."""
        return isinstance(given, str) and unpacked_name(given).lower().endswith(".jsonld")

    def reader(self, options: EncodeOptions, bad: BadTriples) -> TripleReader:
        """Needs no options."""
        return _Refusing()


class _Refusing(TripleReader):
    def lines(self, source: TripleSource) -> LineBlocks:
        """Raises `InputError`."""
        raise InputError(
            f"{source.name}: found JSON-LD by its name, which is RDF and not read; "
            "--format json reads it as a plain JSON document"
        )
