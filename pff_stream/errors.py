"""Every error that a user can meet, each with the exit code that it ends the command with."""

from __future__ import annotations

KEPT = "what was computed is kept"
"""Begins the note on an exception that says how the run is resumed; it becomes part of the line."""


class PffStreamError(Exception):
    """Base of all errors of this package; `exit_code` is what the command ends with."""

    exit_code = 70


class DamagedResultsError(PffStreamError):
    """Results that cannot be those of the rules: one is missing, there twice, or not as written."""


class InputError(PffStreamError):
    """Unreadable or malformed input; the message names file, place, what was found and expected."""

    exit_code = 2


class DocumentError(InputError):
    """A document that cannot be checked, with the place; whoever checks documents goes on."""


class UsageError(PffStreamError):
    """Options, environment or configuration that cannot be meant."""

    exit_code = 2


class RefusedError(PffStreamError):
    """The planner refuses the configuration, or the run stopped itself at its guard."""

    exit_code = 3


class OutputError(PffStreamError):
    """Output could not be written; what was computed is kept."""

    exit_code = 74


class WorkersFailedError(PffStreamError):
    """Workers cannot be started, or die before they begin anything, again and again.

    Mostly the system lacks memory or processes for them, or somebody kills them.
    """

    exit_code = 3
