"""Columns of AMIE's output: which one a header names, and the numbers in them.

Versions name them differently and leave some out, so a header decides; AMIE's own order is taken
where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pff_stream.rules.columns import (
    CONFIDENCE,
    HEAD_COVERAGE,
    PCA_CONFIDENCE,
    PCA_PREDICTIONS,
    PREDICTIONS,
    SUPPORT,
    MinerColumn,
)
from pff_stream.rules.rule import Rejected

RULE = "rule"

# The first name of a column that a header has is taken: AMIE of 2013 has `Support` beside
# `Positive Examples`.
_NAMES: Mapping[MinerColumn, tuple[str, ...]] = {
    HEAD_COVERAGE: ("head coverage",),
    CONFIDENCE: ("std confidence", "standard confidence", "confidence"),
    PCA_CONFIDENCE: ("pca confidence",),
    SUPPORT: ("positive examples", "support"),
    PREDICTIONS: ("body size",),
    PCA_PREDICTIONS: ("pca body size",),
}
_SHARE = re.compile(r"-?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?")
_COUNT = re.compile(r"-?[0-9]{1,18}")
_NO_NUMBER = ("", "NaN", "\ufffd")
"""What Java writes for 0 / 0, beside nothing at all."""
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of a line stand."""

    n_cells: int
    """Of a line, the rule counted."""
    places: tuple[tuple[int, MinerColumn, str], ...]
    """Cell, column, and the name that messages call it."""
    rule: int = 0
    """The cell of the rule."""

    def values(self, cells: list[str]) -> dict[str, float | int | None] | Rejected:
        """What the miner says of a rule, by column; negative numbers are no value."""
        values: dict[str, float | int | None] = {}
        for at, column, name in self.places:
            text = cells[at]
            pattern = _SHARE if column.is_share else _COUNT
            if pattern.fullmatch(text):
                negative = text[0] == "-"
                number = float(text.replace(",", ".")) if column.is_share else int(text)
                values[column.name] = None if negative else number
            elif text not in _NO_NUMBER:
                found = repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
                kind = "a number" if column.is_share else "a whole number of at most 18 digits"
                before = sum(len(cell) + 1 for cell in cells[:at])
                return Rejected(before + 1, found, f"{kind} ({name})")
        return values


def layout_of(header: list[str]) -> Layout | None:
    """The layout under a line of cells, None where it is no header.

    The first cell is `Rule`; what AMIE was saying just then may stand before it.
    """
    names = [cell.strip().lower() for cell in header]
    if names[0] != RULE and not names[0].endswith(" " + RULE):
        return None
    places = []
    for column, known in _NAMES.items():
        name = next((each for each in known if each in names[1:]), None)
        if name is not None:
            at = names.index(name, 1)
            places.append((at, column, header[at].strip()))
    return Layout(len(header), tuple(places)) if places else None


def _layout(*columns: str) -> Layout:
    found = layout_of(["Rule", *columns])
    assert found is not None
    return found


_ALL = _layout(
    "Head Coverage",
    "Std Confidence",
    "PCA Confidence",
    "Positive Examples",
    "Body size",
    "PCA Body size",
    "Functional variable",
)
_WITHOUT_STD = _layout(
    "Head Coverage", "PCA Confidence", "Positive Examples", "PCA Body size", "Functional variable"
)
COUNTED = Layout(
    4, ((0, PREDICTIONS, "predictions"), (1, SUPPORT, "support"), (2, CONFIDENCE, "confidence")), 3
)
"""Of the `rules.tsv` that a run over AMIE's rules writes."""
WITHOUT_HEADER: Mapping[int, Layout] = {
    layout.n_cells: layout for layout in (_ALL, _WITHOUT_STD, Layout(1, ()))
}
"""What lines of so many cells are where no header says it: all columns, `-ostd`, the rule alone."""
