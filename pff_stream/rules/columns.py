"""Columns of the miner: what it says of its rules, kept by name beside what is counted here.

A rule file's header lists them; a worker imports this, so it imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

MAX_COLUMNS = 16
PREFIX = "miner."
"""Of the name of such a column in a source chunk."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class MinerColumn:
    """One number for each rule, or none."""

    name: str
    """Lower case; the same in all formats where it means the same (`support`, `confidence`)."""
    dtype: Literal["<i8", "<f8"]
    """Counts, -1 for none; or shares, NaN for none. Neither is ever below 0 otherwise."""
    unit: str
    meaning: str
    """One sentence."""
    rules: int = 0
    """Rules that have it."""
    in_range: int = 0
    """Of those, the rules whose share is at most 1; 0 for counts."""

    @property
    def is_share(self) -> bool:
        """Whether it holds shares, else counts."""
        return self.dtype == "<f8"


SUPPORT = MinerColumn("support", "<i8", "triples", "predictions that are in the miner's graph")
CONFIDENCE = MinerColumn("confidence", "<f8", "share", "support by predictions")
PREDICTIONS = MinerColumn("predictions", "<i8", "triples", "what the rule predicts")
PCA_CONFIDENCE = MinerColumn(
    "pca_confidence", "<f8", "share", "support by predictions, those of unknown subjects left out"
)
PCA_PREDICTIONS = MinerColumn(
    "pca_predictions", "<i8", "triples", "predictions, those of unknown subjects left out"
)
HEAD_COVERAGE = MinerColumn(
    "head_coverage", "<f8", "share", "support by all triples of the head's relation"
)


def packed(
    columns: Iterable[MinerColumn], rules: Mapping[str, int], in_range: Mapping[str, int]
) -> dict[str, Any]:
    """The columns as the header has them, with how many rules have each, and within 0..1."""
    return {
        column.name: {
            "dtype": column.dtype,
            "unit": column.unit,
            "meaning": column.meaning,
            "rules": rules[column.name],
            "in_range": in_range[column.name],
        }
        for column in columns
    }


def unpacked(header: object) -> tuple[MinerColumn, ...]:
    """The columns that a header lists; ValueError where it lists anything else."""
    if not isinstance(header, dict) or len(header) > MAX_COLUMNS:
        raise ValueError(f"other columns than a map of up to {MAX_COLUMNS}")
    return tuple(_unpacked(name, fields) for name, fields in header.items())


def _unpacked(name: object, fields: object) -> MinerColumn:
    if not isinstance(name, str) or not _NAME.match(name) or not isinstance(fields, dict):
        raise ValueError(f"a column {name!r}")
    dtype, unit, meaning = fields.get("dtype"), fields.get("unit"), fields.get("meaning")
    rules, in_range = fields.get("rules"), fields.get("in_range")
    if dtype not in ("<i8", "<f8"):
        raise ValueError(f"column {name} of dtype {dtype!r}")
    for text in (unit, meaning):
        if not isinstance(text, str) or len(text) > _MOST_CHARACTERS:
            raise ValueError(f"column {name} with {text!r} for a text")
    if type(rules) is not int or not 0 <= rules < 1 << 63:
        raise ValueError(f"column {name} of {rules!r} rules")
    if type(in_range) is not int or not 0 <= in_range <= rules:
        raise ValueError(f"column {name} of {in_range!r} rules within 0..1")
    return MinerColumn(name, dtype, str(unit), str(meaning), rules, in_range)
