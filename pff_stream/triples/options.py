"""How triples are read: what the caller may choose, for encoding and for every triple format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pff_stream.errors import UsageError
from pff_stream.files.sources import BLOCK_BYTES
from pff_stream.settings.models import InputOptions
from pff_stream.triples.bad import BadTriplePolicy
from pff_stream.triples.formats import FORMATS
from pff_stream.triples.formats.interface import TripleFormat


@dataclass(frozen=True, slots=True)
class DocumentOptions:
    """How documents become triples."""

    id_key: str | None = None
    """The key that names an object; None tries the keys that JSON documents use for it."""
    predicate: Literal["key", "path"] = "key"
    """`path`: a relation is the keys from the document down, joined by dots."""
    max_document_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How triples are read."""

    columns: tuple[int, int, int] = (0, 1, 2)
    """Places of subject, relation and object in a TSV line."""
    on_bad_triple: BadTriplePolicy = "fail"
    documents: DocumentOptions = field(default_factory=DocumentOptions)
    block_bytes: int = BLOCK_BYTES
    memory_bytes: int | None = None
    """What may be used: inputs that must need more are refused after their beginning."""
    spill_folder: str | None = None
    """Where triples lie that do not fit the memory; None: nowhere, and such inputs are refused."""
    formats: tuple[TripleFormat, ...] = FORMATS
    """Asked in this order which of them reads an input; a caller may put its own before them."""


def parse_columns(text: str) -> tuple[int, int, int]:
    """`s,p,o` in any order, to the places of subject, relation and object."""
    letters = [letter.strip().lower() for letter in text.split(",")]
    if sorted(letters) != ["o", "p", "s"]:
        raise UsageError(f"--columns {text!r}: expected s, p and o once each, like s,p,o")
    return letters.index("s"), letters.index("p"), letters.index("o")


def encode_options(reading: InputOptions) -> EncodeOptions:
    """How triples are read, in the terms of the encoder."""
    return EncodeOptions(
        columns=parse_columns(reading.columns),
        on_bad_triple="skip" if reading.on_bad_triple == "skip" else "fail",
        documents=DocumentOptions(
            id_key=reading.id_key,
            predicate="path" if reading.predicate == "path" else "key",
            max_document_bytes=reading.max_document_bytes,
        ),
    )
