"""What a JSON document takes, as arithmetic: known before it is parsed, bounded before it is read.

The parser holds Python objects, and what they take depends on what the document holds: 1 byte for a
byte of a long text, 48 for one of arrays in arrays. So they are counted (`_elements`) when the end
of a document is looked for. Does not cover: triples and names, which are the encoder's.
"""

from __future__ import annotations

from dataclasses import dataclass

BLOCK_CHARACTERS = 1 << 18
"""Text of triple lines that the walk holds at once, and one value."""
DENSEST_BYTES = 48
"""Objects of a byte of text at most: a list of one takes 96, and is written with two."""
WIDEST_BYTES = 4
"""Text of a byte at most: one character beyond U+FFFF makes all of them so wide."""
POOLS_SHARE, POOLS_BYTES = 128, 1 << 20
"""What the interpreter's pools take beside the objects in them: ends of pools, its map of them."""


@dataclass(frozen=True, slots=True)
class DocumentCounts:
    """Bytes of one document, counted in its text."""

    n_bytes: int
    """As it is stored, unpacked."""
    width: int
    """Bytes of a character of its text."""
    text_bytes: int
    """Decoded."""
    parsing_bytes: int
    """Objects at most, while it is parsed."""
    parsed_bytes: int
    """Objects when it is parsed."""
    large_bytes: int
    """Of both, texts that are too large for the interpreter's pools."""
    longest_characters: int
    """Of one text or number, tabs, newlines and backslashes as two."""
    longest_stored_bytes: int
    """The same in the file."""
    path_characters: int
    """The names of all that is open at once, from the document down."""
    escapes: bool
    """Whether there is a backslash: then texts are copied once more."""

    @property
    def while_parsing(self) -> int:
        """Held at most from when the document is whole until its objects are there."""
        decoding = self.n_bytes + self.text_bytes
        if self.width > 1:  # widened when a wider character was met
            decoding += self.text_bytes // 2
        return max(decoding, self.text_bytes + self._held(self.parsing_bytes))

    def while_walking(self, *, by_path: bool) -> int:
        """Held at most while the objects become lines: a long text is copied, and encoded.

        `by_path`: relations are named by paths, too.
        """
        line = self.width * self.longest_characters
        long = line + max(line if self.escapes else 0, self.longest_stored_bytes)
        rest = walk_bytes(self.n_bytes - self.longest_stored_bytes, self.width)
        paths = self.width * self.path_characters * (1 + by_path)
        return self._held(self.parsed_bytes) + rest + long + paths

    def _held(self, object_bytes: int) -> int:
        return self.large_bytes + _in_pools(object_bytes - self.large_bytes)


def _in_pools(object_bytes: int) -> int:
    return object_bytes + object_bytes // POOLS_SHARE + min(POOLS_BYTES, object_bytes)


def walk_bytes(n_bytes: int, width: int = WIDEST_BYTES) -> int:
    """The lines that a document of so many bytes becomes, as far as they are held at once."""
    # Lines, all of them as one text, and that encoded. A line counts for 64 characters more.
    return min((2 * width + 1) * BLOCK_CHARACTERS, 8 * n_bytes)


def at_most(n_bytes: int) -> int:
    """A bound on what a document of so many bytes takes, whatever it holds."""
    parsing = WIDEST_BYTES * n_bytes + _in_pools(DENSEST_BYTES * n_bytes)
    return parsing + walk_bytes(n_bytes)
