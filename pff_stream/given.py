"""What a Python caller gives as rules and triples: paths, or objects that are read in their place.

An object with `__arrow_c_stream__` is a table: a data frame of pandas or polars, a table of
pyarrow, a relation of DuckDB.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from pff_stream.files.arrow_library import is_table
from pff_stream.settings.models import GIVEN_TRIPLES

if TYPE_CHECKING:
    from pff_stream.rules.given import RulesGiven


class Table(Protocol):
    """Columns with names, whose rows come in batches."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A stream of the C interface of Arrow."""


Path: TypeAlias = "str | os.PathLike[str]"
RulesInput: TypeAlias = "Path | Table | Iterable[str | tuple[int, int, float, str]]"
TriplesInput: TypeAlias = "Path | Table | Iterable[Path | Table] | Iterable[tuple[str, str, str]]"


def given_inputs(
    rules: RulesInput, triples: TriplesInput
) -> tuple[dict[str, Any], RulesGiven | None, list[Any] | None]:
    """Paths by field, and what was given as objects (None where it is a path)."""
    rules_path, given_rules = given_as_rules(rules)
    paths, given_triples = given_as_triples(triples)
    return {"rules": rules_path, "triples": paths}, given_rules, given_triples


def given_as_rules(rules: RulesInput) -> tuple[str, Any]:
    """The path, and what was given instead of one, if any."""
    if isinstance(rules, (str, os.PathLike)):
        return os.fspath(rules), None
    return "rules given by the caller", rules


def given_as_triples(triples: TriplesInput) -> tuple[tuple[str, ...], list[Any] | None]:
    """The paths, and what was given instead of them, if any: tables, paths, or one iterable."""
    if isinstance(triples, (str, os.PathLike)):
        return (os.fspath(triples),), None
    listed: list[Any] = list(triples) if isinstance(triples, (list, tuple)) else [None]
    paths = [os.fspath(one) for one in listed if isinstance(one, (str, os.PathLike))]
    if listed and len(paths) == len(listed):
        return tuple(paths), None
    if listed and all(isinstance(one, (str, os.PathLike)) or is_table(one) for one in listed):
        return GIVEN_TRIPLES, [one if is_table(one) else os.fspath(one) for one in listed]
    return GIVEN_TRIPLES, [triples]
