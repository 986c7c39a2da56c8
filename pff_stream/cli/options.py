"""Options of the command line by settings: what click is told of them, and what was written.

Not done here: what a value means (`settings.options`), the commands themselves (`main`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from pff_stream.errors import UsageError
from pff_stream.settings.command import CommandSettings
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.models import TalkOptions
from pff_stream.settings.options import OPTIONS, Option

_COMMON = ("config", *TalkOptions.names())

_ASKED_FOR = "asked_for"
"""The attribute of a function whose command has the options of settings."""

F = TypeVar("F", bound=Callable[..., Any])


def click_option(field: str) -> Callable[[F], F]:
    """The click option of a settings field; values stay text until the settings read them."""
    names, told = _told(field)
    return click.option(*names, **told)


def _told(field: str) -> tuple[list[str], dict[str, Any]]:
    """The names of an option, and what else click is told of it."""
    option: Option = OPTIONS[field]
    names = [f"--{option.name}", field] + (["-o"] if option.name == "output" else [])
    shown = f"{option.help} Default: {option.default}." if option.default else option.help
    told: dict[str, Any] = {"help": shown, "default": None}
    if option.variable is not None:
        told |= {"envvar": option.variable, "show_envvar": True}
    if option.metavar is None:
        return names, told | {"is_flag": True}
    told |= {"type": click.Path() if option.is_path else str, "metavar": option.metavar}
    told |= {"multiple": True} if option.repeats else {}
    told |= {"nargs": option.n_words} if option.n_words > 1 else {}
    return names, told


def options(kind: type[CommandSettings], *, without: Iterable[str] = ()) -> Callable[[F], F]:
    """All options of `kind`, in its order, then those that every command has."""

    def decorate(command: F) -> F:
        setattr(command, _ASKED_FOR, (kind, frozenset(without)))
        return command

    return decorate


class SettingsCommand(click.Command):
    """A command with `options`, which are made when it is used: a start is of one command."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its parameters, all of them."""
        asked_for = vars(self.callback).pop(_ASKED_FOR, None)
        if asked_for is not None:
            kind, without = asked_for
            wanted = [name for name in kind.names() if name in OPTIONS and name not in without]
            made = (_told(name) for name in (*wanted, *_COMMON))
            self.params += [click.Option(names, **told) for names, told in made]
        return super().get_params(ctx)


class Commands(click.Group):
    """A group of such commands."""

    command_class = SettingsCommand


def from_command_line() -> dict[str, Any]:
    """Options that stood on the command line; `resolve` reads the environment by itself."""
    context = click.get_current_context()
    written = click.core.ParameterSource.COMMANDLINE
    found = {k: v for k, v in context.params.items() if k in OPTIONS}
    return {k: v for k, v in found.items() if context.get_parameter_source(k) is written}


def rules_and_triples(
    inputs: Sequence[str], kind: type[CommandSettings] = RunSettings
) -> dict[str, Any]:
    """`RULES TRIPLES...` by field; empty where --manifest and --rules are to name them."""
    said = from_command_line()
    if not inputs:
        return {}
    if "manifest" in said or "rules" in said:
        named = "--manifest" if "manifest" in said else "--rules"
        raise UsageError(f"found both {inputs[0]} and {named}, expected {kind.needs}")
    if len(inputs) == 1:
        raise UsageError(f"found {inputs[0]} alone, expected {kind.needs}")
    return {"rules": inputs[0], "triples": tuple(inputs[1:])}
