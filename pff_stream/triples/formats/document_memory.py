"""What a document takes, as arithmetic: bounded before it is read.

It is held as its bytes, beside which there are a few numbers for some of its objects and keys; what
these come to is told by the walk (`_document`). Does not cover: triples and names of entities,
which are the encoder's.
"""

from __future__ import annotations

from pff_stream.triples.formats._document import BLOCK_BYTES

TABLE_BYTES = 5
"""Of a byte of text at most, beside it: a key of an object that is open takes 16 in a list and 24
in a table that grows, and is written with eight or more where there are many."""

FIRST_TABLES_BYTES = 1 << 13
KEPT_BYTES = 1 << 20
"""What stays for the next document."""


def at_most(n_bytes: int) -> int:
    """A bound on what a document of so many bytes takes, whatever it holds: a line is one value."""
    lines = max(n_bytes, min(BLOCK_BYTES, 8 * n_bytes))
    return n_bytes + TABLE_BYTES * n_bytes + FIRST_TABLES_BYTES + lines
