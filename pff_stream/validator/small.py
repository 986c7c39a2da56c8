"""Which calls of `validate_rules` a validator can answer: of small triples that are all there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pff_stream.errors import RefusedError
from pff_stream.files.decoders import PACKED_SUFFIXES
from pff_stream.files.known import is_graph_file
from pff_stream.files.temporary_folder import TemporaryFolder
from pff_stream.settings.models import MIB, EvaluationOptions, ResourceOptions
from pff_stream.validator.content import text_of
from pff_stream.validator.outcomes import Both, Most, rule_outcomes, validators
from pff_stream.validator.validator import Validator

MOST_BYTES = 64 * MIB
"""Triples up to here are checked in the caller's process."""
GIVEN = "triples given as input 1"
_RUN_ALONE = frozenset({"max_examples", "max_violations", "fail_on"})
"""Options that a validator is not asked."""


def small_outcomes(rules: Any, triples: Any, options: dict[str, Any]) -> Both | None:
    """The violated and satisfied rules; None where a run is to answer.

    Raises as a run does for what is wrong with the rules or the triples.
    """
    if any(name in options for name in ResourceOptions.names()):
        return None
    document = _document(triples)
    if document is None:
        return None
    name = str(triples) if isinstance(document, Path) else GIVEN
    asked = {one: value for one, value in options.items() if one not in _RUN_ALONE}
    defaults = EvaluationOptions()
    most = Most(
        options.get("max_examples", defaults.max_examples),
        options.get("max_violations", defaults.max_violations),
    )
    try:
        validator = _validator(rules, asked)
        if validator is None:
            return None
        return rule_outcomes(validator, document, name, most)
    except RefusedError:  # it has to be planned as a run
        return None


def _validator(rules: Any, options: dict[str, Any]) -> Validator | None:
    if isinstance(rules, (str, os.PathLike)):
        return validators.of(os.fspath(rules), options) if _is_file(rules) else None
    if isinstance(rules, (list, tuple)):
        return Validator(rules, **options)
    return None


def _document(triples: Any) -> Path | list[Any] | dict[str, Any] | None:
    """What a validator is given; None where it is too much, or cannot be read twice."""
    if isinstance(triples, dict):
        return triples
    if isinstance(triples, (list, tuple)) and len(triples) == 1:
        (one,) = triples
        triples = one if isinstance(one, (str, os.PathLike)) else triples
    if isinstance(triples, (str, os.PathLike)):
        path = os.fspath(triples)
        packed = path.lower().endswith(PACKED_SUFFIXES)
        if packed or not _is_file(path) or os.path.getsize(path) > MOST_BYTES:
            return None
        return None if is_graph_file(path) else Path(path)
    if not isinstance(triples, list) or not all(isinstance(one, tuple) for one in triples):
        return None
    try:
        n_bytes = sum(len(name) + 1 for triple in triples for name in triple)
    except TypeError:  # no names: a run says which
        return None
    return triples if triples and n_bytes <= MOST_BYTES else None


def _is_file(path: str | os.PathLike[str]) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


@contextmanager
def as_file(document: dict[str, Any]) -> Iterator[str]:
    """A document as a file of JSON, for a run."""
    with TemporaryFolder() as folder:
        path = os.path.join(folder.path, "document.json")
        with open(path, "wb") as file:
            file.write(text_of(document, GIVEN, MOST_BYTES))
        yield path
