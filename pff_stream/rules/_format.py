"""The rule file's constants in one place, without numpy: reader, writer and compiler share them."""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping

FORMAT = "pff-stream rules"
FORMAT_VERSION = 2
MAGIC = b"PFFRULES"
AUTO = "auto"
"""In place of the name of a rule format: the first that recognises the source."""
SEMANTICS = ("object-identity", "homomorphism")

FOOTER = struct.Struct("<QII8s")
"""Index offset, index length, crc32 of the index, MAGIC."""
RECORD = struct.Struct("<QIIIIQ")
"""One chunk in the index: offset, length, crc32, rules, bodies, weight."""

FLAG_AMBIGUOUS = 1
"""Several readings had a variable in each atom; a graph's names may choose another."""
FLAG_UNSETTLED = 2
"""Several readings are left; the columns hold the first of them."""
FLAG_BLANKS = 4
"""Read without blanks around names; a graph that has names with these may choose otherwise."""

INEQUALITY = -1
"""In place of an atom's relation: its terms, a variable first, stand for different entities."""

CHUNK_COLUMNS: Mapping[str, str] = {
    "names": "u1",
    "name_ends": "<u4",
    "name_hashes": "<u8",
    "atoms": "<i4",
    "body_ends": "<u4",
    "rule_body": "<u4",
    "heads": "<i4",
    "sources": "<u8",
    "flags": "u1",
    "miner_support": "<i8",
    "miner_confidence": "<f8",
    "texts": "u1",
    "text_ends": "<u4",
}
"""Columns of an evaluation chunk with their dtypes, in the order of the compiled code."""

SOURCE_COLUMNS: Mapping[str, str] = {
    "lines": "<u8",
    "texts": "u1",
    "text_ends": "<u4",
    "rejected": "<u4",
    "reasons": "u1",
}
"""Columns of a source chunk, likewise; the last two are left out where no rule was rejected.

Columns of the miner are named `miner.NAME`, and left out where no rule has a value.
"""


def packed_namespaces(namespaces: Mapping[str, str]) -> str:
    """A line `prefix:namespace` for each."""
    return "\n".join(f"{prefix}:{namespace}" for prefix, namespace in namespaces.items())


def unpacked_namespaces(text: str) -> dict[str, str]:
    """What was packed."""
    parts = (line.partition(":") for line in text.split("\n"))
    return {prefix: namespace for prefix, _, namespace in parts if prefix}


def left_out_bytes(columns: Collection[str], n_rules: int) -> int:
    """What a source chunk takes more when it is read, for columns that were left out."""
    rejected = 0 if "rejected" in columns else 4
    confidence = 0 if "miner.confidence" in columns else 8
    return (rejected + confidence) * n_rules
