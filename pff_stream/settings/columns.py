"""Which columns of a line are subject, relation and object: `--columns` as a value."""

from __future__ import annotations

from typing import NamedTuple

_MOST_COLUMNS = 1000
IGNORED, OTHERS = "_", "..."
EXPECTED = (
    "s, p and o in some order, _ for a column that is ignored and ... for any others, such as "
    "s,p,o,_; three column names of Parquet, of a data frame, or with --format csv"
)


class Columns(NamedTuple):
    """The places of subject, relation and object among so many columns."""

    places: tuple[int, int, int] = (0, 1, 2)
    n: int = 3
    more: bool = False
    """Whether others may stand behind them."""
    names: tuple[str, ...] = ()
    """In place of places, of files that name their columns."""


def parse_columns(text: str) -> Columns:
    """`s,p,o` in any order, with `_` and `...`, or three other names; `ValueError` for the rest."""
    parts = text.split(",")
    if '"' in text:
        import csv  # not for each start of the program

        parts = next(csv.reader([text], skipinitialspace=True), [])
    parts = [part.strip() for part in parts]
    letters = [part.lower() for part in parts]
    more = letters[-1:] == [OTHERS]
    if more:
        letters.pop()
    if sorted(letter for letter in letters if letter != IGNORED) == ["o", "p", "s"]:
        if len(letters) <= _MOST_COLUMNS:
            places = letters.index("s"), letters.index("p"), letters.index("o")
            return Columns(places, len(letters), more)
    elif len(set(parts)) == 3 == len(parts) and all(parts) and not {IGNORED, OTHERS} & set(parts):
        return Columns(names=tuple(parts))
    raise ValueError(f"found {text!r}, expected {EXPECTED}")


def other_columns(text: str, place: str) -> str:
    """Columns by which what is read as `subject` or `object` is the relation, subjects first."""
    columns = parse_columns(text)
    if columns.names:
        names = list(columns.names)
        other = 0 if place == "subject" else 2
        names[1], names[other] = names[other], names[1]
        return ",".join(names)
    letters = [part.strip().lower() for part in text.split(",")]
    others = iter("so")
    return ",".join(
        "p" if letter == place[0] else next(others) if letter in "spo" else letter
        for letter in letters
    )
