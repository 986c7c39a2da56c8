"""Checks very many mined Horn rules against a set of triples, in memory known beforehand.

`run` gives findings and counts; `validate` yields the outcome of every rule, `validate_rules`
collects them in two lists; `compile` and `encode` prepare inputs that are used often. Importing
this package imports nothing heavy: each name is imported when it is used first.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pff_stream.api import explain, run, validate, validate_rules
    from pff_stream.errors import (
        DocumentError,
        InputError,
        OutputError,
        PffStreamError,
        RefusedError,
        UsageError,
    )
    from pff_stream.preparing import compile, encode  # noqa: A004 - their names
    from pff_stream.progress.meter import Progress
    from pff_stream.sharding import join, run_shard
    from pff_stream.validator.asynchronous import AsyncValidator
    from pff_stream.validator.failed import FailedCheck
    from pff_stream.validator.validator import Validator

__all__ = [
    "AsyncValidator",
    "DocumentError",
    "FailedCheck",
    "InputError",
    "OutputError",
    "PffStreamError",
    "Progress",
    "RefusedError",
    "UsageError",
    "Validator",
    "compile",
    "encode",
    "explain",
    "join",
    "run",
    "run_shard",
    "validate",
    "validate_rules",
]


_HOMES = {
    "AsyncValidator": "pff_stream.validator.asynchronous",
    "FailedCheck": "pff_stream.validator.failed",
    "Progress": "pff_stream.progress.meter",
    "Validator": "pff_stream.validator.validator",
    "compile": "pff_stream.preparing",
    "encode": "pff_stream.preparing",
    "join": "pff_stream.sharding",
    "run_shard": "pff_stream.sharding",
}


def __getattr__(name: str) -> object:
    """Imports a public name from its module, once."""
    if name not in __all__:
        raise AttributeError(f"module 'pff_stream' has no attribute {name!r}")
    from importlib import import_module

    from pff_stream.compiled import not_compiled

    said = not_compiled()
    if said is not None:
        raise ImportError(said)
    home = "pff_stream.api" if name.islower() else "pff_stream.errors"
    home = _HOMES.get(name, home)
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, imported yet or not."""
    return sorted({*globals(), *__all__})
