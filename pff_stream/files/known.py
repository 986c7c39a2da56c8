"""What a file is by its first bytes, where it is no text that this program reads.

So that a message names the cause, and not the first byte that is no UTF-8.
"""

from __future__ import annotations

import os

from pff_stream.errors import InputError
from pff_stream.files.sources import STANDARD_INPUT

_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32 (byte order mark FF FE 00 00)"),
    (b"\0\0\xfe\xff", "UTF-32 (byte order mark 00 00 FE FF)"),
    (b"\xff\xfe", "UTF-16 (byte order mark FF FE)"),
    (b"\xfe\xff", "UTF-16 (byte order mark FE FF)"),
)
_GRAPH_MARK = b"PFFGRAPH"
_RULES_MARK = b"pff-stream rules"
PARQUET_MARK = b"PAR1\x15"
"""With the first byte of a page or of a footer: no text goes on like that."""
_KINDS = (
    (_GRAPH_MARK, "an encoded graph (.pffg)"),
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"\x1f\x9d", "compress data (.Z)"),
    (b"LZIP\x01", "lzip data"),
    (PARQUET_MARK, "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
)
_FEW_BYTES = 64


def is_rule_file(path: str) -> bool:
    """Whether a file holds compiled rules: by what stands at its start, or else by its name."""
    return path.endswith(".pffr") or _RULES_MARK in _first(path)


def is_graph_file(path: str) -> bool:
    """Whether a file holds an encoded graph."""
    return path.endswith(".pffg") or _first(path).startswith(_GRAPH_MARK)


def _first(path: str) -> bytes:
    """The first bytes of a regular file; empty for anything else: its reader says what is wrong."""
    try:
        if path == STANDARD_INPUT or not os.path.isfile(path):
            return b""
        with open(path, "rb") as file:
            return file.read(_FEW_BYTES)
    except OSError:
        return b""


def check_text(name: str, first: bytes, expected: str) -> None:
    """`InputError` where a file that begins so is known to be something else than `expected`."""
    encoding = next((said for mark, said in _MARKS if first.startswith(mark)), _wide(first))
    if encoding is not None:
        raise InputError(f"{name}: found {encoding}, expected UTF-8: save or convert it as that")
    kind = next((said for mark, said in _KINDS if first.startswith(mark)), None)
    if kind is None and _RULES_MARK in first[:_FEW_BYTES]:
        kind = "compiled rules (.pffr)"
    if kind is None:
        return
    hint = ""
    if "rules" in kind and expected == "rules":
        expected, hint = "their text", ": compiled ones are given by the name of their file"
    elif kind.startswith(("an encoded", "compiled")):
        hint = ": RULES come first, TRIPLES behind them; compiled and encoded files are read alone"
    elif "Parquet" not in kind and "SQLite" not in kind:
        hint = ": of packed files gzip, zstd, bzip2 and xz are read"
    raise InputError(f"{name}: found {kind}, expected {expected}{hint}")


def check_line_ends(name: str, first: bytes, mark: bytes = b"") -> None:
    """`InputError` where the lines of a text that begins so end in carriage returns alone.

    Lines are what has the `mark`.
    """
    lines = [line for line in first.split(b"\r") if line and mark in line]
    if len(lines) > 1 and b"\n" not in first:
        raise InputError(
            f"{name}: found lines that end in a carriage return (CR) alone, expected LF or CR LF: "
            "`tr '\\r' '\\n'` makes them so"
        )


def _wide(first: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of Latin letters is zero."""
    head = first[: _FEW_BYTES - len(first) % 2]
    head = head[: len(head) // 2 * 2]
    if len(head) < 8:
        return None
    for place in (0, 1):
        if not any(head[place::2]) and all(head[1 - place :: 2]):
            return "UTF-16 (without a byte order mark)"
    return None
