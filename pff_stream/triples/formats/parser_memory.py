"""What pyoxigraph takes while it parses, as arithmetic; measured with pyoxigraph 0.5.13.

All but JSON-LD are parsed as they come: what is held is what was read since the last triple came
out. Of JSON-LD a whole object is, and of all that is an array one element. A parser that does not
get memory ends its process, so all this is asked for before.
"""

from __future__ import annotations

MAX_DEPTH = 500
"""Of brackets and elements: parsers take any depth, and over 100 bytes for each that is open."""
MAX_SILENT_BYTES = 1 << 24
"""Of text without a triple; one word (a literal, a comment) of Turtle is limited to it, too."""
PARSER_BYTES = 2 << 20
"""The library itself, with a parser that has read little."""
LABELS_BYTES = 1 << 18
"""Tables of labels of blank nodes, when they are nearly empty."""
BYTES = {"turtle": 8, "trig": 8, "n3": 8, "rdfxml": 32, "jsonld": 48}
"""Of a byte of text without a triple, at most. Measured: Turtle 7 (prefixes), RDF/XML 26
(collections), JSON-LD 43."""
LEVEL_BYTES = 40 << 10
"""Of each object or array of JSON-LD that is open (measured: 40 KiB an object)."""
CONTEXT_FACTOR = 40
"""Of a byte of a context in JSON-LD, each copy (measured: 18 in nodes within nodes, 16 in contexts
within contexts). Each object that is open has a copy of the contexts around it."""
LEVELS_BYTES = 4 << 20
"""What levels and their contexts may take before it is more than was planned."""


def levels_bytes(depth: int, copied: int) -> int:
    """What open objects of JSON-LD take with their copies of contexts."""
    return depth * LEVEL_BYTES + CONTEXT_FACTOR * copied


def silent_at_most(syntax: str, of_document: int) -> int:
    """Bytes that may stand without a triple: of JSON-LD, what a document may have."""
    return of_document if syntax == "jsonld" else MAX_SILENT_BYTES


def at_most(syntax: str, n_bytes: int, of_document: int) -> int:
    """A bound on what the parser holds of an input of so many bytes."""
    return (
        PARSER_BYTES
        + (LEVELS_BYTES if syntax == "jsonld" else 0)
        + LABELS_BYTES
        + BYTES[syntax] * min(n_bytes, silent_at_most(syntax, of_document))
    )
