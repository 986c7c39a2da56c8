"""Rules that a Python caller gives as a table: a column of texts, and those of the miner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pff_stream.errors import InputError
from pff_stream.files.arrow_library import batches_of, open_stream

if TYPE_CHECKING:
    from pff_stream.rules.given import RuleGiven

NAME = "rules given by the caller"
TEXT = ("rule", "text")
"""Names of the column of texts, whatever the case."""
COUNTS = (
    ("predicted", "predictions", "body_size"),
    ("support", "correct"),
    ("confidence",),
)
"""Names of the columns of the miner, which are there all or not at all."""
_ROWS = 1024
"""Made into objects at a time."""


def rules_of(table: object) -> Iterator[RuleGiven]:
    """The rules in the order of the rows; `InputError` where there is no column of them."""
    with open_stream(table, NAME) as reader:
        places = _places(reader.schema.names)
        for batch in batches_of(reader, NAME):
            columns = [batch.column(place) for place in places]
            for start in range(0, batch.num_rows, _ROWS):
                parts = [column.slice(start, _ROWS).to_pylist() for column in columns]
                yield from parts[0] if len(parts) == 1 else zip(*parts, strict=True)


def _places(names: Sequence[str]) -> list[int]:
    """The columns of a rule: its text alone, or the miner's before it."""
    found = [_place(names, wanted) for wanted in (*COUNTS, TEXT)]
    *counts, text = found
    if text is None:
        shown = ", ".join(map(repr, names))[:400] or "none"
        raise InputError(f"{NAME}: found the columns {shown}, expected one called rule, with texts")
    missing = [wanted[0] for wanted, place in zip(COUNTS, counts, strict=True) if place is None]
    if len(missing) == len(COUNTS):
        return [text]
    if missing:
        there = ", ".join(names[place] for place in counts if place is not None)
        raise InputError(
            f"{NAME}: found the columns {there} without {' and '.join(missing)}, expected "
            "predicted, support and confidence, or none of them"
        )
    return [place for place in found if place is not None]


def _place(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Where the first of the wanted names stands, once."""
    lower = [name.lower() for name in names]
    for name in wanted:
        if lower.count(name) == 1:
            return lower.index(name)
    return None
