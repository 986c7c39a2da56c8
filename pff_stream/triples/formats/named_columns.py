"""Finds the columns of subject, relation and object by their names."""

from __future__ import annotations

from collections.abc import Sequence

from pff_stream.errors import InputError

USUAL_NAMES = (
    ("subject", "predicate", "object"),
    ("subject", "relation", "object"),
    ("head", "relation", "tail"),
    ("source", "relation", "target"),
    ("subj", "pred", "obj"),
    ("s", "p", "o"),
    ("h", "r", "t"),
)
"""Looked for where nobody says the names."""
OTHERS = "--columns SUBJECT,RELATION,OBJECT names others"
_SHOWN, _SHOWN_LETTERS = 12, 400


def wanted_names(asked: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The names to look for: those that were asked for, else the usual ones."""
    return (tuple(asked),) if asked else USUAL_NAMES


def find_columns(
    header: Sequence[str], wanted: Sequence[Sequence[str]]
) -> tuple[int, int, int] | None:
    """The places of the first three names that all stand in `header` once.

    As they are written, else whatever the case. None where there are none.
    """
    lower = [name.lower() for name in header]
    for names in wanted:
        for known, asked in ((list(header), names), (lower, [name.lower() for name in names])):
            if all(known.count(name) == 1 for name in asked):
                subject, relation, object_ = (known.index(name) for name in asked)
                return subject, relation, object_
    return None


def columns_in(
    header: Sequence[str], wanted: Sequence[Sequence[str]], source: str
) -> tuple[int, int, int]:
    """The same; `InputError` where there are none."""
    places = find_columns(header, wanted)
    if places is None:
        found = ", ".join(map(repr, header[:_SHOWN])) or "none"
        more = f" and {len(header) - _SHOWN} more" if len(header) > _SHOWN else ""
        raise InputError(
            f"{source}: found the columns {found[:_SHOWN_LETTERS]}{more}, "
            f"expected {expected_names(wanted)} ({OTHERS})"
        )
    return places


def expected_names(wanted: Sequence[Sequence[str]]) -> str:
    """What a message says that was looked for."""
    return " or ".join(",".join(names) for names in wanted)
