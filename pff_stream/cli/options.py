"""Options of the command line by settings: what click is told of them, and what was written.

Not done here: what a value means (`settings.options`), the commands themselves (`main`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from pff_stream.errors import UsageError
from pff_stream.settings.commands import CommandSettings, RunSettings
from pff_stream.settings.models import TalkOptions
from pff_stream.settings.options import OPTIONS, Option

_COMMON = ("config", *TalkOptions.names())

F = TypeVar("F", bound=Callable[..., Any])


def click_option(field: str) -> Callable[[F], F]:
    """The click option of a settings field; values stay text until the settings read them."""
    option: Option = OPTIONS[field]
    names = [f"--{option.name}", field] + (["-o"] if option.name == "output" else [])
    shown = f"{option.help} Default: {option.default}." if option.default else option.help
    common: dict[str, Any] = {"help": shown, "default": None}
    if option.variable is not None:
        common |= {"envvar": option.variable, "show_envvar": True}
    if option.metavar is None:
        return click.option(*names, is_flag=True, **common)
    kind = click.Path() if option.is_path else str
    common |= {"multiple": True} if option.repeats else {}
    common |= {"nargs": option.n_words} if option.n_words > 1 else {}
    return click.option(*names, type=kind, metavar=option.metavar, **common)


def options(kind: type[CommandSettings], *, without: Iterable[str] = ()) -> Callable[[F], F]:
    """All options of `kind`, in its order, then those that every command has."""
    wanted = [name for name in kind.names() if name in OPTIONS and name not in without]

    def decorate(command: F) -> F:
        for name in reversed([*wanted, *_COMMON]):
            command = click_option(name)(command)
        return command

    return decorate


def from_command_line() -> dict[str, Any]:
    """Options that stood on the command line; `resolve` reads the environment by itself."""
    context = click.get_current_context()
    written = click.core.ParameterSource.COMMANDLINE
    found = {k: v for k, v in context.params.items() if k in OPTIONS}
    return {k: v for k, v in found.items() if context.get_parameter_source(k) is written}


def rules_and_triples(inputs: Sequence[str]) -> dict[str, Any]:
    """`RULES TRIPLES...` by field; empty where --manifest and --rules are to name them."""
    said = from_command_line()
    if not inputs:
        return {}
    if "manifest" in said or "rules" in said:
        named = "--manifest" if "manifest" in said else "--rules"
        raise UsageError(f"found both {inputs[0]} and {named}, expected {RunSettings.needs}")
    if len(inputs) == 1:
        raise UsageError(f"found {inputs[0]} alone, expected {RunSettings.needs}")
    return {"rules": inputs[0], "triples": tuple(inputs[1:])}
