"""Files that workers are told of by what they are, so that an executor can give each its own name.

Workers on this host open a file by the name that it has here. An executor whose workers are
elsewhere sends what they have not got yet, and tells them names of their own host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class InputFile(NamedTuple):
    """A file that workers read, complete and unaltered for as long as they do."""

    name: str
    """What a process of this user on this host opens: a path, or `/proc/PID/fd/N`."""
    size_bytes: int
    content_hash: str
    """The same for the same content, and different for any other."""
    shown: str
    """What errors call it."""


class OutputFile(NamedTuple):
    """A file that workers append to, whole pieces at a time."""

    name: str
    """What a process of this user on this host opens."""


def renamed(arguments: Any, name_of: Callable[[InputFile | OutputFile], str]) -> Any:
    """Arguments of a job's set-up with each file in them under the name that `name_of` gives it.

    Looks into tuples, named or not; nothing else of them is changed.
    """
    if isinstance(arguments, (InputFile, OutputFile)):
        return arguments._replace(name=name_of(arguments))
    if isinstance(arguments, tuple):
        parts = [renamed(part, name_of) for part in arguments]
        return arguments._make(parts) if hasattr(arguments, "_make") else tuple(parts)
    return arguments
